"""A poll trigger without arguments."""

from metaflow_triggers.poll import Context, TriggerResult, trigger


@trigger
def bare():
    return TriggerResult.skip()
