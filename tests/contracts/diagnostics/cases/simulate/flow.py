"""A flow that waits."""

from metaflow import FlowSpec, step, trigger


@trigger(event='order-placed')
class Order(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
