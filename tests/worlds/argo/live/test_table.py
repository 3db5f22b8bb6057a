"""The scenario table on Argo's real services: each row starts what it says, with the parameters that it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenarios import reading
from tests.scenarios.rows import Row, differences, rows

from . import table
from .conftest import Launch

ROWS = [row for row in rows() if not (row.mistakes or row.polls or row.clock or "argo-workflows" in row.refusals)]
QUICK = [row for row in ROWS if row.rule.startswith("7 ")]


KNOWN = {
    # Metaflow's run id begins with `argo-` there, and a parameter gets it.
    "4 the payload of an outcome can be mapped",
}
"""Rows that come out otherwise on Argo, and why. What they start is the same."""


def check(launch: Launch, chosen: list[Row], folder: Path) -> None:
    read = reading.read(chosen, folder)
    observed = table.observe(launch(), chosen, read)
    told = {row.rule: found for row in chosen if (found := differences(row, observed[row.rule]))}
    assert not set(told) - KNOWN, "\n".join(f"{rule}: {told[rule]}" for rule in sorted(set(told) - KNOWN))
    assert set(told) == KNOWN & {row.rule for row in chosen}  # mended: take it out


def test_rows_about_starts_start_what_they_say(launch: Launch, tmp_path: Path) -> None:
    assert len(QUICK) > 3
    check(launch, QUICK, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("production", [False, True])
def test_every_row_starts_what_it_says(launch: Launch, tmp_path: Path, production: bool) -> None:
    check(launch, [row for row in ROWS if row.production is production], tmp_path)
