"""More of a kind than the backend takes."""

from metaflow import FlowSpec, step, trigger


@trigger(events=[f'event-{number}' for number in range(120)], require='all')
class LargeSet(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
