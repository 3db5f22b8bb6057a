"""Rows: what the database has of an event, and of what it started.

In:   a connection, ids.
Out:  `Event`s and `Start`s.

Not here: what they mean. An id is found without a name by a look at the index of all ids.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from metaflow_extensions.triggers.plugins import local_events
from metaflow_extensions.triggers.plugins.local_runs import payload_of


@dataclass(frozen=True)
class Event:
    """A row of the log. `key` is its column `id`."""

    sequence: int
    key: str
    name: str
    kind: str
    body: str
    timestamp: str

    @property
    def identity(self) -> str:
        return str(local_events.identity_of(self.kind, self.name, self.key))

    @property
    def payload(self) -> dict[str, Any]:
        found: dict[str, Any] = payload_of(self.body)
        return found

    @property
    def start_key(self) -> str:
        """As `matching.key`."""
        return f"{self.kind}/{self.key}"


@dataclass(frozen=True)
class Start:
    """A row of `starts`."""

    id: int
    flow_key: str
    start_key: str
    document: str
    state: str
    reason: str
    attempts: int
    owner_pid: int | None
    not_before: str | None
    run_id: str | None
    step: str | None
    error: str | None
    scheduled_at: str
    started_at: str | None
    ended_at: str | None

    @property
    def run(self) -> str:
        """As an outcome names it."""
        return self.run_id or f"start-{self.id}"

    def sequences(self) -> list[int]:
        """The places in the log of its events."""
        return [item["sequence"] for item in json.loads(self.document)["events"] if "sequence" in item]


_EVENT = "SELECT sequence, id, name, kind, body, timestamp FROM events"
_START = (
    "SELECT id, flow_key, start_key, document, state, reason, attempts, owner_pid, not_before, run_id, step, error,"
    " scheduled_at, started_at, ended_at FROM starts"
)


def events(connection: sqlite3.Connection, identity: str) -> list[Event]:
    """The events of this id, whatever their names, and the outcome of this id; in the order in which they came."""
    with_a_name = connection.execute(
        f"{_EVENT} WHERE kind = 'event' AND (id = ?1 OR substr(id, -length(?1) - 1) = '/' || ?1)", (identity,)
    )
    found = [Event(*row) for row in with_a_name]
    found += [Event(*row) for row in connection.execute(f"{_EVENT} WHERE kind = 'finish' AND id = ?", (identity,))]
    return sorted((item for item in found if item.identity == identity), key=lambda item: item.sequence)


def outcomes(connection: sqlite3.Connection, start: Start) -> list[Event]:
    """What the end of a run has told."""
    prefix = f"{start.flow_key}/{start.run}/"
    found = connection.execute(
        f"{_EVENT} WHERE kind = 'finish' AND id >= ? AND id < ? ORDER BY sequence", (prefix, f"{prefix[:-1]}0")
    )
    return [Event(*row) for row in found]


def event_at(connection: sqlite3.Connection, sequence: int) -> Event | None:
    """The event at a place of the log, or None: it was pruned."""
    row = connection.execute(f"{_EVENT} WHERE sequence = ?", (sequence,)).fetchone()
    return None if row is None else Event(*row)


def sequence_of(connection: sqlite3.Connection, name: str, identity: str) -> int | None:
    """The place in the log of an event, by its name and id."""
    key = local_events.row_key("event", name, identity)
    row = connection.execute("SELECT sequence FROM events WHERE kind = 'event' AND id = ?", (key,)).fetchone()
    return None if row is None else int(row[0])


def later(connection: sqlite3.Connection, event: Event, names: Iterable[tuple[str, str]]) -> Iterable[Event]:
    """The events of these (kind, name) that came after it, the first first."""
    wanted = set(names)
    for row in connection.execute(f"{_EVENT} WHERE sequence > ? ORDER BY sequence", (event.sequence,)):
        if (row[3], row[2]) in wanted:
            yield Event(*row)


def starts_of(connection: sqlite3.Connection, flow_key: str, event: Event) -> list[Start]:
    """What the event has asked of a flow: a start of its own, refusals, sets that it completed."""
    key = event.start_key
    own = connection.execute(
        f"{_START} WHERE flow_key = ?1 AND (start_key = ?2 OR (start_key > ?2 || '/' AND start_key < ?2 || '0'))"
        " ORDER BY id",
        (flow_key, key),
    )
    found = [Start(*row) for row in own]
    holds = "EXISTS (SELECT 1 FROM json_each(document, '$.events') WHERE json_extract(value, '$.sequence') = ?)"
    of_sets = f"flow_key = ? AND start_key >= 'set/' AND start_key < 'set0' AND {holds}"
    sets = connection.execute(f"{_START} WHERE {of_sets} ORDER BY id", (flow_key, event.sequence))
    return [*found, *(Start(*row) for row in sets)]


def starts_named(connection: sqlite3.Connection, name: str, flow: str | None = None) -> list[Start]:
    """The starts that are or were runs of this id; `start-N` where a run got none, and the name of a poll's fire."""
    number = name.removeprefix("start-")
    row_id = int(number) if name.startswith("start-") and number.isascii() and number.isdigit() else -1
    found = connection.execute(
        f"{_START} WHERE run_id = ? OR (id = ? AND run_id IS NULL) OR start_key = ? ORDER BY id",
        (name, min(row_id, 2**63 - 1), name),
    )
    starts = [Start(*row) for row in found]
    return [item for item in starts if flow in (None, item.flow_key, item.flow_key.rpartition(".")[2])]


