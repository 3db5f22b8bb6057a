"""An emitted object is larger than the backend takes."""

from metaflow import FlowSpec, step, trigger


@trigger(event={'name': 'a', 'filter': {'x': [f'value-{number}' for number in range(300)]}})
class LongFilter(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
