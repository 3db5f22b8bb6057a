"""Two that deploy one flow at once: one of them is stopped at a write while the other does all of its work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .account import content, ended, in_a_process
from .boundaries import AFTER, BEFORE, Deploying, Work
from .samples import MAPPING_FLOW, SET_FLOW
from .service import Aws
from .stories import FEWER, OTHERS, deploy, nothing, remove
from .worlds import copied, worlds


@pytest.fixture(scope="module")
def world() -> Iterator[Aws]:
    with worlds() as running:
        running.client("events").create_event_bus(Name="orders")
        yield running


def at_once(item: Any) -> Work:
    return deploy(item, sleep=lambda seconds: None)  # the other one is done by then


def away(name: str) -> Work:
    return remove(name, sleep=lambda seconds: None)


PAIRS: dict[str, tuple[Work, Work, Work]] = {
    "one flow": (nothing, at_once(SET_FLOW), at_once(SET_FLOW)),
    "two versions of a new flow": (nothing, at_once(MAPPING_FLOW), at_once(FEWER)),
    "an older version comes to its end later": (at_once(SET_FLOW), at_once(OTHERS), at_once(SET_FLOW)),
    "create while delete stands": (at_once(SET_FLOW), away("SetFlow"), at_once(OTHERS)),
    "delete while create stands": (nothing, at_once(SET_FLOW), away("SetFlow")),
    "delete while an update stands": (at_once(OTHERS), at_once(SET_FLOW), away("SetFlow")),
    "delete twice": (at_once(SET_FLOW), away("SetFlow"), away("SetFlow")),
}
"""What was there before; who is stopped; who works meanwhile."""


def interleaved(aws: Aws, pair: str, every: int = 1) -> tuple[int, int]:
    """Stop at each `every`-th boundary; the account is as the one leaves it that ends last, or as the other does."""
    before, stands, works = PAIRS[pair]
    deploying = Deploying(aws)
    stops = 0
    with copied(aws):
        before(deploying.client)
        with copied(aws):
            writes = deploying.writes(stands)
            wanted = content(aws)
        boundaries = [(number, side) for number in range(len(writes)) for side in (BEFORE, AFTER)]
        for number, side in boundaries[every // 2 :: every]:
            with copied(aws):
                code = deploying.stopped(stands, number, side, lambda: works(deploying.client))
                assert code == 0, (pair, number, side, writes[number])
                assert content(aws) == wanted, f"{pair}, stopped at {side} of write {number}, {writes[number]}"
                stops += 1
    return stops, len(writes)


@pytest.mark.parametrize("pair", ["an older version comes to its end later", "create while delete stands"])
def test_the_one_that_ends_last_leaves_all_of_its_own_and_nothing_else(world: Aws, pair: str) -> None:
    stops, _ = interleaved(world, pair, every=27)
    assert stops > 0


@pytest.mark.long
@pytest.mark.parametrize("pair", PAIRS)
def test_the_one_that_ends_last_leaves_all_of_its_own_wherever_it_stood(world: Aws, pair: str) -> None:
    stops, writes = interleaved(world, pair)
    print(f"{pair}: {stops} interleavings, {writes} writes")
    assert stops == 2 * writes > 4


def together(aws: Aws, *works: Work) -> list[int]:
    children = [in_a_process(lambda work=work: work(aws.client)) for work in works]  # type: ignore[misc]
    return [ended(child) for child in children]


def after(aws: Aws, work: Work) -> dict[str, Any]:
    with copied(aws):
        work(aws.client)
        return content(aws)


def test_of_two_versions_at_once_one_is_deployed_whole(world: Aws) -> None:
    outcomes = [after(world, deploy(item)) for item in (MAPPING_FLOW, FEWER)]
    with copied(world):
        assert together(world, deploy(MAPPING_FLOW), deploy(FEWER)) == [0, 0]
        assert content(world) in outcomes


@pytest.mark.long
def test_of_two_versions_at_once_one_is_deployed_whole_however_often(world: Aws) -> None:
    outcomes = [after(world, deploy(item)) for item in (SET_FLOW, OTHERS)]
    for _ in range(15):
        with copied(world):
            assert together(world, deploy(SET_FLOW), deploy(OTHERS)) == [0, 0]
            assert content(world) in outcomes
