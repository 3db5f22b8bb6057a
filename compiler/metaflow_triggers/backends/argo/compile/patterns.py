"""Patterns: a filter in EventBridge's content-pattern language as a jq condition.

In:   a filter, and a jq expression for the payload that it looks at.
Out:  a jq program that adds `passes: true | false` to the event; or `PatternRefused`.

Not here: the place of a mistake in the user's file, and mistakes that hold on every backend.

Why jq and not the Lua filter: Argo Events' Lua sees no null, no array inside of an array and no difference between
an empty array and an empty object (`mapToTable` in pkg/sensors/dependencies/transform.go, release 1.9.11); its jq
(gojq) sees the event as it is. Numbers are 64-bit floats in both: integers beyond 2**53 compare by their nearest float.

What a pattern means on arrays is EventBridge's (the contract's `event_filter` says it in Python): the program does the
same, field by field, over the ways in which elements of arrays may have been taken.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from metaflow_extensions.triggers.contract.event_filter import filter_fields, shared_names

from ....model.flows import Filter
from .escape import go_regexp_body, jq_string

PASSES = "passes"
"""The key that the program adds beside the event's data."""

_DEFINITIONS = (
    # [what exists under the names, the elements taken of the lists on the way: {place: [element, names so far]}]
    "def found($names; $depth; $place; $chosen):"
    ' if type == "array" then . as $list | ($place | tojson) as $key'
    " | (if $chosen | has($key) then $chosen[$key][0] else range(length) end) as $taken"
    " | $list[$taken] | found($names; $depth; $place + [$taken]; $chosen + {($key): [$taken, $depth]})"
    ' elif type == "object" then . as $object | range($depth; $names | length) as $end'
    ' | ($names[$depth:$end + 1] | join(".")) as $key'
    " | select($object | has($key)) | $object[$key] | found($names; $end + 1; $place + [$key]; $chosen)"
    " elif $depth == ($names | length) then [., $chosen] else empty end;"
    # What may have been taken once a field has been looked for, without what no later field asks about.
    " def after($payload; $field; $absent; $kept; condition):"
    ' ($field | split(".")) as $names | [.[] as $chosen | [$payload | found($names; 0; []; $chosen)] as $found'
    " | if $found == [] then (if $absent then $chosen else empty end)"
    " else $found[] | select(.[0] | condition) | .[1] end"
    " | with_entries(select(.value[1] <= $kept))] | unique;"
)


class PatternRefused(ValueError):
    """A pattern that cannot be kept. The message says which part of it."""


def jq_program(said: Filter, payload: str) -> str:
    """The transform. `payload` is a jq expression over the event's data that must not fail.

    Raises PatternRefused.
    """
    condition = _condition(said.plain())
    return f'. + {{"{PASSES}": ({_DEFINITIONS} ({payload}) as $payload | {condition})}}'


def jq_alternatives(filters: Sequence[Filter | None], payload: str) -> str:
    """The transform for several filters over one payload: `passes` for any of them, and one key for each.

    Raises PatternRefused.
    """
    conditions = ["true" if said is None else _condition(said.plain()) for said in filters]
    each = ", ".join(f'"{alternative(place)}": {condition}' for place, condition in enumerate(conditions))
    return f'. + ({_DEFINITIONS} ({payload}) as $payload | {{"{PASSES}": ({" or ".join(conditions)}), {each}}})'


def alternative(place: int) -> str:
    """The key of `jq_alternatives` that tells whether the filter at `place` matches."""
    return f"{PASSES}_{place}"


def _condition(pattern: Any) -> str:
    """Whether `$payload` matches, as jq says it."""
    _require_objects(pattern, ())
    fields = filter_fields(pattern)
    steps = []
    for place, (names, alternatives) in enumerate(fields):
        following = fields[place + 1][0] if place + 1 < len(fields) else ()
        steps.append(_step(names, alternatives, shared_names(names, following)))
    return f"([{{}}] | {' | '.join(steps)} | length > 0)"


def _require_objects(pattern: Any, path: tuple[str, ...]) -> None:
    if not isinstance(pattern, dict) or not pattern:
        raise PatternRefused(f"{_shown(path)} is {json.dumps(pattern)}, expected an object with fields")
    for key, below in pattern.items():
        if not isinstance(below, list):
            _require_objects(below, (*path, key))
        elif not below:
            raise PatternRefused(f"{_shown((*path, key))} is [], expected a list of values or conditions")


