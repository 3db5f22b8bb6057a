"""A poll trigger names no flow."""

from metaflow_triggers.poll import Context, TriggerResult, trigger


@trigger()
def no_workflow():
    return TriggerResult.skip()


@trigger(workflow=3)
def number():
    return TriggerResult.skip()


@trigger(workflow='my flow')
def hyphen():
    return TriggerResult.skip()


@trigger(workflow='FileProcessor', on='Order')
def both():
    return TriggerResult.skip()
