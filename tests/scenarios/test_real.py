"""The scenario table with real flows: the engine starts them, Metaflow runs them, its client reads them back."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import reading, real
from .rows import Row, differences, rows

REAL = [row for row in rows() if not row.mistakes and not row.polls]
"""What a poll starts runs in tests/poll: there its function is called."""
CLOCKED = [row for row in REAL if row.clock]

QUICK = (
    "2 require says all, and each event fills its own parameters",
    "4 match failure is the run that failed, with step and error",
    "6 separator splits as with a manual run",
    "6 missing or null is the default, and without one None",
    "6 text arrives unchanged, whatever a shell or a template would make of it",
    "9 the latest run of the triggering flow is found",
    "9 emit_event in a run publishes where the run runs",
    "11 a payload of 240 KiB arrives whole",
    "documents - flow chaining",
)
"""Run by every `make test`; the campaign runs all rows."""


def check(chosen: list[Row], folder: Path) -> None:
    (folder / "flows").mkdir()
    read = reading.read(chosen, folder / "flows")
    observed = real.observe(chosen, read, folder)
    told = {row.rule: found for row in chosen if (found := differences(row, observed[row.rule]))}
    assert told == {}
    assert not [path.name for path in folder.rglob("*touched*")]


def check_with_clock(row: Row, folder: Path) -> None:
    (folder / "flows").mkdir()
    read = reading.read([row], folder / "flows")
    assert differences(row, real.observe_with_clock(row, read, folder)) == []


def test_rows_run_under_metaflow_as_they_say(tmp_path):
    chosen = [row for row in REAL if row.rule in QUICK]
    assert len(chosen) == len(QUICK)
    check(chosen, tmp_path)


def test_a_schedule_runs_under_metaflow_without_a_trigger(tmp_path):
    (row,) = (row for row in REAL if row.rule == "9 without an event current.trigger is None")
    check_with_clock(row, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("production", [False, True])
def test_every_row_runs_under_metaflow_as_it_says(production, tmp_path):
    check([row for row in REAL if row.production is production and not row.clock], tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("row", CLOCKED, ids=[row.rule for row in CLOCKED])
def test_every_row_with_a_clock_runs_under_metaflow_as_it_says(row, tmp_path):
    check_with_clock(row, tmp_path)
