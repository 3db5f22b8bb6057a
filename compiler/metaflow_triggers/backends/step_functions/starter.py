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
        literal, nested = json_paths(path)
        return [Requirement(item.name, None, literal, nested, reason)]
    if path in OUTCOME_FIELDS:
        return []
    reason = (
        f"the end of {item.flow} has no field {path}, which the required parameter {parameter} takes its value from"
    )
    return [Requirement(None, deployed_name(item.flow, item.project, item.branch, settings), "", "", reason)]


def json_paths(path: str) -> tuple[str, str]:
    """The two places of a field in an event's payload: the key as written, and the dots as steps into objects."""
    base = "$.event.detail"
    return base + _step(path), base + "".join(_step(part) for part in path.split("."))


def _step(key: str) -> str:
    escaped = key.replace("\\", "\\\\").replace("'", "\\'")
    return f"['{escaped}']"