def _step(names: tuple[str, ...], alternatives: list[Any], kept: int) -> str:
    """What is left of the ways to choose elements of lists once a field has been looked for."""
    conditions = [_leaf(item, names) for item in alternatives if item != {"exists": False}]
    absent = "true" if {"exists": False} in alternatives else "false"
    field = jq_string(".".join(names))
    return f"after($payload; {field}; {absent}; {kept}; {' or '.join(conditions) or 'false'})"


def _leaf(item: Any, path: tuple[str, ...]) -> str:
    if item is None or isinstance(item, (str, int, float)):
        return f". == {_literal(item)}"
    if not isinstance(item, dict) or len(item) != 1:
        raise PatternRefused(f"{_shown(path)} has {json.dumps(item)}, expected a value or one condition")
    ((operator, operand),) = item.items()
    lower = _OPERATORS.get(operator)
    if lower is None:
        raise PatternRefused(f"{_shown(path)} has the condition `{operator}`, which is not known")
    condition = lower(operand)
    if condition is None:
        raise PatternRefused(f"{_shown(path)}: `{operator}` cannot be {json.dumps(operand)}")
    return condition


def _exists(operand: Any) -> str | None:
    return "true" if operand is True else None


def _text(anchors: tuple[str, str]) -> Callable[[Any], str | None]:
    """A condition that a text has (a part of) another one, exactly or without regard to case."""

    def lower(operand: Any) -> str | None:
        if isinstance(operand, dict) and set(operand) == {"equals-ignore-case"}:
            inner = operand["equals-ignore-case"]
            body = _any_case(inner) if isinstance(inner, str) else None
        else:
            body = go_regexp_body(operand) if isinstance(operand, str) else None
        return None if body is None else _matches(anchors[0] + body + anchors[1])

    return lower


def _equals_ignore_case(operand: Any) -> str | None:
    return _matches(f"^{_any_case(operand)}$") if isinstance(operand, str) else None


def _wildcard(operand: Any) -> str | None:
    if not isinstance(operand, str) or "**" in operand or "\\" in operand:
        return None
    return _matches("^" + "(?s:.*)".join(go_regexp_body(part) for part in operand.split("*")) + "$")


def _matches(regexp: str) -> str:
    return f'(type == "string" and test({jq_string(regexp)}))'


def _any_case(text: str) -> str:
    """A Go regexp: each character, or what it becomes in lower or upper case (which may be two characters)."""
    parts = []
    for character in text:
        forms = dict.fromkeys((character, character.lower(), character.upper()))
        parts.append("(?:" + "|".join(go_regexp_body(form) for form in forms) + ")")
    return "".join(parts)


_RELATIONS = ("<", "<=", "=", ">=", ">")


def _numeric(operand: Any) -> str | None:
    if not isinstance(operand, list) or not operand or len(operand) % 2:
        return None
    conditions = ['type == "number"']
    for relation, number in zip(operand[::2], operand[1::2], strict=True):
        if relation not in _RELATIONS or isinstance(number, bool) or not isinstance(number, (int, float)):
            return None
        conditions.append(f". {'==' if relation == '=' else relation} {_literal(number)}")
    return "(" + " and ".join(conditions) + ")"


def _anything_but(operand: Any) -> str | None:
    if isinstance(operand, dict):
        if len(operand) != 1:
            return None
        ((operator, inner),) = operand.items()
        lower = _TEXTS.get(operator)
        conditions = [lower(item) for item in (inner if isinstance(inner, list) else [inner])] if lower else []
    else:
        items = operand if isinstance(operand, list) else [operand]
        plain = all(isinstance(item, (str, int, float)) and not isinstance(item, bool) for item in items)
        conditions = [f". == {_literal(item)}" for item in items] if plain else []
    if not conditions or None in conditions:
        return None
    return f"(({' or '.join(str(item) for item in conditions)}) | not)"


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return jq_string(value)
    if isinstance(value, int) and abs(value) > 2**53:
        try:
            value = float(value)  # as the event's own number is read
        except OverflowError:
            raise PatternRefused(f"the number {str(value)[:20]}... is larger than any that an event has") from None
    return json.dumps(value, allow_nan=False)


def _shown(path: tuple[str, ...]) -> str:
    return f"`{'.'.join(path)}`" if path else "the filter"


_TEXTS: dict[str, Callable[[Any], str | None]] = {
    "prefix": _text(("^", "")),
    "suffix": _text(("", "$")),
    "equals-ignore-case": _equals_ignore_case,
    "wildcard": _wildcard,
}
_OPERATORS: dict[str, Callable[[Any], str | None]] = {
    **_TEXTS,
    "anything-but": _anything_but,
    "numeric": _numeric,
    "exists": _exists,
}
