"""A TriggerResult is made by skip() or fire()."""

from metaflow_triggers.poll import Context, TriggerResult, trigger


TriggerResult.fire({"filename": "a"})
