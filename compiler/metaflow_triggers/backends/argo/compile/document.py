"""Document: the static part of the trigger document, `dependencies`.

In:   a flow.
Out:  a JSON value as docs/architecture.md shows it ("What travels into a run").

Not here: the events; the run adds them from its own Workflow object.
"""

from __future__ import annotations

from typing import Any

from ....model.flows import EventDependency, Flow, Mapping, PayloadField
from . import names


def trigger_document(flow: Flow) -> dict[str, Any]:
    """Version and dependencies, in the order in which the user wrote them."""
    dependencies: list[dict[str, Any]] = []
    for trigger in flow.triggers:
        for dependency in trigger.dependencies:
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
            mappings = [_mapping(mapping) for mapping in dependency.mappings]
            dependencies.append({**head, "auto_map": trigger.auto_map, "mappings": mappings})
    return {"version": 1, "dependencies": dependencies}


def _mapping(mapping: Mapping) -> dict[str, str]:
    if isinstance(mapping.source, PayloadField):
        return {"parameter": mapping.parameter, "field": mapping.source.path}
    return {"parameter": mapping.parameter, "constant_json": mapping.source.json}
