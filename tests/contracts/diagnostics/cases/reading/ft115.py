"""A project without a branch."""

from metaflow import FlowSpec, project, step, trigger_on_finish


@trigger_on_finish(flow={'name': 'F', 'project': 'p'})
class NoBranch(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger_on_finish(flow={'name': 'F', 'project_branch': 'b'})
class NoProject(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
