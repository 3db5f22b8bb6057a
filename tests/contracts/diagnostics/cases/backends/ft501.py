"""The backend cannot wait for this set."""

from metaflow import FlowSpec, Parameter, step, trigger


@trigger(events=['a', 'b'], require='all', options={'join': 'queue'})
class Queue(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@trigger(events=['a', 'b'], require='all', options={'auto_map': True})
class AutoMapped(FlowSpec):
    x = Parameter('x', required=True)

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
