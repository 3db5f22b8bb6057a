"""A mapping sets a Config."""

from metaflow import Config, FlowSpec, step, trigger


@trigger(event={'name': 'a', 'parameters': {'cfg': 't'}})
class Cfg(FlowSpec):
    cfg = Config('cfg', default_value='{}')

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
