"""Matching: from the event log to starts, each once.

In:   a connection, the flows of this engine, how far each has read.
Out:  starts, half-arrived sets, moved cursors: all in one transaction, so several engines may do it on one file.

Not here: issuing starts (`issue`), sets (`joins`), values. A flow seen for the first time begins at the log's end,
or, where no flow was ever seen, at its beginning.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from metaflow_extensions.triggers.contract import event_reader, local_start
from metaflow_extensions.triggers.plugins import local_events
from metaflow_extensions.triggers.plugins.local_runs import payload_of

from ..language import filters
from . import joins
from .starts import add_start, missing_required
from .store import PARAMETERS, WAITS, transaction, write_setting
from .waits import Index, LocalFlow, Wait, index

BATCH = 500
"""Events of one transaction: it bounds memory, and how long other processes wait to write."""


@dataclass(frozen=True)
class Arrived:
    """An event of the log, read. `row` is the key of its row: an event's name and id, in old rows the id alone."""

    sequence: int
    row: str
    id: str
    name: str
    kind: str
    payload: dict[str, Any]
    timestamp: str


@dataclass(frozen=True)
class Batch:
    """Events that somebody waits for, and the last place of the log that was looked at."""

    found: tuple[tuple[Arrived, tuple[Wait, ...]], ...]
    end: int

    def flows(self) -> set[str]:
        """The keys of the flows that wait for one of the events."""
        return {wait.flow.key for _, waits in self.found for wait in waits}


