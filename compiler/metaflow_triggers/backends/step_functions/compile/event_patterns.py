"""Filters: a dependency's content pattern, as far as EventBridge cannot take it as it is.

In:   a filter (EventBridge's content-pattern language over a payload), already found well-formed.
Out:  for events, the numbers that EventBridge's guide does not promise; for outcomes, the part that is known when
      compiling, the pattern over the run's name, and the condition over the error text.

Not here: the grammar of patterns (a malformed filter never comes here), where a pattern stands in a rule.
An outcome's payload is not on the bus: `run_id` is `sfn-` and the execution's name, `error` is put together from
`error` and `cause`, the rest is known from the dependency (`metaflow_extensions.triggers.contract.event_reader`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from metaflow_extensions.triggers.contract.filter_operators import holds

from ....language.apart import apart, fields
from ....model.flows import Filter
from .conditions import literal

RUN_PREFIX = "sfn-"
"""What stands before the execution's name in `run_id`."""

NUMBER_LIMIT = Decimal("5e9")
"""EventBridge's user guide ("Content filtering") promises to compare numbers from -5e9 to 5e9, with 15 digits, 6 of
them after the point. Its matcher, event-ruler, compares every number that a 64-bit float keeps."""


class CannotKeep(ValueError):
    """A part of a filter that AWS cannot decide exactly. The message says which and why."""


@dataclass(frozen=True)
class OutcomeFilter:
    """What is left of a filter over outcomes for one flow.

    `outcomes` are those that can pass; `runs` is a pattern over the execution's name or None for all;
    `error` is a condition over `$.error.text` or None for all.
    """

    outcomes: tuple[str, ...]
    runs: Any
    error: Any


def numbers_beyond(value: Any) -> Iterator[str]:
    """Texts of the numbers of a pattern beyond NUMBER_LIMIT and the digits that go with it."""
    if isinstance(value, dict):
        for item in value.values():
            yield from numbers_beyond(item)
    elif isinstance(value, list):
        for item in value:
            yield from numbers_beyond(item)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        exact = Decimal(repr(value))
        digits, exponent = exact.normalize().as_tuple()[1:]
        assert isinstance(exponent, int)
        if abs(exact) > NUMBER_LIMIT or exponent < -6 or len(digits) > 15:
            yield json.dumps(value)


_NOT_UNDER_OR = frozenset(
    (
        *("exactly", "prefix", "suffix", "equals-ignore-case", "anything-but", "exists", "wildcard", "numeric", "cidr"),
        *("=", "<", "<=", ">", ">=", "regex", "not-wildcard", "not-equals-ignore-case", "in-date-range"),
        *("date-after", "date-on-or-after", "date-before", "date-on-or-before"),
        *("ip-address-in-range", "ip-address-not-in-range"),
    )
)
"""Names of fields with which event-ruler reads `$or` as a field of its own (its `Constants.java`, 2.1.0)."""


def merged(filters: Sequence[Filter | None], room: int) -> list[dict[str, Any]]:
    """Patterns that together let through what any of the filters of one event does.

    Those that one event may match are one pattern, so that the event comes once; those that certainly exclude each
    other keep a pattern each. `room`: the characters that a pattern may have, beyond which each stays for itself.
    """
    if len(filters) == 1:
        return [_pattern(filters[0]) or {}]
    known = {said: _pattern(said) for said in filters}
    together: list[list[Filter | None]] = []
    for said in filters:
        near = [group for group in together if any(not apart(known[said], known[one]) for one in group)]
        together = [group for group in together if group not in near]
        together.append([*dict.fromkeys([one for group in near for one in group] + [said])])
    out: list[dict[str, Any]] = []
    for group in together:
        patterns = [pattern for said in group if (pattern := known[said]) is not None]
        if len(patterns) < len(group):
            out.append({})
            continue
        one = {"$or": patterns}
        names = {part for pattern in patterns for path in fields(pattern) for part in path.split(".")}
        size = len(json.dumps(one, ensure_ascii=False).encode("utf-8"))
        out += [one] if len(patterns) > 1 and not names & _NOT_UNDER_OR and size <= room else patterns
    return out


def ranges_last(pattern: Any) -> Any:
    """The same pattern, the ranges of numbers behind the other alternatives of a field.

    event-ruler 2.1.0 may forget a text that stands alone before a range with no lower end (`["done", {"numeric": ["<",
    0]}, "failed"]` matches "done" in about one of two machines); it never does where ranges come last.
    """
    if isinstance(pattern, dict):
        return {key: ranges_last(value) for key, value in pattern.items()}
    if isinstance(pattern, list):
        return sorted((ranges_last(item) for item in pattern), key=_is_range)
    return pattern


def _is_range(alternative: Any) -> bool:
    return isinstance(alternative, dict) and "numeric" in alternative


def _pattern(said: Filter | None) -> dict[str, Any] | None:
    return said.plain() if said else None


def outcome_filter(said: Filter | None, payload: dict[str, str | None], outcomes: tuple[str, ...]) -> OutcomeFilter:
    """What is left of the filter for a flow whose outcomes have `payload` (flow, project, branch, step).

    Raises CannotKeep.
    """
    pattern = _pattern(said) or {}
    fixed = {key: value for key, value in pattern.items() if key not in ("run_id", "error", "outcome")}
    passing: tuple[str, ...] = ()
    if all(_is_met(values, payload.get(key, _ABSENT)) for key, values in fixed.items()):
        wanted = pattern.get("outcome")
        passing = tuple(item for item in outcomes if wanted is None or _is_met(wanted, item))
    runs = _runs(pattern["run_id"]) if "run_id" in pattern else None
    if runs == []:
        passing = ()
    error = _error(pattern["error"]) if "error" in pattern else None
    if error is _NEVER:
        passing = ()
    return OutcomeFilter(passing, runs or None, None if error in (_NEVER, _ALWAYS) else error)


