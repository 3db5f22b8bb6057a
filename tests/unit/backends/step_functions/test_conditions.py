"""Whether an event may match a filter, as a Choice state asks: never no for one that does, exact for plain values."""

from __future__ import annotations

import itertools
import re
from typing import Any

import pytest
from metaflow_triggers.backends.step_functions.compile.conditions import found, json_paths, may_match
from metaflow_triggers.language.filters import matches, problems

_STEP = re.compile(r"\['((?:[^'\\]|\\.)*)'\]")
_ABSENT = object()


def holds(condition: Any, payload: Any) -> bool:
    """A condition as Step Functions judges it; a path leads through objects only."""
    if "And" in condition:
        return all(holds(one, payload) for one in condition["And"])
    if "Or" in condition:
        return any(holds(one, payload) for one in condition["Or"])
    if "Not" in condition:
        return not holds(condition["Not"], payload)
    value = payload
    for key in _STEP.findall(condition["Variable"].removeprefix("$.event.detail")):
        value = value.get(re.sub(r"\\(.)", r"\1", key), _ABSENT) if isinstance(value, dict) else _ABSENT
    return _meets(condition, value)


def holds_of(condition: Any, event: Any) -> bool:
    """A condition over a whole event of EventBridge."""
    head = {"$.event.source": event["source"], "$.event['detail-type']": event["detail-type"]}
    if "And" in condition:
        return all(holds_of(one, event) for one in condition["And"])
    if condition.get("Variable") in head:
        return _meets(condition, head[condition["Variable"]])
    return holds(condition, event["detail"])


def _meets(condition: Any, value: Any) -> bool:
    ((test, operand),) = ((key, item) for key, item in condition.items() if key != "Variable")
    if test == "IsPresent":
        return (value is not _ABSENT) is operand
    assert value is not _ABSENT, f"{condition} is asked of a place that is not there"
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    kinds = {"IsNull": value is None, "IsString": isinstance(value, str), "IsBoolean": isinstance(value, bool)}
    if test in {**kinds, "IsNumeric": number}:
        return {**kinds, "IsNumeric": number}[test] is operand
    if test == "StringMatches":
        parts = re.findall(r"\\(.)|(\*)|([^\\*])", operand, re.DOTALL)
        pattern = "".join(".*" if star else re.escape(escaped or plain) for escaped, star, plain in parts)
        return isinstance(value, str) and re.fullmatch(pattern, value, re.DOTALL) is not None
    if test.startswith("Numeric"):
        compare = {"Equals": "__eq__", "LessThan": "__lt__", "LessThanEquals": "__le__"}
        compare |= {"GreaterThan": "__gt__", "GreaterThanEquals": "__ge__"}
        return number and getattr(float(value), compare[test.removeprefix("Numeric")])(float(operand))
    kind = {"StringEquals": str, "BooleanEquals": bool}[test]
    return isinstance(value, kind) and value == operand


def may(pattern: Any, payload: Any) -> bool:
    return all(holds(condition, payload) for condition in may_match(pattern))


EXACT = [
    ["a"],
    ["a", "b", None],
    [5],
    [True, 5.5],
    [{"prefix": "a"}],
    [{"suffix": "b"}, "x*\\"],
    [{"prefix": "x*\\"}],
    [{"numeric": [">", 5]}],
    [{"numeric": [">=", 5, "<", 7]}, {"numeric": ["=", 0]}],
    [{"exists": True}],
]
COARSE = [
    [{"equals-ignore-case": "A"}],
    [{"anything-but": ["a", "b"]}],
    [{"anything-but": {"prefix": "a"}}],
    [{"prefix": {"equals-ignore-case": "A"}}],
    [{"exists": False}],
    [{"exists": False}, "a"],
]
PLAIN = ["a", "b", "ab", "A", "x*\\", "x*\\b", "xy", "", 0, 5, 5.5, 6, 7, True, False, None]
OTHER = [[], ["a"], [["b"], 5], {}, {"b": "a"}, [{"b": "a"}], {"b": ["a", 5]}, {"b": None}, {"b": {"c": "a"}}]


@pytest.mark.parametrize("name", ["f", "f.b", "f'.b\\"])
def test_an_event_that_matches_may_match(name: str) -> None:
    keys = name.split(".")
    inner = [{}, *({keys[-1]: value} for value in [*PLAIN, *OTHER])]
    payloads = [
        *inner,
        *({name: value} for value in PLAIN),
        *({keys[0]: value} for value in [*inner, *PLAIN, *OTHER, inner]),
    ]
    for alternatives, payload in itertools.product([*EXACT, *COARSE], payloads):
        pattern = {name: alternatives}
        assert not problems(pattern)
        assert may(pattern, payload) or not matches(pattern, payload), (pattern, payload)
        nested: Any = alternatives
        for key in reversed(keys):
            nested = {key: nested}
        assert may(nested, payload) is may(pattern, payload)


def test_plain_values_are_told_exactly() -> None:
    for alternatives, value in itertools.product(EXACT, PLAIN):
        pattern, payload = {"f": alternatives}, {"f": value}
        assert may(pattern, payload) is matches(pattern, payload), (alternatives, value)
        assert may({"f": {"b": alternatives}}, {"f": {"b": value}}) is matches(pattern, payload)
        assert may({"f": alternatives}, {}) is False
        assert may({"f": alternatives, "g": ["a"]}, {"f": value, "g": "b"}) is False
    assert may(None, {"f": 1}) is True


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"a.b": 1}, True),
        ({"a": {"b": 1}}, True),
        ({"a.b": None, "a": {"b": 1}}, False),
        ({"a": 1}, False),
        ({}, False),
    ],
)
def test_a_field_is_found_where_the_run_looks(payload: Any, expected: bool) -> None:
    assert holds(found(json_paths("a.b")), payload) is expected