class Matcher:
    """Reads the log for some flows.

    What nobody waits for is read without writing anything; `flush` then moves the cursors, once for many events.
    """

    def __init__(self, flows: Sequence[LocalFlow]) -> None:
        self.flows = tuple(flows)
        self._keys = json.dumps([flow.key for flow in flows])
        self._index: Index = index(flows)
        self._held: frozenset[str] = frozenset()
        self._end = 0
        self._flushed = 0

    def register(self, connection: sqlite3.Connection) -> None:
        """Begin to read for flows that the database does not know yet. Raises sqlite3.Error.

        The first flows of all begin at the log's beginning: what was accepted before anybody listened is for them.
        """
        with transaction(connection):
            self._write_waits(connection)
            self._write_parameters(connection)
            (begin,) = connection.execute(
                "SELECT coalesce((SELECT max(sequence) FROM events WHERE EXISTS (SELECT 1 FROM cursors)), 0)"
            ).fetchone()
            connection.execute(
                "INSERT INTO cursors (flow_key, sequence) SELECT value, ? FROM json_each(?) WHERE true"
                " ON CONFLICT (flow_key) DO NOTHING",
                (begin, self._keys),
            )
        (low,) = connection.execute(
            "SELECT coalesce((SELECT min(sequence) FROM cursors WHERE flow_key IN (SELECT value FROM json_each(?))),"
            " (SELECT max(sequence) FROM events), 0)",
            (self._keys,),
        ).fetchone()
        self._end = self._flushed = low

    def _write_waits(self, connection: sqlite3.Connection) -> None:
        """The names of events that each flow waits for: `emit` tells at once of one that nobody waits for."""
        names: dict[str, set[str]] = {flow.key: set() for flow in self.flows}
        for (kind, name), waits in self._index.items():
            for wait in waits if kind == "event" else ():
                names[wait.flow.key].add(name)
        for flow_key, waited in names.items():
            write_setting(connection, f"{WAITS}{flow_key}", json.dumps(sorted(waited)))

    def _write_parameters(self, connection: sqlite3.Connection) -> None:
        for flow in self.flows:
            names = [item.name for item in flow.flow.parameters if not item.is_config]
            write_setting(connection, f"{PARAMETERS}{flow.key}", json.dumps(names))

    def hold(self, connection: sqlite3.Connection, keys: frozenset[str]) -> None:
        """Match nothing for these flows from here on: what comes now is for the next matcher. Raises sqlite3.Error."""
        self.flush(connection)  # what they were asked for is done with
        self._held |= keys
        self._keys = json.dumps([flow.key for flow in self.flows if flow.key not in self._held])
        self._index = index(flow for flow in self.flows if flow.key not in self._held)

    def is_behind(self, connection: sqlite3.Connection) -> bool:
        """Whether the log has events that this engine has not looked at. Reads only."""
        (last,) = connection.execute("SELECT coalesce(max(sequence), 0) FROM events").fetchone()
        return bool(last > self._end)

    def read(self, connection: sqlite3.Connection) -> Batch | None:
        """The next BATCH events, or None if there are no more. Reads only: `apply` and `passed` say what became of it.

        The log has one writer at a time, so no event ever appears below one that was seen.
        """
        rows = connection.execute(
            "SELECT sequence, id, name, kind, body, timestamp FROM events WHERE sequence > ? ORDER BY sequence LIMIT ?",
            (self._end, BATCH),
        ).fetchall()
        if not rows:
            return None
        found = []
        for row in rows:
            waits = self._index.get((row[3], row[2]))
            if waits:
                found.append((arrived(row), tuple(waits)))
        return Batch(tuple(found), rows[-1][0])

    def apply(self, connection: sqlite3.Connection, batch: Batch, now: datetime) -> int:
        """Add the starts and sets of a batch, inside the caller's transaction; returns how many starts were added.

        Raises sqlite3.Error. Once the transaction has been committed, `passed` must be called.
        """
        if not batch.found:
            return 0
        keys = json.dumps(sorted(batch.flows()))
        # Another engine may have read some of it since.
        cursors = dict(
            connection.execute(
                "SELECT flow_key, sequence FROM cursors WHERE flow_key IN (SELECT value FROM json_each(?))", (keys,)
            )
        )
        added = 0
        for event, waits in batch.found:
            # Dependencies of one trigger stand side by side, in the order in which they are written.
            for (flow_key, _), of_trigger in groupby(waits, lambda wait: (wait.flow.key, wait.trigger.key)):
                if event.sequence > cursors.get(flow_key, event.sequence):
                    added += self.take(connection, tuple(of_trigger), event, now)
        self._move(connection, batch.end, keys)
        return added

    def passed(self, batch: Batch) -> None:
        """The batch has been dealt with."""
        self._end = batch.end

    def step(self, connection: sqlite3.Connection, now: datetime) -> int:
        """Read and apply one batch; returns how many starts were added. Raises sqlite3.Error; then nothing happened."""
        batch = self.read(connection)
        if batch is None:
            return 0
        with transaction(connection):
            added = self.apply(connection, batch, now)
        self.passed(batch)
        return added

    def flush(self, connection: sqlite3.Connection) -> None:
        """Write down how far this engine has read, so that the next one need not look again. Raises sqlite3.Error."""
        if self._end > self._flushed:
            with transaction(connection):
                self._move(connection, self._end, self._keys)
            self._flushed = self._end

    @staticmethod
    def _move(connection: sqlite3.Connection, end: int, keys: str) -> None:
        connection.execute(
            "UPDATE cursors SET sequence = ? WHERE sequence < ? AND flow_key IN (SELECT value FROM json_each(?))",
            (end, end, keys),
        )

    @classmethod
    def take(cls, connection: sqlite3.Connection, waits: tuple[Wait, ...], event: Arrived, now: datetime) -> int:
        """Give the event to the dependencies of one trigger; how many starts were added. Raises sqlite3.Error."""
        try:
            matching = [wait for wait in waits if wait.filter is None or filters.matches(wait.filter, event.payload)]
            if waits[0].trigger.join == "any":
                return _start_once(connection, matching, event, now)
            return sum(cls._fill(connection, wait, event, now, len(matching) == 1) for wait in matching)
        except (ValueError, RecursionError) as error:
            # Nothing that an event holds may stop those behind it; it stays visible.
            refusal = f"event {event.name} could not be read: {error}"
            flow_key = waits[0].flow.key
            added = add_start(connection, flow_key, key(event), [], [], _said(event), refusal=refusal, now=now)
            return added is not None

    @staticmethod
    def _fill(connection: sqlite3.Connection, wait: Wait, event: Arrived, now: datetime, alone: bool) -> int:
        """Add the event to a set, and start those that it completes. `alone`: it fills no other dependency of it."""
        for parameter, path in wait.arrival_fields:
            if event_reader.field(event.payload, path) is None:
                what = f"the required parameter {parameter} has no value: event {event.name} has no field {path}"
                own = key(event) if alone else f"{key(event)}/{wait.number}"
                return _add(connection, wait, [wait.number], [event], start_key=own, refusal=what, now=now)
        found = 0
        for sequences in joins.arrive(connection, wait, event.sequence, event.timestamp):
            events = [event if number == event.sequence else _read(connection, number) for number in sequences]
            found += add_set(connection, wait, events, now)
        return found


