"""The scenario table with real flows: the engine starts them, Metaflow runs them, its client reads them back."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import reading, real
from .rows import Row, differences, rows

REAL = [row for row in rows() if not row.mistakes and not row.clock]


def check(chosen: list[Row], folder: Path) -> None:
    (folder / "flows").mkdir()
    read = reading.read(chosen, folder / "flows")
    observed = real.observe(chosen, read, folder)
    told = {row.rule: found for row in chosen if (found := differences(row, observed[row.rule]))}
    assert told == {}
    assert not [path.name for path in folder.rglob("*touched*")]


@pytest.mark.long
@pytest.mark.parametrize("production", [False, True])
def test_every_row_runs_under_metaflow_as_it_says(production, tmp_path):
    check([row for row in REAL if row.production is production], tmp_path)
