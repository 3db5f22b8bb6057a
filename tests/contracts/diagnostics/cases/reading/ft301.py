"""Unknown parameter in a mapping."""

from metaflow import FlowSpec, Parameter, step, trigger


@trigger(event={'name': 'a', 'parameters': {'tabel': 't'}})
class Tabel(FlowSpec):
    table = Parameter('table', default='x')

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(event={'name': 'a', 'parameters': {'tabel': 't'}})
class None_(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(event={'name': 'a', 'parameters': {'quantity': 't'}})
class FarAway(FlowSpec):
    table = Parameter('table', default='x')

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
