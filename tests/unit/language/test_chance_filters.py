"""Filters by chance: here, on Argo (gojq) and on AWS (event-ruler) a pair has one answer, or it is told why not."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from metaflow_extensions.triggers.contract import event_filter, exact_json
from metaflow_triggers.backends.argo.compile.patterns import jq_program
from metaflow_triggers.backends.step_functions.compile.event_patterns import ranges_last
from metaflow_triggers.language import filters
from metaflow_triggers.model.flows import Filter

from tests.go_programs import NoProgram

from . import chance_filters
from .event_ruler import ask as event_ruler
from .gojq import ask as gojq


def judge(seed: int, count: int) -> Counter[str]:
    """How many of `count` pairs are refused by `check`, have one answer, or are told of."""
    tally: Counter[str] = Counter()
    pairs = []
    for pattern, payload in chance_filters.pairs(seed, count):
        value = json.loads(pattern)  # as Python has a user's numbers
        if filters.problems(value):
            tally["refused"] += 1
        else:
            pairs.append((value, json.dumps(value), payload))
    emitted = [(json.dumps(ranges_last(pattern)), payload) for pattern, _, payload in pairs]
    on_aws = event_ruler.answers_or_skip(emitted)
    asked = [
        (jq_program(Filter(text), ".body.payload"), f'{{"body": {{"payload": {payload}}}}}')
        for _, text, payload in pairs
    ]
    on_argo = _on_argo(asked)
    for (pattern, text, payload), aws, argo in zip(pairs, on_aws, on_argo, strict=True):
        event = exact_json.loads(payload)
        here = filters.matches(pattern, event)
        assert argo == {"passes": here}, (text, payload, argo)
        assert "matches" in aws, (text, payload, aws)
        if aws["matches"] is here:
            tally["matches" if here else "does not match"] += 1
        elif event_filter.numbers_not_kept(pattern, event):
            tally["told: a number that a float does not keep"] += 1
        elif _is_written_twice(pattern, event):
            tally["event-ruler forgets a field beside a list"] += 1
        else:
            raise AssertionError(f"AWS answers {aws['matches']} for {text} and {payload}")
    return tally


def _on_argo(questions: list[tuple[str, str]]) -> list[dict[str, Any]]:
    try:
        return gojq.ask(questions)
    except NoProgram as reason:
        pytest.skip(str(reason))


def _is_written_twice(pattern: dict[str, Any], event: Any) -> bool:
    """Whether the event has a filtered field below a list and, by a dotted key, beside it.

    StructuredFinder of event-ruler 2.1.0 looks a field up among those below the list alone once an element is taken.
    """
    for names, _ in event_filter.filter_fields(pattern):
        ways = {
            frozenset(tuple("*" if isinstance(step, int) else step for step in place) for place in taken)
            for _, taken in event_filter.found_under(event, names)
        }
        if len(ways) > 1:
            return True
    return False


def test_a_thousand_pairs() -> None:
    tally = judge(seed=1, count=1000)
    assert tally["matches"] > 150 and tally["does not match"] > 300, tally


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 6))
def test_fifty_thousand_pairs(seed: int) -> None:
    tally = judge(seed, 20000)
    print(dict(tally))
    assert sum(tally.values()) - tally["refused"] >= 12500