def add_set(connection: sqlite3.Connection, wait: Wait, events: Sequence[Arrived], now: datetime) -> int:
    """Start with a whole set, or refuse it; 0 if it was started before. Raises sqlite3.Error."""
    numbers, start_key = list(range(len(events))), joins.set_key([key(item) for item in events])
    refusal = _missing(wait, numbers, list(events))
    return _add(connection, wait, numbers, list(events), start_key=start_key, refusal=refusal, now=now)


def _start_once(connection: sqlite3.Connection, matching: Sequence[Wait], event: Arrived, now: datetime) -> int:
    """One start, with the mapping of the first dependency that the event matches and that has what it requires."""
    refused: tuple[Wait, str] | None = None
    for wait in matching:
        refusal = _missing(wait, [wait.number], [event])
        if refusal is None:
            return _add(connection, wait, [wait.number], [event], start_key=key(event), refusal=None, now=now)
        refused = refused or (wait, refusal)
    if refused is None:
        return 0
    wait, refusal = refused
    return _add(connection, wait, [wait.number], [event], start_key=key(event), refusal=refusal, now=now)


def key(event: Arrived) -> str:
    """The start key of an event. An outcome's id names upstream run and outcome."""
    return f"{event.kind}/{event.row}"


def arrived(row: tuple[int, str, str, str, str, str]) -> Arrived:
    """Of a row's sequence, id, name, kind, body and timestamp."""
    sequence, key, name, kind, body, timestamp = row
    return Arrived(sequence, key, local_events.identity_of(kind, name, key), name, kind, payload_of(body), timestamp)


def _read(connection: sqlite3.Connection, sequence: int) -> Arrived:
    row = connection.execute(
        "SELECT sequence, id, name, kind, body, timestamp FROM events WHERE sequence = ?", (sequence,)
    ).fetchone()
    return arrived(row)


def _add(
    connection: sqlite3.Connection,
    wait: Wait,
    numbers: list[int],
    events: list[Arrived],
    *,
    start_key: str,
    refusal: str | None,
    now: datetime,
) -> int:
    dependencies, bodies = _told(wait, numbers, events)
    reason = " and ".join(_said(item) for item in events)
    added = add_start(
        connection,
        wait.flow.key,
        start_key,
        dependencies,
        bodies,
        reason,
        sequences=[item.sequence for item in events],
        refusal=refusal,
        now=now,
    )
    return added is not None


def _told(wait: Wait, numbers: list[int], events: list[Arrived]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Dependencies and events as the trigger document has them."""
    dependencies = [wait.trigger.dependencies[number] for number in numbers]
    return dependencies, [
        local_start.event_body(item.name, item.id, item.timestamp, item.payload, item.kind) for item in events
    ]


def _missing(wait: Wait, numbers: list[int], events: list[Arrived]) -> str | None:
    return missing_required(wait.flow.flow.parameters, local_start.document(*_told(wait, numbers, events)))


def _said(event: Arrived) -> str:
    if event.kind == "finish":
        name = event.name.removeprefix("metaflow.outcome.").rpartition(".")[0]
        return f"{name} {event.payload.get('run_id')}: {event.payload.get('outcome')}"
    return f"event {event.name}"
