"""Two flows would be deployed under one name."""

from metaflow import FlowSpec, step, trigger


@trigger(event='a')
class My_Flow(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(event='a')
class MyFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
