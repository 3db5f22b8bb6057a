"""Both or neither of event and events."""

from metaflow import FlowSpec, step, trigger, trigger_on_finish


@trigger(event='a', events=['b'])
class Both(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger()
class Neither(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger_on_finish(flow='F', flows=['F'])
class BothFlows(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
