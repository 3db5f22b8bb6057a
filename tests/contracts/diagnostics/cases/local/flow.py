"""A flow that is served."""

from metaflow import FlowSpec, step, trigger


@trigger(event='order-placed')
class Order(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Order()
