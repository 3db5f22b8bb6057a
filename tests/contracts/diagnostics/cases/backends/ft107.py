"""Options that a backend does not take."""

from metaflow import FlowSpec, step, trigger, trigger_on_finish


@trigger(event='a', options={'step-functions': {'dead-letter-queue': 'arn:aws:sqs:eu-west-1:123456789012:one'}})
@trigger_on_finish(flow='F', options={'step-functions': {'dead-letter-queue': 'arn:aws:sqs:eu-west-1:123456789012:two'}})
class TwoQueues(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(event='a', options={'argo-workflows': {'event-buss': 'x'}})
class Unknown(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(event='a', options={'argo-workflows': {'rate-limit': 0, 'event-source': 'Under_Score'}})
class Rate(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
