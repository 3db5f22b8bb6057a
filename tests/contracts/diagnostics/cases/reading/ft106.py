"""Bad require."""

from metaflow import FlowSpec, step, trigger, trigger_on_finish


@trigger(events=['a', 'b'], require='al')
class Al(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger_on_finish(flows=['F', 'G'], require=2)
class Some(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
