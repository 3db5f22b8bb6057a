"""Filters: EventBridge's content patterns over a payload, checked.

In:   a filter as a JSON value.
Out:  what is wrong with the filter and where.

Not here: the user's file, backends. The language is that of the semantics (section 5): lists of literals
and operators, nested objects. `matches` and the operators are the contract's, because a run may have to ask them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from metaflow_extensions.triggers.contract import event_filter
from metaflow_extensions.triggers.contract.filter_operators import (
    OPERATORS,
    Path,
    Problem,
    is_text,
    kind_of,
    literal_problems,
)

from ..diagnostics.suggest import suggest

_NOT_OURS = ("wildcard", "cidr")  # EventBridge has them; not every backend can say them exactly

MAX_DEPTH = 32
"""Nested objects of a filter."""

matches = event_filter.matches
numbers_not_kept = event_filter.numbers_not_kept


def problems(pattern: Any) -> list[Problem]:
    """All that is wrong with a filter, in its order; empty when it is good. Never raises."""
    return list(_object(pattern, (), {}, ""))


# --- checking ---------------------------------------------------------------------------------------


def _object(value: Any, path: Path, seen: dict[str, Path], prefix: str) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield Problem(path, f"a filter is {kind_of(value)}", "an object of fields")
        return
    if not value:
        yield Problem(path, "an empty object in a filter", "at least one field")
    if len(path) >= MAX_DEPTH:
        yield Problem(path, f"a filter is nested deeper than {MAX_DEPTH} objects", f"at most {MAX_DEPTH}")
        return
    for name, below in value.items():
        here = (*path, name)
        if not name or name.startswith(".") or name.endswith(".") or ".." in name:
            yield Problem(here, f"{name!r} is not the name of a field", "a name without empty parts", key=True)
            continue
        if not is_text(name):
            yield Problem(here, "the name of a field holds what no event carries", "Unicode text without NUL", key=True)
            continue
        if name == "$or":
            yield Problem(
                here,
                "`$or` is not part of the filter language",
                "a field",
                ("name each alternative as an event of its own, with require='any'",),
                key=True,
            )
            continue
        full = f"{prefix}{name}"
        if isinstance(below, dict):
            yield from _below(name, below, here, seen, full)
        elif isinstance(below, list):
            if full in seen:
                yield Problem(here, f"the field `{full}` is filtered twice", "one list per field", key=True)
            seen.setdefault(full, here)
            yield from _list(below, here)
        else:
            yield Problem(
                here,
                f"the field `{name}` is compared with {kind_of(below)}",
                "a list",
                (f"write [{_shown(below)}]",),
            )


def _below(name: str, below: dict[str, Any], here: Path, seen: dict[str, Path], full: str) -> Iterator[Problem]:
    operators = [key for key in below if key in OPERATORS or key in _NOT_OURS]
    only = operators[0] if len(below) == len(operators) == 1 else None
    if only is not None and not isinstance(below[only], (dict, list)):
        # `{'price': {'prefix': 'x'}}` would be a field called `prefix`.
        yield Problem(
            here,
            f"the operator `{only}` of `{name}` stands outside of a list",
            "a list of alternatives",
            (f"write [{{{only!r}: ...}}]",),
        )
        return
    yield from _object(below, here, seen, f"{full}.")


def _list(items: list[Any], path: Path) -> Iterator[Problem]:
    if not items:
        yield Problem(path, "an empty list in a filter", "at least one alternative")
    for index, item in enumerate(items):
        here = (*path, index)
        if isinstance(item, dict):
            yield from _operator(item, here)
        elif isinstance(item, list):
            yield Problem(here, "a list in a list of alternatives", "text, a number, true, false, null or an operator")
        else:
            yield from literal_problems(item, here)


def _operator(item: dict[str, Any], path: Path) -> Iterator[Problem]:
    if len(item) != 1:
        what = "nothing" if not item else " and ".join(f"`{key}`" for key in list(item)[:4])
        yield Problem(
            path, f"an alternative with {what}", "exactly one operator", ("give each operator its own {...}",)
        )
        return
    ((name, operand),) = item.items()
    here = (*path, name)
    if name not in OPERATORS:
        note = (
            (f"`{name}` is an operator of EventBridge, but not of every backend",)
            if name in _NOT_OURS
            else tuple(f"did you mean `{near}`?" for near in suggest(name, OPERATORS))
        )
        yield Problem(
            here, f"{name!r} is not an operator of a filter", f"one of {', '.join(OPERATORS)}", note, key=True
        )
        return
    yield from OPERATORS[name].problems(operand, here)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
