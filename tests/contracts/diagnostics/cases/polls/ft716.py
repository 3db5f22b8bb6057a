"""The function of a poll trigger has no name in its module."""

from metaflow_triggers.poll import Context, TriggerResult, trigger


def make():
    @trigger(workflow="FileProcessor", name="hidden")
    def inner():
        return TriggerResult.skip()


make()
