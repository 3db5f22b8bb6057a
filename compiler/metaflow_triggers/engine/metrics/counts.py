"""Counts: what an engine has done since it began, and how things stand.

In:   changes, as the engine tells them; a database, which is only read.
Out:  `Counting`, an observer; `Standing`, the state of the database, and how many events it has accepted.

Not here: the names under which Prometheus knows them (`endpoint`). The engine's thread adds numbers and asks nothing;
whoever scrapes asks the database, through a connection of its own, by indexes. What is counted by is the name of a
flow, a state or a kind of event, never what events bring.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ...polling.clock import Clock, SystemClock
from ..observe import Change, Observer
from ..waits import LocalFlow

KINDS = ("event", "finish", "schedule", "poll")
STATES = ("succeeded", "failed", "aborted", "timed_out", "lost")
_BEGUN = ("started", "refused")


class Counting(Observer):
    """Counts, and passes all on to another observer. One thread tells it, others ask it."""

    def __init__(self, inner: Observer) -> None:
        self._inner = inner
        self._lock = threading.Lock()
        self._started: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._ended: Counter[tuple[str, str]] = Counter()
        self._again: Counter[str] = Counter()
        self._runs: Counter[str] = Counter()
        self._seconds: dict[str, float] = {}
        self._flows: tuple[str, ...] = ()

    def now(self) -> Counts:
        """What has been counted so far."""
        with self._lock:
            return Counts(
                self._flows,
                dict(self._started),
                dict(self._refused),
                dict(self._ended),
                dict(self._again),
                {key: (number, self._seconds[key]) for key, number in self._runs.items()},
            )

    def on_begin(self, flows: Mapping[str, LocalFlow]) -> None:
        """The engine is about to work on these flows."""
        with self._lock:
            self._flows = tuple(flows)
        self._inner.on_begin(flows)

    def on_edition(self, flows: Mapping[str, LocalFlow], words: Sequence[str]) -> None:
        """Flows were read again; of those that went the counts stay."""
        with self._lock:
            self._flows = tuple(flows)
        self._inner.on_edition(flows, words)

    def on_signal(self, text: str) -> None:
        """A signal was taken: no lock may be."""
        self._inner.on_signal(text)

    def on_line(self, change: Change) -> None:
        """A run started or ended, or an event was refused."""
        with self._lock:
            self._count(change)
        self._inner.on_line(change)

    def _count(self, change: Change) -> None:
        key = change.flow_key
        if change.what in _BEGUN:
            (self._started if change.what == "started" else self._refused)[key] += 1
        elif change.what in STATES:
            self._ended[key, change.what] += 1
            if change.seconds is not None:
                self._runs[key] += 1
                self._seconds[key] = self._seconds.get(key, 0.0) + change.seconds
        else:  # its process ended before the run began: it is tried again
            self._again[key] += 1

    def on_problem(self, text: str) -> None:
        """Something is wrong with the database, or right again."""
        self._inner.on_problem(text)

    def on_change(self, connection: sqlite3.Connection, flows: Mapping[str, LocalFlow]) -> None:
        """Something changed."""
        self._inner.on_change(connection, flows)


@dataclass(frozen=True)
class Counts:
    """By flow; `runs`: how many have ended, and their seconds."""

    flows: tuple[str, ...]
    started: Mapping[str, int]
    refused: Mapping[str, int]
    ended: Mapping[tuple[str, str], int]
    again: Mapping[str, int]
    runs: Mapping[str, tuple[int, float]]


@dataclass(frozen=True)
class Standing:
    """How things stand, by flow; `oldest` in seconds. `accepted` is by kind, since the engine began."""

    queued: Mapping[str, tuple[int, float]]
    running: Mapping[str, tuple[int, float]]
    waiting: Mapping[str, int]
    unread: Mapping[str, int]
    accepted: Mapping[str, int]
    bytes: int


_READ = "SELECT flow_key, sequence FROM cursors"
_ACTIVE = (
    "SELECT a.flow_key, a.state, a.many, coalesce(s.started_at, s.scheduled_at)"
    " FROM (SELECT state, flow_key, count(*) AS many, min(id) AS first FROM starts"
    " WHERE state IN ('claimed', 'started') GROUP BY state, flow_key) AS a JOIN starts AS s ON s.id = a.first"
)
"""The condition is that of the index of active starts, word for word: else SQLite reads all starts there ever were."""


_Active = dict[str, tuple[int, float]]


class Database:
    """The engine's file, asked by whoever scrapes; several may at once."""

    def __init__(self, path: str, clock: Clock | None = None) -> None:
        self._path = path
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._accepted: Counter[str] = Counter(dict.fromkeys(KINDS, 0))
        self._last = 0
        with contextlib.suppress(sqlite3.Error), self._connected() as connection:
            (self._last,) = connection.execute("SELECT coalesce(max(sequence), 0) FROM events").fetchone()

    def standing(self) -> Standing:
        """How things stand. Raises sqlite3.Error."""
        with self._lock, self._connected() as connection:
            connection.execute("BEGIN")  # one state of things for all questions
            self._count_events(connection)
            queued, running = self._active(connection)
            return Standing(
                queued,
                running,
                dict(connection.execute("SELECT flow_key, count(*) FROM waiting GROUP BY flow_key")),
                {key: max(0, self._last - read) for key, read in connection.execute(_READ)},
                dict(self._accepted),
                Path(self._path).stat().st_size,
            )

    def _connected(self) -> contextlib.closing[sqlite3.Connection]:
        address = f"{Path(self._path).absolute().as_uri()}?mode=ro"
        return contextlib.closing(
            sqlite3.connect(address, uri=True, timeout=1, isolation_level=None, check_same_thread=False)
        )

    def _count_events(self, connection: sqlite3.Connection) -> None:
        (last,) = connection.execute("SELECT coalesce(max(sequence), 0) FROM events").fetchone()
        rows = connection.execute(
            "SELECT kind, count(*) FROM events WHERE sequence > ? AND sequence <= ? GROUP BY kind", (self._last, last)
        )
        self._accepted.update(dict(rows))
        self._last = max(last, self._last)

    def _active(self, connection: sqlite3.Connection) -> tuple[_Active, _Active]:
        """What waits and what runs: how many, and since when the first of them."""
        found: dict[str, dict[str, tuple[int, float]]] = {"claimed": {}, "started": {}}
        now = self._clock.now()
        for key, state, many, since in connection.execute(_ACTIVE):
            found[state][key] = (many, _seconds(since, now))
        return found["claimed"], found["started"]


def _seconds(since: str | None, now: datetime) -> float:
    return 0.0 if since is None else max(0.0, (now - datetime.fromisoformat(since)).total_seconds())
