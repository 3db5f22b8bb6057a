"""Migrate: an engine's database file brought to the version that this one works on.

In:   a path; the file is ours, or empty.
Out:  a file of USER_VERSION, or the one that was there: all migrations that it lacks are one transaction, so whatever
      interrupts them undoes them, and the next that opens the file does them again.

Not here: what the migrations are (`schema`), whose file it is (`store`). No engine of an older version may be at work
meanwhile: it would go on with what it knows of the tables. Its runs may, each migration lets them write their outcome.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence

from metaflow_extensions.triggers.plugins import local_events

from .schema import MIGRATIONS

PATIENCE_SECONDS = 10.0
"""How long others are waited for: `emit` has the file open for some milliseconds, an engine for as long as it works."""


class InUse(Exception):
    """Another process has the file open, and goes on."""


def migrate(path: str, migrations: Sequence[Sequence[str]] = MIGRATIONS, patience: float = PATIENCE_SECONDS) -> None:
    """Carry out what the file lacks. Raises InUse, and sqlite3.Error; then nothing has changed."""
    deadline = time.monotonic() + patience
    while not _tried(path, migrations):
        if time.monotonic() > deadline:
            raise InUse(path)
        time.sleep(0.05)


def _tried(path: str, migrations: Sequence[Sequence[str]]) -> bool:
    """False if others have the file open. They are let in again between two trials."""
    connection = sqlite3.connect(path, timeout=0.5, isolation_level=None)
    try:
        if _version(connection) == 0:
            connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        # In this mode a transaction begins only when no other process has the file open.
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        with local_events.transaction(connection):
            for number in range(_version(connection), len(migrations)):
                for statement in migrations[number]:
                    connection.execute(statement)
            connection.execute(f"PRAGMA application_id={local_events.APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version={max(_version(connection), len(migrations))}")
    except sqlite3.OperationalError as error:
        if "locked" in str(error):  # an error has its code since Python 3.11
            return False
        raise
    finally:
        connection.close()
    return True


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)
