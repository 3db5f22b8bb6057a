"""Looked: one event, one start, one log, as a page asks for them by a click.

In:   the database, the flows that are served, the number of a row.
Out:  JSON values: an event with its whole payload and its trail, a start with its run, its events and their values.

Not here: lists (`feed`). The number of a row leads to everything: no path and no name comes from the page.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ...model.flows import Flow
from ...trail import json as trail_json
from ...trail.question import Asked, Question
from .. import store
from ..trail import rows, runs
from ..trail.ask import TARGET, ask
from ..trail.rows import Event, Start

LOG_PART = 64 * 1024
"""Bytes of a log that are read at once, and of its end that a page gets first."""


def event(database: str, logs: str, flows: Mapping[str, Flow], sequence: int) -> dict[str, Any] | None:
    """An event and what became of it; None: the log does not have it any more."""
    with contextlib.closing(store.connect(database, create=False)) as connection:
        found = rows.event_at(connection, sequence)
        if found is None:
            return None
        trail = _trail(database, logs, flows, found)
        for answer in trail["answers"]:
            answer["start"] = _number(connection, found, answer)
    return {**_event(found), "body": found.body, "trail": trail}


def _number(connection: sqlite3.Connection, found: Event, answer: dict[str, Any]) -> int | None:
    """The start that an answer is about."""
    if answer["run"] is None:
        return None
    of_event = rows.starts_of(connection, answer["flow"], found)
    fired = rows.start_of(connection, answer["flow"], found.identity)  # a poll's fire is the key of its start
    starts = [*of_event, *([fired] if fired is not None else [])]
    return next((start.id for start in starts if start.run == answer["run"]["id"]), None)


def _trail(database: str, logs: str, flows: Mapping[str, Flow], found: Event) -> dict[str, Any]:
    """What `metaflow-triggers trail` tells of it."""
    name = found.name if found.kind == "event" else None
    asked = tuple(Asked(key, key, flow) for key, flow in flows.items())
    question = Question(found.identity, name, None, asked)
    answers = ask(question, database, datetime.now(timezone.utc), logs=logs)
    return trail_json.as_value(question, [TARGET], answers)


def start(database: str, logs: str, number: int) -> dict[str, Any] | None:
    """A start with its run, the events that gave it its values, and why it is as it is; None: it was pruned."""
    with contextlib.closing(store.connect(database, create=False)) as connection:
        found = rows.start_at(connection, number)
        if found is None:
            return None
        run = runs.run_of(connection, found, logs)
        events = [item for place in found.sequences() if (item := rows.event_at(connection, place)) is not None]
        cause = runs.cause_of(connection, found, None)
    return {
        "id": found.id,
        "flow_key": found.flow_key,
        "reason": found.reason,
        "attempts": found.attempts,
        "scheduled_at": found.scheduled_at,
        "cause": cause.words,
        "run": {
            **vars(run),
            "run_id": found.run_id,
        },
        "events": [_event(item) for item in events],
    }


def _event(found: Event) -> dict[str, Any]:
    return {
        "sequence": found.sequence,
        "name": found.name,
        "id": found.identity,
        "kind": found.kind,
        "at": found.timestamp,
    }


def payload(database: str, name: str, sequence: int | None) -> dict[str, Any] | None:
    """The payload at a place of the log, else the newest that was accepted under a name, or None."""
    asked = "SELECT max(sequence) FROM events WHERE kind = 'event' AND name = ? AND sequence > ?"
    with contextlib.closing(store.connect(database, create=False)) as connection:
        if sequence is None:
            (last,) = connection.execute("SELECT coalesce(max(sequence), 0) FROM events").fetchone()
            (sequence,) = connection.execute(asked, (name, last - _BACK)).fetchone()
        found = None if sequence is None else rows.event_at(connection, sequence)
    return None if found is None or found.name != name else found.payload


_BACK = 200_000
"""Rows of the log that are looked through for a payload: there is no index of names."""


@dataclass
class Log:
    """The log of a run, from near its end on. `path` is None where there is none."""

    path: str | None
    place: int = 0
    left_out: int = 0

    def begin(self) -> None:
        """Go near the end."""
        size = self._size()
        self.place = self.left_out = max(0, size - LOG_PART)

    def read(self) -> bytes:
        """What has come since, at most LOG_PART bytes. Raises OSError."""
        if self.path is None:
            return b""
        descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(0, "it is no regular file")
            file.seek(self.place)
            part = file.read(LOG_PART)
        self.place += len(part)
        return part

    def _size(self) -> int:
        try:
            return os.stat(self.path).st_size if self.path is not None else 0
        except OSError:
            return 0


def log(database: str, logs: str, number: int) -> tuple[Log, bool] | None:
    """The log of a start, and whether its run has ended; None: there is no such start. Raises sqlite3.Error."""
    with contextlib.closing(store.connect(database, create=False)) as connection:
        found = rows.start_at(connection, number)
        if found is None:
            return None
        folder = runs.logs_of(connection, database, logs)
        return Log(runs.log_path(folder, found.flow_key, found.id)), _is_over(found)


def is_over(connection: sqlite3.Connection, number: int) -> bool:
    """Whether nothing will be added to the log of a start."""
    found = rows.start_at(connection, number)
    return found is None or _is_over(found)


def _is_over(found: Start) -> bool:
    return found.state not in ("claimed", "started")
