"""Bad form of parameters."""

from metaflow import FlowSpec, Parameter, step, trigger


@trigger(event={'name': 'a', 'parameters': 7})
class Seven(FlowSpec):
    x = Parameter('x')

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(event={'name': 'a', 'parameters': [('x', 'y', 'z')]})
class Three(FlowSpec):
    x = Parameter('x')

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(event={'name': 'a', 'parameters': {'x': ''}})
class NoField(FlowSpec):
    x = Parameter('x')

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(event={'name': 'a', 'parameters': {'x': {'values': 1}}})
class DictField(FlowSpec):
    x = Parameter('x')

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
