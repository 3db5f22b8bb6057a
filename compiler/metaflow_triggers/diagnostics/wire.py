"""Wire: a diagnostic as it travels between processes.

In:   a diagnostic, or the JSON value of one.
Out:  the other.

Not here: the JSON that people and programs read (`reports.json`).
"""

from __future__ import annotations

import dataclasses
from typing import Any

from ..model.serialize import from_json, to_json
from . import Diagnostic


def to_wire(diagnostic: Diagnostic) -> dict[str, Any]:
    """A JSON value of the diagnostic."""
    value = {field.name: getattr(diagnostic, field.name) for field in dataclasses.fields(diagnostic)}
    value["span"] = to_json(diagnostic.span)
    value["others"] = [[to_json(span), label] for span, label in diagnostic.others]
    return value


def from_wire(value: dict[str, Any]) -> Diagnostic:
    """The diagnostic that `to_wire` wrote."""
    diagnostic: Diagnostic = Diagnostic(
        **{
            **value,
            "span": from_json(value["span"]),
            "others": tuple((from_json(span), label) for span, label in value["others"]),
            "notes": tuple(value["notes"]),
            "helps": tuple(value["helps"]),
        }
    )
    return diagnostic
