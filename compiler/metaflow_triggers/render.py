"""Render: a resource through its template, as a JSON value.

In:   the name of a template (`<backend>/<kind>`) and the values it lays out.
Out:  the object. Key order is the template's.

Not here: decisions. Templates are JSON text; every value enters through the
`json` filter, so a value can never become structure. `StrictUndefined` turns a
misspelt name into an error.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import BaseLoader, Environment, StrictUndefined, TemplateNotFound


class _PackagedTemplates(BaseLoader):
    def get_source(self, environment: Environment, template: str) -> tuple[str, str, None]:
        path = resources.files("metaflow_triggers.templates") / f"{template}.json.j2"
        if not path.is_file():
            raise TemplateNotFound(template)
        return path.read_text("utf-8"), template, None


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
