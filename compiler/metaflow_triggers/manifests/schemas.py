"""Validate: an emitted object against its closed schema.

In:   a JSON value and the name of a schema (`<backend>/<kind>`).
Out:  a list of (JSON pointer, message); empty when valid.

Not here: repairing. `jsonschema-rs` does the work where it is installed,
`jsonschema` elsewhere; both read the same files.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import Any

Finding = tuple[str, str]


def load_schema(name: str) -> Any:
    """The schema document `schemas/<name>.schema.json`."""
    return json.loads((resources.files("metaflow_triggers.schemas") / f"{name}.schema.json").read_text("utf-8"))


@cache
def _validator(name: str, reference: bool = False) -> Callable[[Any], list[Finding]]:
    schema = load_schema(name)
    if not reference:
        try:
            import jsonschema_rs
        except ImportError:
            pass
        else:
            fast = jsonschema_rs.validator_for(schema)
            return lambda value: [
                ("/" + "/".join(str(part) for part in error.instance_path), error.message)
                for error in fast.iter_errors(value)
            ]
    import jsonschema

    cls = jsonschema.validators.validator_for(schema)
    slow = cls(schema)
    return lambda value: [
        ("/" + "/".join(str(part) for part in error.absolute_path), error.message) for error in slow.iter_errors(value)
    ]


def findings(value: Any, schema: str, reference: bool = False) -> list[Finding]:
    """What schema `schema` says against `value`, sorted. `reference` asks the pure Python validator."""
    return sorted(_validator(schema, reference)(value))
