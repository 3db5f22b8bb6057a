"""FT514: a poll trigger in a file that does not travel with its flow."""

from metaflow_triggers.poll import TriggerResult, trigger


@trigger(workflow="PolledBelow")
def beside():
    return TriggerResult.skip()
