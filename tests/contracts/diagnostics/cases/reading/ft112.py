"""Unknown argument of a decorator."""

from metaflow import FlowSpec, step, trigger, trigger_on_finish


@trigger(evnt='a', event='b')
class Evnt(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger_on_finish(flow='F', filter={})
class Flw(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
