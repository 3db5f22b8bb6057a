"""An argument of a poll trigger is not understood."""

from metaflow_triggers.poll import Context, TriggerResult, trigger


@trigger(workflow='FileProcessor', allow_concurrent='no')
def concurrent():
    return TriggerResult.skip()


@trigger(workflow='FileProcessor', dedup='twice')
def dedup_value():
    return TriggerResult.skip()


@trigger(workflow='FileProcessor', dedup_keys='filename')
def keys():
    return TriggerResult.skip()


@trigger(workflow='FileProcessor', poll_intervall='5s')
def misspelt():
    return TriggerResult.skip()


@trigger(workflow='FileProcessor', allow_concurrent=True, dedup='once')
def once_and_each_time():
    return TriggerResult.skip()
