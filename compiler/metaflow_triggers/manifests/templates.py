"""Render: a resource through its template, as a JSON value.

In:   the name of a template (`<backend>/<kind>`) and the values it lays out.
Out:  the object. Key order is the template's.

Not here: decisions. Templates are JSON text; every value enters through the
`json` filter, so a value can never become structure. `StrictUndefined` turns a
misspelt name into an error.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import sys
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


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


@cache
def _template(name: str) -> Any:
    return _environment().get_template(name)


def render(name: str, /, **values: Any) -> Any:
    """The object that template `name` lays out of `values`.

    Raises jinja2.UndefinedError for a missing value and ValueError if the text is not JSON
    (both are bugs of ours, not of the user).
    """
    return json.loads(_template(name).render(**values), object_pairs_hook=_unique)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        raise ValueError(f"a template wrote a key twice: {[key for key, _ in pairs]}")
    return out
