"""Starter: the machine that stores an event and starts the flow.

In:   a `resources.Starter`, `actions.Around`.
Out:  its definition.

Not here: the state machine around it (a template), which events come to it (`machines`).
"""

from __future__ import annotations

from typing import Any

from metaflow_extensions.triggers.contract.trigger_document import started_by

from .actions import DOCUMENT, Around, ask_stored, keep, key, run_name, start, store
from .arrival import arrival_states
from .asl import definition, fail, put
from .resources import Starter


def starter_definition(starter: Starter, around: Around) -> dict[str, Any]:
    run = run_name(f"States.Format('{around.deployed} {{}}', $.key)")
    place = key(around, DOCUMENT, "$.run")
    whole = started_by(starter.dependencies, [{"transport": "eventbridge", "event.$": "$.event"}])
    states = {
        **arrival_states(starter.arrival, around, to="Name"),
        "Name": put({"event.$": "$.event", "run.$": run}, "IsStored"),
        **ask_stored(place, present_to="Start", absent_to="Store", failed="Keep"),
        "Store": store(around, place, {"Body": whole}, "Start", failed="Keep", attempts=5),
        "Start": start(around, "$.run", "Started", failed="Keep"),
        "Started": {"Type": "Pass", "Parameters": {"run.$": "$.run"}, "End": True},
        "Keep": keep(around, {"failure.$": "$.failure", "event.$": "$.event"}, "NotStarted"),
        "NotStarted": fail("NotStarted", "The event did not start the flow; it is in the dead-letter queue"),
    }
    return definition(f"Stores an event and starts the flow {around.flow}", "Identify", 240, states)
