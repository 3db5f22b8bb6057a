"""Retention: what has become old, or too much, goes; what something still needs stays.

In:   a database, the flows that are served, the folder of logs; what is to be kept (`keep`).
Out:  fewer rows and log files. Of what goes the ids stay as hashes, so that nothing starts twice.

Not here: how much is kept. Never pruned are: an event that a flow which is served has not read, or which a half-arrived
set or an active start holds; a start that is waiting or running. A flow that no engine has served for as long as things
are kept does not hold them. Small transactions in a thread of its own, so that nobody waits.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

from metaflow_extensions.triggers.plugins.local_events import forgotten_hash

from . import keep as keeping
from .clock import Clock, SystemClock
from .keep import Keep
from .starts import TERMINAL
from .store import connect, timestamp_text, transaction
from .waits import LocalFlow

_LOOK_SECONDS = 5.0
_WINDOW = 500
"""Rows that one transaction looks at."""
_REST_SECONDS = 0.02
_HOUR = 3600.0
_NEVER = "~"
"""Later than any moment."""
_ID_BYTES = 32
"""Of a hash, in the file; they are kept whatever the size."""

log = logging.getLogger("metaflow_triggers.retention")


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
        self._start_position = 0
        self._event_position = 0
        self._ids: int | None = None
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
            self._log_bytes = self._prune_logs(now - timedelta(days=keep.days))
        count = self._window(connection, before, before, now)
        excess = self._bytes(connection) - keep.size
        while excess > 0 and not self._stopping.is_set():
            until = _moment(connection, excess)
            gone = self._older(connection, until, before, now)
            count += gone
            if gone:
                excess = self._bytes(connection) - keep.size
            elif until == _NEVER:
                break  # all that is left is needed
            else:
                excess *= 2  # the oldest is needed: look further
        return count

    def _older(self, connection: sqlite3.Connection, until: str, served_since: str, now: datetime) -> int:
        """Prune all from before that moment that may go; returns how many rows went."""
        self._start_position = self._event_position = 0
        count = 0
        while not self._stopping.is_set():
            count += self._window(connection, until, served_since, now)
            if self._start_position == self._event_position == 0:
                break
        return count

    def _window(self, connection: sqlite3.Connection, before: str, served_since: str, now: datetime) -> int:
        """Look at the next rows, and prune those from before that moment; returns how many went."""
        logs: list[str] = []
        with transaction(connection):
            count = self._prune_starts(connection, before, now, logs)
            count += self._prune_events(connection, before, served_since, now)
        for name in logs:
            self._remove(name)
        if count:
            time.sleep(_REST_SECONDS)  # others write, too
        return count

    def _prune_starts(self, connection: sqlite3.Connection, before: str, now: datetime, logs: list[str]) -> int:
        rows = connection.execute(
            "SELECT id, flow_key, start_key, state, coalesce(ended_at, '') FROM starts WHERE id > ? ORDER BY id"
            " LIMIT ?",
            (self._start_position, _WINDOW),
        ).fetchall()
        self._start_position = rows[-1][0] if len(rows) == _WINDOW else 0
        gone = [row for row in rows if row[3] in TERMINAL and row[4] < before]
        for start_id, flow_key, start_key, _, _ in gone:
            logs.append(f"{flow_key}.{start_id}.log")
            kind = start_key.partition("/")[0]
            if kind == "schedule":
                self._remember(connection, ("start", flow_key, start_key), now)
            elif "/" not in start_key:
                self._prune_claim(connection, flow_key, start_key, now)
            connection.execute("DELETE FROM starts WHERE id = ?", (start_id,))
        return len(gone)

    def _prune_claim(self, connection: sqlite3.Connection, flow_key: str, start_key: str, now: datetime) -> None:
        for name, digest in connection.execute(
            "DELETE FROM poll_claims WHERE flow_key = ? AND start_key = ? RETURNING trigger_name, context_hash",
            (flow_key, start_key),
        ).fetchall():
            self._remember(connection, ("poll", name, digest), now)
        connection.execute("DELETE FROM events WHERE kind = 'poll' AND id = ?", (start_key,))

    def _prune_events(self, connection: sqlite3.Connection, before: str, served_since: str, now: datetime) -> int:
        rows = connection.execute(
            "SELECT sequence, kind, name, id, timestamp FROM events WHERE sequence > ? ORDER BY sequence LIMIT ?",
            (self._event_position, _WINDOW),
        ).fetchall()
        self._event_position = rows[-1][0] if len(rows) == _WINDOW else 0
        if not rows:
            return 0
        last = rows[-1][0]
        # Before any flow was served nothing has been read; when none is served any more, nobody reads.
        (read,) = connection.execute(
            "SELECT coalesce((SELECT min(sequence) FROM cursors WHERE coalesce(served_at, '9') >= ?),"
            " (SELECT max(sequence) FROM cursors), 0)",
            (served_since,),
        ).fetchone()
        needed = _needed(connection, rows[0][0], last)
        # The newest stays: the log's numbers go on from it.
        (newest,) = connection.execute("SELECT max(sequence) FROM events").fetchone()
        gone = [
            row
            for row in rows
            if row[1] != "poll" and row[4] < before and row[0] <= read and row[0] < newest and row[0] not in needed
        ]
        for sequence, kind, name, identity, _ in gone:
            if kind == "event":
                self._remember(connection, (kind, name, identity), now)
            connection.execute("DELETE FROM events WHERE sequence = ?", (sequence,))
        return len(gone)

    def _remember(self, connection: sqlite3.Connection, what: tuple[str, str, str], now: datetime) -> None:
        added = connection.execute(
            "INSERT INTO forgotten VALUES (?, ?) ON CONFLICT DO NOTHING", (forgotten_hash(*what), _day(now))
        ).rowcount
        if self._ids is not None:
            self._ids += added

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
        if keep.ids is not None:
            with transaction(connection):
                connection.execute("DELETE FROM forgotten WHERE day < ?", (_day(now) - keep.ids,))
        self._ids = None

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

    def _remove(self, name: str) -> None:
        if self._logs is not None:
            with contextlib.suppress(OSError):
                path = Path(self._logs) / name
                size = path.stat().st_size
                path.unlink()
                self._log_bytes = max(0, self._log_bytes - size)


def _moment(connection: sqlite3.Connection, excess: int) -> str:
    """The moment before which there are so many bytes of payloads, or else of finished starts; or _NEVER."""
    for question in (
        "SELECT timestamp, length(body) + 200 FROM events ORDER BY sequence",
        "SELECT ended_at, length(document) + 500 FROM starts WHERE ended_at IS NOT NULL ORDER BY id",
    ):
        left = excess
        for moment, size in connection.execute(question):
            left -= size
            if left <= 0:
                return str(moment) + "~"  # and that very one
    return _NEVER


def _needed(connection: sqlite3.Connection, first: int, last: int) -> set[int]:
    """The events of this part of the log that a half-arrived set or an active start holds."""
    found = {
        sequence
        for (sequence,) in connection.execute(
            "SELECT sequence FROM waiting WHERE sequence BETWEEN ? AND ?", (first, last)
        )
    }
    found |= {
        sequence
        for (sequence,) in connection.execute(
            "SELECT json_extract(item.value, '$.sequence') FROM starts, json_each(starts.document, '$.events') AS item"
            " WHERE starts.state IN ('claimed', 'started')"
        )
    }
    return found


def _day(moment: datetime) -> int:
    return int(moment.astimezone(timezone.utc).timestamp() // 86400)


def _is_log(name: str) -> bool:
    head, dot, end = name.rpartition(".")
    return dot == "." and end == "log" and head.rpartition(".")[2].isdigit()
