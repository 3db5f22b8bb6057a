"""Keep: what an engine's database says of how long it keeps things.

In:   a connection.
Out:  `Keep`, as it was set or by default; since when it holds for a database that is older than it.

Not here: pruning (`retention`).
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from .store import timestamp_text, transaction

DAYS, SIZE = 30, 2 << 30
FEWEST_IDS_DAYS = 90
NOTICE = timedelta(days=1)
"""From the moment when a user of an older database is told, to the first pruning."""


@dataclass(frozen=True)
class Keep:
    """Payloads, logs and finished starts: so many days, or so many bytes; hashes of ids: days, None: for ever."""

    days: int = DAYS
    size: int = SIZE
    ids: int | None = None


def read(connection: sqlite3.Connection) -> Keep:
    """What holds. Raises sqlite3.Error."""
    said = dict(connection.execute("SELECT name, value FROM settings WHERE name LIKE 'retain.%'"))
    ids = said.get("retain.ids", "")
    return Keep(int(said.get("retain.days", DAYS)), int(said.get("retain.size", SIZE)), int(ids) if ids else None)


def day(moment: datetime) -> int:
    """The day of a hash of an id (`forgotten.day`)."""
    return int(moment.astimezone(timezone.utc).timestamp() // 86400)


def write(connection: sqlite3.Connection, keep: Keep) -> None:
    """Set it. It holds from now on: whoever sets it knows of it. Raises sqlite3.Error."""
    with transaction(connection):
        for name, value in (("days", keep.days), ("size", keep.size), ("ids", keep.ids or "")):
            _set(connection, f"retain.{name}", str(value))
        _set(connection, "retain.begin", "")


def begins(connection: sqlite3.Connection) -> str | None:
    """The moment from which pruning is allowed ("" for ever since), or None: nobody was told yet."""
    row = connection.execute("SELECT value FROM settings WHERE name = 'retain.begin'").fetchone()
    return None if row is None else str(row[0])


def announce(connection: sqlite3.Connection, now: datetime) -> str | None:
    """The moment from which things will be pruned, if that is to be told now. Raises sqlite3.Error."""
    with transaction(connection):
        begin = begins(connection)
        if begin is None:
            begin = timestamp_text(now + NOTICE)
            _set(connection, "retain.begin", begin)
    return begin if begin > timestamp_text(now) else None


def is_allowed(connection: sqlite3.Connection, now: datetime) -> bool:
    """Whether anything may be pruned now."""
    begin = begins(connection)
    return begin is not None and begin <= timestamp_text(now)


def _set(connection: sqlite3.Connection, name: str, value: str) -> None:
    connection.execute(
        "INSERT INTO settings VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", (name, value)
    )
