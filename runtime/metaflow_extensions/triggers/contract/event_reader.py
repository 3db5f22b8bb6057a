"""Events: the reader of the trigger document, which gives the events that started a run.

In:   a trigger document (`trigger_document` writes it, docs/architecture.md shows one).
Out:  `Event`s, each with the dependency that it belongs to.

Not here: what a flow takes of an event (`parameter_values`), where the document lies (`plugins.document`), network.
"""

from __future__ import annotations

import re

from .event_filter import matches
from .exact_json import NUMBERS_RESOURCE, dumps, is_number, loads, restore_numbers
from .trigger_document import OUTCOME_FIELDS
from .words import EVENT_RESOURCE, OUTCOME_OF_STATUS, STATUS_CHANGE, end_event, outcome_event

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any


class EventError(ValueError):
    """An event that the flow cannot take. The message names the event and, where they matter, field and parameter."""


class Event:
    """One event, whatever transport brought it.

    `kind` is "event" or "run" (the outcome of a run); `timestamp` is aware or None; `dependency` is the part of the
    document that the event belongs to, or None.
    """

    __slots__ = ("dependency", "id", "kind", "name", "payload", "timestamp")

    def __init__(  # noqa: PLR0917 - an event has six
        self,
        name: str,
        payload: dict[str, Any],
        identity: str | None,
        timestamp: datetime | None,
        kind: str,
        dependency: dict[str, Any] | None,
    ) -> None:
        self.name = name
        self.payload = payload
        self.id = identity
        self.timestamp = timestamp
        self.kind = kind
        self.dependency = dependency


# events ----------------------------------------------------------------------------------------------------------


def select(document: dict[str, Any]) -> list[Event]:
    """The events of a document, each with its dependency, in the document's order.

    Raises EventError for a transport or a shape that is not known.
    """
    dependencies = document.get("dependencies") or []
    items = document.get("events") or []
    # A set has an event of each dependency, in their order: one event may be there for several.
    is_set = 1 < len(items) == len(dependencies)
    events = []
    for place, item in enumerate(items):
        transport, event, number = item.get("transport"), item.get("event"), item.get("dependency")
        if isinstance(event, str):  # JSON inside a JSON string: some paths through a bus add a layer
            try:
                event = loads(event)
            except ValueError as error:
                raise EventError(f"the event of transport {transport!r} is not JSON: {error}") from None
        if not isinstance(event, dict):
            raise EventError(f"the event of transport {transport!r} is not an object")
        if transport == "local" and "kind" in event:
            events.append(_from_local(event, dependencies, number))
            continue
        read = {"eventbridge": _from_eventbridge, "argo": _from_body, "local": _from_body}.get(transport)
        if read is None:
            raise EventError(f"unknown transport {transport!r}")
        found = read(event, dependencies[place : place + 1] if is_set else dependencies)
        events.append(found if found.dependency is not None or not is_set else read(event, dependencies))
    return events


def _first(candidates: list[dict[str, Any]], payload: dict[str, Any]) -> dict[str, Any] | None:
    """Of the dependencies that an event may belong to, the first in written order that it matches (semantics, 2).

    One that lacks a field which the flow requires counts only where no other is left: it says what is missing.
    """
    if len(candidates) < 2:
        return candidates[0] if candidates else None
    matching = [
        item for item in candidates if "filter_json" not in item or matches(loads(item["filter_json"]), payload)
    ]
    whole = [item for item in matching if not lacking(item, payload)]
    return next(iter(whole or matching), None)


def lacking(dependency: dict[str, Any], payload: dict[str, Any]) -> list[str]:
    """The fields that the flow requires of an event of this dependency and that the payload does not have."""
    return [path for path in dependency.get("required") or [] if field(payload, path) is None]


def _from_eventbridge(event: dict[str, Any], dependencies: list[dict[str, Any]]) -> Event:
    detail = _payload(event.get("detail"))
    when = _timestamp(event.get("time"))
    candidates = [item for item in dependencies if _is_of_bus(item, event, detail)]
    is_status = event.get("source") == "aws.states" and event.get("detail-type") == STATUS_CHANGE
    if is_status and not any(item.get("kind") == "event" for item in candidates):
        return _outcome_of_execution(detail, when, candidates)
    identity = event.get("id")
    for resource in event.get("resources") or []:
        if isinstance(resource, str) and resource.startswith(EVENT_RESOURCE):
            identity = resource[len(EVENT_RESOURCE) :]
        elif isinstance(resource, str) and resource.startswith(NUMBERS_RESOURCE):
            restore_numbers(detail, resource)
    dependency = _first(candidates, detail)
    named = dependency or (candidates[0] if candidates else {})
    # An event with an origin has its name from the flow; on the bus it has another.
    name = named["name"] if named.get("origin") else event.get("detail-type")
    return Event(str(name or ""), detail, _text(identity), when, "event", dependency)


def _is_of_bus(item: dict[str, Any], event: dict[str, Any], detail: dict[str, Any]) -> bool:
    """Whether a dependency waits for an event of EventBridge, but for its filter."""
    origin = item.get("origin")
    if isinstance(origin, dict) and origin:
        return all(event.get(key) == value for key, value in origin.items())
    if item.get("kind") == "event":
        return bool(item.get("name") == event.get("detail-type"))
    if event.get("source") != "aws.states" or event.get("detail-type") != STATUS_CHANGE:
        return False
    return item.get("name") == _machine(detail) and _outcome_word(detail) in (item.get("match") or [])


def _machine(detail: dict[str, Any]) -> str:
    return str(detail.get("stateMachineArn") or "").rsplit(":", 1)[-1]


