"""Pauses: flows that are not started for now.

In:   a connection, a flow as its user names it, or None for all of them.
Out:  rows of `paused`, which every engine on the file asks before it issues a start.

Not here: words for what was done (`metaflow-triggers pause`, the engine's page).
"""

from __future__ import annotations

import sqlite3
from datetime import datetime

from ..diagnostics import Diagnostic, DiagnosticError
from ..diagnostics.suggest import did_you_mean
from .store import timestamp_text

ALL = "*"
"""The key of all flows."""


def pause(connection: sqlite3.Connection, flow: str | None, now: datetime) -> str:
    """The key of what starts nothing from now on. Raises DiagnosticError (FT730), sqlite3.Error."""
    key = ALL if flow is None else flow_key(connection, flow, "FT730")
    connection.execute("INSERT INTO paused VALUES (?, ?) ON CONFLICT DO NOTHING", (key, timestamp_text(now)))
    return key


def resume(connection: sqlite3.Connection, flow: str | None) -> tuple[str, bool]:
    """The key of what starts again, and whether all flows are paused still; of all every pause goes.

    Raises DiagnosticError (FT730), sqlite3.Error.
    """
    if flow is None:
        connection.execute("DELETE FROM paused")
        return ALL, False
    key = flow_key(connection, flow, "FT730")
    connection.execute("DELETE FROM paused WHERE flow_key = ?", (key,))
    return key, connection.execute("SELECT 1 FROM paused WHERE flow_key = ?", (ALL,)).fetchone() is not None


def flow_key(connection: sqlite3.Connection, name: str, code: str) -> str:
    """The database's key of a flow given by its class name or `project.branch.Flow`. Raises DiagnosticError."""
    keys = [
        key
        for (key,) in connection.execute("SELECT flow_key FROM cursors UNION SELECT flow_key FROM starts ORDER BY 1")
    ]
    found = [name] if name in keys else [key for key in keys if key.rsplit(".", 1)[-1] == name]
    if len(found) == 1:
        return str(found[0])
    triggers = [trigger for (trigger,) in connection.execute("SELECT name FROM poll_triggers")]
    known = [*keys, *(triggers if code == "FT727" else ())]
    what = "flow" if code == "FT730" else "poll trigger or flow"
    if found:
        message, helps = f"{len(found)} flows are named `{name}`", tuple(f"write `{key}`" for key in found[:3])
    else:
        message, helps = f"the database knows no {what} named `{name}`", did_you_mean(name, known)
    raise DiagnosticError([Diagnostic(code, message, helps=helps)])
