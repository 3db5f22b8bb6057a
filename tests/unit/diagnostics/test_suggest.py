"""Suggestions: one when it stands out, at most three, none when far."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from metaflow_triggers.diagnostics.suggest import asked, did_you_mean, distance, suggest

FLOWS = ["ScoreFlow", "TrainFlow", "ReportFlow", "RepairFlow", "Ingest"]


@pytest.mark.parametrize(
    ("name", "candidates", "expected"),
    [
        ("ScoreFlw", FLOWS, ("ScoreFlow",)),
        ("scoreflow", FLOWS, ("ScoreFlow",)),
        ("Score", FLOWS, ("ScoreFlow",)),
        ("IngestFlow", FLOWS, ("Ingest",)),
        ("Completely", FLOWS, ()),
        ("parameter", ["name", "parameters", "filter", "origin"], ("parameters",)),
        ("paramaters", ["name", "parameters", "filter", "origin"], ("parameters",)),
        ("order-placed", ["order_placed", "orders-placed"], ("order_placed",)),
        ("succes", ["success", "failure", "timeout", "aborted"], ("success",)),
        ("x", ["y", "z"], ()),
        ("", ["a"], ()),
        ("user", ["user1", "user2", "user3", "user4"], ("user1", "user2", "user3")),
        ("same", ["same"], ()),
    ],
)
def test_closest_names(name, candidates, expected):
    assert suggest(name, candidates) == expected
    assert suggest(name, list(reversed(candidates))) == expected


def test_words():
    assert asked(()) == ()
    assert asked(["a"]) == ("did you mean `a`?",)
    assert asked(["a", "b", "c"]) == ("did you mean `a`, `b` or `c`?",)
    assert did_you_mean("ScoreFlw", FLOWS) == ("did you mean `ScoreFlow`?",)


def plain_distance(left, right):
    """Optimal string alignment by definition."""
    rows = [[max(i, j) if not (i and j) else 0 for j in range(len(right) + 1)] for i in range(len(left) + 1)]
    for i in range(1, len(left) + 1):
        for j in range(1, len(right) + 1):
            best = min(rows[i - 1][j], rows[i][j - 1]) + 1
            best = min(best, rows[i - 1][j - 1] + (left[i - 1] != right[j - 1]))
            if i > 1 and j > 1 and left[i - 1] == right[j - 2] and left[i - 2] == right[j - 1]:
                best = min(best, rows[i - 2][j - 2] + 1)
            rows[i][j] = best
    return rows[-1][-1]


@given(st.text("abc", max_size=8), st.text("abc", max_size=8), st.integers(0, 4))
def test_distance_is_the_edit_distance(left, right, limit):
    assert distance(left, right, limit) == min(plain_distance(left, right), limit + 1)


@given(st.text(max_size=12), st.lists(st.text(max_size=12), max_size=8))
def test_suggestions_are_few_and_of_the_candidates(name, candidates):
    found = suggest(name, candidates)
    assert len(found) <= 3 and set(found) <= set(candidates) - {name}
    assert found == suggest(name, candidates[::-1])
