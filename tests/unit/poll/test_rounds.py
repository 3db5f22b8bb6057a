"""Rounds: of a poller that is started once per shortest interval, which triggers are due."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from metaflow_triggers.polling import record
from metaflow_triggers.polling.aws.serve import EARLY_SECONDS
from metaflow_triggers.polling.poller import Poller

BEGUN = datetime(2026, 1, 1, tzinfo=timezone.utc)


def polled(intervals: list[int], late: list[int], tick: int) -> list[int]:
    """The minutes of the rounds in which a trigger is polled. `intervals` are what it declares then, in minutes; `late`
    are seconds from the tick to the round."""
    state: dict[str, Any] = {}
    found = []
    for number, (interval, seconds) in enumerate(zip(intervals, late, strict=True)):
        now = BEGUN + timedelta(minutes=tick * number, seconds=seconds)
        trigger = SimpleNamespace(is_polled=False, due_at=None, next_due_at=None)
        poller = SimpleNamespace(_early=EARLY_SECONDS, _clock=SimpleNamespace(now=lambda now=now: now))
        read = SimpleNamespace(state=state, declared=SimpleNamespace(interval_milliseconds=interval * 60_000))
        if Poller._is_due(poller, trigger, read):  # type: ignore[arg-type]
            found.append(tick * number)
            record.polled(state, now, trigger.next_due_at, read.declared)  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize(("tick", "interval"), [(15, 15), (15, 16), (15, 20), (15, 22), (15, 25), (16, 25), (30, 37)])
def test_a_trigger_is_polled_as_often_as_it_says(tick: int, interval: int) -> None:
    """In the round that is next to its time, and at most so much early: what came early does not add up."""
    rounds = 40 * interval
    at = polled([interval] * rounds, [(90, 20, 240)[number % 3] for number in range(rounds)], tick)
    assert at[0] == 0
    early, delay = EARLY_SECONDS / 60, 4
    away = [one - interval * number for number, one in enumerate(at)]
    assert all(-early - delay <= one <= tick - early + delay for one in away), at[:20]


def test_a_longer_interval_counts_from_the_last_poll() -> None:
    """Also where a job was kept, and polled every few seconds: what it had said of the next poll holds no more."""
    assert polled([15] * 2 + [60] * 9, [60] * 11, 15) == [0, 15, 75, 135]


def test_a_shorter_interval_holds_from_the_next_round_on() -> None:
    assert polled([600] * 3 + [15] * 3, [60] * 6, 15) == [0, 45, 60, 75]
