"""The backend cannot bound the runs of a flow."""

from metaflow import FlowSpec, step, trigger


@trigger(event='a', options={'max_active': 3})
class Bounded(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == '__main__':
    Bounded()