# a value that is known -------------------------------------------------------------------------------------------

_ABSENT: Any = object()


def _is_met(values: Any, value: Any) -> bool:
    """Whether `value` (text, None or _ABSENT) meets a leaf of a pattern; an object under it needs an object."""
    if not isinstance(values, list):
        return False if value is not _ABSENT else _only_absence(values)
    return any(_alternative(item, value) for item in values)


def _only_absence(pattern: dict[str, Any]) -> bool:
    return all(
        _only_absence(item) if isinstance(item, dict) else {"exists": False} in item for item in pattern.values()
    )


def _alternative(item: Any, value: Any) -> bool:
    return bool(item == {"exists": False}) if value is _ABSENT else holds(item, value)


def _each(operands: list[Any]) -> Iterator[Any]:
    """The operands of anything-but one by one: `{"prefix": ["a", "b"]}` is two."""
    for operand in operands:
        if isinstance(operand, dict):
            ((operator, inner),) = operand.items()
            for one in inner if isinstance(inner, list) else [inner]:
                yield {operator: one}
        else:
            yield operand


# the run's name --------------------------------------------------------------------------------------------------


def _runs(values: Any) -> list[Any]:
    """A pattern over `name` that means `values` over `"sfn-" + name`; [] if no run can meet it. Names are not empty."""
    if not isinstance(values, list):
        return []
    out: list[Any] = []
    for item in values:
        out += _run(item)
    if {"exists": True} in out:
        return [{"exists": True}]
    return out


def _run(item: Any) -> list[Any]:
    if isinstance(item, str):
        rest = item[len(RUN_PREFIX) :]
        return [rest] if item.startswith(RUN_PREFIX) and rest else []
    if not isinstance(item, dict):
        return []
    ((operator, operand),) = item.items()
    if operator == "exists":
        return [{"exists": True}] if operand else []
    if operator == "prefix" and isinstance(operand, str):
        if RUN_PREFIX.startswith(operand):
            return [{"exists": True}]
        return [{"prefix": operand[len(RUN_PREFIX) :]}] if operand.startswith(RUN_PREFIX) else []
    if operator == "suffix" and isinstance(operand, str):
        return [{"suffix": operand}, *_over_the_edge(operand)] if operand else [{"exists": True}]
    if operator == "equals-ignore-case":
        rest = operand[len(RUN_PREFIX) :]
        same = operand[: len(RUN_PREFIX)].lower() == RUN_PREFIX and rest
        return [{"equals-ignore-case": rest}] if same else []
    if operator == "anything-but":
        return _any_run_but(operand)
    if operator == "numeric":
        return []
    raise CannotKeep(f"`{operator}` over `run_id`")


def _over_the_edge(suffix: str) -> list[str]:
    """The names that end with `suffix` only together with what stands before them."""
    cuts = range(1, min(len(suffix) - 1, len(RUN_PREFIX)) + 1)
    return [suffix[cut:] for cut in cuts if RUN_PREFIX.endswith(suffix[:cut])]


def _any_run_but(operand: Any) -> list[Any]:
    excluded: dict[str, list[str]] = {}
    for one in _each(operand if isinstance(operand, list) else [operand]):
        if isinstance(one, dict) and "suffix" in one and _over_the_edge(one["suffix"]):
            raise CannotKeep(f"anything-but suffix {one['suffix']!r} over `run_id`, which begins with `{RUN_PREFIX}`")
        for left in _run(one):
            if left == {"exists": True}:
                return []
            operator, text = next(iter(left.items())) if isinstance(left, dict) else ("", left)
            excluded.setdefault(operator, []).append(text)
    if not excluded:
        return [{"exists": True}]
    if len(excluded) > 1:
        raise CannotKeep("anything-but with several kinds of operands over `run_id`")
    ((operator, texts),) = excluded.items()
    return [{"anything-but": {operator: texts} if operator else texts}]


# the error text --------------------------------------------------------------------------------------------------

_ALWAYS = "always"
_NEVER = "never"
_TEXT = "$.error.text"


def _error(values: Any) -> Any:
    """A condition over `$.error.text`, where "" stands for null; _ALWAYS or _NEVER where no condition is needed."""
    if not isinstance(values, list):
        return _NEVER
    conditions = [_error_condition(item) for item in values]
    if _ALWAYS in conditions:
        return _ALWAYS
    conditions = [item for item in conditions if item != _NEVER]
    if not conditions:
        return _NEVER
    return conditions[0] if len(conditions) == 1 else {"Or": conditions}


_NULL = {"Variable": _TEXT, "StringEquals": ""}


def _error_condition(item: Any) -> Any:
    if item is None:
        return _NULL
    if isinstance(item, str):
        return {"Variable": _TEXT, "StringEquals": item} if item else _NEVER
    if not isinstance(item, dict):
        return _NEVER
    ((operator, operand),) = item.items()
    if operator == "exists":
        return _ALWAYS if operand else _NEVER  # it is there, as null
    if operator in ("prefix", "suffix") and isinstance(operand, str):
        stars = literal(operand) + "*" if operator == "prefix" else "*" + literal(operand)
        return {"And": [{"Not": _NULL}, {"Variable": _TEXT, "StringMatches": stars}]}
    if operator == "anything-but":
        excluded = [_error_condition(one) for one in _each(operand if isinstance(operand, list) else [operand])]
        excluded = [one for one in excluded if one != _NEVER]
        return {"And": [{"Not": one} for one in excluded]} if excluded else _ALWAYS
    if operator == "numeric":
        return _NEVER
    raise CannotKeep(f"`{operator}` over `error`, which a state machine has to decide and cannot")
