"""Bad match."""

from metaflow import FlowSpec, step, trigger_on_finish


@trigger_on_finish(flow='F', match='sucess')
class Sucess(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger_on_finish(flow='F', match=[])
class NoMatch(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger_on_finish(flow='F', match=['failure', 'crashed'])
class OneOfTwo(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
