"""The trigger document: what a run is told of the events that started it (architecture, "What travels into a run").

In:   what a dependency of a trigger says.
Out:  its entry among the document's `dependencies`, keys in the order in which they are written; the document.

Not here: reading it (`event_reader`), what a run makes of it (`parameter_values`), where it lies (`plugins.document`).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Protocol

    class Event(Protocol):
        """An event that a trigger waits for. What a run is told of it is taken from here."""

        @property
        def name(self) -> str: ...


VERSION = 1

OUTCOME_FIELDS = ("flow", "run_id", "outcome", "project", "branch", "step", "error")
"""The payload of an outcome (semantics, section 4)."""


def from_field(parameter: str, field: str) -> dict[str, str]:
    """A mapping: the parameter's value is that of a field of the payload."""
    return {"parameter": parameter, "field": field}


def from_constant(parameter: str, constant_json: str) -> dict[str, str]:
    """A mapping: the parameter's value is this JSON text's."""
    return {"parameter": parameter, "constant_json": constant_json}


def event_dependency(
    item: Event,
    mappings: Sequence[Mapping[str, str]],
    *,
    auto_map: bool,
    origin: Mapping[str, str] | None = None,
    told_apart: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """An event. `origin`: what names it on the transport; `told_apart`: of `telling_apart`."""
    own = {} if origin is None else {"origin": dict(origin)}
    return {"kind": "event", "name": item.name, **own, **(told_apart or {}), **_gives(auto_map, mappings)}


def poll_dependency(trigger: str, mappings: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """A fire of a poll trigger: its context gives the parameters of its keys' names."""
    return {"kind": "event", "name": trigger, **_gives(True, mappings)}


def finish_dependency(
    name: str,
    flow: str,
    home: Mapping[str, str | None],
    match: Sequence[str],
    mappings: Sequence[Mapping[str, str]],
    *,
    auto_map: bool,
    told_apart: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """An end of a flow. `name` is what the transport calls the flow; `home` its `project` and `branch`, None or left
    out for a flow without @project.
    """
    head = {"kind": "finish", "name": name, "flow": flow, **home, "match": list(match)}
    return {**head, **(told_apart or {}), **_gives(auto_map, mappings)}


def telling_apart(filter_json: str | None, required: Sequence[str], same_as: str | None = None) -> dict[str, Any]:
    """What makes an event the one of this dependency, where several wait for it: its filter, the fields without which
    it starts nothing, the name under which it comes.
    """
    said = {"filter_json": filter_json, "required": list(required), "same_as": same_as}
    return {key: value for key, value in said.items() if value}


def event(transport: str, body: Any, dependency: int | None = None) -> dict[str, Any]:
    """An event as its transport had it. `dependency`: the place of the one it belongs to, where the sender knows."""
    return {"transport": transport, **({} if dependency is None else {"dependency": dependency}), "event": body}


def started_by(dependencies: Sequence[Mapping[str, Any]], events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The whole document of a run."""
    return {**document(dependencies), "events": list(events)}


def document(dependencies: Sequence[Mapping[str, Any]], set_at: int | None = None) -> dict[str, Any]:
    """What is deployed of it: all dependencies. `set_at`: where those of the set begin that the events belong to."""
    out: dict[str, Any] = {"version": VERSION, "dependencies": list(dependencies)}
    return out if set_at is None else {**out, "set_at": set_at}


def _gives(auto_map: bool, mappings: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    return {"auto_map": auto_map, "mappings": list(mappings)}
