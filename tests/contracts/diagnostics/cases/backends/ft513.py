"""FT513: an interval that is too short for a cluster."""

from metaflow import FlowSpec, step
from metaflow_triggers.poll import TriggerResult, trigger


@trigger(workflow="PolledOften", poll_interval="100ms")
def often():
    return TriggerResult.skip()


class PolledOften(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    PolledOften()
