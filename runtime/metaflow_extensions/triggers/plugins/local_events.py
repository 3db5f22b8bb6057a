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
from datetime import datetime, timezone

APPLICATION_ID = 0x4D465452
"""`PRAGMA application_id` of our file ("MFTR")."""
BUSY_MILLISECONDS = 60_000
"""How long a statement waits for another process to end its transaction."""

_INSERT = (
    "INSERT INTO events (id, name, kind, body, timestamp) VALUES (?, ?, ?, ?, ?) ON CONFLICT (kind, id) DO NOTHING"
)

Row = tuple[str, str, str, str, str]
"""id, name, kind (event, finish, schedule or poll), JSON text of the payload, time (`timestamp_text`)."""


def timestamp_text(moment: datetime) -> str:
    """ISO 8601, UTC, six digits of a second: it sorts as the moments do. Raises ValueError without a timezone."""
    if moment.tzinfo is None:
        raise ValueError("a moment needs a timezone")
    return moment.astimezone(timezone.utc).isoformat(timespec="microseconds")


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


def insert(connection: sqlite3.Connection, row: Row) -> bool:
    """Add a row inside the caller's transaction. False if the log has an event of this kind and id."""
    return connection.execute(_INSERT, row).rowcount > 0


def append_many(connection: sqlite3.Connection, rows: Iterable[Row]) -> int:
    """Add rows in one transaction; returns how many were new."""
    with transaction(connection):
        count = connection.executemany(_INSERT, rows).rowcount
    return int(count)


def append(database_path: str, name: str, payload_text: str, identity: str, timestamp: str) -> bool:
    """Accept one event: it is on disk when this returns. False if an event of this id was accepted before.

    `payload_text` is the JSON text of an object, `timestamp` what `timestamp_text` gives.
    Raises sqlite3.Error when the event was not accepted.
    """
    connection = connect(database_path)
    try:
        return append_many(connection, [(identity, name, "event", payload_text, timestamp)]) > 0
    finally:
        connection.close()
