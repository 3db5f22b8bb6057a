"""The name of a poll trigger is not usable."""

from metaflow_triggers.poll import Context, TriggerResult, trigger


@trigger(workflow='FileProcessor', name=3)
def number_name():
    return TriggerResult.skip()


@trigger(workflow='FileProcessor', name='a b\n')
def blank_name():
    return TriggerResult.skip()


trigger(workflow='FileProcessor')(lambda: TriggerResult.skip())


@trigger(workflow='FileProcessor', name='shop/inbox')
def of_another_deployment():
    return TriggerResult.skip()
