"""Faults: what SQLite says of the engine's database, as diagnostics.

In:   an error of sqlite3, the path of the database.
Out:  one diagnostic: what is wrong with the file, what is kept, what to do; whether waiting can help.

Not here: whose file it is (`store`).
"""

from __future__ import annotations

import sqlite3

from ..diagnostics import Diagnostic

DAMAGED, FULL, READ_ONLY, LOCKED = "FT740", "FT741", "FT742", "FT743"

# The low byte of an error's code (https://www.sqlite.org/rescode.html); Python tells it since 3.11, so words, too.
_CODES = {
    **dict.fromkeys((5, 6), LOCKED),
    **dict.fromkeys((3, 8, 14, 23), READ_ONLY),
    13: FULL,
}
_WORDS = {
    "locked": LOCKED,
    "is full": FULL,
    "readonly": READ_ONLY,
    "unable to open": READ_ONLY,
    "access permission": READ_ONLY,
}
SHORT, LONG = 1024, 16_384
"""Pages of 4 KiB that are checked in some milliseconds, and in a tenth of a second."""
_GROWING = ("events", "starts", "waiting", "forgotten", "poll_claims")


def code(error: sqlite3.Error) -> str:
    """Which of the four it is. What is none of the other three counts as damage."""
    number = getattr(error, "sqlite_errorcode", None)
    if number is not None:
        return _CODES.get(number & 0xFF, DAMAGED)
    return next((found for word, found in _WORDS.items() if word in str(error)), DAMAGED)


def may_pass(error: sqlite3.Error) -> bool:
    """Whether the same may work later: a disk has room again, another process has ended its transaction."""
    return code(error) != DAMAGED


def diagnostic(error: sqlite3.Error, path: str, what: str = "") -> Diagnostic:
    """The error in our words. `what` says what was not done because of it."""
    found = code(error)
    lost = f"{what}: " if what else ""
    message, helps = {
        DAMAGED: (
            f"the database `{path}` is damaged, or its disk fails: {error}",
            (
                f"cp {path} {path}.damaged     # and {path}-wal, {path}-shm beside it",
                f"sqlite3 {path}.damaged .recover | sqlite3 {path}     # what can be read of it; or take a backup",
            ),
        ),
        FULL: (
            f"the disk of the database `{path}` is full",
            ("make room on its disk; an engine that is at work goes on by itself then",),
        ),
        READ_ONLY: (
            f"the database `{path}` cannot be written: {error}",
            ("its folder has to be writable, too: two files are made beside it",),
        ),
        LOCKED: (
            f"another process keeps the database `{path}` locked",
            (f"look which process has it open, for instance: lsof {path}",),
        ),
    }[found]
    return Diagnostic(found, lost + message, helps=helps)


def check(connection: sqlite3.Connection, pages: int = SHORT) -> None:
    """Raise sqlite3.DatabaseError if a look at the file finds damage. What it does not reach is not seen.

    A file of more pages than that is looked at without its tables that grow: SQLite reads all of a table to check it.
    """
    (count,) = connection.execute("PRAGMA page_count").fetchone()
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
    names = ["1"] if count <= pages else [f"'{name}'" for (name,) in tables.fetchall() if name not in _GROWING]
    for name in names:
        (said,) = connection.execute(f"PRAGMA quick_check({name})").fetchone()
        if said != "ok":
            raise sqlite3.DatabaseError(str(said).splitlines()[-1])  # the first may be a heading
