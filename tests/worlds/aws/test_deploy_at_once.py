"""Two that deploy one flow at once: one of them is stopped at a write while the other does all of its work."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from ...unit.backends.step_functions.samples import MAPPING_FLOW, SET_FLOW
from .account import content, ended, in_a_process
from .boundaries import Deploying, Work
from .inside import AFTER, BEFORE, account, in_a_copy
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
EVERY = int(os.environ.get("TEST_INTERLEAVINGS_EVERY", "4"))
"""Of so many places the long campaign takes one; 1: all of them."""


def test_a_process_that_stands_at_a_write_goes_on_when_another_has_done_all_of_its_work(world: Aws) -> None:
    before, stands, works = PAIRS["an older version comes to its end later"]
    deploying = Deploying(world)
    with copied(world):
        before(deploying.client)
        with copied(world):
            writes = deploying.writes(stands)
            wanted = content(world)
        # It has done with the rules that the other one makes again.
        number = writes.index("DeleteSchedule")
        with copied(world):
            assert deploying.stopped(stands, number, BEFORE, lambda: works(deploying.client)) == 0
            assert content(world) == wanted


def interleaved(pair: str, every: int = 1) -> tuple[int, int]:
    """At each `every`-th write, and after the last, let the other one do all of its work; returns how often, of what.

    The account is as the one leaves it that ends last. It is in the process of that one, so that the other one works
    there too, while the first stands in its call.
    """
    before, stands, works = PAIRS[pair]

    def campaign() -> tuple[int, int]:
        with account() as aws:
            before(aws.client)
            seen: list[str] = []

            def whole() -> tuple[object, list[str]]:
                with aws.at_writes(lambda side, operation: seen.append(operation) if side == BEFORE else None):
                    stands(aws.client)
                return content(aws), seen

            wanted, writes = in_a_copy(whole)

            def stopped(place: int) -> None:
                """Stand before the write of that number; after the last one if it is one more."""
                passed = -1

                def at_write(side: str, operation: str) -> None:
                    nonlocal passed
                    passed += side == BEFORE
                    if (passed, side) == ((place, BEFORE) if place < len(writes) else (place - 1, AFTER)):
                        passed = len(writes)  # what the other one writes, and what comes later, is not counted
                        works(aws.client)

                with aws.at_writes(at_write):
                    stands(aws.client)
                assert passed >= len(writes)
                assert content(aws) == wanted, (
                    f"{pair}, stopped at write {place} of {len(writes)}, {writes[place - 1 :][:2]}"
                )

            places = range(len(writes) + 1)[every // 2 :: every]
            for place in places:
                in_a_copy(lambda place=place: stopped(place))  # type: ignore[misc]
            return len(places), len(writes)

    return in_a_copy(campaign)


@pytest.mark.parametrize("pair", ["create while delete stands", "delete while an update stands"])
def test_the_one_that_ends_last_leaves_all_of_its_own_and_nothing_else(pair: str) -> None:
    stops, _ = interleaved(pair, every=10)
    assert stops > 0


@pytest.mark.long
@pytest.mark.parametrize("pair", PAIRS)
def test_the_one_that_ends_last_leaves_all_of_its_own_wherever_it_stood(pair: str) -> None:
    stops, writes = interleaved(pair, EVERY)
    print(f"{pair}: {stops} interleavings, {writes} writes")
    assert stops == len(range(writes + 1)[EVERY // 2 :: EVERY]) > 0


def together(aws: Aws, *works: Work) -> list[int]:
    children = [in_a_process(lambda work=work: work(aws.client)) for work in works]  # type: ignore[misc]
    return [ended(child) for child in children]


def after(aws: Aws, work: Work) -> dict[str, Any]:
    with copied(aws):
        work(aws.client)
        return content(aws)


@pytest.mark.long
def test_of_two_versions_at_once_one_is_deployed_whole_however_often(world: Aws) -> None:
    outcomes = [after(world, deploy(item)) for item in (SET_FLOW, OTHERS)]
    for _ in range(5):
        with copied(world):
            assert together(world, deploy(SET_FLOW), deploy(OTHERS)) == [0, 0]
            assert content(world) in outcomes
