"""Parameters: what the events of a run give to the flow's parameters.

In:   a trigger document, the flow's parameters and their types (str, int, float, bool, json, file).
Out:  texts that Metaflow's command line turns into the parameters' values (semantics, section 6).

Not here: Metaflow, the values that a person or the deployment gave (`plugins.parameters_of_run`).
Numbers keep the digits they were written with: integers of any size, decimals as `ExactFloat`.
"""

from __future__ import annotations

import math

from .event_reader import EventError, field, lacking, select
from .exact_json import INTEGER, NUMBER, dumps, int_text, is_number, loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from .event_reader import Event

_TYPES = {
    "str": "text",
    "int": "an integer",
    "float": "a finite number",
    "bool": "true or false",
    "json": "a JSON value",
    "file": "text",
}


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
    mapped = _mapped(events)
    for event in events:
        if event.dependency is None:
            raise EventError(f"event {event.name!r} belongs to no dependency of this flow")
        for path in lacking(event.dependency, event.payload):
            raise EventError(
                f"event {event.name!r} has no field {path!r}, which a required parameter takes its value from"
            )
        for mapping, value in _gives(event, mapped, declared):
            name = mapping["parameter"]
            if name not in declared:
                raise EventError(f"event {event.name!r} maps to parameter {name!r}, which the flow does not have")
            if value is None:
                continue
            try:
                texts[name] = convert(value, declared[name])
            except ValueError as error:
                place = "the constant" if "constant_json" in mapping else f"field {mapping['field']!r}"
                raise EventError(
                    f"event {event.name!r}: {place} does not fit parameter {name!r} of type {declared[name]}: {error}"
                ) from None
    return texts


def values_for(events: Sequence[Event], declared: Iterable[str]) -> dict[str, Any]:
    """Parameter -> JSON value that events give, as `parameters_for` takes them and before they are converted.

    `declared` are the names of the flow's parameters; nothing is refused.
    """
    names, mapped = list(declared), _mapped(events)
    return {
        mapping["parameter"]: value
        for event in events
        for mapping, value in _gives(event, mapped, names)
        if value is not None
    }


def _mapped(events: Iterable[Event]) -> set[Any]:
    """What is written for one event of a set stands, whatever another one of them carries by chance."""
    return {mapping.get("parameter") for event in events for mapping in (event.dependency or {}).get("mappings") or []}


def _gives(event: Event, mapped: set[Any], declared: Iterable[str]) -> Iterator[tuple[dict[str, Any], Any]]:
    """(mapping, value) of one event, in written order; then what `auto_map` finds."""
    dependency = event.dependency or {}
    mappings = list(dependency.get("mappings") or [])
    if dependency.get("auto_map"):
        mappings += [{"parameter": name, "field": name} for name in declared if name not in mapped]
    for mapping in mappings:
        constant = mapping.get("constant_json")
        yield mapping, field(event.payload, mapping["field"]) if constant is None else loads(constant)
