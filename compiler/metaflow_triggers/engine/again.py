"""Again: events of the log taken once more, for flows as they are written now.

In:   a connection, the flows, which refused start or which events are meant.
Out:  starts, sets that an event was added to, or why nothing came of it: each in a transaction of its own.

Not here: which are meant (`dead_letters`, `commands.emit`). An event keeps its row, its name and its id, so what it has
started is known by the start's key, and nothing starts twice; whatever ends this process, a start is refused as it was,
or claimed.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from metaflow_extensions.triggers.contract import exact_json
from metaflow_extensions.triggers.plugins.local_events import forgotten_hash

from . import keep
from .matching import Arrived, Matcher, add_set, arrived, key
from .store import transaction, write_setting
from .waits import LocalFlow, Wait, index

STARTED, TAKEN, REFUSED, STAYS = "started", "taken", "refused", "stays"


_OF_THE_EVENT = "(start_key = ?2 OR substr(start_key, 1, length(?2) + 1) = ?2 || '/')"
"""Starts of one event: by itself, and as refused for a place of a set."""
_DROPPED = "dropped"
"""What a hash is of (`forgotten`): an event whose refused start a flow dropped. Retention keeps it as those of ids."""
_PASSED = "passed."
"""Settings: before a flow's FLOW, the last event of a set that was dropped."""


class _Undone(Exception):
    """Nothing better came of it: the transaction is taken back."""


@dataclass(frozen=True)
class Came:
    """What came of it, and in words: why not, or of what start."""

    verdict: str
    told: str


def refused_again(connection: sqlite3.Connection, start_id: int, flow: LocalFlow, now: datetime) -> Came | None:
    """Take the events of a refused start once more; None if there is no such start. Raises sqlite3.Error."""
    came: list[Came] = []
    try:
        with transaction(connection):
            row = connection.execute(
                "SELECT start_key, document FROM starts WHERE id = ? AND state = 'refused' AND flow_key = ?",
                (start_id, flow.key),
            ).fetchone()
            if row is None:
                return None
            events = events_of(connection, *row)
            connection.execute("DELETE FROM starts WHERE id = ?", (start_id,))
            came.append(_taken(connection, flow, row[0], events, now))
            if came[0].verdict in (REFUSED, STAYS):
                raise _Undone
    except _Undone:
        pass
    return came[0]


def drop(connection: sqlite3.Connection, flow_key: str, start_id: int, now: datetime) -> bool:
    """Take a refused start out for good: its events are known from now on. False if there is none; sqlite3.Error."""
    with transaction(connection):
        row = connection.execute(
            "SELECT start_key, document FROM starts WHERE id = ? AND state = 'refused' AND flow_key = ?",
            (start_id, flow_key),
        ).fetchone()
        if row is None:
            return False
        events = events_of(connection, *row) or []
        connection.executemany(
            "INSERT INTO forgotten VALUES (?, ?) ON CONFLICT (hash) DO UPDATE SET day = excluded.day",
            [(forgotten_hash(_DROPPED, flow_key, key(event)), keep.day(now)) for event in events],
        )
        if row[0].startswith("set/") and events:
            last = max(_dropped_until(connection, flow_key), *(event.sequence for event in events))
            write_setting(connection, f"{_PASSED}{flow_key}", str(last))
        connection.execute("DELETE FROM starts WHERE id = ?", (start_id,))
    return True


def _dropped_until(connection: sqlite3.Connection, flow_key: str) -> int:
    """The last event of a set of the flow that was dropped, or 0."""
    asked = "SELECT value FROM settings WHERE name = ?"
    found = connection.execute(asked, (f"{_PASSED}{flow_key}",)).fetchone()
    return int(found[0]) if found is not None else 0


def _was_dropped(connection: sqlite3.Connection, flow_key: str, event: Arrived) -> bool:
    mark = forgotten_hash(_DROPPED, flow_key, key(event))
    return connection.execute("SELECT 1 FROM forgotten WHERE hash = ?", (mark,)).fetchone() is not None


