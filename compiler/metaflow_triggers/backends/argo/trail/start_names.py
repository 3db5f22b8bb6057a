"""Start names: what the Workflow is called that an event makes if it starts a flow.

In:   a flow, the name and id of an event or the id of a run.
Out:  `StartName`s. The object of a start that was given up has the same name.

Not here: asking for them. A Sensor computes them from templates (`compile.event_delivery`, `compile.sets`); this is the
same in Python, held against what Argo Events itself answered (tests/unit/backends/argo/test_start_names.py).

The name of a set's start hashes the ids of all its events. Of one event alone it follows only where all have its id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from metaflow_extensions.triggers.contract import words

from ....model.facts import is_set
from ....model.flows import EventDependency, FinishDependency, Flow, Trigger
from ..compile import names
from ..compile.alike import alike
from ..compile.event_delivery import parent_name


@dataclass(frozen=True)
class StartName:
    """`name` is the Workflow's, or None where it does not follow from what is known: a set whose other events have ids
    of their own. `event` is the name of the event, or of the outcome. `dependencies`: places in the trigger."""

    trigger: Trigger
    dependencies: tuple[int, ...]
    event: str
    name: str | None


def of_event(flow: Flow, event: str, identity: str) -> list[StartName]:
    """Of all triggers that wait for the event. The id is the publisher's, or the transport's where it gave none."""
    found = []
    for trigger in flow.triggers:
        beside = alike(trigger)
        places = [
            place
            for place, item in enumerate(trigger.dependencies)
            if isinstance(item, EventDependency) and item.name == event
        ]
        if is_set(trigger):
            if places:
                found.append(StartName(trigger, tuple(places), event, _of_one_id(flow, trigger, identity)))
            continue
        under: dict[str, list[int]] = {}
        for place in places:
            under.setdefault(beside[place].name, []).append(place)
        for name, which in under.items():
            key = event_key(names.own_name(flow), name, identity)
            found.append(StartName(trigger, tuple(which), event, workflow_name(flow, key)))
    return _each_once(found)


def of_run(flow: Flow, run_id: str) -> list[StartName]:
    """Of all triggers that wait for outcomes: one for each outcome that the run may have had."""
    found = []
    for trigger in flow.triggers:
        for place, item in enumerate(trigger.dependencies):
            if not isinstance(item, FinishDependency):
                continue
            parent = parent_name(item)
            for outcome in item.match:
                key = outcome_key(names.own_name(flow), parent, run_id, outcome)
                name = None if is_set(trigger) else workflow_name(flow, key)
                found.append(StartName(trigger, (place,), words.outcome_event(parent, outcome), name))
    return _each_once(found)


def of_set(flow: Flow, keys: Iterable[str]) -> str:
    """The Workflow of a set, from the keys of its events in the order of the trigger."""
    text = "all" + "".join(f" {_hashed(key)}" for key in keys)
    return f"{names.workflow_prefix(names.own_name(flow))}-{_hashed(text)[:40]}"


def workflow_name(flow: Flow, key: str) -> str:
    """The Workflow that the event of a key makes on its own."""
    return f"{names.workflow_prefix(names.own_name(flow))}-{_hashed(key)[:40]}"


def event_key(deployed: str, event: str, identity: str) -> str:
    """What makes a start by an event happen once."""
    return f"event {deployed} {event} {identity}"


def outcome_key(deployed: str, parent: str, run_id: str, outcome: str) -> str:
    """What makes a start by an outcome happen once. `parent` is the deployed name of the flow that ended."""
    return f"outcome {deployed} {parent} {run_id}/{outcome}"


def _of_one_id(flow: Flow, trigger: Trigger, identity: str) -> str | None:
    deployed, keys = names.own_name(flow), []
    for item in trigger.dependencies:
        if not isinstance(item, EventDependency):
            return None
        keys.append(event_key(deployed, item.name, identity))
    return of_set(flow, keys)


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _each_once(found: Sequence[StartName]) -> list[StartName]:
    """Two triggers that one event starts make one Workflow."""

    def rest() -> Iterator[StartName]:
        seen: set[str] = set()
        for item in found:
            if item.name is None or item.name not in seen:
                yield item
            if item.name is not None:
                seen.add(item.name)

    return list(rest())
