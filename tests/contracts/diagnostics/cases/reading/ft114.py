"""A bare event sets no parameter."""

from metaflow import FlowSpec, Parameter, step, trigger


@trigger(event='a')
class Bare(FlowSpec):
    x = Parameter('x', default='1')

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(event='a')
class BareTwo(FlowSpec):
    x = Parameter('x', default='1')
    y = Parameter('y', default='2')

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