def _taken(
    connection: sqlite3.Connection, flow: LocalFlow, start_key: str, events: Sequence[Arrived] | None, now: datetime
) -> Came:
    if not events:
        return Came(STAYS, "its event was pruned, and only the reason is kept")
    waits = [wait for event in events for wait in index([flow]).get((event.kind, event.name), ())]
    if not waits:
        return Came(STAYS, "the flow does not wait for it any more")
    if start_key.startswith("set/"):
        whole = next((wait for wait in waits if len(wait.trigger.dependencies) == len(events)), None)
        if whole is None:
            return Came(STAYS, "the flow has no set of so many events any more")
        add_set(connection, whole, events, now)
    else:
        take(connection, waits, events[0], now)
    found = connection.execute(
        f"SELECT state, error FROM starts WHERE flow_key = ?1 AND (start_key = ?3 OR {_OF_THE_EVENT})",  # noqa: S608
        (flow.key, key(events[0]), start_key),
    ).fetchone()
    if found is None and _waits_in_a_set(connection, flow, events[0]):
        return Came(TAKEN, "its set waits for other events")
    if found is None and _in_a_start(connection, flow, events[0].sequence):
        return Came(STARTED, "with its set")
    if found is None:
        return Came(STAYS, "the filter says no by now, or a newer event has its place in the set")
    return Came(REFUSED, str(found[1])) if found[0] == "refused" else Came(STARTED, "its run is next")


def events_of(connection: sqlite3.Connection, start_key: str, document: str) -> list[Arrived] | None:
    """The events of a start, out of the log; None if one was pruned."""
    told = exact_json.loads(document)["events"]
    where: list[tuple[str, tuple[Any, ...]]] = [
        ("sequence = ?", (item["sequence"],)) for item in told if "sequence" in item
    ]
    if not where:
        kind, _, row = start_key.partition("/")
        where = [("kind = ? AND id = ?", (kind, row))]
    found = [
        connection.execute(
            f"SELECT sequence, id, name, kind, body, timestamp FROM events WHERE {asked}",  # noqa: S608
            given,
        ).fetchone()
        for asked, given in where
    ]
    return None if None in found else [arrived(row) for row in found]


def take(connection: sqlite3.Connection, waits: Sequence[Wait], event: Arrived, now: datetime) -> int:
    """How many starts were added, for each trigger that waits for the event."""
    added = 0
    for _, of_trigger in groupby(waits, lambda wait: wait.trigger.key):
        together = tuple(of_trigger)
        if together[0].trigger.join == "any" or not _is_passed(connection, together[0], event):
            added += Matcher.take(connection, together, event, now)
    return added


def _waits_in_a_set(connection: sqlite3.Connection, flow: LocalFlow, event: Arrived) -> bool:
    asked = "SELECT 1 FROM waiting WHERE flow_key = ? AND sequence = ?"
    return connection.execute(asked, (flow.key, event.sequence)).fetchone() is not None


def _in_a_start(connection: sqlite3.Connection, flow: LocalFlow, sequence: int) -> bool:
    asked = (
        "SELECT 1 FROM starts, json_each(starts.document, '$.events') WHERE flow_key = ?"
        " AND json_extract(json_each.value, '$.sequence') = ? LIMIT 1"
    )
    return connection.execute(asked, (flow.key, sequence)).fetchone() is not None


# a range of the log ---------------------------------------------------------------------------------------------------


@dataclass
class Counts:
    """Events that were looked at, those that some of the flows wait for; what they started, what was refused, what was
    added to a set; what had been taken before, or is still to be read by an engine."""

    events: int = 0
    heard: int = 0
    started: int = 0
    refused: int = 0
    taken: int = 0
    known: int = 0

    def as_value(self) -> dict[str, int]:
        return dict(vars(self))

    def words(self) -> str:
        """For people, on one line."""
        return (
            f"{self.events} accepted before, {self.heard} that these flows wait for: {self.started} started, "
            f"{self.taken} added to sets, {self.refused} refused, {self.known} known"
        )