def _outcome_word(detail: dict[str, Any]) -> str:
    status = str(detail.get("status"))
    return OUTCOME_OF_STATUS.get(status, status.lower())


def _outcome_of_execution(detail: dict[str, Any], when: datetime | None, candidates: list[dict[str, Any]]) -> Event:
    reasons = [str(detail[key]) for key in ("error", "cause") if detail.get(key)]
    of_flow = candidates[0] if candidates else {}  # all are of one flow
    payload = {
        "flow": of_flow.get("flow") or _machine(detail),
        "run_id": f"sfn-{detail.get('name')}",
        "outcome": _outcome_word(detail),
        "project": of_flow.get("project"),
        "branch": of_flow.get("branch"),
        "step": None,
        "error": ": ".join(reasons) or None,
    }
    return _outcome(payload, when, _first(candidates, payload))


def _from_body(body: dict[str, Any], dependencies: list[dict[str, Any]]) -> Event:
    payload = _payload(body.get("payload"))
    name = str(body.get("name") or payload.get("name") or "")
    when = _timestamp(body.get("timestamp", payload.get("timestamp")))
    said = [(item, found) for item in dependencies if (found := _said_of_outcome(item, name, payload)) is not None]
    if said:
        outcome = {key: said[0][1].get(key) for key in OUTCOME_FIELDS}
        return _outcome(outcome, when, _first([item for item, _ in said], outcome))
    keys = body.get("keys")
    if isinstance(keys, list):  # what our publisher added for sensors that Metaflow deployed goes out again
        payload = {key: value for key, value in payload.items() if key in keys}
    identity = body.get("id") or payload.get("id")
    candidates = [
        item for item in dependencies if item.get("kind") == "event" and name in (item.get("name"), item.get("same_as"))
    ]
    dependency = _first(candidates, payload)
    return Event((dependency or {}).get("name") or name, payload, _text(identity), when, "event", dependency)


def _said_of_outcome(item: dict[str, Any], name: str, payload: dict[str, Any]) -> dict[str, Any] | None:
    """What an event says of an outcome that a dependency waits for, or None for another event."""
    if item.get("kind") != "finish":
        return None
    outcomes = item.get("match") or []
    if any(name == outcome_event(str(item.get("name")), outcome) for outcome in outcomes):
        return payload
    if "success" in outcomes and name == end_event(_qualified(item)):
        said = {"flow": item.get("flow"), "run_id": payload.get("run_id"), "outcome": "success"}
        return {**said, "project": item.get("project"), "branch": item.get("branch")}
    return None


def _from_local(event: dict[str, Any], dependencies: list[dict[str, Any]], number: int | None) -> Event:
    """An event of the local engine, which says its kind and, by number, its dependency."""
    payload, when = _payload(event.get("payload")), _timestamp(event.get("timestamp"))
    name = str(event.get("name") or "")
    dependency = dependencies[number] if number is not None else _named(dependencies, name)
    if event.get("kind") == "finish":
        return _outcome({key: payload.get(key) for key in OUTCOME_FIELDS}, when, dependency)
    return Event(name, payload, _text(event.get("id")), when, "event", dependency)


def _outcome(payload: dict[str, Any], when: datetime | None, dependency: dict[str, Any] | None) -> Event:
    # A success has the name that Metaflow gives it. The id starts with the run's pathspec, which is where
    # `Trigger.runs` looks for it (metaflow/events.py), and is the same on every backend.
    end = "end" if payload["outcome"] == "success" else payload["outcome"]
    name = f"metaflow.{_qualified(payload)}.{end}"
    identity = f"{payload['flow']}/{payload['run_id']}/{payload['outcome']}"
    return Event(name, payload, identity, when, "run", dependency)


def _qualified(of: dict[str, Any]) -> str:
    parts = (of.get("project"), of.get("branch"), of.get("flow"))
    return ".".join(str(part) for part in parts if part)


def _named(dependencies: list[dict[str, Any]], name: str) -> dict[str, Any] | None:
    return next((item for item in dependencies if item.get("kind") == "event" and item.get("name") == name), None)


def _payload(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        try:
            value = loads(value)
        except ValueError:
            return {}
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else dumps(value)


def _timestamp(value: Any) -> datetime | None:
    from datetime import datetime, timezone

    try:
        if is_number(value):
            return datetime.fromtimestamp(value, timezone.utc)
        if isinstance(value, str):
            # Python 3.10 reads neither `Z` nor other than 3 or 6 digits of a second.
            match = re.fullmatch(r"(.{19})(?:\.([0-9]+))?(Z|[+-][0-9]{2}:?[0-9]{2})?", value)
            if match is None:
                return None
            start, fraction, zone = match.groups()
            zone = "+00:00" if zone in (None, "Z") else zone if ":" in zone else f"{zone[:3]}:{zone[3:]}"
            return datetime.fromisoformat(f"{start}.{(fraction or '')[:6].ljust(6, '0')}{zone}")
    except (ValueError, OverflowError, OSError):
        pass
    return None


# fields ---------------------------------------------------------------------------------------------------------------

_MISSING = object()


def field(payload: Any, path: str) -> Any:
    """The value at `path`, or None. Dots reach into objects; a key that itself contains the dots wins.

    >>> field({"order": {"id": 1}, "order.id": 2}, "order.id")
    2
    """
    found = _field(payload, path.split("."))
    return None if found is _MISSING else found


def _field(value: Any, parts: list[str]) -> Any:
    if not parts:
        return value
    if isinstance(value, dict):
        for length in range(len(parts), 0, -1):  # the longest key first
            key = ".".join(parts[:length])
            if key in value:
                found = _field(value[key], parts[length:])
                if found is not _MISSING:
                    return found
    return _MISSING
