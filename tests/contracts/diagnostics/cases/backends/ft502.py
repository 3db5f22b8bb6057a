"""A filter that the backend cannot keep."""

from metaflow import FlowSpec, step, trigger, trigger_on_finish


@trigger(event={'name': 'a', 'filter': {'x': [{'numeric': ['>', 12345678901.5]}]}})
class LargeNumber(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger_on_finish(flow='F', match='failure', filter={'step': ['start']})
class StepOfOutcome(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger_on_finish(flow='F', filter={'outcome': ['failure']})
class NoOutcomePasses(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
