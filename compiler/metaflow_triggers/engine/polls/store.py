"""Poll store: what the engine remembers about poll triggers.

In:   a connection of `store`, the triggers that an engine serves.
Out:  one row per trigger, kept when it is declared anew; which engine polls it; the results of its polls.

Not here: claims of fires (`polls.claims`), what people read (`polls.records`), threads and time (`polls.poller`).
An engine owns a trigger until it gives it up, its process has gone, or its heartbeat stands still for the eyes of
another engine (`Watch`): no wall clock is compared, so a clock that steps moves nothing. Each change of owner raises
`epoch`, and a claim asks for the epoch it was polled under: an owner that was taken for dead can no longer claim.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..store import timestamp_text

STILL_SECONDS = 15.0
"""How long another engine's heartbeat stands still before its triggers are taken."""


@dataclass(frozen=True)
class Registration:
    """What a declaration says of a trigger. `workflow` is the flow's name, or as written where no flow is known."""

    name: str
    workflow: str
    interval: str
    interval_milliseconds: int
    allow_concurrent: bool


def register(connection: sqlite3.Connection, triggers: Iterable[Registration], now: datetime) -> None:
    """Write triggers down, inside the caller's transaction. A known one keeps its id and whether it is on."""
    moment = timestamp_text(now)
    for item in triggers:
        said = (item.workflow, item.interval, item.interval_milliseconds, int(item.allow_concurrent))
        known = connection.execute(
            "SELECT workflow, interval, interval_ms, allow_concurrent FROM poll_triggers WHERE name = ?", (item.name,)
        ).fetchone()
        if known is None:
            connection.execute(
                "INSERT INTO poll_triggers (id, name, workflow, interval, interval_ms, allow_concurrent, created_at,"
                " updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (str(uuid.uuid4()), item.name, *said, moment, moment),
            )
        elif tuple(known) != said:
            connection.execute(
                "UPDATE poll_triggers SET workflow = ?, interval = ?, interval_ms = ?, allow_concurrent = ?,"
                " updated_at = ? WHERE name = ?",
                (*said, moment, item.name),
            )


# ownership -----------------------------------------------------------------------------------------------------------


class Watch:
    """What one engine has seen of the others' heartbeats. `alive(pid, pid_started)` asks the operating system."""

    def __init__(self, alive: Callable[[int, str | None], bool], still_seconds: float = STILL_SECONDS) -> None:
        self._alive = alive
        self._still_seconds = still_seconds
        self._seen: dict[str, tuple[int, float]] = {}

    def gone(self, rows: Iterable[Sequence[Any]], now: float) -> set[str]:
        """The owners among rows (owner, pid, pid_started, beat) that have ended or stand still. `now`: monotonic."""
        out = set()
        for owner, pid, pid_started, beat in rows:
            seen = self._seen.get(owner)
            if seen is None or seen[0] != beat:
                self._seen[owner] = (beat, now)
            elif now - seen[1] >= self._still_seconds:
                out.add(owner)
            if not self._alive(pid, pid_started):
                out.add(owner)
        return out


def enter(connection: sqlite3.Connection, owner: str, pid: int, pid_started: str | None) -> None:
    """Make an engine known, inside the caller's transaction."""
    connection.execute("INSERT INTO poll_owners VALUES (?, ?, ?, 0)", (owner, pid, pid_started))


def beat(connection: sqlite3.Connection, owner: str) -> bool:
    """Say that the engine lives; False if it is not known (any more)."""
    return connection.execute("UPDATE poll_owners SET beat = beat + 1 WHERE owner = ?", (owner,)).rowcount > 0


def acquire(
    connection: sqlite3.Connection, owner: str, names: Collection[str], watch: Watch, now: float
) -> dict[str, int]:
    """Take those of `names` that nobody polls; returns trigger -> epoch for all of them that are the owner's now.

    Inside the caller's transaction. `now` is monotonic seconds.
    """
    others = connection.execute(
        "SELECT owner, pid, pid_started, beat FROM poll_owners WHERE owner <> ?", (owner,)
    ).fetchall()
    for gone in watch.gone(others, now):
        leave(connection, gone)
    free = connection.execute("SELECT name FROM poll_triggers WHERE owner IS NULL").fetchall()
    connection.executemany(
        "UPDATE poll_triggers SET owner = ?, epoch = epoch + 1, down = NULL WHERE name = ?",
        [(owner, name) for (name,) in free if name in names],
    )
    rows = connection.execute("SELECT name, epoch FROM poll_triggers WHERE owner = ?", (owner,))
    return {name: epoch for name, epoch in rows if name in names}


def release(connection: sqlite3.Connection, owner: str, names: Collection[str]) -> None:
    """Give some triggers up, inside the caller's transaction."""
    connection.executemany(
        "UPDATE poll_triggers SET owner = NULL, down = NULL WHERE owner = ? AND name = ?",
        [(owner, name) for name in names],
    )


def leave(connection: sqlite3.Connection, owner: str) -> None:
    """Give everything up, inside the caller's transaction."""
    connection.execute("UPDATE poll_triggers SET owner = NULL, down = NULL WHERE owner = ?", (owner,))
    connection.execute("DELETE FROM poll_owners WHERE owner = ?", (owner,))


# flags and results ---------------------------------------------------------------------------------------------------


def change_number(connection: sqlite3.Connection) -> int:
    """Moves whenever a trigger was enabled or disabled."""
    (number,) = connection.execute("SELECT number FROM poll_changes").fetchone()
    return int(number)


def disabled(connection: sqlite3.Connection) -> frozenset[str]:
    """The triggers that are not to be polled."""
    return frozenset(name for (name,) in connection.execute("SELECT name FROM poll_triggers WHERE enabled = 0"))


@dataclass(frozen=True)
class Polled:
    """The result of the latest polls of one trigger. `result` is "skip", "fire", "suppressed" or "error", if any.

    `suppressed` counts what has come since the last `save`. `down`: why it is not polled for now.
    """

    name: str
    last_poll_at: datetime | None
    next_due_at: datetime
    result: str | None
    error: str | None
    consecutive_errors: int
    suppressed: int
    down: str | None


def save(connection: sqlite3.Connection, owner: str, results: Iterable[Polled]) -> None:
    """Write results down, inside the caller's transaction; those of triggers that have another owner now are dropped.

    `last_error` stays after later successes, so that it can still be read.
    """
    connection.executemany(
        "UPDATE poll_triggers SET last_poll_at = ?, next_due_at = ?, last_result = ?, last_error = coalesce(?,"
        " last_error), consecutive_errors = ?, suppressed_count = suppressed_count + ?, down = ?"
        " WHERE name = ? AND owner = ?",
        [
            (
                None if item.last_poll_at is None else timestamp_text(item.last_poll_at),
                timestamp_text(item.next_due_at),
                item.result,
                item.error,
                item.consecutive_errors,
                item.suppressed,
                item.down,
                item.name,
                owner,
            )
            for item in results
        ],
    )
