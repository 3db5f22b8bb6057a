"""The scenario table with real flows: the engine starts them, Metaflow runs them, its client reads them back."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import reading, runners
from .rows import Row, differences, rows

REAL = [row for row in rows() if not row.mistakes and not row.polls]
"""What a poll starts runs in tests/unit/poll: there its function is called."""

QUICK = (
    "2 require says all, and each event fills its own parameters",
    "4 match failure is the run that failed, with step and error",
    "6 separator splits as with a manual run",
    "6 missing or null is the default, and without one None",
    "6 text arrives unchanged, whatever a shell or a template would make of it",
    "9 without an event current.trigger is None",
    "9 the latest run of the triggering flow is found",
    "9 emit_event in a run publishes where the run runs",
    "11 a payload of 240 KiB arrives whole",
    "documents - flow chaining",
)
"""Run by every `make test`; the campaign runs all rows."""


def check(chosen: list[Row], folder: Path) -> None:
    (folder / "flows").mkdir()
    read = reading.read(chosen, folder / "flows")
    observed = runners.engine(chosen, read, folder)
    told = {row.rule: found for row in chosen if (found := differences(row, observed[row.rule]))}
    assert told == {}
    assert not [path.name for path in folder.rglob("*touched*")]


def test_rows_run_under_metaflow_as_they_say(tmp_path):
    chosen = [row for row in REAL if row.rule in QUICK]
    assert len(chosen) == len(QUICK)
    check(chosen, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("clock", [False, True])
def test_every_row_runs_under_metaflow_as_it_says(clock, tmp_path):
    check([row for row in REAL if row.clock is clock], tmp_path)
