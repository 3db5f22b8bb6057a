"""Local events: the event log of the local engine, as a run sees it.

In:   the database file, an event that has been judged (`event_check.check_payload`).
Out:  a row of the log, durable when `append` returns.

Not here: the schema (`metaflow_triggers.engine.store` makes the file), reading the log, starting flows. Only the
standard library: a step may publish without anything else being imported.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from ..contract import event_check, local_start

timestamp_text = local_start.timestamp_text

APPLICATION_ID = 0x4D465452
"""`PRAGMA application_id` of our file ("MFTR")."""
BUSY_MILLISECONDS = 60_000
"""How long a statement waits for another process to end its transaction."""
_LOG_BYTES = 16 << 20
"""The write-ahead log, once it begins anew, is cut to this size: one large transaction would else keep its room for
ever (https://www.sqlite.org/pragma.html#pragma_journal_size_limit)."""

# The second question is about rows of earlier versions, whose key was the id alone; the third about events that were
# pruned. A file of an earlier version, whose engine is at work, has no such table.
_NEW = """\
INSERT INTO events (id, name, kind, body, timestamp) SELECT ?1, ?2, ?3, ?4, ?5
WHERE NOT EXISTS (SELECT 1 FROM events WHERE kind = ?3 AND id = ?6 AND name = ?2)"""
_INSERT_IN_OLD = f"{_NEW} ON CONFLICT (kind, id) DO NOTHING"
_UNPRUNED = "AND NOT EXISTS (SELECT 1 FROM forgotten WHERE hash IN (?7, ?8))"
_INSERT = f"{_NEW} {_UNPRUNED} ON CONFLICT (kind, id) DO NOTHING"

Row = tuple[str, str, str, str, str]
"""id, name, kind (event, finish, schedule or poll), JSON text of the payload, time (`timestamp_text`)."""


def connect(database_path: str) -> sqlite3.Connection:
    """A connection to an existing database of the engine, in autocommit mode, each commit on disk before it returns.

    Raises sqlite3.OperationalError if there is no such file, sqlite3.DatabaseError if it is something else.
    """
    uri = "file:" + _quoted(database_path) + "?mode=rw"
    # One connection belongs to one thread at a time; the engine hands some over to another thread.
    connection = sqlite3.connect(
        uri, uri=True, timeout=BUSY_MILLISECONDS / 1000, isolation_level=None, check_same_thread=False
    )
    try:
        (found,) = connection.execute("PRAGMA application_id").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'starts'").fetchone()
        if found != APPLICATION_ID or not tables:
            raise sqlite3.DatabaseError(f"{database_path} is not a database of metaflow-triggers")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA journal_size_limit={_LOG_BYTES}")
    except BaseException:
        connection.close()
        raise
    return connection


def _quoted(path: str) -> str:
    from urllib.parse import quote

    return quote(path)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """One write transaction, taken at once: what is read in it stays true until it commits.

    Inside another one it is a part of that.
    """
    if connection.in_transaction:
        yield connection
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        # After some errors (a full disk) SQLite has rolled back already.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def row_key(kind: str, name: str, identity: str) -> str:
    """The column `id` of a row. An event is its name and its id (semantics, section 7); a name holds no slash."""
    return f"{name}/{identity}" if kind == "event" else identity


def identity_of(kind: str, name: str, key: str) -> str:
    """The id of an event whose row has this `id`. Rows of earlier versions have the id itself."""
    return key.removeprefix(f"{name}/") if kind == "event" else key


def forgotten_hash(kind: str, name: str, key: str) -> bytes:
    """What is kept of an event that was pruned: 16 bytes of a digest of its kind, name and row key."""
    import hashlib

    return hashlib.sha256("\0".join((kind, name, key)).encode("utf-8", "surrogatepass")).digest()[:16]


def _values(row: Row) -> tuple[Any, ...]:
    identity, name, kind, body, timestamp = row
    key = row_key(kind, name, identity)
    old = forgotten_hash(kind, name, identity)
    return (key, name, kind, body, timestamp, identity, forgotten_hash(kind, name, key), old)


def insert(connection: sqlite3.Connection, row: Row) -> bool:
    """Add a row inside the caller's transaction. False if the log has, or had, an event of this kind, name and id."""
    try:
        return connection.execute(_INSERT, _values(row)).rowcount > 0
    except sqlite3.OperationalError as error:
        if "no such table: forgotten" not in str(error):
            raise
        return connection.execute(_INSERT_IN_OLD, _values(row)[:6]).rowcount > 0


def append_many(connection: sqlite3.Connection, rows: Iterable[Row]) -> int:
    """Add rows in one transaction; returns how many were new."""
    with transaction(connection):
        return sum(insert(connection, row) for row in rows)


def accepted(connection: sqlite3.Connection, name: str, identity: str) -> tuple[str, str] | None:
    """Payload text and time of the event of this name and id, or None where there is none."""
    found: tuple[str, str] | None = connection.execute(
        "SELECT body, timestamp FROM events WHERE kind = 'event' AND name = ? AND id IN (?, ?)",
        (name, row_key("event", name, identity), identity),
    ).fetchone()
    return found


class Taken(ValueError):
    """Another event has this name and id. The message shows it."""


def append_event(connection: sqlite3.Connection, name: str, payload_text: str, identity: str, timestamp: str) -> bool:
    """Accept one event, in a transaction of its own. False if it was accepted before.

    `payload_text` is the JSON text of an object, `timestamp` what `timestamp_text` gives.
    Raises Taken if the log has another payload under this name and id, sqlite3.Error when the event was not accepted.
    """
    if append_many(connection, [(identity, name, "event", payload_text, timestamp)]):
        return True
    there = accepted(connection, name, identity)
    if there is not None and not event_check.same_payload(there[0], payload_text):
        raise Taken(event_check.taken(name, identity, there[0]))
    return False


def append(database_path: str, name: str, payload_text: str, identity: str, timestamp: str) -> bool:
    """As `append_event`: it is on disk when this returns."""
    connection = connect(database_path)
    try:
        return append_event(connection, name, payload_text, identity, timestamp)
    finally:
        connection.close()
