"""Local start: the trigger document of a start as the local engine has it, and whether its events suffice.

In:   events and the dependencies that they belong to; the parameters that need a value.
Out:  the document; why the events start nothing.

Not here: storing a start, converting values (`parameter_values`).
"""

from __future__ import annotations

from . import event_reader, exact_json, trigger_document

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from typing import Any


def timestamp_text(moment: datetime) -> str:
    """ISO 8601, UTC, six digits of a second: it sorts as the moments do. Raises ValueError without a timezone."""
    from datetime import timezone

    if moment.tzinfo is None:
        raise ValueError("a moment needs a timezone")
    return moment.astimezone(timezone.utc).isoformat(timespec="microseconds")


def event_body(name: str, identity: str, timestamp: str, payload: Any, kind: str = "event") -> dict[str, Any]:
    """An event as the trigger document carries it. `timestamp` is text of `timestamp_text`."""
    return {"name": name, "id": identity, "timestamp": timestamp, "payload": payload, "kind": kind}


def document(dependencies: Sequence[dict[str, Any]], events: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The document of a start by these events: event number n belongs to dependency number n if there are as many."""
    paired = len(dependencies) == len(events)
    bodies = (trigger_document.event("local", body, number if paired else None) for number, body in enumerate(events))
    return trigger_document.started_by(dependencies, list(bodies))


def missing(needed: Sequence[str], told: dict[str, Any]) -> str | None:
    """Why the events of a document do not start a flow that needs values for these parameters; None if they do.

    A value of the wrong type is a value: such a run exists and fails.
    """
    if not needed:
        return None
    given: set[str] = set()
    asked: dict[str, str] = {}
    for event in event_reader.select(told):
        dependency = event.dependency or {}
        mappings = list(dependency.get("mappings") or [])
        if dependency.get("auto_map"):
            mapped = {mapping["parameter"] for mapping in mappings}
            mappings += [{"parameter": name, "field": name} for name in needed if name not in mapped]
        for mapping in mappings:
            if "constant_json" in mapping:
                value = exact_json.loads(mapping["constant_json"])
            else:
                value = event_reader.field(event.payload, mapping["field"])
                asked.setdefault(mapping["parameter"], f"event {event.name} has no field {mapping['field']}")
            if value is not None:
                given.add(mapping["parameter"])
    for name in needed:
        if name not in given:
            what = asked.get(name, "no event gives it")
            return f"the required parameter {name} has no value: {what}"
    return None
