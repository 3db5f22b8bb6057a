"""Rules: what one event is to one dependency (semantics, sections 3 to 6).

In:   a dependency, an event.
Out:  whether it is waited for; whether it lacks what the flow needs.

Not here: sets, starts, time (`reference`).
"""

from __future__ import annotations

from datetime import datetime

from ..language.filters import matches, numbers_not_kept
from ..model.facts import branch_key, identity, is_set, mapped_fields, mapped_parameters, needed, qualified_name, wanted
from ..model.flows import Dependency, EventDependency, FinishDependency, Flow, Parameter, Trigger
from ..model.kinds import assert_never
from .items import Item
from .steps import NotStarted, Occurrence, Unread
from .values import field_of


def is_for(dependency: Dependency, event: Occurrence, outcome: Item | None) -> bool:
    """Whether a dependency waits for this event, which is the outcome's where there is one (sections 3 to 5)."""
    if not _is_named(dependency, event, outcome):
        return False
    return dependency.filter is None or matches(dependency.filter.plain(), event.payload)


def unread(flow: Flow, event: Occurrence, outcome: Item | None) -> list[Unread]:
    """The numbers of an event over which AWS's matcher may answer otherwise than the others (section 5)."""
    name = qualified_name(identity(flow))
    filters = [
        item.filter.plain()
        for trigger in flow.triggers
        for item in trigger.dependencies
        if item.filter is not None and _is_named(item, event, outcome)
    ]
    found = [pair for pattern in filters for pair in numbers_not_kept(pattern, event.payload)]
    return [Unread(name, field, number) for field, number in dict.fromkeys(found)]


def _is_named(dependency: Dependency, event: Occurrence, outcome: Item | None) -> bool:
    if isinstance(dependency, EventDependency):
        return outcome is None and dependency.name == event.name
    if isinstance(dependency, FinishDependency):
        return outcome is not None and _is_outcome_of(dependency, outcome)
    assert_never(dependency)


def _is_outcome_of(dependency: FinishDependency, outcome: Item) -> bool:
    ended = (outcome.project or "", branch_key(outcome.branch), outcome.name)
    return wanted(dependency) == ended and outcome.outcome in dependency.match


def outcome_of(item: Item, run_id: str, at: datetime) -> Occurrence:
    """The payload is that of section 4; the name is the one under which Metaflow knows the end of a run."""
    end = "end" if item.outcome == "success" else item.outcome
    name = qualified_name((item.project or "", item.branch or "", item.name))
    payload = {
        "flow": item.name,
        "run_id": run_id,
        "outcome": item.outcome,
        "project": item.project,
        "branch": item.branch,
        "step": item.step,
        "error": item.error,
    }
    return Occurrence(f"metaflow.{name}.{end}", payload, f"{item.name}/{run_id}/{item.outcome}", at, "run")


def lacking(flow: Flow, trigger: Trigger, dependency: Dependency, event: Occurrence) -> NotStarted | None:
    """A required parameter that this very event has to give, and does not (section 6): it counts as not come."""
    required = {item.name: item for item in needed(flow)}
    asked = list(mapped_fields(dependency))
    if trigger.auto_map and not is_set(trigger):
        # In a set another event may give it.
        mapped = mapped_parameters(dependency)
        asked += [(name, name) for name in required if name not in mapped]
    for name, path in asked:
        if name in required and field_of(event.payload, path) is None:
            return without_value(flow, required[name], f"{event.name} has no field `{path}`")
    return None


def without_value(flow: Flow, parameter: Parameter, why: str) -> NotStarted:
    """The flow is not started, for this parameter has no value."""
    told = f"its required parameter `{parameter.name}` gets no value: {why}"
    return NotStarted(qualified_name(identity(flow)), parameter.name, told)
