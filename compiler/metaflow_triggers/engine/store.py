"""Store: the engine's database file.

In:   a path.
Out:  connections to a database of our schema; one that is newer, or something else, is refused and left untouched.

Not here: what the rows mean (`matching`, `starts`, `polls.store`). All times in it are text of
`local_events.timestamp_text`, which sorts.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from pathlib import Path

from metaflow_extensions.triggers.plugins import local_events
from metaflow_extensions.triggers.plugins.local_events import timestamp_text, transaction

from ..diagnostics import Diagnostic, DiagnosticError
from .schema import LATER_TABLES, SCHEMA

__all__ = ["DATABASE_VARIABLE", "Appender", "connect", "database_path", "exists", "timestamp_text", "transaction"]

DATABASE_VARIABLE = "METAFLOW_TRIGGERS_DATABASE"
DEFAULT_NAME = "metaflow-triggers.db"
USER_VERSION = 1
"""`PRAGMA user_version` of what this version writes."""

OLDEST_SQLITE = (3, 35, 0)
"""The first that has RETURNING."""


def database_path(given: str | None) -> str:
    """The absolute path of the database: what was given, else METAFLOW_TRIGGERS_DATABASE, else one in this folder."""
    return str(Path(given or os.environ.get(DATABASE_VARIABLE) or DEFAULT_NAME).absolute())


def exists(path: str) -> bool:
    """Whether there is a file."""
    return Path(path).exists()


def connect(path: str, create: bool = True) -> sqlite3.Connection:
    """A connection in autocommit mode; the schema is made where there is no file yet (or an empty one).

    Raises DiagnosticError: FT750 (something else, or unreadable), FT751 (made by a newer version), FT752 (no such
    file and `create` is false), FT755 (an old SQLite).
    """
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise _refused("FT755", f"this Python has SQLite {sqlite3.sqlite_version}; the engine needs 3.35 or newer")
    file = Path(path)
    if not file.exists():
        if not create:
            raise _refused(
                "FT752", f"there is no database `{path}`", "start the engine first: metaflow-triggers run ..."
            )
        if not file.parent.is_dir():
            raise _refused("FT750", f"`{path}` cannot be made: there is no folder `{file.parent}`")
    try:
        if not file.exists() or file.stat().st_size == 0:
            _make(path)
        else:
            _look_at(path)
        connection: sqlite3.Connection = local_events.connect(path)
        _add_later_tables(connection)
    except sqlite3.Error as error:
        raise _refused("FT750", f"`{path}` is not a database of metaflow-triggers: {error}") from error
    except OSError as error:
        raise _refused("FT750", f"`{path}` cannot be opened: {error.strerror}") from error
    return connection


def _look_at(path: str) -> None:
    """Refuse what is not ours, reading only."""
    connection = sqlite3.connect(f"{Path(path).as_uri()}?mode=ro", uri=True, timeout=60, isolation_level=None)
    try:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    finally:
        connection.close()
    if application == 0 and version == 0 and tables == 0:
        _make(path)  # another process has just begun to make it
    elif application != local_events.APPLICATION_ID:
        raise _refused("FT750", f"`{path}` is an SQLite database of something else")
    elif version > USER_VERSION:
        raise _refused(
            "FT751",
            f"`{path}` is of a newer metaflow-triggers (file version {version}; this one knows {USER_VERSION})",
        )


def _make(path: str) -> None:
    connection = sqlite3.connect(path, timeout=60, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        with transaction(connection):
            (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if tables == 0:
                for statement in SCHEMA.split(";\n"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id={local_events.APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version={USER_VERSION}")
    finally:
        connection.close()


def _add_later_tables(connection: sqlite3.Connection) -> None:
    """What a file of an earlier version has not."""
    there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    if not there.issuperset(LATER_TABLES):
        with transaction(connection):
            for statements in LATER_TABLES.values():
                for statement in statements:
                    connection.execute(statement)


def _refused(code: str, message: str, *helps: str) -> DiagnosticError:
    return DiagnosticError([Diagnostic(code, message, helps=helps)])


class Appender:
    """Accepts events of many threads with one commit for all that wait: a commit costs a disk's flush.

    `append` returns when the event is on disk.
    """

    def __init__(self, path: str) -> None:
        self._connection = local_events.connect(path)
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._waiting: list[tuple[local_events.Row, _Receipt]] = []

    def append(self, name: str, payload_text: str, identity: str, timestamp: str, *, kind: str = "event") -> bool:
        """As `local_events.append`: False if it was accepted before; raises sqlite3.Error if nothing was stored."""
        receipt = _Receipt()
        with self._lock:
            self._waiting.append(((identity, name, kind, payload_text, timestamp), receipt))
        with self._turn:  # whoever comes first commits for all who wait behind it
            if not receipt.done:
                with self._lock:
                    batch, self._waiting = self._waiting, []
                self._commit(batch)
        if receipt.error is not None:
            raise receipt.error
        return receipt.is_new

    def _commit(self, batch: list[tuple[local_events.Row, _Receipt]]) -> None:
        try:
            with transaction(self._connection):
                for row, receipt in batch:
                    receipt.is_new = local_events.insert(self._connection, row)
        except sqlite3.Error as error:
            for _, receipt in batch:
                receipt.error = error
        for _, receipt in batch:
            receipt.done = True

    def close(self) -> None:
        """Close the connection; nobody may be appending."""
        self._connection.close()


class _Receipt:
    done = False
    is_new = False
    error: sqlite3.Error | None = None
