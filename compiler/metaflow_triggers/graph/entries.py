"""Entries: a dependency of the model as the trigger document has it.

In:   a dependency, its trigger, and the name that the backend's transport has for it.
Out:  its entry (`metaflow_extensions.triggers.contract.trigger_document`).

Not here: which names those are, and which dependencies have to be told apart: each backend knows its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metaflow_extensions.triggers.contract import trigger_document

from ..model.flows import Constant, Dependency, EventDependency, FinishDependency, PayloadField, Source, Trigger
from ..model.kinds import assert_never


def event_entry(
    trigger: Trigger,
    item: EventDependency,
    told_apart: Mapping[str, Any] | None = None,
    origin: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The entry of an event."""
    return trigger_document.event_dependency(
        item, mappings(item), auto_map=trigger.auto_map, origin=origin, told_apart=told_apart
    )


def finish_entry(
    trigger: Trigger,
    item: FinishDependency,
    name: str,
    told_apart: Mapping[str, Any] | None = None,
    *,
    without_nulls: bool = False,
) -> dict[str, Any]:
    """The entry of an end of a flow, which the transport knows as `name`."""
    home = {"project": item.project, "branch": item.branch}
    if without_nulls and item.project is None:
        home = {}
    return trigger_document.finish_dependency(
        name, item.flow, home, item.match, mappings(item), auto_map=trigger.auto_map, told_apart=told_apart
    )


def mappings(item: Dependency) -> list[dict[str, str]]:
    """The mappings of a dependency."""
    return [_mapping(mapping.parameter, mapping.source) for mapping in item.mappings]


def _mapping(parameter: str, source: Source) -> dict[str, str]:
    if isinstance(source, PayloadField):
        return trigger_document.from_field(parameter, source.path)
    if isinstance(source, Constant):
        return trigger_document.from_constant(parameter, source.json)
    assert_never(source)
