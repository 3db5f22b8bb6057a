"""Store: the engine's database file.

In:   a path.
Out:  connections to a database of our schema; one that is newer, or something else, is refused and left untouched.

Not here: what the rows mean (`matching`, `starts`, `polls.store`). All times in it are text of
`local_events.timestamp_text`, which sorts.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterable
from pathlib import Path

from metaflow_extensions.triggers.plugins import local_events
from metaflow_extensions.triggers.plugins.local_events import timestamp_text, transaction

from ..diagnostics import Diagnostic, DiagnosticError
from . import faults
from .migrate import InUse, migrate
from .schema import USER_VERSION

__all__ = [
    "DATABASE_VARIABLE",
    "USER_VERSION",
    "Appender",
    "connect",
    "database_path",
    "exists",
    "timestamp_text",
    "transaction",
]

DATABASE_VARIABLE = "METAFLOW_TRIGGERS_DATABASE"
DEFAULT_NAME = "metaflow-triggers.db"
WAITS = "waits."
"""Of `settings`, before a flow: the names of events that it waits for. `logs`: where an engine last wrote them."""
PARAMETERS = "parameters."
"""The same of its parameters: what is left of them where no file is read, for who tells what an event gave."""
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

    Raises DiagnosticError: FT740 to FT743 (`faults`), FT750 (something else, or unreadable), FT751 (made by a newer
    version), FT752 (no such file and `create` is false), FT755 (an old SQLite), FT756 (made by an older version, one of
    which is at work).
    """
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise _refused("FT755", f"this Python has SQLite {sqlite3.sqlite_version}; the engine needs 3.35 or newer")
    file = Path(path)
    if file.is_dir():
        raise _refused("FT750", f"`{path}` is a folder, not a database of metaflow-triggers")
    if not file.exists():
        if not create:
            raise _refused(
                "FT752", f"there is no database `{path}`", "start the engine first: metaflow-triggers run ..."
            )
        if not file.parent.is_dir():
            raise _refused("FT750", f"`{path}` cannot be made: there is no folder `{file.parent}`")
    try:
        if not file.exists():
            # Payloads are nobody else's business; the files that SQLite makes beside it get the same mode.
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        if file.stat().st_size == 0 or _version(path) < USER_VERSION:
            migrate(path)
        connection: sqlite3.Connection = local_events.connect(path)
    except InUse:
        raise _refused(
            "FT756",
            f"`{path}` is of an earlier version of metaflow-triggers, and another process has it open",
            "end the engine that serves it, then do the same again; what it accepted is kept, its runs go on",
        ) from None
    except sqlite3.Error as error:
        if "not a database" in str(error):
            raise _refused("FT750", f"`{path}` is not a database of metaflow-triggers: {error}") from error
        raise DiagnosticError([faults.diagnostic(error, path)]) from error
    except OSError as error:
        raise _refused("FT750", f"`{path}` cannot be opened: {error.strerror}") from error
    return connection


def _version(path: str) -> int:
    """The version of the file. Refuses what is not ours, and a newer one, reading only."""
    connection = sqlite3.connect(f"{Path(path).as_uri()}?mode=ro", uri=True, timeout=60, isolation_level=None)
    try:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    finally:
        connection.close()
    if application == 0 and version == 0 and tables == 0:
        return 0  # another process has just begun to make it
    if application != local_events.APPLICATION_ID:
        raise _refused("FT750", f"`{path}` is an SQLite database of something else")
    if version > USER_VERSION:
        raise _refused(
            "FT751",
            f"`{path}` is of a newer metaflow-triggers (file version {version}; this one knows {USER_VERSION})",
        )
    return int(version)


def write_setting(connection: sqlite3.Connection, name: str, value: str) -> None:
    """Leave a value for others who open the file; nothing is written where it is there. Raises sqlite3.Error."""
    connection.execute(
        "INSERT INTO settings VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
        " WHERE value <> excluded.value",
        (name, value),
    )


def forget_waits(connection: sqlite3.Connection, flows: Iterable[str]) -> None:
    """These are served no more: nobody shall be told that they wait for something. Raises sqlite3.Error."""
    connection.executemany("DELETE FROM settings WHERE name = ?", [(f"{WAITS}{flow}",) for flow in flows])


def waited_for(connection: sqlite3.Connection) -> dict[str, list[str]]:
    """Flow -> the names of events that it waited for when an engine last served it."""
    found = connection.execute("SELECT name, value FROM settings WHERE name >= ? AND name < ?", (WAITS, f"{WAITS}~"))
    return {name.removeprefix(WAITS): list(json.loads(value)) for name, value in found}


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
