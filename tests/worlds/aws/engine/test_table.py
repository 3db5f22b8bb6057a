"""The scenario table on the AWS that runs: each row starts what it says, with the parameters that it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenarios import reading
from tests.scenarios.rows import rows

from . import known, table
from .engine import Engine

ROWS = [row for row in rows() if not (row.mistakes or row.polls or row.clock or "step-functions" in row.refusals)]
QUICK = [row for row in ROWS if row.rule.startswith("7 ")]


def check(engine: Engine, chosen: list, folder: Path) -> None:
    read = reading.read(chosen, folder)
    observed = table.observe(engine, chosen, read)
    assert known.told(chosen, observed) == {}
    assert known.unneeded(chosen, observed) == []


def test_rows_about_starts_start_what_they_say(engine: Engine, tmp_path: Path) -> None:
    assert len(QUICK) > 3
    check(engine, QUICK, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("production", [False, True])
def test_every_row_starts_what_it_says(engine: Engine, tmp_path: Path, production: bool) -> None:
    check(engine, [row for row in ROWS if row.production is production], tmp_path)