def start_of(connection: sqlite3.Connection, flow_key: str, start_key: str) -> Start | None:
    """The start of this key, or None: it was pruned."""
    row = connection.execute(f"{_START} WHERE flow_key = ? AND start_key = ?", (flow_key, start_key)).fetchone()
    return None if row is None else Start(*row)


def start_at(connection: sqlite3.Connection, number: int) -> Start | None:
    """The start of this row, or None."""
    row = connection.execute(f"{_START} WHERE id = ?", (number,)).fetchone()
    return None if row is None else Start(*row)


def latest(connection: sqlite3.Connection, flow_key: str, most: int) -> list[Start]:
    """The last starts of a flow, the latest first."""
    found = connection.execute(f"{_START} WHERE flow_key = ? ORDER BY id DESC LIMIT ?", (flow_key, most))
    return [Start(*row) for row in found]


def cursor(connection: sqlite3.Connection, flow_key: str) -> int | None:
    """How far a flow has read the log; None: no engine has served it."""
    row = connection.execute("SELECT sequence FROM cursors WHERE flow_key = ?", (flow_key,)).fetchone()
    return None if row is None else int(row[0])


def flow_keys(connection: sqlite3.Connection) -> list[str]:
    """The flows that the database knows."""
    rows = connection.execute("SELECT flow_key FROM cursors UNION SELECT flow_key FROM starts ORDER BY 1")
    return [key for (key,) in rows]


def paused_since(connection: sqlite3.Connection, flow_key: str) -> tuple[str, str] | None:
    """(what is paused in words, since when) where that keeps runs of the flow from starting."""
    found = dict(connection.execute("SELECT flow_key, since FROM paused WHERE flow_key IN (?, '*')", (flow_key,)))
    if flow_key in found:
        return flow_key, found[flow_key]
    return ("every flow", found["*"]) if "*" in found else None


def forgotten_on(connection: sqlite3.Connection, names: Iterable[str], identity: str) -> dict[str, str]:
    """Name -> the day on which the event of this name and id was pruned."""
    found = {}
    for name in names:
        for key in (local_events.row_key("event", name, identity), identity):
            mark = local_events.forgotten_hash("event", name, key)
            row = connection.execute("SELECT day FROM forgotten WHERE hash = ?", (mark,)).fetchone()
            if row is not None:
                found[name] = (date(1970, 1, 1) + timedelta(days=row[0])).isoformat()
    return found


def setting(connection: sqlite3.Connection, name: str) -> str | None:
    """What an engine has left under this name."""
    row = connection.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])
