"""A flow has a form that is not understood."""

from metaflow import FlowSpec, project, step, trigger_on_finish


@trigger_on_finish(flow=3)
class NumberFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger_on_finish(flow='p.Flow')
class OneDot(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger_on_finish(flows='F')
class NoFlows(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger_on_finish(flow='my-flow')
class Hyphen(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger_on_finish(flow={'name': 'F', 'project': 7, 'project_branch': 'b'})
class NumberProject(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger_on_finish(flow={'name': 'F', 'project': 'a b', 'project_branch': 'b'})
class BadProject(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
