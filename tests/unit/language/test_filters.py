"""Filters: our evaluator agrees with AWS's event-ruler; what is malformed is found at its place."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from metaflow_extensions.triggers.contract import event_filter, exact_json, filter_operators
from metaflow_triggers.language import filters

from .event_ruler import ask

TABLE: Any = json.loads(ask.TABLE.read_text("utf-8"))
STRICTER = {
    "equals-ignore-case": "case beyond A to Z is folded differently elsewhere",
    "9007199254740993": "there it equals its own digits only, elsewhere every number with the same nearest float",
    '\\"': "it matches the quotes of the JSON text there",
    "\\ud8": "it never matches there",
    "wildcard": "not in the language",
    "cidr": "not in the language",
    "$or": "not in the language",
    '"":': "an empty name matches nothing there",
    "a..b": "an empty name matches nothing there",
    "a.b": "two lists for one field",
    "u0000": "no event carries it",
}


@pytest.mark.parametrize("row", TABLE["patterns"], ids=lambda row: json.dumps(row["filter"])[:80])
def test_matches_as_event_ruler_does(row: Any) -> None:
    assert filters.problems(row["filter"]) == []
    for item in row["payloads"]:
        assert filters.matches(row["filter"], item["payload"]) is item["event_ruler"], item["payload"]


def test_the_table_is_large_enough() -> None:
    rows = TABLE["patterns"]
    assert len(rows) >= 60
    for row in rows:
        assert {item["event_ruler"] for item in row["payloads"]} == {True, False}, row["filter"]


@pytest.mark.parametrize("row", TABLE["malformed"], ids=lambda row: json.dumps(row["filter"])[:80])
def test_malformed_at_its_place(row: Any) -> None:
    found = filters.problems(row["filter"])
    assert [list(problem.path) for problem in found] == [row["path"]], found
    if row["event_ruler"] is None:
        text = json.dumps(row["filter"])
        assert any(part in text for part in STRICTER), "event-ruler takes it, and no reason is given"


@pytest.mark.parametrize("row", TABLE["parted"], ids=lambda row: json.dumps(row["filter"])[:80])
def test_a_number_that_a_float_does_not_keep_is_told(row: Any) -> None:
    """AWS's matcher takes it for no number; here and on Argo the nearest float is compared."""
    payload = exact_json.loads(row["payload"])
    assert filters.problems(row["filter"]) == []
    assert filters.matches(row["filter"], payload) is row["local"]
    assert row["local"] is not row["event_ruler"]
    ((field, number),) = event_filter.numbers_not_kept(row["filter"], payload)
    assert field in ("at_ns", "price", "lines.id") and number in row["payload"]


def test_which_numbers_are_kept() -> None:
    kept = ["0", "-0.0", "1e0", "300", "3e2", "0.1", "5000000001", "-1e-7", "1e300", "100000000000000000000", "1e16"]
    kept += ["9007199254740992", "9007199254740994", "0.30000000000000004"]
    lost = ["9007199254740993", "1795814525123456789", "123.4567890123456789", "1e309", "-1e309", "1e-400"]
    lost += ["1152921504606846976", "1152921504606847000", "1e99999999999999999999", "12345678901234567890"]
    assert [text for text in kept if not filter_operators.is_kept(exact_json.loads(text))] == []
    assert [text for text in lost if filter_operators.is_kept(exact_json.loads(text))] == []


def test_all_problems_at_once_and_a_suggestion() -> None:
    found = filters.problems({"a": [{"prefx": "x"}], "b": [], "c": 5})
    assert [problem.path for problem in found] == [("a", 0, "prefx"), ("b",), ("c",)]
    assert found[0].helps == ("did you mean `prefix`?",)
    assert found[2].helps == ("write [5]",)


def test_a_deep_filter_is_refused_not_followed() -> None:
    pattern: Any = ["x"]
    for _ in range(filters.MAX_DEPTH):
        pattern = {"a": pattern}
    assert filters.problems(pattern) == []
    for _ in range(500):
        pattern = {"a": pattern}
    assert "deeper than" in filters.problems(pattern)[0].message


def test_event_ruler_still_answers_so() -> None:
    reason = ask.missing()
    if reason:
        pytest.skip(reason)
    if not os.environ.get("CI") and not (Path.home() / ".m2/repository/software/amazon/event/ruler").exists():
        pytest.skip(f"{ask.ARTIFACT} is not in the local Maven repository")
    try:
        answers = ask.ask_texts(ask.pairs(TABLE), offline=True)
    except RuntimeError as error:
        pytest.skip(str(error))
    asked = [item for row in TABLE["patterns"] for item in row["payloads"]] + TABLE["malformed"] + TABLE["parted"]
    for item, answer in zip(asked, answers, strict=True):
        if "payload" in item:
            assert answer == {"matches": item["event_ruler"]}, item
        else:
            assert answer.get("refused") == item["event_ruler"], item
