"""Document: the static part of the trigger document, `dependencies`.

In:   a flow.
Out:  a JSON value as docs/architecture.md shows it ("What travels into a run").

Not here: the events; the run adds them from its own Workflow object.
"""

from __future__ import annotations

from typing import Any

from ....model.facts import is_set
from ....model.flows import Dependency, EventDependency, Flow, Mapping, PayloadField, Trigger
from . import event_delivery, names
from .alike import Alike, alike, shared


def trigger_document(flow: Flow) -> dict[str, Any]:
    """Version and dependencies, in the order in which the user wrote them.

    Where one event may belong to several dependencies of an *any*, each says what makes it the one: its filter, the
    fields without which it does not start the flow, the name under which an event with an `origin` comes.
    """
    dependencies: list[dict[str, Any]] = []
    for trigger in flow.triggers:
        for dependency, beside in zip(trigger.dependencies, alike(trigger), strict=True):
            if isinstance(dependency, EventDependency):
                head: dict[str, Any] = {"kind": "event", "name": dependency.name}
            else:
                head = {
                    "kind": "finish",
                    "name": names.template_name(dependency.flow, dependency.project, dependency.branch),
                    "flow": dependency.flow,
                    "project": dependency.project,
                    "branch": dependency.branch,
                    "match": list(dependency.match),
                }
            if beside.is_several and not is_set(trigger):
                head |= _told_apart(flow, trigger, dependency, beside)
            mappings = [_mapping(mapping) for mapping in dependency.mappings]
            dependencies.append({**head, "auto_map": trigger.auto_map, "mappings": mappings})
    return {"version": 1, "dependencies": dependencies}


def set_document(flow: Flow, trigger: Trigger) -> dict[str, Any]:
    """The document of a set. Where an event may fill several of its dependencies, it says which are the set's."""
    document = trigger_document(flow)
    if shared(alike(trigger)):
        before = flow.triggers[: flow.triggers.index(trigger)]
        document["set_at"] = sum(len(item.dependencies) for item in before)
    return document


def _told_apart(flow: Flow, trigger: Trigger, dependency: Dependency, beside: Alike) -> dict[str, Any]:
    out: dict[str, Any] = {}
    if dependency.filter is not None:
        out["filter_json"] = dependency.filter
    required = event_delivery.required_fields(flow, trigger, dependency)
    if required:
        out["required"] = list(required)
    if isinstance(dependency, EventDependency) and dependency.name != beside.name:
        out["same_as"] = beside.name
    return out


def _mapping(mapping: Mapping) -> dict[str, str]:
    if isinstance(mapping.source, PayloadField):
        return {"parameter": mapping.parameter, "field": mapping.source.path}
    return {"parameter": mapping.parameter, "constant_json": mapping.source.json}
