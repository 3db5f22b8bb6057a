"""The backend cannot run the flow."""

from metaflow import FlowSpec, Parameter, step, trigger


@trigger(event='a')
class Switch(FlowSpec):
    size = Parameter('size', default='small')

    @step
    def start(self):
        self.next({"small": self.small, "large": self.large}, condition="size")

    @step
    def small(self):
        self.next(self.end)

    @step
    def large(self):
        self.next(self.end)

    @step
    def end(self):
        pass
