"""A note that only follows from a mistake is not told beside it."""

from __future__ import annotations

import pytest
from metaflow_triggers.diagnostics import Diagnostic
from metaflow_triggers.model.flows import Span
from metaflow_triggers.rules.follow import standing_alone

HERE, BELOW, ELSEWHERE = Span("a.py", 5, 3, 5, 9), Span("a.py", 9, 3, 9, 9), Span("b.py", 5, 3, 5, 9)


def codes(*found: tuple[str, Span | None]) -> list[str]:
    return [item.code for item in standing_alone([Diagnostic(code, "said", span) for code, span in found])]


@pytest.mark.parametrize(
    ("note", "mistake"), [("FT114", "FT103"), ("FT114", "FT111"), ("FT114", "FT307"), ("FT113", "FT106")]
)
def test_it_goes_with_a_mistake_of_its_file(note: str, mistake: str) -> None:
    assert codes((note, HERE), (mistake, BELOW)) == [mistake]
    assert codes((note, HERE), (mistake, ELSEWHERE)) == [note, mistake]
    assert codes((note, HERE), ("FT104", BELOW)) == [note, "FT104"]


def test_whether_an_unknown_flow_proves_its_outcomes_is_not_asked() -> None:
    assert codes(("FT201", HERE), ("FT507", HERE), ("FT507", BELOW)) == ["FT201", "FT507"]


def test_what_has_no_place_stays() -> None:
    assert codes(("FT202", None), ("FT103", HERE), ("FT201", None), ("FT114", None)) == [
        "FT202",
        "FT103",
        "FT201",
        "FT114",
    ]
