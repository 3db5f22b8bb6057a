"""Context: the data that a fire carries to its run.

In:   JSON values under text keys.
Out:  a mapping that keeps its order and always has a JSON text.

Not here: parameters of a flow. What would change on its way (sets, NaN, bytes, dates, integers beyond 64 bits, NUL,
lone surrogates) is refused when it is put in, and again when it is fired: a list inside may have changed since.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from .errors import PollTypeError, PollValueError

_DEEPEST = 100


def plain(value: Any, where: str, depth: int = 0) -> Any:
    """A deep copy of a JSON value, tuples as lists. Raises TypeError or ValueError (FT718) naming `where`."""
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        return _text(str(value), where)
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise PollValueError("FT718", f"{where} is an integer beyond signed 64 bits", ("pass it as text",))
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise PollValueError("FT718", f"{where} is {value!r}, which is not JSON", ("pass None or a text",))
        return float(value)
    if depth >= _DEEPEST:
        raise PollValueError("FT718", f"{where} is nested deeper than {_DEEPEST} levels, or contains itself")
    if isinstance(value, dict):
        return {key_of(key, where): plain(item, f"{where}[{key!r}]", depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item, f"{where}[{place}]", depth + 1) for place, item in enumerate(value)]
    kind = type(value).__name__
    hints = {"set": "pass sorted(...)", "bytes": "pass .decode()", "datetime": "pass .isoformat()"}
    raise PollTypeError(
        "FT718", f"{where} is of type {kind}, which is not JSON", (hints[kind],) if kind in hints else ()
    )


def key_of(key: Any, where: str) -> str:
    """A key of a context. Raises TypeError (FT718) for what is no text."""
    if not isinstance(key, str):
        raise PollTypeError("FT718", f"a key of {where} is {key!r}; keys are text")
    return _text(str(key), f"a key of {where}")


def _text(value: str, where: str) -> str:
    if "\0" in value:
        raise PollValueError("FT718", f"{where} holds a NUL character")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise PollValueError("FT718", f"{where} holds a lone surrogate, which is not text") from None
    return value


class Context:
    """Data for the run that a fire starts: text keys, JSON values, in the order in which they were put in.

    Raises TypeError or ValueError (FT718) for a value that has no JSON text of its own.
    """

    __slots__ = ("_data",)

    def __init__(self, data: Mapping[str, Any] | None = None) -> None:
        self._data: dict[str, Any] = {}
        if data is not None:
            self.update_from_dict(data)

    def get(self, key: str, default: Any = None) -> Any:
        """The value, or `default`."""
        return self._data.get(key, default)

    def set(self, key: str, value: Any) -> None:
        """Put a value in, new or not."""
        name = key_of(key, "the context")
        self._data[name] = plain(value, f"context[{name!r}]")

    def insert(self, key: str, value: Any) -> None:
        """Put a new value in. Raises ValueError when the key is there."""
        if key in self._data:
            raise PollValueError("FT718", f"the context has {key!r} already", ("use set() to replace it",))
        self.set(key, value)

    def update(self, key: str, value: Any) -> None:
        """Replace a value. Raises KeyError when the key is not there."""
        if key not in self._data:
            raise KeyError(key)
        self.set(key, value)

    def update_from_dict(self, data: Mapping[str, Any]) -> None:
        """Put several values in: all of them, or none when one is refused."""
        if isinstance(data, Context):
            data = data._data
        if not isinstance(data, Mapping):
            raise PollTypeError("FT718", f"a context is made of a dict, not of {type(data).__name__}")
        self._data.update(plain(dict(data), "context"))

    def remove(self, key: str) -> Any:
        """Take a value out and return it; None when the key is not there."""
        return self._data.pop(key, None)

    def to_dict(self) -> dict[str, Any]:
        """A deep copy as a dict."""
        copy: dict[str, Any] = plain(self._data, "context")
        return copy

    def to_json(self) -> str:
        """JSON text (ASCII)."""
        return json.dumps(self.to_dict(), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Context:
        """The context of a JSON object's text. Raises ValueError for any other text."""
        try:
            value = json.loads(text)
        except RecursionError:
            raise PollValueError("FT718", "the JSON text is nested too deeply") from None
        if not isinstance(value, dict):
            raise PollValueError("FT718", f"the JSON text of a context is an object, not {type(value).__name__}")
        return cls(value)

    def __contains__(self, key: object) -> bool:
        return key in self._data

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def __getitem__(self, key: str) -> Any:
        return self._data[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.set(key, value)

    def __delitem__(self, key: str) -> None:
        del self._data[key]

    def __eq__(self, other: object) -> bool:
        return self._data == other._data if isinstance(other, Context) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Context({self._data!r})"
