"""Retention: what has become old, or too much, goes; what something still needs stays.

In:   a database, the flows that are served, the folder of logs; what is to be kept (`keep`).
Out:  fewer rows and log files. Of what goes the ids stay as hashes, so that nothing starts twice.

Not here: how much is kept. Never pruned are: an event that a flow which is served has not read, or which a half-arrived
set or an active start holds; a start that is waiting or running. A flow that no engine has served for as long as things
are kept does not hold them. Small transactions in a thread of its own, so that nobody waits; a look visits what it
deletes and what is needed before that, not the rest of the log.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from metaflow_extensions.triggers.plugins.local_events import forgotten_hash

from ..polling.clock import Clock, SystemClock
from . import keep as keeping
from .keep import Keep
from .store import connect, forget_waits, timestamp_text, transaction
from .waits import LocalFlow

_LOOK_SECONDS = 5.0
_WINDOW = 500
"""Events, and starts, that one transaction deletes at most."""
_REST_SECONDS = 0.02
_HOUR = 3600.0
_NEVER = "~"
"""Later than any moment."""
_ID_BYTES = 32
"""Of a hash, in the file; they are kept whatever the size."""
_ID_PARTS = 256
"""By their first byte."""

log = logging.getLogger("metaflow_triggers.retention")


@dataclass(frozen=True)
class _Look:
    """Flows that were served before `served_since` and not since do not hold what they have not read."""

    served_since: str
    now: datetime


@dataclass(frozen=True)
class _Needs:
    """The events that half-arrived sets and active starts hold, of those that every flow has read."""

    read: int
    held: frozenset[int]


@dataclass(frozen=True)
class _Old:
    """A row that may go. `moment` never falls in a list of them; `what` is hashed if its id has to stay."""

    moment: str
    size: int
    table: str
    key: int
    what: tuple[str, str, str]
    log: str = ""


class Retention:
    """Prunes between `start` and `stop`; a `loop.Source`. Or a program calls `step` itself."""

    def __init__(
        self, database: str, flows: Iterable[LocalFlow], logs: str | None = None, clock: Clock | None = None
    ) -> None:
        self._database = database
        self._keys = [flow.key for flow in flows]
        self._logs = logs
        self._clock = clock or SystemClock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="retention", daemon=True)
        self._passed = 0
        self._needs: _Needs | None = None
        self._ids: int | None = None
        self._ids_day = -1
        self._ids_kept: int | None = None
        self._log_bytes = 0
        self._next_hour = float("-inf")

    # a source of the engine's loop, of which no start ever comes ------------------------------------------------------

    def turn(self, connection: sqlite3.Connection) -> int:
        """None."""
        return 0

    def is_idle(self) -> bool:
        """Always: it keeps no engine at work."""
        return True

    def serve(self, flows: Sequence[LocalFlow]) -> None:
        """These are the flows from now on."""
        self._keys = [flow.key for flow in flows]
        self._next_hour = float("-inf")

    def start(self) -> None:
        """Prune in a thread of its own until `stop`."""
        self._thread.start()

    def stop(self) -> None:
        """End. Waits for a transaction at most."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _work(self) -> None:
        problem = ""
        while not self._stopping.is_set():
            try:
                with contextlib.closing(connect(self._database)) as connection:
                    while not self._stopping.is_set():
                        self.step(connection)
                        problem = ""
                        self._stopping.wait(_LOOK_SECONDS)
            except Exception as error:  # a full disk, a locked file: the next look tries again
                if problem != str(error):
                    log.warning("nothing is pruned for now: %s", error)
                problem = str(error)
                self._stopping.wait(_LOOK_SECONDS)

    # one look -------------------------------------------------------------------------------------------------------

    def step(self, connection: sqlite3.Connection) -> int:
        """Prune what is old, then what is too much; returns how many rows went. Raises sqlite3.Error."""
        now = self._clock.now()
        is_full_look = self._clock.monotonic() >= self._next_hour
        if is_full_look:
            self._say_served(connection, now)
        if not keeping.is_allowed(connection, now):
            return 0
        keep = keeping.read(connection)
        before = timestamp_text(now - timedelta(days=keep.days))
        if is_full_look:
            self._next_hour = self._clock.monotonic() + _HOUR
            self._prune_ids(connection, keep, now)
            gone = connection.execute("SELECT flow_key FROM cursors WHERE served_at < ?", (before,)).fetchall()
            forget_waits(connection, [flow_key for (flow_key,) in gone])
            self._log_bytes = self._prune_logs(now - timedelta(days=keep.days))
            self._passed = 0
        self._needs = None
        look = _Look(before, now)
        count = self._prune(connection, look, before, lambda: sys.maxsize)
        if self._bytes(connection) > keep.size:
            # A little more than it must: not at every look then.
            goal = keep.size - keep.size // 64
            count += self._prune(connection, look, _NEVER, lambda: self._bytes(connection) - goal)
        return count

    def _prune(self, connection: sqlite3.Connection, look: _Look, before: str, room: Callable[[], int]) -> int:
        """Prune the oldest from before that moment, while there is room to make; returns how many rows went."""
        count = 0
        while not self._stopping.is_set() and (wanted := room()) > 0:
            gone = self._window(connection, look, before, wanted)
            if not gone:
                break
            count += gone
            time.sleep(_REST_SECONDS)  # others write, too
        return count

    def _window(self, connection: sqlite3.Connection, look: _Look, before: str, room: int) -> int:
        """Prune the next rows, so many bytes at most; returns how many went."""
        events, passed = self._old_events(connection, look, before)
        # What has ended before the last of these events goes with them.
        until = f"{events[-1].moment}~" if events and before == _NEVER else before
        ended = self._old_starts(connection, until)
        if len(ended) == _WINDOW:
            events = [item for item in events if item.moment <= ended[-1].moment]
        chosen = _first(sorted([*events, *ended], key=lambda item: item.moment), room)
        of_events = [item for item in chosen if item.table == "events"]
        if chosen:
            with transaction(connection):
                read = _read_by_all(connection, look.served_since)
                self._delete_events(connection, [item for item in of_events if item.key <= read], look.now)
                self._delete_starts(connection, [item for item in chosen if item.table == "starts"], look.now)
        # Of what has been passed only that is left which is needed; it is looked at again after an hour.
        last = of_events[-1].key if of_events else self._passed
        self._passed = passed if len(of_events) == len(events) < _WINDOW and len(ended) < _WINDOW else last
        for item in chosen:
            if item.log:
                self._remove(item.log)
        return len(chosen)

    def _old_events(self, connection: sqlite3.Connection, look: _Look, before: str) -> tuple[list[_Old], int]:
        """The next events that may go, and how far the log has been passed."""
        # The newest stays: the log's numbers go on from it.
        (newest,) = connection.execute("SELECT coalesce(max(sequence), 0) FROM events").fetchone()
        now = timestamp_text(look.now)
        found: list[_Old] = []
        passed, moment = self._passed, ""
        # Without what lies behind a payload: what stays is passed without reading it.
        rows = connection.execute(
            "SELECT sequence, kind, name, id FROM events WHERE sequence > ? AND sequence < ? ORDER BY sequence",
            (passed, newest),
        )
        with contextlib.closing(rows):
            for sequence, kind, name, identity in rows:
                if self._needs is None:
                    self._needs = _needs(connection, look.served_since)
                if sequence > self._needs.read:
                    break
                # The event of a poll goes with its claim.
                if kind != "poll" and sequence not in self._needs.held:
                    at, size = connection.execute(
                        "SELECT timestamp, length(body) FROM events WHERE sequence = ?", (sequence,)
                    ).fetchone()
                    if before <= at <= now:
                        break  # and so are those behind it
                    if at < before:
                        moment = max(moment, at)
                        found.append(_Old(moment, size + 200, "events", sequence, (kind, name, identity)))
                passed = sequence
                if len(found) == _WINDOW:
                    break
        return found, passed

    def _old_starts(self, connection: sqlite3.Connection, before: str) -> list[_Old]:
        rows = connection.execute(
            "SELECT ended_at, length(document) + 500, id, flow_key, start_key FROM starts"
            " WHERE ended_at < ? AND state NOT IN ('claimed', 'started') ORDER BY ended_at LIMIT ?",
            (before, _WINDOW),
        ).fetchall()
        found = []
        for moment, size, start_id, flow_key, start_key in rows:
            log = f"{flow_key}.{start_id}.log"
            what = ("start", flow_key, start_key)
            found.append(_Old(moment, size + self._log_size(log), "starts", start_id, what, log))
        return found

    def _delete_events(self, connection: sqlite3.Connection, items: Sequence[_Old], now: datetime) -> None:
        self._remember(connection, [item.what for item in items if item.what[0] == "event"], now)
        connection.executemany("DELETE FROM events WHERE sequence = ?", [(item.key,) for item in items])

    def _delete_starts(self, connection: sqlite3.Connection, items: Sequence[_Old], now: datetime) -> None:
        self._remember(connection, [item.what for item in items if item.what[2].startswith("schedule/")], now)
        for _, flow_key, start_key in [item.what for item in items if "/" not in item.what[2]]:
            claims = connection.execute(
                "DELETE FROM poll_claims WHERE flow_key = ? AND start_key = ? RETURNING trigger_name, context_hash",
                (flow_key, start_key),
            ).fetchall()
            self._remember(connection, [("poll", *claim) for claim in claims], now)
            connection.execute("DELETE FROM events WHERE kind = 'poll' AND id = ?", (start_key,))
        connection.executemany("DELETE FROM starts WHERE id = ?", [(item.key,) for item in items])

    def _remember(self, connection: sqlite3.Connection, what: Iterable[tuple[str, str, str]], now: datetime) -> None:
        # In their order, which is that of the pages.
        marks = [(mark, keeping.day(now)) for mark in sorted(forgotten_hash(*item) for item in what)]
        added = connection.executemany("INSERT INTO forgotten VALUES (?, ?) ON CONFLICT DO NOTHING", marks).rowcount
        if self._ids is not None:
            self._ids += max(0, added)

    # what else there is ---------------------------------------------------------------------------------------------

    def _say_served(self, connection: sqlite3.Connection, now: datetime) -> None:
        moment = timestamp_text(now)
        with transaction(connection):
            connection.executemany(
                "UPDATE cursors SET served_at = ? WHERE flow_key = ?", [(moment, key) for key in self._keys]
            )
            # Of those nobody knows when they were served: as of now.
            connection.execute("UPDATE cursors SET served_at = ? WHERE served_at IS NULL", (moment,))

    def _bytes(self, connection: sqlite3.Connection) -> int:
        """Of payloads, logs and finished starts: what the file holds without free pages and without ids."""
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        (free,) = connection.execute("PRAGMA freelist_count").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        if self._ids is None:
            (self._ids,) = connection.execute("SELECT count(*) FROM forgotten").fetchone()
        return int((pages - free) * size) - int(self._ids or 0) * _ID_BYTES + self._log_bytes

    def _prune_ids(self, connection: sqlite3.Connection, keep: Keep, now: datetime) -> None:
        """Once a day: the whole table is looked at, in parts."""
        if self._ids_day == keeping.day(now) and keep.ids == self._ids_kept:
            return
        if keep.ids is not None:
            days = max(keep.ids, keep.days)  # of a dropped letter the event may be there for as long
            for part in range(_ID_PARTS):
                with transaction(connection):
                    connection.execute(
                        "DELETE FROM forgotten WHERE hash >= ? AND hash < ? AND day < ?",
                        (bytes([part]), bytes([part]) + b"\xff" * 16, keeping.day(now) - days),
                    )
        self._ids_day, self._ids_kept, self._ids = keeping.day(now), keep.ids, None

    def _prune_logs(self, before: datetime) -> int:
        """Remove logs of runs that nobody has written to since; returns how many bytes of logs are left."""
        total = 0
        with contextlib.suppress(OSError):
            for entry in os.scandir(self._logs or "."):
                if self._logs is None or not _is_log(entry.name):
                    continue
                with contextlib.suppress(OSError):
                    state = entry.stat(follow_symlinks=False)
                    if state.st_mtime < before.timestamp():
                        os.unlink(entry.path)
                    else:
                        total += state.st_size
        return total

    def _log_size(self, name: str) -> int:
        if self._logs is not None:
            with contextlib.suppress(OSError):
                return (Path(self._logs) / name).stat().st_size
        return 0

    def _remove(self, name: str) -> None:
        if self._logs is not None:
            with contextlib.suppress(OSError):
                size = self._log_size(name)
                (Path(self._logs) / name).unlink()
                self._log_bytes = max(0, self._log_bytes - size)


