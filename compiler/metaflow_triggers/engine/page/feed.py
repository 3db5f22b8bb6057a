"""Feed: how things stand in the engine's database, for pages.

In:   the database, the flows that are served and their picture.
Out:  `look`: a few bounded lists and tables as JSON values, by the name of their section.

Not here: who is told (`hub`). Reads only, through a connection of its own, in short transactions: an engine that writes
a thousand events a second neither waits for it nor keeps its log because of it. Each event is read once.
"""

from __future__ import annotations

import os
import sqlite3
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from metaflow_extensions.triggers.plugins import local_events

from ...model.flows import Flow
from .. import observe
from ..observe import HalfSet
from ..polls import records
from ..waits import LocalFlow, local_flow

MOST = 100
"""Rows of a list."""
MOST_ACTIVE = 200
_SHOWN = 400
"""Characters of a payload in the list; the whole is asked for by a click."""

_EVENTS = (
    "SELECT sequence, id, name, kind, substr(body, 1, ?), length(body), timestamp FROM events WHERE sequence > ?"
    " ORDER BY sequence DESC LIMIT ?"
)
_REFUSED = (
    "SELECT id, flow_key, reason, error, scheduled_at FROM starts WHERE id > ? AND state = 'refused'"
    " ORDER BY id DESC LIMIT ?"
)
_ENDED = (
    "SELECT id, flow_key, state, reason, run_id, step, error, scheduled_at, started_at, ended_at FROM starts"
    " WHERE id > ? AND ended_at IS NOT NULL AND state <> 'refused' ORDER BY id DESC LIMIT ?"
)
_LAST = (
    "SELECT flow_key, max(id), state FROM starts WHERE id > ? AND ended_at IS NOT NULL AND state <> 'refused'"
    " GROUP BY flow_key"
)
_LOOKED_BACK = 5_000
"""Starts, the last so many of which are looked at: there may be many refusals, and few runs."""
_POLL = (
    *("trigger_name", "workflow_name", "poll_interval", "enabled", "next_due_at", "last_poll_at", "last_result"),
    *("last_error", "consecutive_errors", "suppressed_count"),
)


