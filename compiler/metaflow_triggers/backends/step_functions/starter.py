"""Starter: what the small state machine between rules and flow has to know.

In:   a flow and its dependencies.
Out:  the static part of the trigger document, and the requirements that are checked before a start.

Not here: the states themselves (`templates/step_functions/starter.json.j2`).
"""

from __future__ import annotations

from typing import Any

from ...model import Dependency, EventDependency, Flow, Mapping, Parameter, PayloadField, Trigger
from ...settings import Settings
from .names import deployed_name
from .resources import Requirement

OUTCOME_FIELDS = ("flow", "run_id", "outcome")
"""Fields that the payload of every outcome has; a requirement on them is always met (semantics, section 4)."""


def document_dependencies(flow: Flow, settings: Settings) -> list[dict[str, Any]]:
    """`dependencies` of the trigger document (architecture, "What travels into a run")."""
    return [_dependency(trigger, item, settings) for trigger in flow.triggers for item in trigger.dependencies]


def _dependency(trigger: Trigger, item: Dependency, settings: Settings) -> dict[str, Any]:
    mappings = [_mapping(mapping) for mapping in item.mappings]
    if isinstance(item, EventDependency):
        return {"kind": "event", "name": item.name, "auto_map": trigger.auto_map, "mappings": mappings}
    out: dict[str, Any] = {
        "kind": "finish",
        "name": deployed_name(item.flow, item.project, item.branch, settings),
        "flow": item.flow,
    }
    # CloudFormation refuses nulls, so a flow without @project has no such keys here.
    if item.project is not None:
        out |= {"project": item.project, "branch": item.branch}
    return out | {"match": list(item.match), "auto_map": trigger.auto_map, "mappings": mappings}


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
        out += [(p.name, p.name) for p in parameters if not p.is_config and p.name not in mapped]
    return out


def _requirement(item: Dependency, parameter: str, path: str, settings: Settings) -> list[Requirement]:
    if isinstance(item, EventDependency):
        reason = f"event {item.name} has no field {path}, which the required parameter {parameter} takes its value from"
        return [Requirement(item.name, None, json_paths(path), reason)]
    if path in OUTCOME_FIELDS or (path in ("project", "branch") and item.project is not None):
        return []
    reason = (
        f"the end of {item.flow} has no field {path}, which the required parameter {parameter} takes its value from"
    )
    machine = deployed_name(item.flow, item.project, item.branch, settings)
    # The run makes `error` of these two; AWS sends null in both for a success.
    places = ("$.event.detail['error']", "$.event.detail['cause']") if path == "error" else ()
    return [Requirement(None, machine, places, reason)]


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
