"""Events: the catalogue of a project file, what each event is and what it carries.

In:   the table `events`, or a path to a TOML file beside it that holds the tables; the places of both.
Out:  `Event`s; what is wrong with them, as `Wrong`s: FT037 for a schema that is none.

Not here: what flows do with the events. A schema refers to nothing outside of itself: nothing is fetched.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .. import regular
from ..diagnostics.suggest import did_you_mean
from ..model.flows import Span
from .find import LIMIT, shown
from .forms import Form, Keys, Known, Wrong, kind, tables
from .shape import Event
from .toml import TomlError, parse, places

_DEPTH = 64


def beside(folder: Path, path: str) -> tuple[dict[str, Any], dict[tuple[str | int, ...], Span], str]:
    """The tables of a file, the places of their keys, and what is wrong with the file ("" for nothing)."""
    file = folder / path
    name = shown(file)
    try:
        content = regular.read(file, LIMIT)
        value = parse(content)
    except regular.Unreadable as error:
        return {}, {}, f"`{name}` {error}"
    except TomlError as error:
        return {}, {}, f"`{name}` is no TOML, line {error.line}: {error}"
    found = places(content)
    return value, {keys: Span(name, line, column, line, end) for keys, (line, column, end) in found.items()}, ""


def judge(value: Any, above: Keys, known: Known) -> Iterator[Wrong]:
    """What is wrong with the tables, but for their schemas."""
    yield from tables(value, above, known, _KEYS)


def _text(value: Any, keys: Keys, known: Known) -> Iterator[Wrong]:
    if not isinstance(value, str):
        yield Wrong(keys, f"expected a text in quotes, found {kind(value)}")


def _origin(value: Any, keys: Keys, known: Known) -> Iterator[Wrong]:
    if not isinstance(value, dict):
        yield Wrong(keys, f"expected a table by backend, found {kind(value)}")
        return
    for name in value:
        if known.backends is not None and name not in known.backends:
            yield Wrong((*keys, name), f"there is no backend `{name}`", did_you_mean(name, known.backends))


def _schema(value: Any, keys: Keys, known: Known) -> Iterator[Wrong]:
    if not isinstance(value, (str, dict)):
        yield Wrong(keys, f"expected a JSON Schema as a table, or the path of a file, found {kind(value)}")


_KEYS: dict[str, Form] = {"owner": _text, "description": _text, "origin": _origin, "schema": _schema}


def read(value: Mapping[str, Any], folder: Path, where: Mapping[Any, Span]) -> tuple[list[Event], list[Wrong]]:
    """The events of tables that `judge` found right, and the schemas that are none."""
    events, wrong = [], []
    for name, said in value.items():
        keys = ("events", name, "schema")
        schema, file, why = _read_schema(said.get("schema"), folder)
        if why:
            wrong.append(Wrong(keys, why, code="FT037"))
        origin = said.get("origin")
        events.append(
            Event(
                name,
                where[("events", name)],
                said.get("owner", ""),
                " ".join(said.get("description", "").split()),
                json.dumps(origin, sort_keys=True) if origin else "",
                schema,
                file,
            )
        )
    return events, wrong


def _read_schema(said: Any, folder: Path) -> tuple[str, str, str]:
    """(the schema as JSON, its file, what is wrong with it)."""
    if said is None:
        return "", "", ""
    file = ""
    if isinstance(said, str):
        file = shown(folder / said)
        try:
            said = json.loads(regular.read(folder / said, LIMIT))
        except regular.Unreadable as error:
            return "", file, f"`{file}` {error}"
        except (ValueError, RecursionError) as error:
            return "", file, f"`{file}` is no JSON: {error}"
    try:
        text = json.dumps(said, allow_nan=False)
    except (TypeError, ValueError):
        return "", file, "a JSON Schema has no dates, `nan` or `inf`"
    return text, file, _wrong_schema(said)


def _wrong_schema(schema: Any) -> str:
    for reference in _references(schema, 0):
        if not isinstance(reference, str) or not reference.startswith("#"):
            return f"it refers to `{reference}`, which is not inside of it: nothing is fetched"
    import jsonschema

    cls = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        cls.check_schema(schema)
    except jsonschema.SchemaError as error:
        at = "/".join(map(str, error.absolute_path))
        return f"it is no JSON Schema{f', at `{at}`' if at else ''}: {error.message[:200]}"
    except RecursionError:
        return "it is nested too deeply"
    return ""


def _references(value: Any, depth: int) -> Iterator[Any]:
    if depth > _DEPTH:
        return
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if isinstance(value, dict):
        yield from (value[key] for key in ("$ref", "$dynamicRef") if isinstance(value.get(key), str))
    for item in inside:
        yield from _references(item, depth + 1)
