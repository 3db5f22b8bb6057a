"""A flow whose decorator is somebody else's."""

from metaflow import FlowSpec, step, trigger


@trigger(event='a')
class Order(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Order()
