"""A parameter is mapped twice."""

from metaflow import FlowSpec, Parameter, step, trigger


@trigger(event={'name': 'a', 'parameters': [('x', 'f'), ('x', 'g')]})
class TwiceMapped(FlowSpec):
    x = Parameter('x')

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(events=[{'name': 'a', 'parameters': ['x']}, {'name': 'b', 'parameters': ['x']}], require='all')
class TwiceInASet(FlowSpec):
    x = Parameter('x')

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
