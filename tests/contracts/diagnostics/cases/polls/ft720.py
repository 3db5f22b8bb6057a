"""A context that never repeats."""

from metaflow_triggers.poll import Context, TriggerResult, trigger


import time


@trigger(workflow="FileProcessor")
def clock():
    return TriggerResult.fire(Context({"filename": "a", "now": time.time()}))
