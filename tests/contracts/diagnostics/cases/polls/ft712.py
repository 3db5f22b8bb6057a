"""poll_interval is not understood."""

from metaflow_triggers.poll import Context, TriggerResult, trigger


@trigger(workflow='FileProcessor', poll_interval=5)
def number_interval():
    return TriggerResult.skip()


@trigger(workflow='FileProcessor', poll_interval='5')
def no_unit():
    return TriggerResult.skip()


@trigger(workflow='FileProcessor', poll_interval='1.5s')
def fraction():
    return TriggerResult.skip()


@trigger(workflow='FileProcessor', poll_interval='10ms')
def short():
    return TriggerResult.skip()
