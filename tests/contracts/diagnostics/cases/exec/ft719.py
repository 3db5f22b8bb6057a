"""A TriggerResult is made by skip() or fire()."""

from metaflow_triggers.poll import TriggerResult

for make in (lambda: TriggerResult(), lambda: TriggerResult.fire({"a": 1})):
    try:
        make()
    except TypeError as error:
        print(error)
