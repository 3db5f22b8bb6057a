"""Nothing is wrong with this one."""

from metaflow import FlowSpec, step, trigger


@trigger(event='a')
class Good(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Good()
