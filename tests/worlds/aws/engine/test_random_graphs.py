"""Random projects start the same runs with the same parameters on the AWS that runs as on the local engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from . import graphs
from .conftest import engine_or_skip
from .engine import Engine

COUNT = 200
"""Projects of a long campaign."""
AT_ONCE = 10
"""So many are deployed side by side, in an engine of their own: each event is held against every rule that is there."""


def compare(engine: Engine, seeds: Sequence[int], folder: Path) -> Counter[str]:
    """What was compared, in numbers."""
    projects = [graphs.project(seed) for seed in seeds]
    graphs.observe(engine, projects)
    different: dict[int, Any] = {}
    numbers: Counter[str] = Counter()
    for one in projects:
        found = graphs.locally(one, folder)
        if found.starts != one.starts or found.refused != one.dead:
            only_here, only_there = found.starts - one.starts, one.starts - found.starts
            different[one.seed] = {"local": only_here, "aws": only_there, "dead": (found.refused, one.dead)}
        numbers["projects"] += 1
        numbers["flows"] += len(one.graph.flows)
        numbers["items"] += len(one.items)
        numbers["starts"] += one.starts.total()
        numbers["not started"] += one.dead.total()
        numbers.update({f"refused {code}": count for code, count in one.refused.items()})
    print(dict(numbers))
    assert different == {}
    return numbers


# Each form has projects of its own: both may use one engine.
QUICK = {1: (2, 19, 203), 2: (231, 246)}


@pytest.mark.parametrize("deliveries", [pytest.param(1, id="once"), pytest.param(2, id="twice")])
def test_projects_start_what_the_local_engine_starts(engine: Engine, tmp_path: Path, deliveries: int) -> None:
    engine.switch(deliveries=deliveries)
    assert compare(engine, QUICK[deliveries], tmp_path)["starts"] > 5


@pytest.mark.long
@pytest.mark.parametrize("first", range(0, COUNT, AT_ONCE))
@pytest.mark.parametrize("deliveries", [pytest.param(1, id="once"), pytest.param(2, id="twice")])
def test_two_hundred_projects_start_what_the_local_engine_starts(tmp_path: Path, deliveries: int, first: int) -> None:
    """Events are delivered once or twice, the same runs start."""
    begin = 1000 * deliveries + first
    with engine_or_skip(tmp_path / "engine") as engine:
        engine.switch(deliveries=deliveries)
        assert compare(engine, range(begin, begin + AT_ONCE), tmp_path)["starts"] > AT_ONCE
