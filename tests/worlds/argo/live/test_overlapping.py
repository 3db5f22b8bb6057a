"""Overlapping filters on Argo Events' real services: the first in written order counts, in either order of events."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tests.scenarios import overlapping, reading, runners
from tests.scenarios.rows import items

from . import table
from .conftest import Launch


@pytest.mark.long
@pytest.mark.parametrize("backwards", [False, True])
def test_200_events_start_the_same(launch: Launch, tmp_path: Path, backwards: bool) -> None:
    chosen = overlapping.rows(10, 20)
    chosen = [dataclasses.replace(row, events=tuple(items(row)[:: -1 if backwards else 1])) for row in chosen]
    read = reading.read(chosen, tmp_path)
    simulated = runners.simulate(chosen, read, tmp_path)
    observed = table.observe(launch(), chosen, read)
    told = {rule: found for rule, seen in observed.items() if (found := overlapping.told_apart(simulated[rule], seen))}
    assert told == {}
