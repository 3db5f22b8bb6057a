"""A required parameter is left unfilled by a trigger."""

from metaflow import FlowSpec, Parameter, step, trigger, trigger_on_finish


@trigger(event='a')
class Unfilled(FlowSpec):
    x = Parameter('x', required=True)

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(events=['a', 'b'], require='all')
class UnfilledSet(FlowSpec):
    x = Parameter('x', required=True)

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger_on_finish(flow='F')
class UnfilledOutcome(FlowSpec):
    x = Parameter('x', required=True)

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
