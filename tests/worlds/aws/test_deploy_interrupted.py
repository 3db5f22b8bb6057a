"""`create` and `delete` that end at any of their writes: the next run makes it as if nothing had happened."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from .account import content
from .boundaries import Deploying, Work
from .inside import AFTER, BEFORE, Inside, account, in_a_copy
from .service import Aws
from .stories import STORIES
from .worlds import copied, worlds


@pytest.fixture(scope="module")
def world() -> Iterator[Aws]:
    with worlds() as running:
        running.client("events").create_event_bus(Name="orders")
        yield running


@pytest.mark.parametrize(("story", "every"), [("more triggers", 9)])
def test_what_was_killed_is_finished_by_the_next(world: Aws, story: str, every: int) -> None:
    before, work = STORIES[story]
    deploying = Deploying(world)
    with copied(world):
        before(deploying.client)
        with copied(world):
            writes = deploying.writes(work)
            wanted = content(world)
        boundaries = [(number, side) for number in range(len(writes)) for side in (BEFORE, AFTER)]
        for number, side in boundaries[every // 2 :: every]:
            with copied(world):
                assert deploying.killed(work, number, side), (number, side)
                work(deploying.client)
                assert content(world) == wanted, f"killed at {side} of write {number}, {writes[number]}"
        assert not deploying.killed(work, len(writes), BEFORE)


def cut_off_at_every_boundary(before: Work, work: Work, every: int = 1) -> tuple[int, int]:
    """End before and after each `every`-th write, begin again and compare the accounts; returns ends and writes.

    The account is in the process that deploys, so that instead of killing this process a copy of it begins again:
    nothing of the first run is done in it any more, just as when it is killed.
    """

    def again(aws: Inside, wanted: object) -> None:
        work(aws.client)
        assert content(aws) == wanted

    def campaign() -> tuple[int, int]:
        seen: list[str] = []
        ends = 0
        with account() as aws:

            def whole() -> object:
                work(aws.client)
                return content(aws)

            before(aws.client)
            wanted = in_a_copy(whole)

            def at_write(side: str, operation: str) -> None:
                nonlocal ends
                if os.getpid() != mine:
                    return
                seen.append(f"{side} of {operation}")
                if len(seen) % every == every // 2:
                    in_a_copy(lambda: again(aws, wanted))
                    ends += 1

            mine = os.getpid()
            with aws.at_writes(at_write):
                work(aws.client)
            assert content(aws) == wanted
        return ends, len([one for one in seen if one.startswith(BEFORE)])

    return in_a_copy(campaign)


@pytest.mark.parametrize("story", ["another set", "over upstream's", "delete"])
def test_what_ended_too_early_is_finished_by_the_next(story: str) -> None:
    ends, _ = cut_off_at_every_boundary(*STORIES[story], every=19)
    assert ends > 0


@pytest.mark.long
@pytest.mark.parametrize("story", STORIES)
def test_what_ended_anywhere_is_finished_by_the_next(story: str) -> None:
    ends, writes = cut_off_at_every_boundary(*STORIES[story])
    print(f"{story}: ended {ends} times, {writes} writes")
    assert ends == 2 * writes > 4
