"""Serialize: the model as JSON and back, unchanged.

In:   a value of `metaflow_triggers.model.flows`, or the JSON object made of it.
Out:  the other of the two.

Not here: files. Dataclasses that can stand for each other (a field's Union)
are told apart by a `kind_of` key.
"""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

from . import flows

_CLASSES = {
    value.__name__: value
    for value in vars(flows).values()
    if isinstance(value, type) and dataclasses.is_dataclass(value)
}

T = TypeVar("T")


def to_json(value: Any) -> Any:
    """JSON value (dict, list, str, int, bool, None) of a model value."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        out: dict[str, Any] = {"kind_of": type(value).__name__}
        for field in dataclasses.fields(value):
            if not field.init:  # follows from the others
                continue
            out[field.name] = to_json(getattr(value, field.name))
        return out
    if isinstance(value, tuple):
        return [to_json(item) for item in value]
    return value


def from_json(value: Any) -> Any:
    """The model value of what `to_json` gave. Raises KeyError or TypeError on anything else."""
    if isinstance(value, dict):
        cls = _CLASSES[value["kind_of"]]
        return cls(**{key: from_json(item) for key, item in value.items() if key != "kind_of"})
    if isinstance(value, list):
        return tuple(from_json(item) for item in value)
    return value
