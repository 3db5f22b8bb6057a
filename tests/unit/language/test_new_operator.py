"""Drill: an operator of filters is one row of the language, and one of a backend that says it in its own words."""

from __future__ import annotations

from typing import Any

import pytest
from metaflow_extensions.triggers.contract.filter_operators import OPERATORS, Operator, Problem
from metaflow_triggers.backends.argo.compile import patterns
from metaflow_triggers.backends.step_functions.compile.conditions import may_match
from metaflow_triggers.backends.step_functions.compile.event_patterns import CannotKeep, merged, outcome_filter
from metaflow_triggers.language import filters
from metaflow_triggers.language.apart import apart
from metaflow_triggers.model.flows import Filter

SAID = Filter('{"a": [{"contains": "b"}]}')
PAYLOAD = {"flow": "abc", "project": None, "branch": None, "step": None}


def contains(operand: Any, value: Any) -> bool:
    return isinstance(value, str) and operand in value


def problems(operand: Any, path: Any) -> Any:
    if not isinstance(operand, str):
        yield Problem(path, "`contains` has no text", "text")


@pytest.fixture(autouse=True)
def row(monkeypatch: pytest.MonkeyPatch) -> None:
    """The row of the language."""
    monkeypatch.setitem(OPERATORS, "contains", Operator(contains, problems, texts=True))


def test_the_language_has_it_by_its_row() -> None:
    assert filters.problems(SAID.plain()) == []
    (problem,) = filters.problems({"a": [{"contains": 5}]})
    assert (problem.path, problem.message) == (("a", 0, "contains"), "`contains` has no text")
    assert [value for value in ("abc", "ac", None, ["b"]) if filters.matches(SAID.plain(), {"a": value})] == [
        "abc",
        ["b"],
    ]
    assert filters.numbers_not_kept(SAID.plain(), {"a": 2**60 + 1}) == []
    assert apart(SAID.plain(), {"a": [{"numeric": ["<", 3]}]}) and not apart(SAID.plain(), {"a": [{"prefix": "x"}]})
    (problem,) = filters.problems({"a": [{"contain": "b"}]})
    assert problem.helps == ("did you mean `contains`?",) and problem.expected.endswith("exists, contains")


def test_argo_has_it_by_a_row_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(patterns.PatternRefused, match="`contains`, which is not known"):
        patterns.jq_program(SAID, ".body")
    monkeypatch.setitem(patterns._OPERATORS, "contains", patterns._text(("", "")))
    assert '(type == "string" and test("b"))' in patterns.jq_program(SAID, ".body")


def test_step_functions_hands_it_on_and_refuses_what_it_has_no_words_for() -> None:
    """EventBridge gets the pattern as it is; a state machine lets pass what it cannot ask, or the flow is refused."""
    assert merged([SAID], 2048) == [SAID.plain()]
    (asked,) = may_match(SAID.plain())
    assert {"Variable": "$.event.detail['a']", "IsString": True} in asked["And"][1]["Or"][1]["Or"]
    of_the_flow = Filter('{"flow": [{"contains": "b"}]}')
    assert outcome_filter(of_the_flow, PAYLOAD, ("success",)).outcomes == ("success",)
    for field in ("run_id", "error"):
        with pytest.raises(CannotKeep, match="contains"):
            outcome_filter(Filter(f'{{"{field}": [{{"contains": "b"}}]}}'), PAYLOAD, ("failure",))
