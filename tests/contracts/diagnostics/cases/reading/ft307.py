"""A constant is not JSON."""

from metaflow import FlowSpec, Parameter, step, trigger


@trigger(event={'name': 'a', 'parameters': {'x': {'value': float('nan')}}})
class Nan(FlowSpec):
    x = Parameter('x')

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(event={'name': 'a', 'parameters': {'x': {'value': None}}})
class Null(FlowSpec):
    x = Parameter('x')

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
