"""Bad event name."""

from metaflow import FlowSpec, step, trigger


@trigger(event='order placed')
class Blank(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(event='$(touch x)')
class Code(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(event={'name': 7})
class NumberName(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