def accepted_again(
    connection: sqlite3.Connection,
    flows: Sequence[LocalFlow],
    now: datetime,
    *,
    since: str | None = None,
    name: str | None = None,
    identity: str | None = None,
) -> Counts:
    """Take events of the log once more that were accepted since then, of this name, with this id. Raises sqlite3.Error.

    `since` is text of `timestamp_text`. What an event has started, or was refused, is not repeated.
    """
    counts = Counts()
    by_name = index(flows)
    asked = (
        "SELECT sequence, id, name, kind, body, timestamp FROM events WHERE kind = 'event'"
        " AND (?1 IS NULL OR timestamp >= ?1) AND (?2 IS NULL OR name = ?2)"
        " AND (?3 IS NULL OR id IN (?3, name || '/' || ?3)) ORDER BY sequence"
    )
    for row in connection.execute(asked, (since, name, identity)).fetchall():
        event = arrived(row)
        counts.events += 1
        waits = by_name.get((event.kind, event.name), ())
        counts.heard += bool(waits)
        for _, of_trigger in groupby(waits, lambda wait: (wait.flow.key, wait.trigger.key)):
            with transaction(connection):
                _one_again(connection, tuple(of_trigger), event, now, counts)
    return counts


def _one_again(
    connection: sqlite3.Connection, waits: tuple[Wait, ...], event: Arrived, now: datetime, counts: Counts
) -> None:
    flow, is_set = waits[0].flow, waits[0].trigger.join != "any"
    if _is_known(connection, waits[0], event, is_set):
        counts.known += 1
        return
    (last,) = connection.execute("SELECT coalesce(max(id), 0) FROM starts").fetchone()
    Matcher.take(connection, waits, event, now)
    added = [state for (state,) in connection.execute("SELECT state FROM starts WHERE id > ?", (last,))]
    counts.started += added.count("claimed")
    counts.refused += added.count("refused")
    counts.taken += is_set and not added and _waits_in_a_set(connection, flow, event)


def _is_known(connection: sqlite3.Connection, wait: Wait, event: Arrived, is_set: bool) -> bool:
    """Whether the flow has dealt with the event, or an engine will."""
    flow = wait.flow
    cursor = connection.execute("SELECT sequence FROM cursors WHERE flow_key = ?", (flow.key,)).fetchone()
    if cursor is None:  # the first flows of all begin at the log's beginning
        if connection.execute("SELECT 1 FROM cursors").fetchone() is None:
            return True
    elif event.sequence > cursor[0]:
        return True
    own = f"SELECT 1 FROM starts WHERE flow_key = ?1 AND {_OF_THE_EVENT}"  # noqa: S608
    if connection.execute(own, (flow.key, key(event))).fetchone() is not None:
        return True
    return _was_dropped(connection, flow.key, event) or (is_set and _is_passed(connection, wait, event))


def _is_passed(connection: sqlite3.Connection, wait: Wait, event: Arrived) -> bool:
    """Whether a set has, or had, the event, or with `latest` a newer one."""
    flow = wait.flow
    if _waits_in_a_set(connection, flow, event) or _in_a_start(connection, flow, event.sequence):
        return True
    if wait.trigger.queue:
        return False
    asked = (
        "SELECT max(sequence) FROM (SELECT sequence FROM waiting WHERE flow_key = ?1 AND trigger_key = ?2 UNION ALL"
        " SELECT json_extract(json_each.value, '$.sequence') FROM starts, json_each(starts.document, '$.events')"
        " WHERE flow_key = ?1 AND start_key LIKE 'set/%')"
    )
    (newest,) = connection.execute(asked, (flow.key, wait.trigger.key)).fetchone()
    return max(newest or 0, _dropped_until(connection, flow.key)) > event.sequence


def document_payloads(events: Sequence[Arrived]) -> str:
    """What the events hold, as JSON text: of one its payload, of several a list."""
    payloads = [event.payload for event in events]
    return exact_json.dumps(payloads[0] if len(payloads) == 1 else payloads) if payloads else json.dumps(None)
