"""Key case: the keys of an object in another spelling, as `metaflow.util` gives them, each key spelled once.

In:   a JSON value.
Out:  what `to_camelcase` and `to_pascalcase` of `metaflow.util` give (util.py:510, 529).

Not here: which texts are keys. Upstream spells each key of each step with a regular expression; there are a few dozen.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

_SPELLED = 4096


@lru_cache(_SPELLED)
def _camel(key: str) -> str:
    return re.sub(r"(?!^)_([a-zA-Z])", lambda found: found[1].upper(), key)


@lru_cache(_SPELLED)
def _pascal(key: str) -> str:
    return re.sub("([a-zA-Z])", lambda found: found[1].upper(), key, count=1)


def to_camelcase(value: Any) -> Any:
    """Keys as `memoryLimit`."""
    return _spelled(value, _camel)


def to_pascalcase(value: Any) -> Any:
    """Keys as `MemoryLimit`."""
    return _spelled(value, _pascal)


def _spelled(value: Any, key: Callable[[str], str]) -> Any:
    if isinstance(value, (str, int, float)):
        return value
    if isinstance(value, dict):
        made = value.__class__()
        for name, item in value.items():
            made[key(name)] = item if type(item) is str else _spelled(item, key)
        return made
    if isinstance(value, (list, set, tuple)):
        return value.__class__(_spelled(item, key) for item in value)
    return value


def spelling(module: Any) -> dict[str, Any]:
    """What of these takes the place of a module's own, by name."""
    return {name: made for name, made in _MADE.items() if hasattr(module, name)}


_MADE = {"to_camelcase": to_camelcase, "to_pascalcase": to_pascalcase}
