"""Letters: what could not be delivered, or started, as far as it is of the event in question.

In:   where we are, a flow's dead-letter queue.
Out:  `Letter`s.

Not here: listing, sending again, dropping (`dead_letters`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Letter:
    """What lies in a queue. `name` and `event_id` are of an event; `marks` of the events of a set. `reason` is that of
    starter, correlator or AWS; `since` is when it was put there."""

    queue: str
    name: str | None
    event_id: str | None
    marks: tuple[str, ...]
    reason: str
    since: str | None = None


def of_event(letters: Iterable[Letter], identity: str, marks: Iterable[str]) -> tuple[Letter, ...]:
    """Those of the event with this id, and of sets with one of its marks."""
    mine = set(marks)
    return tuple(item for item in letters if item.event_id == identity or mine & set(item.marks))
