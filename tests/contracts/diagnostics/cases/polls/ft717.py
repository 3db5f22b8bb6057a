"""A poll trigger starts an unknown flow."""

from metaflow_triggers.poll import Context, TriggerResult, trigger


@trigger(workflow='FileProcesor')
def misspelt_flow():
    return TriggerResult.skip()


@trigger(workflow='zebra_crossing')
def far_flow():
    return TriggerResult.skip()


@trigger(workflow='Order')
def ambiguous():
    return TriggerResult.skip()
