"""`create` and `delete` that are killed at any of their writes: the next run makes it as if nothing had happened."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .account import content
from .boundaries import AFTER, BEFORE, Deploying
from .service import Aws
from .stories import STORIES
from .worlds import copied, worlds


@pytest.fixture(scope="module")
def world() -> Iterator[Aws]:
    with worlds() as running:
        running.client("events").create_event_bus(Name="orders")
        yield running


def killed_at_every_boundary(aws: Aws, story: str, every: int = 1) -> tuple[int, int]:
    """Kill before and after each `every`-th write, begin again and compare the accounts; returns kills and writes."""
    before, work = STORIES[story]
    deploying = Deploying(aws)
    kills = 0
    with copied(aws):
        before(deploying.client)
        with copied(aws):
            writes = deploying.writes(work)
            wanted: dict[str, Any] = content(aws)
        boundaries = [(number, side) for number in range(len(writes)) for side in (BEFORE, AFTER)]
        for number, side in boundaries[every // 2 :: every]:
            with copied(aws):
                assert deploying.killed(work, number, side), (number, side)
                kills += 1
                work(deploying.client)
                assert content(aws) == wanted, f"{story}, killed at {side} of write {number}, {writes[number]}"
    return kills, len(writes)


@pytest.mark.parametrize("story", STORIES)
def test_what_was_killed_is_finished_by_the_next(world: Aws, story: str) -> None:
    kills, _ = killed_at_every_boundary(world, story, every=31)
    assert kills > 0


@pytest.mark.long
@pytest.mark.parametrize("story", STORIES)
def test_what_was_killed_anywhere_is_finished_by_the_next(world: Aws, story: str) -> None:
    kills, writes = killed_at_every_boundary(world, story)
    print(f"{story}: {kills} kills, {writes} writes")
    assert kills == 2 * writes > 4
