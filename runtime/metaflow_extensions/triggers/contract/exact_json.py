"""Exact JSON: JSON text whose numbers keep the digits they were written with, and what carries them over a bus.

In:   text, or values.
Out:  the other; integers of any size, decimals as `ExactFloat`. The numbers that a bus would round, as a text for
      beside it.

Not here: events, parameters, Metaflow, files. Only the standard library: this runs in every task.
"""

from __future__ import annotations

import binascii
import json
import math
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_CHUNK = 4000  # below the 4,300 digits that Python converts at once (sys.set_int_max_str_digits)


INTEGER = re.compile(r"-?[0-9]+")


NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


NUMBERS_RESOURCE = "metaflow-triggers:numbers/"

_FOR_URLS, _FROM_URLS = str.maketrans("+/", "-_"), str.maketrans("-_", "+/")  # base64 as in RFC 4648, section 5


class ExactFloat(float):
    """A float that remembers how it was written. It compares, prints and pickles as a float."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> ExactFloat:
        self = super().__new__(cls, text)
        self.text = text
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return float, (float(self),)


def _parse_int(text: str) -> int:
    if len(text) <= _CHUNK:
        return int(text)
    if text[0] == "-":
        return -_parse_int(text[1:])
    low = len(text) // 2
    power: int = 10**low
    return _parse_int(text[:-low]) * power + _parse_int(text[-low:])


def int_text(value: int) -> str:
    if value < 0:
        return "-" + int_text(-value)
    # log10(2) from above; exact is not needed, only below the limit
    if value.bit_length() * 0.30103 < _CHUNK:
        return str(int(value))
    low = int(value.bit_length() * 0.30103) // 2
    high, rest = divmod(value, 10**low)
    return int_text(high) + int_text(rest).zfill(low)


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


def loads(text: str | bytes) -> Any:
    """The JSON value of a text, with exact numbers. Raises ValueError for anything else, also for NaN and Infinity."""
    return json.loads(text, parse_int=_parse_int, parse_float=ExactFloat, parse_constant=_refuse_constant)


def dumps(value: Any) -> str:
    """JSON text without optional blanks; the inverse of `loads`, digit by digit.

    Raises TypeError for what is not JSON (also for keys that are not text) and ValueError for NaN and infinities.
    """
    parts: list[str] = []
    _write(value, parts.append)
    return "".join(parts)


def _write(value: Any, out: Any) -> None:
    if value is None:
        out("null")
    elif value is True or value is False:
        out("true" if value else "false")
    elif isinstance(value, str):
        out(json.dumps(value, ensure_ascii=False))
    elif isinstance(value, int):
        out(int_text(value))
    elif isinstance(value, ExactFloat):
        out(value.text)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value!r} is not JSON")
        out(float.__repr__(value))
    elif isinstance(value, dict):
        out("{")
        for place, (key, item) in enumerate(value.items()):
            if not isinstance(key, str):
                raise TypeError(f"a key of a JSON object must be text, not {key!r}")
            out(("," if place else "") + json.dumps(key, ensure_ascii=False) + ":")
            _write(item, out)
        out("}")
    elif isinstance(value, (list, tuple)):
        out("[")
        for place, item in enumerate(value):
            if place:
                out(",")
            _write(item, out)
        out("]")
    else:
        raise TypeError(f"a value of type {type(value).__name__}: {repr(value)[:80]}")


def fragile_numbers(value: Any, spelling: bool = True) -> list[list[Any]]:
    """[path, digits] of every number that a transport with floating-point numbers only would change.

    Those are integers beyond 2**53 and decimals that a double is not, or writes otherwise (`1.10`, `1E5`; `1.0`, which
    may become `1`). Without `spelling`: only where the value changes.
    """
    found: list[list[Any]] = []

    def visit(item: Any, path: list[Any]) -> None:
        if isinstance(item, bool):
            return
        if isinstance(item, int):
            if abs(item) > 2**53:
                found.append([path, int_text(item)])
        elif isinstance(item, float):
            text = dumps(item)
            if _is_fragile(text, spelling):
                found.append([path, text])
        elif isinstance(item, dict):
            for key, inner in item.items():
                visit(inner, [*path, key])
        elif isinstance(item, (list, tuple)):
            for place, inner in enumerate(item):
                visit(inner, [*path, place])

    visit(value, [])
    return found


def _is_fragile(text: str, spelling: bool) -> bool:
    number = float(text)
    written = float.__repr__(number)
    if spelling:
        return text != written or number.is_integer()
    if not number:  # Decimal refuses exponents beyond 10**18
        return bool(re.search("[1-9]", text.lower().partition("e")[0]))
    from decimal import Decimal

    return math.isinf(number) or (text != written and Decimal(text) != Decimal(written))


def numbers_resource(value: Any, spelling: bool = True) -> str | None:
    """What an EventBridge event carries beside a payload with fragile numbers, or None."""
    found = fragile_numbers(value, spelling)
    if not found:
        return None
    encoded = binascii.b2a_base64(dumps(found).encode(), newline=False)
    return NUMBERS_RESOURCE + encoded.decode().translate(_FOR_URLS)


def restore_numbers(payload: Any, resource: str) -> None:
    try:
        found = loads(binascii.a2b_base64(resource[len(NUMBERS_RESOURCE) :].translate(_FROM_URLS)))
        for path, digits in found:
            holder = payload
            for step in path[:-1]:
                holder = holder[step]
            number = loads(digits)
            if is_number(number) and is_number(holder[path[-1]]):
                holder[path[-1]] = number
    except (ValueError, LookupError, TypeError):
        return  # somebody else's resource that looks like ours: the payload stays as the bus brought it


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
