"""Filters that no payload matches both of: said only where it is certain, lists aside."""

from __future__ import annotations

import itertools
import json

import pytest
from metaflow_triggers.language.apart import apart, fields
from metaflow_triggers.language.filters import matches, problems

ALTERNATIVES = [
    ["a"],
    ["a", "b"],
    [5],
    [5.0, None],
    [True],
    [None],
    [{"prefix": "a"}],
    [{"prefix": "ab"}, {"suffix": "z"}],
    [{"suffix": "b"}],
    [{"suffix": {"equals-ignore-case": "B"}}],
    [{"equals-ignore-case": "A"}],
    [{"anything-but": "a"}],
    [{"anything-but": [5]}],
    [{"anything-but": {"prefix": "a"}}],
    [{"numeric": ["=", 5]}],
    [{"numeric": [">", 5]}],
    [{"numeric": [">=", 5, "<", 7]}],
    [{"numeric": ["<=", 5]}],
    [{"exists": True}],
    [{"exists": False}],
    [{"exists": False}, "a"],
]
VALUES = ["a", "b", "ab", "abz", "A", "B", "", 5, 5.0, 6, 7, -1, True, False, None]
PAYLOADS = [{}, {"f": {}}, {"f": []}, *({"f": value} for value in VALUES)]


def test_apart_is_said_only_where_no_payload_matches_both() -> None:
    said = 0
    for one, other in itertools.product(ALTERNATIVES, repeat=2):
        first, second = {"f": one}, {"f": other}
        assert not problems(first) and not problems(second)
        both = [payload for payload in PAYLOADS if matches(first, payload) and matches(second, payload)]
        if apart(first, second):
            said += 1
            assert not both, (one, other, both)
            assert apart(second, first)
    assert said > 150


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ({"repo": ["a"]}, {"repo": ["b"]}, True),
        ({"repo": ["a"]}, None, False),
        ({"repo": ["a"]}, {"branch": ["b"]}, False),
        ({"repo": ["a"], "n": [1]}, {"repo": ["a"], "n": [2]}, True),
        ({"order": {"id": ["a"]}}, {"order.id": ["b"]}, True),
        ({"n": [{"numeric": [">", 5]}]}, {"n": [{"numeric": ["<=", 5]}]}, True),
        ({"n": [{"numeric": [">=", 5]}]}, {"n": [{"numeric": ["<=", 5]}]}, False),
        ({"n": [{"numeric": ["=", 5]}]}, {"n": [5]}, False),
        ({"n": [{"numeric": [">", 0]}]}, {"n": [{"prefix": "0"}]}, True),
        ({"n": [{"exists": False}]}, {"n": [{"exists": True}]}, True),
    ],
)
def test_filters_that_exclude_each_other(one: dict, other: dict | None, expected: bool) -> None:
    assert apart(one, other) is expected


def test_dotted_and_nested_names_are_one_field() -> None:
    assert fields(json.loads('{"a": {"b": [1], "c.d": [2]}, "e.f": [3]}')) == {"a.b": [1], "a.c.d": [2], "e.f": [3]}
