"""Lease: which process polls.

In:   the place of a lease, this process's own name, a clock that never goes back.
Out:  whether this process polls, since which transition (`epoch`), and until when that is sure.

Not here: what is polled. No wall clock is compared: a holder is taken for gone when its lease has stood still, for the
eyes of this process, for as long as a lease lasts. That is longer than a poll may take, so polls do not overlap; what a
holder does that wakes up later is refused by the version of what it writes (`record`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from .places import Held, LeasePlace

SECONDS = 45
"""How long a lease lasts. A poll begins only while a third of that has not passed since it was renewed, so that its 30
seconds end before anybody else may poll."""


class Lease:
    """One thread uses it, but for `is_sure`."""

    def __init__(
        self,
        place: LeasePlace,
        holder: str,
        *,
        monotonic: Callable[[], float],
        now: Callable[[], datetime],
        seconds: float,
    ) -> None:
        self._place, self._holder = place, holder
        self._monotonic, self._now = monotonic, now
        self._seconds = seconds
        self._seen: tuple[Any, float] | None = None
        self._sure_until = float("-inf")
        self.epoch: int | None = None

    def is_sure(self) -> bool:
        """Whether this process holds it, and nobody can have taken it."""
        return self.epoch is not None and self._monotonic() < self._sure_until

    def keep(self) -> bool:
        """Take or renew it; whether it is ours. Raises OSError and NoLease, after which nobody knows."""
        asked = self._monotonic()
        held = self._place.read()
        ours = held.holder == self._holder
        if ours and self.epoch is not None and self.epoch != held.epoch:
            ours = False  # a process of this name has taken it meanwhile
        if not ours:
            self.epoch = None
            if not self._is_free(held, asked):
                return False
        epoch = held.epoch if ours and self.epoch is not None else held.epoch + 1
        if not self._place.write(held, self._holder, epoch, self._now(), self._seconds):
            self.epoch = None
            return False
        self.epoch = epoch
        self._sure_until = asked + self._seconds / 3
        return True

    def give_up(self) -> None:
        """Let another process take it at once. Raises OSError, NoLease."""
        if self.epoch is None:
            return
        held = self._place.read()
        if (held.holder, held.epoch) == (self._holder, self.epoch):
            self._place.release(held)
        self.epoch = None

    def _is_free(self, held: Held, now: float) -> bool:
        if not held.holder or held.holder == self._holder:  # started anew: the process before it has ended
            return True
        if self._seen is None or self._seen[0] != held.seen:
            self._seen = (held.seen, now)
        return now - self._seen[1] >= max(self._seconds, held.seconds)
