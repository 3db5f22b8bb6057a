"""Dependencies: what the state machines between rules and flow have to know of each.

In:   a flow and its dependencies.
Out:  the static part of the trigger document; who sends what a dependency waits for; what is checked as it arrives.

Not here: the states themselves (`templates/step_functions/`).
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from ....model.flows import (
    Dependency,
    EventDependency,
    FinishDependency,
    Flow,
    Mapping,
    Parameter,
    PayloadField,
    Trigger,
)
from ....model.settings import Settings
from .event_patterns import OutcomeFilter, outcome_filter
from .names import deployed_name
from .resources import Arrival, ErrorFilter, Requirement, Sender
from .statuses import STATUS

OUTCOME_FIELDS = ("flow", "run_id", "outcome")
"""Fields that the payload of every outcome has; a requirement on them is always met (semantics, section 4)."""


def document_dependencies(flow: Flow, settings: Settings) -> list[dict[str, Any]]:
    """`dependencies` of the trigger document (architecture, "What travels into a run")."""
    return [_dependency(trigger, item, settings) for trigger in flow.triggers for item in trigger.dependencies]


def _dependency(trigger: Trigger, item: Dependency, settings: Settings) -> dict[str, Any]:
    mappings = [_mapping(mapping) for mapping in item.mappings]
    if isinstance(item, EventDependency):
        out: dict[str, Any] = {"kind": "event", "name": item.name}
        # The run knows the event by it: on the bus it has another name.
        own = origin_of(item)
        if own is not None:
            out["origin"] = own
        return out | {"auto_map": trigger.auto_map, "mappings": mappings}
    out = {
        "kind": "finish",
        "name": deployed_name(item.flow, item.project, item.branch, settings),
        "flow": item.flow,
    }
    # CloudFormation refuses nulls, so a flow without @project has no such keys here.
    if item.project is not None:
        out |= {"project": item.project, "branch": item.branch}
    return out | {"match": list(item.match), "auto_map": trigger.auto_map, "mappings": mappings}


def origin_of(item: EventDependency) -> dict[str, str] | None:
    """`source` and perhaps `detail-type` of an event that exists on AWS already; None for a named event."""
    found: dict[str, str] | None = json.loads(item.origin or "{}").get("step-functions")
    return found


def sender(item: Dependency, settings: Settings) -> Sender:
    """How an event of the dependency is known among all that reach the state machine."""
    if isinstance(item, FinishDependency):
        machine = deployed_name(item.flow, item.project, item.branch, settings)
        return Sender(machine=machine, statuses=tuple(STATUS[outcome] for outcome in item.match))
    own = origin_of(item)
    if own is not None:
        return Sender(source=own["source"], detail_type=own.get("detail-type"))
    return Sender(source=settings.event_source, detail_type=item.name)


def finish_filter(item: FinishDependency) -> OutcomeFilter:
    """What is left of an outcome's filter when this flow is meant. Raises filters.CannotKeep."""
    payload = {"flow": item.flow, "project": item.project, "branch": item.branch, "step": None}
    return outcome_filter(item.filter, payload, item.match)


def arrival(flow: Flow, settings: Settings) -> Arrival:
    """What is done with each event of the flow's triggers."""
    errors = []
    reads_outcomes = False
    for trigger in flow.triggers:
        for item in trigger.dependencies:
            if isinstance(item, FinishDependency):
                reads_outcomes = True
                condition = finish_filter(item).error
                if condition is not None:
                    errors.append(ErrorFilter(replace(sender(item, settings), statuses=()), condition))
    return Arrival(requirements(flow, settings), tuple(errors), reads_outcomes)


def _mapping(mapping: Mapping) -> dict[str, str]:
    if isinstance(mapping.source, PayloadField):
        return {"parameter": mapping.parameter, "field": mapping.source.path}
    return {"parameter": mapping.parameter, "constant_json": mapping.source.json}


def requirements(flow: Flow, settings: Settings) -> tuple[Requirement, ...]:
    """One for each (dependency, mapped parameter that must have a value and has no default), in the user's order."""
    out: list[Requirement] = []
    needs_value = {
        parameter.name: parameter for parameter in flow.parameters if parameter.required and not parameter.has_default
    }
    for trigger in flow.triggers:
        for item in trigger.dependencies:
            for parameter, path in _fields(trigger, item, flow.parameters):
                if parameter in needs_value:
                    out += _requirement(item, parameter, path, settings)
    return tuple(dict.fromkeys(out))


def _fields(trigger: Trigger, item: Dependency, parameters: tuple[Parameter, ...]) -> list[tuple[str, str]]:
    out = [(m.parameter, m.source.path) for m in item.mappings if isinstance(m.source, PayloadField)]
    if trigger.auto_map:
        mapped = {mapping.parameter for mapping in item.mappings}
        if trigger.join == "all":  # what is written for another event of the set stands
            mapped |= {mapping.parameter for other in trigger.dependencies for mapping in other.mappings}
        out += [(p.name, p.name) for p in parameters if not p.is_config and p.name not in mapped]
    return out


def _requirement(item: Dependency, parameter: str, path: str, settings: Settings) -> list[Requirement]:
    if isinstance(item, EventDependency):
        reason = f"event {item.name} has no field {path}, which the required parameter {parameter} takes its value from"
        return [Requirement(sender(item, settings), json_paths(path), reason)]
    if path in OUTCOME_FIELDS or (path in ("project", "branch") and item.project is not None):
        return []
    reason = (
        f"the end of {item.flow} has no field {path}, which the required parameter {parameter} takes its value from"
    )
    # The run makes `error` of these two; AWS sends null in both for a success.
    places = ("$.event.detail['error']", "$.event.detail['cause']") if path == "error" else ()
    return [Requirement(replace(sender(item, settings), statuses=()), places, reason)]


def json_paths(path: str) -> tuple[str, ...]:
    """The places of a field in an event's payload, as the run looks for it: longer keys before shorter ones."""

    def steps(parts: list[str]) -> list[str]:
        if not parts:
            return [""]
        return [
            _step(".".join(parts[:length])) + rest
            for length in range(len(parts), 0, -1)
            for rest in steps(parts[length:])
        ]

    return tuple("$.event.detail" + text for text in steps(path.split(".")))


def _step(key: str) -> str:
    escaped = key.replace("\\", "\\\\").replace("'", "\\'")
    return f"['{escaped}']"
