"""Values: the runtime's conversion, carried on to Python values (semantics, section 6).

In:   a JSON value of a payload, a parameter's type.
Out:  what the run's parameter is, before `separator=` splits it.

Not here: the table itself, which is the contract's (`parameter_values`): the run
converts with the same code, so a simulation shows what arrives.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from metaflow_extensions.triggers.contract import event_reader, exact_json, parameter_values
from metaflow_extensions.triggers.plugins import local_events

Converted = Any
"""str, int, float, bool, or a JSON value."""


class Unfit(ValueError):
    """A value that its parameter's type does not take. The message says what was expected and found."""


def field_of(payload: Any, path: str) -> Any:
    """The value at `path`, or None; dots reach into objects, a key that itself contains the dots wins."""
    return event_reader.field(payload, path)


def exact(text: str) -> Any:
    """The JSON value of a text, with numbers of any size. Raises ValueError."""
    return exact_json.loads(text)


def text_of(value: Any) -> str:
    """JSON text of a value, digit by digit."""
    return str(exact_json.dumps(value))


def convert(value: Any, kind: str) -> Converted:
    """The parameter's value for a JSON value that is not null. Raises Unfit."""
    try:
        text = parameter_values.convert(value, kind)
    except ValueError as error:
        raise Unfit(str(error)) from None
    if kind == "int":
        sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
        return exact(sign + (digits.lstrip("0") or "0"))
    if kind == "float":
        return float(text)
    if kind == "bool":
        return text == "true"
    return exact(text) if kind == "json" else text


def timestamp_text(when: datetime) -> str:
    """A moment as the payload of a poll's event has it."""
    return str(local_events.timestamp_text(when))
