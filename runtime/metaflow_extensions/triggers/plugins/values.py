"""Values: from a trigger document to events, and from events to the flow's parameters.

In:   a trigger document (see `docs/architecture.md`), the flow's parameters and their types.
Out:  `Event`s, and texts that Metaflow's command line turns into parameter values.

Not here: Metaflow, files, network, clock. Only the standard library: this runs in every task.
Numbers keep the digits they were written with: integers of any size, decimals as `ExactFloat`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ..contract.trigger_document import OUTCOME_FIELDS
from .event_filter import matches
from .exact_json import INTEGER, NUMBER, NUMBERS_RESOURCE, dumps, int_text, is_number, loads, restore_numbers

_EVENT_RESOURCE = "metaflow-triggers:event/"
_OUTCOME_OF_STATUS = {"SUCCEEDED": "success", "FAILED": "failure", "TIMED_OUT": "timeout", "ABORTED": "aborted"}
_STATUS_CHANGE = "Step Functions Execution Status Change"
_TYPES = {
    "str": "text",
    "int": "an integer",
    "float": "a finite number",
    "bool": "true or false",
    "json": "a JSON value",
    "file": "text",
}


class EventError(ValueError):
    """An event that the flow cannot take. The message names the event and, where they matter, field and parameter."""


@dataclass(frozen=True)
class Event:
    """One event, whatever transport brought it.

    `kind` is "event" or "run" (the outcome of a run); `timestamp` is aware or None; `dependency` is the part of the
    document that the event belongs to, or None.
    """

    name: str
    payload: dict[str, Any]
    id: str | None
    timestamp: datetime | None
    kind: str
    dependency: dict[str, Any] | None


# numbers and JSON text -------------------------------------------------------------------------------------------


def event_resource(identity: str) -> str:
    """What an EventBridge event carries to say our event id."""
    return _EVENT_RESOURCE + identity


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
    is_status = event.get("source") == "aws.states" and event.get("detail-type") == _STATUS_CHANGE
    if is_status and not any(item.get("kind") == "event" for item in candidates):
        return _outcome_of_execution(detail, when, candidates)
    identity = event.get("id")
    for resource in event.get("resources") or []:
        if isinstance(resource, str) and resource.startswith(_EVENT_RESOURCE):
            identity = resource[len(_EVENT_RESOURCE) :]
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
    if event.get("source") != "aws.states" or event.get("detail-type") != _STATUS_CHANGE:
        return False
    return item.get("name") == _machine(detail) and _outcome_word(detail) in (item.get("match") or [])


def _machine(detail: dict[str, Any]) -> str:
    return str(detail.get("stateMachineArn") or "").rsplit(":", 1)[-1]


def _outcome_word(detail: dict[str, Any]) -> str:
    status = str(detail.get("status"))
    return _OUTCOME_OF_STATUS.get(status, status.lower())


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
    if any(name == f"metaflow.outcome.{item.get('name')}.{outcome}" for outcome in outcomes):
        return payload
    # Metaflow's own event of a finished run (argo_workflows_decorator.py, `task_finished`).
    if "success" in outcomes and name == f"metaflow.{_qualified(item)}.end":
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


# parameters ------------------------------------------------------------------------------------------------------

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


def convert(value: Any, kind: str) -> str:
    """The text of a JSON value for a parameter of type `kind` (str, int, float, bool, json or file).

    Metaflow's command line turns it into the value (table of the semantics, section 6).
    Raises ValueError when the value does not fit the type; the message says what was expected and found.
    """
    text: str | None = None
    if kind in ("str", "file"):
        text = value if isinstance(value, str) else dumps(value)
    elif kind == "json":
        text = dumps(value)
    elif kind == "int":
        if isinstance(value, int) and not isinstance(value, bool):
            text = int_text(value)
        elif isinstance(value, str) and INTEGER.fullmatch(value):
            text = value
    elif kind == "float":
        if (is_number(value) or (isinstance(value, str) and NUMBER.fullmatch(value))) and _finite(value):
            text = value if isinstance(value, str) else dumps(value)
    elif kind == "bool":
        if isinstance(value, bool):
            text = "true" if value else "false"
        elif isinstance(value, str) and value.lower() in ("true", "false"):
            text = value.lower()
    else:
        raise ValueError(f"unknown parameter type {kind!r}")
    if text is None:
        raise ValueError(f"expected {_TYPES[kind]}, found {_found(value)}")
    return text


def _finite(value: Any) -> bool:
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def _found(value: Any) -> str:
    kinds = {str: "the text", bool: "the boolean", int: "the integer", dict: "the object", list: "the list"}
    kind = "null" if value is None else kinds.get(type(value), "the number")
    return kind if value is None else f"{kind} {_short(value)}"


def _short(value: Any) -> str:
    try:
        text = dumps(value)
    except (TypeError, ValueError):
        text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def parameters_for(document: dict[str, Any], declared: dict[str, str]) -> dict[str, str]:
    """Texts of the parameters that the document's events give.

    `declared` maps every parameter of the flow to its type. A field that is missing or null gives nothing.
    Raises EventError, naming event, field and parameter, for a value of the wrong type, a mapping to a parameter that
    the flow does not have, and an event that belongs to no dependency.
    """
    texts: dict[str, str] = {}
    events = select(document)
    # What is written for one event of a set stands, whatever another one of them carries by chance.
    mapped = {
        mapping.get("parameter") for event in events for mapping in (event.dependency or {}).get("mappings") or []
    }
    for event in events:
        if event.dependency is None:
            raise EventError(f"event {event.name!r} belongs to no dependency of this flow")
        for path in lacking(event.dependency, event.payload):
            raise EventError(
                f"event {event.name!r} has no field {path!r}, which a required parameter takes its value from"
            )
        mappings = list(event.dependency.get("mappings") or [])
        if event.dependency.get("auto_map"):
            mappings += [{"parameter": name, "field": name} for name in declared if name not in mapped]
        for mapping in mappings:
            name = mapping["parameter"]
            if name not in declared:
                raise EventError(f"event {event.name!r} maps to parameter {name!r}, which the flow does not have")
            constant = "constant_json" in mapping
            value = loads(mapping["constant_json"]) if constant else field(event.payload, mapping["field"])
            if value is None:
                continue
            try:
                texts[name] = convert(value, declared[name])
            except ValueError as error:
                place = "the constant" if constant else f"field {mapping['field']!r}"
                raise EventError(
                    f"event {event.name!r}: {place} does not fit parameter {name!r} of type {declared[name]}: {error}"
                ) from None
    return texts
