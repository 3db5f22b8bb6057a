"""Places: where a poller on a cloud keeps what it remembers, and what starts its runs.

In:   nothing; these are the shapes.
Out:  `Store`, `Runs` and `LeasePlace`, which `polling.argo` and `polling.aws` have, and the values that they share.

Not here: what is remembered (`record`), when it is asked for (`poller`, `lease`).
An OSError says that nobody knows what has become of a request: it may have happened.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from .record import Declaration

STARTED, TAKEN, REFUSED, UNKNOWN = "started", "taken", "refused", "unknown"
"""What came of a start. `taken`: the name is an older run's; `refused`: it cannot be made."""


class Fenced(Exception):
    """Somebody else polls by now."""


class NoLease(Exception):
    """The lease cannot be asked for."""


@dataclass
class Read:
    """A record as it was read. `uid` tells it from one of its name that was there before; `version` is the store's."""

    declared: Declaration
    state: dict[str, Any]
    enabled: bool
    uid: str
    version: Any


class Store(Protocol):
    """The records of a flow's triggers, by key."""

    def read(self, key: str) -> Read:
        """A record. Raises OSError, ValueError for one that cannot be understood, Fenced."""

    def write(self, key: str, read: Read) -> bool:
        """Store `read.state`, if nobody has written since; whether that is so. Raises OSError, `record.Full`."""

    def is_paused(self, read: Read) -> bool:
        """Whether nothing may be started now. Raises OSError."""


class Runs(Protocol):
    """The runs of a flow."""

    def name(self, read: Read, digest: str, generation: int) -> str:
        """What the run of a claim is called: on this cloud no other one is."""

    def start(self, key: str, read: Read, claim: dict[str, Any]) -> tuple[str, str]:
        """(what came of it, why). However often it is asked for, there is one. Raises OSError."""

    def ended(self, claim: dict[str, Any]) -> tuple[str, str | None] | None:
        """How the run of a claim that was started has ended, and why; None while it runs. Raises OSError.

        `UNKNOWN` where nobody knows, which is no reason not to poll.
        """


@dataclass(frozen=True)
class Held:
    """A lease as it was read: `seen` is another value after each write, `seconds` how long it lasts, if it says so."""

    holder: str
    epoch: int
    seen: Any
    seconds: float = 0.0
    raw: Any = None


class LeasePlace(Protocol):
    """Where a lease is kept."""

    def read(self) -> Held:
        """The lease. Raises OSError, NoLease."""

    def write(self, was: Held, holder: str, epoch: int, now: datetime, seconds: float) -> bool:
        """Write it if nobody has written since; whether that is so. Raises OSError, NoLease."""

    def release(self, was: Held) -> None:
        """Have no holder, if nobody has written since. Raises OSError."""
