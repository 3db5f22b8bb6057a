"""Letter: an event, or another reason to start, that could not start a flow and was kept.

In:   nothing; these are values.
Out:  `Letter`, `Looked` (what a look at a box has found), `Sent` (what became of a letter), the shape `Box`.

Not here: where letters lie (`backends/*/dead_letters`, `engine.dead_letters`), which are meant (`choose`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

EVENT, OUTCOME, SET, SCHEDULE, RESET, POLL, ODD = "event", "outcome", "set", "schedule", "reset", "poll", "odd"
"""Kinds of letters. An odd one is nothing that we know how to send: somebody else's, or damaged."""

STARTED, KNOWN, TAKEN, REFUSED, UNSURE, STAYS = "started", "known", "taken", "refused", "unsure", "stays"
"""What became of a letter that was sent again: a run was started; one was there already; the event was added to its
set, or handed to what starts the flow; it was refused again; nobody can say yet; it was not sent."""

GOOD = frozenset({STARTED, KNOWN, TAKEN})
"""The letter is done with, and gone."""

HIDES = 30
"""Seconds that a letter is hidden at most from others who look into the same queue."""


@dataclass(frozen=True)
class Letter:
    """`id` names it in its box. `name` is the event's, or the flow whose end it is; `event_id` tells it from others of
    the name. `at` (ISO 8601, UTC) is when it was kept, `where` the queue, object or file it lies in, `size` in bytes.

    `payload` is JSON text, or all of the text where it is odd: somebody's bytes. `stays`: why it cannot be sent again,
    or "". `unknown`: it lies where several flows' letters do and does not say whose it is; `deployed` is one in
    whose box it was seen.
    """

    id: str
    backend: str
    flow: str
    deployed: str
    kind: str
    name: str | None
    event_id: str | None
    reason: str
    at: str
    where: str
    size: int
    payload: str
    stays: str = ""
    unknown: bool = False

    def as_value(self, *, payload: bool) -> dict[str, Any]:
        """As a JSON value."""
        found: dict[str, Any] = {
            "id": self.id,
            "backend": self.backend,
            "flow": None if self.unknown else self.flow,
            "deployed": None if self.unknown else self.deployed,
            "kind": self.kind,
            "event": self.name,
            "event_id": self.event_id,
            "reason": self.reason,
            "at": self.at,
            "where": self.where,
            "size": self.size,
            "sendable": not self.stays,
            "because": self.stays or None,
        }
        return found | ({"payload": self.payload} if payload else {})

    def staying(self, why: str) -> Letter:
        """The same, which cannot be sent for this reason."""
        return replace(self, stays=why)


@dataclass(frozen=True)
class Looked:
    """Letters, the oldest first. `hidden`: how many somebody else is looking at; `unseen`: how many more there are,
    roughly, which one look did not reach."""

    letters: tuple[Letter, ...] = ()
    hidden: int = 0
    unseen: int = 0


@dataclass(frozen=True)
class Sent:
    """What became of a letter; `told` says it in words: the run, or why not."""

    letter: Letter
    verdict: str
    told: str = ""


class Box(Protocol):
    """The letters of one flow on one target. All of it may raise DiagnosticError."""

    def look(self) -> Looked:
        """Nothing is changed: what is there stays there, as it is."""

    def send(self, ids: Collection[str], payload: str | None = None) -> Iterator[Sent]:
        """Send these letters again, under the same ids, and take out each that has arrived.

        `payload` is what the event held, as JSON text, for a place that does not keep it.
        """

    def drop(self, ids: Collection[str]) -> Iterator[str]:
        """Take these letters out for good; the ids of those that are gone."""
