"""The scenario table on the AWS that runs: each row starts what it says, with the parameters that it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenarios import reading
from tests.scenarios.rows import differences, rows

from . import table
from .engine import Engine

ROWS = [row for row in rows() if not (row.mistakes or row.polls or row.clock or "step-functions" in row.refusals)]
QUICK = [row for row in ROWS if row.rule.startswith("7 ")]


KNOWN = {
    # The starter stores an event before it starts the run, so an id that is published again with another payload
    # replaces what the run that it started first reads. (EventBridge itself delivers the same payload again.)
    "7 the same id starts nothing new, and that is no error",
    # An outcome on AWS names no step, so the parameter has its default; and Metaflow's run id there begins with `sfn-`.
    "4 match failure is the run that failed, with step and error",
    "4 the payload of an outcome can be mapped",
}
"""Rows that come out otherwise on AWS, and why. What they start is the same."""


def check(engine: Engine, chosen: list, folder: Path) -> None:
    read = reading.read(chosen, folder)
    observed = table.observe(engine, chosen, read)
    told = {row.rule: found for row in chosen if (found := differences(row, observed[row.rule]))}
    assert {rule: found for rule, found in told.items() if rule not in KNOWN} == {}
    assert set(told) == KNOWN & {row.rule for row in chosen}  # mended: take it out


def test_rows_about_starts_start_what_they_say(engine: Engine, tmp_path: Path) -> None:
    assert len(QUICK) > 3
    check(engine, QUICK, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("production", [False, True])
def test_every_row_starts_what_it_says(engine: Engine, tmp_path: Path, production: bool) -> None:
    check(engine, [row for row in ROWS if row.production is production], tmp_path)
