"""The hostile corpus on the AWS that runs: what arrives is what arrives locally, and no file appears.

Three ways through bus and starter: all values in one event into tasks, a parameter for each; every value times every
type of parameter as an event of its own, up to the document that its run reads, held to the local engine's; values of a
wrong type into tasks of their own. Two payloads of 240 KiB in one set: `test_runs`.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from metaflow_extensions.triggers.contract.exact_json import dumps, loads

from tests.scenarios import hostile, reading, stepped
from tests.scenarios.rows import Row
from tests.scenarios.test_hostile_real import KINDS, check_arrived, check_refused, files_below, hostile_row, wrong_row
from tests.unit.commands.conftest import clean

from . import deployed, table
from .commands import running
from .engine import Engine

QUICK_STEP = 16
"""In every `make test`: each sixteenth value."""
WRONG_STEP = 8
"""In the campaign each eighth value of a wrong type has a run of its own (a process of seconds, several times over)."""


def no_file_appeared(engine: Engine, folder: Path) -> None:
    assert (engine.folder / "server.log").exists()
    assert files_below(engine.folder) + files_below(folder) == []


# every value times every type, one event each ---------------------------------------------------------------------


def row_of_events(step: int) -> Row:
    """A flow for each type of parameter; an event for each value, which starts them all."""
    flows = {
        f"HostileEach{kind.title()}": {
            "trigger": "@trigger(event={'name': 'hostile-each', 'parameters': ['v']})",
            "parameters": [f"v = Parameter('v', {KINDS[kind]})"],
        }
        for kind in hostile.TYPES
    }
    chosen = list(hostile.VALUES.values())[::step]
    events = tuple({"name": "hostile-each", "payload": {"v": loads(text)}} for text in chosen)
    return Row("hostile each", flows=flows, events=events)


def check_each(engine: Engine, folder: Path, step: int) -> None:
    row = row_of_events(step)
    read = reading.read([row], folder)
    on_aws = table.observe(engine, [row], read)[row.rule]
    locally = stepped.observe(row, read[row.rule].graph, folder)
    assert locally.starts and len(locally.starts) == len(row.events) * len(hostile.TYPES)
    assert sorted(map(_line, on_aws.starts)) == sorted(map(_line, locally.starts))
    assert (on_aws.problems, on_aws.not_started, on_aws.refused) == ([], [], [])
    no_file_appeared(engine, folder)


def _line(start) -> tuple[str, ...]:
    """A start as comparable text: 1, 1.0 and True differ, and so do numbers that only a double makes equal."""
    (event,) = start.events
    given = {name: (type(value).__name__, value) for name, value in (start.parameters or {}).items()}
    return start.flow, event.name, str(event.id), dumps(event.payload), dumps(given), str(start.fails)


def test_a_value_of_its_own_event_reaches_a_run_as_it_does_locally(engine: Engine, tmp_path: Path) -> None:
    check_each(engine, tmp_path, QUICK_STEP)


@pytest.mark.long
def test_every_value_of_its_own_event_reaches_a_run_as_it_does_locally(engine: Engine, tmp_path: Path) -> None:
    check_each(engine, tmp_path, 1)


# in tasks ---------------------------------------------------------------------------------------------------------


@pytest.mark.long
def test_every_value_arrives_in_a_task_or_is_refused_by_the_one_that_publishes(engine: Engine, tmp_path: Path) -> None:
    row = hostile_row()
    check_arrived(deployed.observe(engine, [row], reading.read([row], tmp_path), tmp_path)[row.rule])
    no_file_appeared(engine, tmp_path)


def rows_of_wrong_types(step: int) -> list[Row]:
    found = []
    for kind in ("int", "float", "bool"):
        row = wrong_row(kind, None)
        (flow,) = row.flows.values()
        name = f"hostile-wrong-{kind}"
        flow = {**flow, "trigger": str(flow["trigger"]).replace("hostile-wrong", name)}
        events = tuple({**event, "name": name} for event in row.events[::step])
        found.append(dataclasses.replace(row, flows={f"HostileWrong{kind.title()}": flow}, events=events))
    return found


@pytest.mark.long
def test_a_value_of_the_wrong_type_fails_in_a_task_before_user_code(engine: Engine, tmp_path: Path) -> None:
    chosen = rows_of_wrong_types(WRONG_STEP)
    observed = deployed.observe(engine, chosen, reading.read(chosen, tmp_path), tmp_path)
    for row in chosen:
        assert len(row.events) >= 5
        check_refused(row, observed[row.rule])
    no_file_appeared(engine, tmp_path)


# what no event carries --------------------------------------------------------------------------------------------


def test_what_section_6_refuses_is_not_published(engine: Engine, tmp_path: Path) -> None:
    put = tmp_path / "payload.json"
    with running(clean(tmp_path, **engine.settings), tmp_path) as (commands,):
        for name, text in hostile.REFUSED.items():
            put.write_text(f'{{"v":{text}}}', "utf-8")
            done = commands.emit("hostile-refused", "--backend", "step-functions", "--payload-file", str(put))
            assert (done.code, done.out) == (2, ""), name
            assert "FT761" in done.err, name
