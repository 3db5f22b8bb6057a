"""Form: what a payload of an event may look like, as fields for a form.

In:   what the catalogue says of the event, the newest payload under its name, the fields that flows take from it.
Out:  fields with their kinds and values, and the same as JSON text.

Not here: judging a payload. The catalogue comes first, then what was accepted before, then what the flows' mappings
name. A value is JSON text, so that a number keeps its digits on its way into a form and back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from metaflow_extensions.triggers.contract import exact_json

_MOST, _DEEPEST = 60, 4
_KINDS = ("string", "number", "integer", "boolean")


def form(schema: Any, newest: Mapping[str, Any] | None, mapped: Iterable[str]) -> dict[str, Any]:
    """`fields` (path of keys, kind, value as JSON text, what is said of it), `text`, and where they are `of`."""
    fields: list[dict[str, Any]] = []
    of = "catalogue"
    if isinstance(schema, Mapping) and isinstance(schema.get("properties"), Mapping):
        fields = list(_of_schema(schema, (), newest if newest is not None else {}))
    elif newest is not None:
        of, fields = "payload", list(_of_value(newest, ()))
    else:
        of = "flows"
        for path in dict.fromkeys(mapped):
            keys = [path] if not path or path.startswith("/") else path.split(".")
            fields.append(_field(keys, "string", '""'))
    fields = fields[:_MOST]
    return {"of": of, "fields": fields, "text": "{}" if newest is None else exact_json.dumps(newest)}


def _field(path: Sequence[str], kind: str, value: str | None, **more: Any) -> dict[str, Any]:
    return {"path": list(path), "kind": kind, "value": value, **more}


def _of_schema(schema: Mapping[str, Any], path: tuple[str, ...], newest: Any) -> Iterable[dict[str, Any]]:
    required = schema.get("required") if isinstance(schema.get("required"), list) else []
    for key, told in schema["properties"].items():
        said = told if isinstance(told, Mapping) else {}
        there = newest.get(key) if isinstance(newest, Mapping) else None
        here = (*path, str(key))
        if said.get("type") == "object" and isinstance(said.get("properties"), Mapping) and len(here) < _DEEPEST:
            yield from _of_schema(said, here, there)
            continue
        kind = said.get("type") if said.get("type") in _KINDS else "json"
        choices = said.get("enum")
        value = there if there is not None else said.get("default", said.get("const"))
        yield _field(
            here,
            "choice" if isinstance(choices, list) and choices else str(kind),
            None if value is None else exact_json.dumps(value),
            required=key in (required or []),
            choices=[exact_json.dumps(item) for item in choices] if isinstance(choices, list) else [],
            told=str(said.get("description") or ""),
        )


def _of_value(value: Mapping[str, Any], path: tuple[str, ...]) -> Iterable[dict[str, Any]]:
    for key, item in value.items():
        here = (*path, key)
        if isinstance(item, dict) and item and len(here) < _DEEPEST:
            yield from _of_value(item, here)
        else:
            yield _field(here, _kind(item), exact_json.dumps(item))


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    return "number" if isinstance(value, (int, float)) else "json"
