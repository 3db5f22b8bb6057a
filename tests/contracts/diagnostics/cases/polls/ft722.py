"""Two poll triggers share a name."""

from metaflow_triggers.poll import Context, TriggerResult, trigger


@trigger(workflow='FileProcessor', name='inbox')
def first():
    return TriggerResult.skip()


@trigger(workflow='FileProcessor', name='inbox')
def second():
    return TriggerResult.skip()


@trigger(workflow='FileProcessor', name='in_box')
def third():
    return TriggerResult.skip()


@trigger(workflow='FileProcessor', name='in-box')
def fourth():
    return TriggerResult.skip()
