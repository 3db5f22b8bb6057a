"""The overrides of a task do not fit."""

from metaflow import FlowSpec, environment, step, trigger


@trigger(event='a')
class LongCommand(FlowSpec):
    @environment(vars={f"VARIABLE_{number}": "x" * 60 for number in range(60)})
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    LongCommand()
