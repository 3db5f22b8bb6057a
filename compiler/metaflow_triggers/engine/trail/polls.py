"""Polls: what a poll trigger last did.

In:   its name, a context where one is asked about; a start.
Out:  the cause, and the start that it is about, if any; the trigger and the context of a start.

Not here: polling, claiming.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from metaflow_extensions.triggers.contract import exact_json
from metaflow_extensions.triggers.plugins.local_runs import whole_document

from ...polling.fires import RESERVED, context_hash
from ...trail import causes
from ...trail.answer import Poll
from ...trail.causes import Cause
from ..polls import records
from . import rows, runs
from .rows import Start

_CLAIM = (
    "SELECT c.flow_key, c.start_key FROM poll_claims c LEFT JOIN starts s USING (flow_key, start_key)"
    " WHERE c.trigger_name = ?"
)


def fire_of(connection: sqlite3.Connection, start: Start) -> Poll | None:
    """The fire that a start is of; None: it is of no poll, or its claim was pruned."""
    row = connection.execute(
        "SELECT trigger_name, context FROM poll_claims WHERE flow_key = ? AND start_key = ?",
        (start.flow_key, start.start_key),
    ).fetchone()
    if row is None:
        return None
    name, text = row
    if text:  # it has keys that the payload has otherwise
        return Poll(name, start.start_key, exact_json.loads(text))
    try:
        (event,) = exact_json.loads(whole_document(connection, start.document))["events"]
    except TypeError:  # its event was pruned
        return Poll(name, start.start_key)
    payload = event["event"]["payload"]
    return Poll(name, start.start_key, {key: value for key, value in payload.items() if key not in RESERVED})


def last(
    connection: sqlite3.Connection, name: str, context: dict[str, Any] | None
) -> tuple[str, Cause, Start | None] | None:
    """(flow, cause, start) of the last poll of a trigger; None: there is no trigger of this name."""
    row = records.schedule(connection, name)
    if row is None:
        return None
    start = _start(connection, name, " ORDER BY c.generation DESC LIMIT 1")
    flow = start.flow_key if start is not None else str(row["workflow_name"])
    at = row["last_poll_at"]
    if not row["enabled"]:
        return flow, causes.DISABLED(what=f"poll trigger {name}"), None
    if "down" in row:
        return flow, causes.NOT_POLLED(what=name, why=row["down"]), None
    if at is None:
        return flow, causes.NOT_POLLED(what=name, why="no engine has polled it yet"), None
    if row["last_result"] == "suppressed":
        by = _equal(connection, name, context)
        told = "a run that is active, or was where a context counts once" if by is None else f"run {by.run}"
        return flow, causes.SUPPRESSED_POLL(by=told), by
    if row["last_result"] == "error":
        return flow, causes.POLL_FAILS(at=at, why=" ".join(str(row["last_error"]).split())), None
    if row["last_result"] == "fire" and start is not None:
        return flow, runs.cause_of(connection, start, None), start
    return flow, causes.POLL_SKIPS(at=at), None


def _equal(connection: sqlite3.Connection, name: str, context: dict[str, Any] | None) -> Start | None:
    """The start that suppressed a fire: that of the context, else the only one that has not ended."""
    if context is not None:
        return _start(connection, name, " AND c.context_hash = ? ORDER BY c.generation DESC", context_hash(context))
    active = " AND s.state IN ('claimed', 'started')"
    found = connection.execute(_CLAIM + active, (name,)).fetchall()
    return _start(connection, name, active) if len(found) == 1 else None


def _start(connection: sqlite3.Connection, name: str, more: str, *values: str) -> Start | None:
    row = connection.execute(_CLAIM + more, (name, *values)).fetchone()
    return (
        next((item for item in rows.starts_named(connection, row[1]) if item.flow_key == row[0]), None) if row else None
    )
