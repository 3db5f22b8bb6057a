"""A context takes JSON values only."""

from metaflow_triggers.poll import Context, TriggerResult, trigger


Context({"when": {1, 2}})
