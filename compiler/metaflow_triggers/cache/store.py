"""Store: keys and bytes in one file of the cache's folder.

In:   the folder, how many bytes it may take.
Out:  what was kept under a key, byte for byte, or nothing.

Not here: what the keys stand for. The file is SQLite's, which lets several commands use it at once and leaves it whole
when one is ended. Each row has the SHA-256 of its key and content: one that does not fit is as if it was not there, and
a file that is no database, or is damaged, is removed and begun anew. What was used longest ago goes when there is too
much. Nothing that goes wrong here may stop a command: it costs what the cache would have saved.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from .place import is_ours

NAME = "cache.sqlite3"
FORM = 1
"""Of the tables, and of what the callers put into them. Another one is begun anew."""

_SUM = 32
_AT_ONCE = 400
"""Keys for one question; SQLite takes 999."""
_WAIT = 2.0
"""Seconds for another command that writes."""
_DAY = 86_400
_NOT_DAMAGED = ("locked", "busy", "readonly", "unable to open", "full", "interrupted", "somebody else")
"""In the words of SQLite's errors: another command is at work, or this one may not write."""
_ERRORS = (sqlite3.Error, OSError, ValueError, TypeError)
_KEEP = 0.8
"""Of the limit, when something has to go."""


class Store:
    """The cache of a folder. `get` and `put` take nothing for granted of the file."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._path = folder / NAME
        self._limit = limit
        self._open: sqlite3.Connection | None = None
        self._broken = False
        self._used: set[str] = set()

    def get(self, keys: Iterable[str]) -> dict[str, bytes]:
        """What is kept under the keys."""
        found: dict[str, bytes] = {}
        wanted = list(dict.fromkeys(keys))
        with self._careful() as connection:
            if connection is None:
                return {}
            old = int(time.time()) - _DAY
            for start in range(0, len(wanted), _AT_ONCE):
                some = wanted[start : start + _AT_ONCE]
                marks = ",".join("?" * len(some))
                rows = connection.execute(f"SELECT name, used, content FROM kept WHERE name IN ({marks})", some)  # noqa: S608 - marks only
                for name, used, content in rows:
                    if isinstance(content, bytes) and content[:_SUM] == _sum(name, content[_SUM:]):
                        found[name] = content[_SUM:]
                        if used < old:
                            self._used.add(name)
        return found

    def put(self, contents: Mapping[str, bytes]) -> None:
        """Keep these, in place of what was there."""
        now = int(time.time())
        with self._careful() as connection:
            if connection is None or not (contents or self._used):
                return
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany("UPDATE kept SET used = ? WHERE name = ?", [(now, name) for name in self._used])
                connection.executemany(
                    "INSERT OR REPLACE INTO kept VALUES (?, ?, ?)",
                    [(name, now, _sum(name, content) + content) for name, content in contents.items()],
                )
            self._used.clear()
            self._prune(connection)

    def close(self) -> None:
        """Let it go."""
        if self._open is not None:
            with contextlib.suppress(sqlite3.Error):
                self._open.close()
            self._open = None

    def _prune(self, connection: sqlite3.Connection) -> None:
        """Drop what was used longest ago, until there is room again."""
        (taken,) = connection.execute("SELECT coalesce(sum(length(content)), 0) FROM kept").fetchone()
        if taken <= self._limit:
            return
        gone = []
        for name, size in connection.execute("SELECT name, length(content) FROM kept ORDER BY used, rowid"):
            if taken <= self._limit * _KEEP:
                break
            gone.append((name,))
            taken -= size
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("DELETE FROM kept WHERE name = ?", gone)
        connection.execute("VACUUM")

    @contextlib.contextmanager
    def _careful(self) -> Iterator[sqlite3.Connection | None]:
        """The open file, or None where there is none. A damaged one is removed; a busy one is left alone."""
        try:
            if self._open is None and not self._broken:
                self._open = self._opened()
        except _ERRORS as error:
            self._give_up(error)
        try:
            yield self._open
        except _ERRORS as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        self._broken = True
        self.close()
        if not any(word in str(error) for word in _NOT_DAMAGED):
            _remove(self._path)

    def _opened(self) -> sqlite3.Connection:
        if os.path.lexists(self._path) and not is_ours(self._path):
            raise sqlite3.OperationalError("somebody else's")
        if not self._path.exists():
            os.close(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600))
        connection = sqlite3.connect(self._path, timeout=_WAIT, isolation_level=None)
        # What a power cut leaves half-written is found by its sum, or by SQLite, and made anew.
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA trusted_schema = OFF")
        (form,) = connection.execute("PRAGMA user_version").fetchone()
        if form != FORM:
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                (form,) = connection.execute("PRAGMA user_version").fetchone()
                if form != FORM:
                    for (name,) in connection.execute(
                        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
                    ).fetchall():
                        quoted = name.replace('"', '""')
                        connection.execute(f'DROP TABLE "{quoted}"')
                    connection.execute("CREATE TABLE kept (name TEXT PRIMARY KEY, used INTEGER, content BLOB)")
                    connection.execute(f"PRAGMA user_version = {FORM:d}")
        return connection


def _sum(name: str, content: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\0" + content).digest()


def _remove(path: Path) -> None:
    for name in (path, path.with_name(f"{path.name}-journal")):
        with contextlib.suppress(OSError):
            name.unlink()
