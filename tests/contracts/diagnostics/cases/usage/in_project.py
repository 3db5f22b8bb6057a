"""A flow of a project."""

from metaflow import FlowSpec, project, step, trigger


@project(name='shop')
@trigger(event='a')
class InProject(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    InProject()
