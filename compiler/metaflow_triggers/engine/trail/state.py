"""State: how flows stand on the local engine's database.

In:   a connection, flows by their keys.
Out:  a row for each: whether it was served, whether it is paused, how its last start ended, what runs and waits.

Not here: why something did not start (`ask`).
"""

from __future__ import annotations

import sqlite3
from typing import Any

from . import rows

NOT_SERVED, SERVED, PAUSED = "not served", "served", "paused"


def state(connection: sqlite3.Connection, key: str) -> dict[str, Any]:
    """The state of a flow. `waiting` counts starts that have not begun, and events in half-arrived sets."""
    served = connection.execute("SELECT 1 FROM cursors WHERE flow_key = ?", (key,)).fetchone() is not None
    paused = rows.paused_since(connection, key)
    last = next(iter(rows.latest(connection, key, 1)), None)
    told = "it has started nothing" if last is None else f"last {last.state.replace('_', ' ')} at {_moment(last)}"
    if paused:
        told = f"{paused[0]} since {paused[1]}; {told}"
    return {
        "state": PAUSED if paused else SERVED if served else NOT_SERVED,
        "because": told,
        "running": _count(connection, "starts", key, "AND state = 'started'"),
        "waiting": _count(connection, "starts", key, "AND state = 'claimed'") + _count(connection, "waiting", key),
    }


def _moment(start: rows.Start) -> str:
    return start.ended_at or start.started_at or start.scheduled_at


def _count(connection: sqlite3.Connection, table: str, key: str, more: str = "") -> int:
    question = f"SELECT count(*) FROM {table} WHERE flow_key = ? {more}"  # noqa: S608 - names of tables
    (count,) = connection.execute(question, (key,)).fetchone()
    return int(count)
