"""The name of a flow in another file."""

from metaflow import FlowSpec, step



class ScoreFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
