"""An outcome has no such field."""

from metaflow import FlowSpec, Parameter, step, trigger_on_finish


@trigger_on_finish(flow='F', parameters={'x': 'runid'})
class Runid(FlowSpec):
    x = Parameter('x')

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger_on_finish(flow='F', filter={'colour': ['red']})
class Filtered(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