def _first(items: Sequence[_Old], room: int) -> list[_Old]:
    """As many of the first as have so many bytes."""
    chosen = []
    for item in items:
        if room <= 0:
            break
        chosen.append(item)
        room -= item.size
    return chosen


def _read_by_all(connection: sqlite3.Connection, served_since: str) -> int:
    """Up to which event the log has been read by every flow that is served.

    Before any flow was served nothing has been read; when none is served any more, nobody reads.
    """
    (read,) = connection.execute(
        "SELECT coalesce((SELECT min(sequence) FROM cursors WHERE coalesce(served_at, '9') >= ?),"
        " (SELECT max(sequence) FROM cursors), 0)",
        (served_since,),
    ).fetchone()
    return int(read)


def _needs(connection: sqlite3.Connection, served_since: str) -> _Needs:
    """As of one moment: what has been read by then is held by nothing later that does not hold it now."""
    connection.execute("BEGIN")
    try:
        read = _read_by_all(connection, served_since)
        held = {sequence for (sequence,) in connection.execute("SELECT sequence FROM waiting")}
        held |= {
            sequence
            for (sequence,) in connection.execute(
                "SELECT json_extract(item.value, '$.sequence') FROM starts,"
                " json_each(starts.document, '$.events') AS item WHERE starts.state IN ('claimed', 'started')"
            )
        }
    finally:
        connection.execute("COMMIT")
    return _Needs(read, frozenset(held))


def _is_log(name: str) -> bool:
    head, dot, end = name.rpartition(".")
    return dot == "." and end == "log" and head.rpartition(".")[2].isdigit()