class Feed:
    """Used by one thread at a time."""

    def __init__(self, database: str) -> None:
        self._database = database
        self._connection: sqlite3.Connection | None = None
        self._version = -1
        self._file: tuple[int, int] | None = None
        self._flows: Mapping[str, LocalFlow] = {}
        self._events: deque[dict[str, Any]] = deque(maxlen=MOST)
        self._refused: deque[dict[str, Any]] = deque(maxlen=MOST)
        self._last_event = self._last_start = 0
        self._last: dict[str, tuple[int, str]] = {}

    def serve(self, flows: Sequence[Flow]) -> None:
        """These are the flows from now on."""
        self._flows = {item.key: item for item in map(local_flow, flows)}
        self._version = -1

    def close(self) -> None:
        """Close the database; the next look opens it again, and reads all of it anew."""
        if self._connection is not None:
            self._connection.close()
        self._connection, self._version = None, -1

    def look(self) -> dict[str, Any] | None:
        """The sections; None where nothing was written since. Raises sqlite3.Error, and is usable after that."""
        try:
            if self._connection is not None and _file(self._database) != self._file:
                self.close()  # another file has its name
            connection = self._connection or self._opened()
            (version,) = connection.execute("PRAGMA data_version").fetchone()
            if version == self._version:
                return None
            with _one_state(connection):
                found = self._sections(connection)
            self._version = version
            return found
        except sqlite3.Error:
            self.close()
            raise

    def _opened(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{Path(self._database).absolute().as_uri()}?mode=ro",
            uri=True,
            timeout=1,
            isolation_level=None,
            check_same_thread=False,
        )
        self._connection, self._file = connection, _file(self._database)
        self._events.clear()
        self._refused.clear()
        self._last.clear()
        self._last_event = 0
        (last,) = connection.execute("SELECT coalesce(max(id), 0) FROM starts").fetchone()
        self._last_start = max(0, last - _LOOKED_BACK)
        for key, number, state in connection.execute(_LAST, (self._last_start,)):
            self._last[key] = (number, state)
        return connection

    def _sections(self, connection: sqlite3.Connection) -> dict[str, Any]:
        found = observe.snapshot(connection, self._flows, 0)
        self._read_events(connection)
        self._read_refused(connection)
        ended = list(_dicts(connection.execute(_ENDED, (self._last_start - _LOOKED_BACK, MOST))))
        for row in reversed(ended):
            if self._last.get(row["flow_key"], (0, ""))[0] <= row["id"]:
                self._last[row["flow_key"]] = (row["id"], row["state"])
        polls = records.schedules(connection, limit=500)
        return {
            "events": list(self._events),
            "accepted": self._last_event,
            "active": list(found.active[:MOST_ACTIVE]),
            "ended": ended,
            "refused": list(self._refused),
            "sets": [_half_set(item) for item in found.waiting[:500]],
            "flows": self._by_flow(found.active),
            "polls": [{**{key: row[key] for key in _POLL}, "down": row.get("down")} for row in polls],
            "schedules": [list(row) for row in connection.execute(_SCHEDULES)],
            "paused": dict(connection.execute("SELECT flow_key, since FROM paused").fetchall()),
        }

    def _by_flow(self, active: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
        """What a flow's box shows: how many run and wait, how its last run ended. Where there is nothing, no entry."""
        found: dict[str, dict[str, Any]] = {}
        for row in active:
            told = found.setdefault(row["flow_key"], {"running": 0, "waiting": 0})
            told["running" if row["state"] == "started" else "waiting"] += 1
        for key, (_, state) in self._last.items():
            found.setdefault(key, {"running": 0, "waiting": 0})["last"] = state
        return found

    def _read_events(self, connection: sqlite3.Connection) -> None:
        rows = connection.execute(_EVENTS, (_SHOWN, self._last_event, MOST)).fetchall()
        for sequence, key, name, kind, body, length, at in reversed(rows):
            self._events.appendleft(
                {
                    "sequence": sequence,
                    "id": local_events.identity_of(kind, name, key),
                    "name": name,
                    "kind": kind,
                    "body": body,
                    "length": length,
                    "at": at,
                }
            )
            self._last_event = sequence

    def _read_refused(self, connection: sqlite3.Connection) -> None:
        """What is refused now: those that were sent again successfully go."""
        (last,) = connection.execute("SELECT coalesce(max(id), 0) FROM starts").fetchone()
        rows = list(_dicts(connection.execute(_REFUSED, (self._last_start, MOST))))
        self._last_start = max(last, self._last_start)
        self._refused.extendleft(reversed(rows))
        marks = ", ".join("?" * len(self._refused))
        asked = f"SELECT id FROM starts WHERE id IN ({marks}) AND state = 'refused'"  # noqa: S608 - question marks
        there = {key for (key,) in connection.execute(asked, [row["id"] for row in self._refused])}
        self._refused = deque((row for row in self._refused if row["id"] in there), maxlen=MOST)


def _file(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


_SCHEDULES = "SELECT flow_key, next_due FROM schedules WHERE next_due IS NOT NULL ORDER BY next_due LIMIT 500"


def _dicts(cursor: sqlite3.Cursor) -> Iterator[dict[str, Any]]:
    names = [column[0] for column in cursor.description]
    return (dict(zip(names, row, strict=True)) for row in cursor)


@contextmanager
def _one_state(connection: sqlite3.Connection) -> Iterator[None]:
    """One state of things for all questions, and no lock that outlives them."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        if connection.in_transaction:
            connection.execute("COMMIT")


def _half_set(item: HalfSet) -> dict[str, Any]:
    return {
        "flow_key": item.flow_key,
        "place": item.place,
        "arrived": list(item.arrived),
        "missing": list(item.missing),
    }
