"""A required parameter is left unfilled by @schedule."""

from metaflow import FlowSpec, Parameter, schedule, step


@schedule(daily=True)
class Daily(FlowSpec):
    x = Parameter('x', required=True)

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
