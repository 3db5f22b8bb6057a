"""Poll triggers do not run on this backend yet."""

from metaflow import FlowSpec, step
from metaflow_triggers.poll import TriggerResult, trigger


@trigger(workflow="Polled")
def something_waits():
    return TriggerResult.skip()


class Polled(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
