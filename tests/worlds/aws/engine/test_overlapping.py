"""Overlapping filters on the AWS that runs: the first in written order counts, in either order of events."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tests.scenarios import overlapping, reading, runners
from tests.scenarios.rows import items

from . import table
from .engine import Engine


@pytest.mark.long
@pytest.mark.parametrize("backwards", [False, True])
def test_200_events_start_the_same(engine: Engine, tmp_path: Path, backwards: bool) -> None:
    chosen = overlapping.rows(10, 20)
    # The same ids in either order; each event is delivered twice.
    chosen = [dataclasses.replace(row, events=tuple(items(row)[:: -1 if backwards else 1])) for row in chosen]
    if backwards:
        chosen = [_renamed(row) for row in chosen]
    read = reading.read(chosen, tmp_path)
    simulated = runners.simulate(chosen, read, tmp_path)
    engine.switch(deliveries=2)
    observed = table.observe(engine, chosen, read)
    for seen in observed.values():  # a second delivery is refused as well
        assert seen.not_started is not None
        seen.not_started = seen.not_started[: len(seen.not_started) // 2]
    told = {rule: found for rule, seen in observed.items() if (found := overlapping.told_apart(simulated[rule], seen))}
    assert told == {}


def _renamed(row: overlapping.Row) -> overlapping.Row:
    """Another deployment: its events have another name."""
    return dataclasses.replace(
        row,
        flows={
            f"{name}B": {**spec, "trigger": spec["trigger"].replace("'overlap-", "'back-")}
            for name, spec in row.flows.items()
        },
        events=tuple({**item, "name": item["name"].replace("overlap-", "back-")} for item in row.events),
    )
