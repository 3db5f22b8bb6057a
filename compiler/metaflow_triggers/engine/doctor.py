"""Doctor of the engine: what `run` needs of this machine.

In:   the path of the database, the folder for logs.
Out:  a finding for each thing; a code is that with which `run` refuses.

Not here: serving, repairing. Nothing is written: a database that is closed is read without a lock, since SQLite makes
files beside one that it opens. One that is open has them, and is read as any reader does, whose mark stands in the
`-shm` file: that is memory which its processes share.
"""

from __future__ import annotations

import os
import shlex
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from metaflow_extensions.triggers.plugins import local_events

from ..doctor.findings import Finding, fine, lacking, not_asked, of_diagnostic
from . import faults
from .schema import USER_VERSION
from .store import OLDEST_SQLITE

DATABASE, LOGS, SQLITE = "database", "folder for logs", "SQLite"
_ANOTHER = "or name another: --database FILE, METAFLOW_TRIGGERS_DATABASE"


def examine(path: str, logs: str) -> Iterator[Finding]:
    """Every thing, each once."""
    old = sqlite3.sqlite_version_info < OLDEST_SQLITE
    if old:
        told = f"this Python has {sqlite3.sqlite_version}, and the engine needs 3.35 or newer"
        yield lacking(SQLITE, told, "use a Python that brings a newer one", code="FT755")
        yield not_asked(DATABASE, f"{SQLITE} 3.35 or newer")
    else:
        yield fine(SQLITE, sqlite3.sqlite_version)
        yield _database(Path(path))
    yield _folder(Path(logs))


def _database(file: Path) -> Finding:
    name = shlex.quote(str(file))
    if file.is_dir():
        return lacking(DATABASE, f"`{file}` is a folder", _ANOTHER, code="FT750")
    folder = file.parent
    if not folder.is_dir():
        told = f"there is no folder `{folder}`"
        return lacking(DATABASE, told, f"mkdir -p {shlex.quote(str(folder))}", _ANOTHER, code="FT750")
    if not os.access(folder, os.W_OK | os.X_OK):
        told = f"`{folder}` cannot be written, and files are made beside the database"
        return lacking(DATABASE, told, f"chmod u+rwx {shlex.quote(str(folder))}", _ANOTHER, code="FT742")
    if not file.exists():
        return fine(DATABASE, f"`run` makes `{file}`")
    if not os.access(file, os.R_OK | os.W_OK):
        told = f"`{file}` cannot be read and written"
        return lacking(DATABASE, told, f"chmod u+rw {name}", _ANOTHER, code="FT742")
    if file.stat().st_size == 0:
        return fine(DATABASE, f"`run` makes its tables in `{file}`")
    try:
        return _content(file)
    except sqlite3.Error as error:
        if "not a database" in str(error):
            return lacking(DATABASE, f"`{file}` is no database", _ANOTHER, code="FT750")
        return of_diagnostic(DATABASE, faults.diagnostic(error, str(file)))


def _content(file: Path) -> Finding:
    # What is new lies in `-wal` while it is open, or where the machine stopped; then without a `-shm`.
    log, shared = Path(f"{file}-wal").exists(), Path(f"{file}-shm").exists()
    is_open = log and shared
    connection = sqlite3.connect(f"{file.as_uri()}?{'mode=ro' if is_open else 'immutable=1'}", uri=True, timeout=5)
    try:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if application != local_events.APPLICATION_ID and (application, version, tables) != (0, 0, 0):
            return lacking(DATABASE, f"`{file}` is an SQLite database of something else", _ANOTHER, code="FT750")
        if version > USER_VERSION:
            told = f"`{file}` is of a newer metaflow-triggers: version {version}, this one knows {USER_VERSION}"
            return lacking(DATABASE, told, "pip install --upgrade metaflow-triggers", _ANOTHER, code="FT751")
        if is_open or not log:
            faults.check(connection, faults.LONG)
    finally:
        connection.close()
    if version == 0:
        return fine(DATABASE, f"`run` makes its tables in `{file}`")
    more = "" if version == USER_VERSION else f", version {version}, which `run` brings to {USER_VERSION}"
    return fine(DATABASE, f"{file}{more}")


def _folder(path: Path) -> Finding:
    another = "or name another: run --logs DIR"
    if path.exists() and not path.is_dir():
        return lacking(LOGS, f"`{path}` is no folder", another, code="FT753")
    there = path
    while not there.exists():
        there = there.parent
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        told = f"`{there}` cannot be written to" if there.is_dir() else f"`{there}` is no folder"
        return lacking(LOGS, told, f"chmod u+rwx {shlex.quote(str(there))}", another, code="FT753")
    return fine(LOGS, str(path) if path.exists() else f"`run` makes `{path}`")
