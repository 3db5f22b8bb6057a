"""Event filter: whether a payload matches a filter.

In:   a filter in EventBridge's content-pattern language, already found well-formed, and a payload.
Out:  true or false.

Not here: what is wrong with a filter (`metaflow_triggers.language.filters`). Only the standard library: runs that may
have been started by one of several dependencies ask here.

The language's corners are those of AWS's event-ruler 2.1.0: a list in the payload matches when one of its elements
does, and then for all fields below it alike; a dotted key and a nested object name the same field; only a value that is
no list and no object exists. Numbers are compared by value (300 is 300.0); true is no number.
"""

from __future__ import annotations

import re
from typing import Any


def matches(pattern: dict[str, Any], payload: Any) -> bool:
    """Whether `payload` (a JSON value) matches a filter for which `problems` found nothing."""
    return _matches(pattern, payload, "", _leaves(payload))


def _leaves(value: Any) -> frozenset[str]:
    """The dotted names of all that exists in a payload."""
    found: set[str] = set()
    todo: list[tuple[str, Any]] = [("", value)]
    while todo:
        name, item = todo.pop()
        if isinstance(item, dict):
            todo += [(f"{name}.{key}" if name else key, below) for key, below in item.items()]
        elif isinstance(item, list):
            todo += [(name, below) for below in item]
        else:
            found.add(name)
    return frozenset(found)


def _matches(pattern: dict[str, Any], value: Any, prefix: str, leaves: frozenset[str]) -> bool:
    if isinstance(value, list):
        return any(_matches(pattern, item, prefix, leaves) for item in value)
    for name, below in pattern.items():
        found = _children(value, name)
        full = f"{prefix}{name}"
        if isinstance(below, dict):
            # Without the field only `exists: false` can hold below it.
            if not any(_matches(below, child, f"{full}.", leaves) for child in found or [None]):
                return False
        elif not any(_leaf(below, child) for child in found) and not (
            full not in leaves and {"exists": False} in below
        ):
            return False
    return True


def _children(value: Any, name: str) -> list[Any]:
    """What a payload has under `name`, whether it is written with nested objects or with dotted keys."""
    if not isinstance(value, dict):
        return []
    found = [value[name]] if name in value else []
    for key, below in value.items():
        if key.startswith(f"{name}."):
            found.append({key[len(name) + 1 :]: below})
        elif name.startswith(f"{key}."):
            inner = below if isinstance(below, list) else [below]
            for item in inner:
                found += _children(item, name[len(key) + 1 :])
    return found


def _leaf(alternatives: list[Any], value: Any) -> bool:
    if isinstance(value, list):
        return any(_leaf(alternatives, item) for item in value)
    if isinstance(value, dict):
        return False
    return any(_holds(item, value) for item in alternatives)


def _holds(alternative: Any, value: Any) -> bool:
    if not isinstance(alternative, dict):
        return _equal(alternative, value)
    ((name, operand),) = alternative.items()
    if name == "exists":
        return bool(operand)
    if name in ("prefix", "suffix"):
        return isinstance(value, str) and _begins(name, operand, value)
    if name == "equals-ignore-case":
        return isinstance(value, str) and _fold(operand) == _fold(value)
    if name == "numeric":
        return _is_number(value) and all(
            _compare(operand[index], value, operand[index + 1]) for index in range(0, len(operand), 2)
        )
    if isinstance(operand, dict):
        ((inner, text),) = operand.items()
        texts = text if isinstance(text, list) else [text]
        return not any(_holds({inner: item}, value) for item in texts)
    return not any(_equal(item, value) for item in (operand if isinstance(operand, list) else [operand]))


def _begins(name: str, operand: Any, value: str) -> bool:
    if isinstance(operand, dict):
        operand, value = _fold(operand["equals-ignore-case"]), _fold(value)
    return value.startswith(operand) if name == "prefix" else value.endswith(operand)


def _fold(text: str) -> str:
    return re.sub("[A-Z]+", lambda found: found.group().lower(), text)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _equal(one: Any, other: Any) -> bool:
    if _is_number(one) or _is_number(other):
        return _is_number(one) and _is_number(other) and bool(one == other)
    return type(one) is type(other) and bool(one == other)


def _compare(sign: str, value: Any, bound: Any) -> bool:
    return bool(
        (sign == "=" and value == bound)
        or (sign == "<" and value < bound)
        or (sign == "<=" and value <= bound)
        or (sign == ">" and value > bound)
        or (sign == ">=" and value >= bound)
    )
