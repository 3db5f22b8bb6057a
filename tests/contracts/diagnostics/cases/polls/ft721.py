"""A poll keeps a global."""

from metaflow_triggers.poll import Context, TriggerResult, trigger


seen = 0


@trigger(workflow="FileProcessor")
def counts():
    global seen
    seen += 1
    return TriggerResult.skip()
