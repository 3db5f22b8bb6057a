"""Render: a resource through its template, as a JSON value.

In:   the name of a template (`<backend>/<kind>`) and the values it lays out.
Out:  the object. Key order is the template's.

Not here: decisions. Templates are JSON text; every value enters through the
`json` filter, so a value can never become structure: a scalar is written as JSON writes it, and of an object or a list
only its place, so that it need not be written and read again. `StrictUndefined` turns a misspelt name into an error.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import sys
import threading
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
from jinja2 import BaseLoader, Environment, StrictUndefined, TemplateNotFound
from jinja2.bccache import Bucket, BytecodeCache


def _path(template: str) -> Any:
    return resources.files("metaflow_triggers.templates") / f"{template}.json.j2"


class _PackagedTemplates(BaseLoader):
    def get_source(self, environment: Environment, template: str) -> tuple[str, str, None]:
        path = _path(template)
        if not path.is_file():
            raise TemplateNotFound(template)
        return path.read_text("utf-8"), template, None


class _CacheBesideTemplates(BytecodeCache):
    """Compiled templates where Python keeps compiled modules, under the same conditions.

    Compiling them took a third of the time of a command. An entry knows its template's text and the releases of
    Python and Jinja (`Bucket.load_bytecode`), so an old one is not used.
    """

    def load_bytecode(self, bucket: Bucket) -> None:
        place = self._place(bucket)
        if place is not None:
            with contextlib.suppress(OSError, ValueError, EOFError, TypeError), place.open("rb") as file:
                bucket.load_bytecode(file)

    def dump_bytecode(self, bucket: Bucket) -> None:
        place = self._place(bucket)
        if place is None or sys.dont_write_bytecode:
            return
        temporary = place.with_name(f"{place.name}.{os.getpid()}")
        with contextlib.suppress(OSError):
            place.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(bucket.bytecode_to_string())
            temporary.replace(place)

    @staticmethod
    def _place(bucket: Bucket) -> Path | None:
        name, _, kind = bucket.key.partition(" ")
        path = _path(name)
        if not isinstance(path, Path):  # inside an archive
            return None
        try:
            return Path(importlib.util.cache_from_source(str(path))).with_suffix(f".{kind}")
        except NotImplementedError:
            return None

    def get_cache_key(self, name: str, filename: str | None = None) -> str:
        return f"{name} jinja-{jinja2.__version__}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=_PackagedTemplates(),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - the output is JSON, not HTML; values pass the json filter
        trim_blocks=True,
        lstrip_blocks=True,
        cache_size=-1,
        auto_reload=False,
        bytecode_cache=_CacheBesideTemplates(),
    )
    environment.filters = {"json": _json}
    return environment


_PLACE = "0.0e"
"""A number that JSON allows and Python's never writes: what follows is the place of an object or a list."""


class _Placed(threading.local):
    """The objects and lists of the template that this thread renders."""

    def __init__(self) -> None:
        self.values: list[Any] = []


_placed = _Placed()


class Whole:
    """A JSON value that nobody else holds or changes: it becomes part of the object as it is, not as a copy."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def _json(value: Any) -> str:
    if type(value) is str:
        return _ENCODED(value)
    if isinstance(value, Whole):
        _placed.values.append(value.value)
    elif isinstance(value, (dict, list, tuple)) and value:
        _placed.values.append(_copy(value))
    else:
        return _ENCODED(value)
    return f"{_PLACE}{len(_placed.values) - 1}"


_ENCODED = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode  # `json.dumps` makes one for each value


def _copy(value: Any) -> Any:
    """What reading `value` gives after writing it as JSON, but for texts that are keys already."""
    if isinstance(value, dict):
        return {_key(key): _copy(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_copy(item) for item in value]
    if type(value) in (str, int, bool) or value is None:
        return value
    return json.loads(json.dumps(value, allow_nan=False))


def _key(key: Any) -> str:
    if type(key) is str:
        return key
    raise ValueError(f"a key is no text: {key!r}")


def _number(text: str) -> Any:
    return _placed.values[int(text[len(_PLACE) :])] if text.startswith(_PLACE) else float(text)


@cache
def _template(name: str) -> Any:
    return _environment().get_template(name)


def render(name: str, /, **values: Any) -> Any:
    """The object that template `name` lays out of `values`.

    Raises jinja2.UndefinedError for a missing value and ValueError if the text is not JSON
    (both are bugs of ours, not of the user).
    """
    try:
        return _DECODED(_template(name).render(**values))
    finally:
        _placed.values.clear()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        raise ValueError(f"a template wrote a key twice: {[key for key, _ in pairs]}")
    return out


_DECODED = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_number).decode
