"""Several dependencies without require."""

from metaflow import FlowSpec, step, trigger, trigger_on_finish


@trigger(events=['a', 'b'])
class TwoEvents(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger_on_finish(flows=['F', 'G'])
class TwoFlows(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
