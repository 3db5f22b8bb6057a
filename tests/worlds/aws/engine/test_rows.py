"""The scenario table on the AWS that runs, whole: `create`, events on the bus, tasks, Metaflow's client.

The comparison is the one that the local runners are held to (`tests/scenarios/test_real.py`), but for what `known`
lists.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenarios import reading
from tests.scenarios.rows import Row, rows
from tests.scenarios.runners import carried
from tests.unit.commands.conftest import clean

from . import deployed, known
from .commands import running
from .engine import Engine

BACKEND = "step-functions"
ROWS = carried([row for row in rows() if not row.polls], BACKEND)
REFUSED = [row for row in rows() if not row.polls and (row.mistakes or BACKEND in row.refusals)]
"""A flow knows nothing of the polls that start it: `metaflow-triggers compile` refuses those (`tests/scenarios`)."""

QUICK = (
    "2 require says all, and each event fills its own parameters",
    "4 match failure is the run that failed, with step and error",
    "6 bool takes neither numbers nor other words",
)
"""Run by every `make test`; the campaign runs all rows."""

SHARES = 4
"""Of the campaign, so that one that fails says so before the others are done."""


def check(engine: Engine, chosen: list[Row], folder: Path) -> None:
    read = reading.read(chosen, folder)
    observed = deployed.observe(engine, chosen, read, folder)
    assert known.told(chosen, observed) == {}
    assert known.unneeded(chosen, observed) == []
    assert not [path.name for path in (*engine.folder.rglob("*"), *folder.rglob("*")) if "touched" in path.name]


def test_rows_run_on_aws_as_they_say(engine: Engine, tmp_path: Path) -> None:
    chosen = [row for row in ROWS if row.rule in QUICK]
    assert len(chosen) == len(QUICK)
    check(engine, chosen, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("share", range(SHARES))
def test_every_row_runs_on_aws_as_it_says(engine: Engine, tmp_path: Path, share: int) -> None:
    check(engine, ROWS[share::SHARES], tmp_path)


@pytest.mark.long
def test_what_is_known_to_differ_names_rows_of_the_table() -> None:
    assert all(any(one.changed(row) != row for row in ROWS) for one in known.KNOWN)


@pytest.mark.long
def test_create_refuses_mistakes_and_what_aws_cannot_carry_with_the_codes_of_the_table(
    engine: Engine, tmp_path: Path
) -> None:
    told, refused = {}, set()
    with running(clean(tmp_path, **engine.settings), tmp_path) as (commands,):
        for row in REFUSED:
            said = ""
            for name, file in zip(row.flows, reading.flow_files(row, tmp_path), strict=True):
                done = commands.flow(str(file), "--no-pylint", BACKEND, "create")
                if done.code:
                    refused.add(name)
                    said += done.out + done.err
            if not said or not all(code in said for code in row.mistakes or row.refusals[BACKEND]):
                told[row.rule] = said
    assert told == {}
    assert len(refused) >= len(REFUSED)
    assert not refused & {machine.rpartition(".")[2] for machine in engine.machines()}
