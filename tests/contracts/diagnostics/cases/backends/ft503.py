"""The backend cannot use an origin."""

from metaflow import FlowSpec, step, trigger


@trigger(event={'name': 'a', 'origin': {'step-functions': {'source': 'aws.s3'}}})
class OnlyAws(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(event={'name': 'a', 'origin': {'argo-workflows': {'event-source': 'minio', 'event': 'x'}}})
class OnlyArgo(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(event={'name': 'a', 'origin': {'step-functions': {'detail-type': 'x'}, 'argo-workflows': {'event-source': 'minio'}}})
class NoSource(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(event={'name': 'a', 'origin': {'step-functions': {'source': 'x', 'buss': 'x'}, 'argo-workflows': 'minio'}})
class Keys(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(events=[{'name': 'a', 'origin': {'step-functions': {'source': 's'}, 'argo-workflows': {'event-source': 'm', 'event': 'x'}}}, {'name': 'b', 'origin': {'step-functions': {'source': 's'}, 'argo-workflows': {'event-source': 'm', 'event': 'y'}}}], require='any')
class TwoOfOne(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
