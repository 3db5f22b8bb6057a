"""Unknown compatibility; and what upstream does otherwise."""

from metaflow import FlowSpec, Parameter, schedule, step, trigger, trigger_on_finish


@trigger(event={'name': 'a', 'parameters': ('x',), 'filtres': {}})
class Tuple(FlowSpec):
    x = Parameter('x')

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@schedule(cron='0 8 * * *')
class FiveFields(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(event='a')
@trigger_on_finish(flow='F')
class BothKinds(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(event='a')
class Bare(FlowSpec):
    x = Parameter('x', required=True)

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
