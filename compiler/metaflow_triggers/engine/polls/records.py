"""Poll records: what people and programs read about poll triggers, and what they may change.

In:   a connection of `store`.
Out:  plain dicts; times are ISO 8601 UTC strings.

Not here: polling. Key names are upstream's (both generations of them), and ours beside them.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any

from ...diagnostics.suggest import did_you_mean
from ...poll.declare import Declared
from ...poll.errors import PollTypeError, PollValueError, TriggerNotFound
from ...polling.fires import RESERVED
from .. import store
from ..store import transaction
from . import store as poll_store

_SCHEDULE = (
    "SELECT id, name AS trigger_name, workflow AS workflow_name, interval_ms AS poll_interval_ms, allow_concurrent,"
    " enabled, last_poll_at, created_at, updated_at, interval AS poll_interval, 'local' AS target, next_due_at,"
    " last_result, last_error, consecutive_errors, suppressed_count, down FROM poll_triggers"
)
_EXECUTION = (
    "SELECT c.id, t.id AS schedule_id, c.trigger_name, c.context_hash, s.run_id AS pipeline_execution_id,"
    " s.run_id AS workflow_execution_id, c.claimed_at AS started_at, s.ended_at AS completed_at,"
    " c.claimed_at AS created_at, c.workflow_name, c.context, c.generation, s.run_id, coalesce(s.state, 'lost') AS"
    " state, c.due_at AS scheduled_at, s.started_at AS run_started_at, coalesce(s.attempts, 0) AS attempts, s.error,"
    " (SELECT body FROM events e WHERE e.kind = 'poll' AND e.id = c.start_key) AS body FROM poll_claims c"
    " JOIN poll_triggers t ON t.name = c.trigger_name"
    " LEFT JOIN starts s ON s.flow_key = c.flow_key AND s.start_key = c.start_key"
)


@contextmanager
def opened(path: str, declared: Iterable[Declared] = ()) -> Iterator[sqlite3.Connection]:
    """A connection for one call. The database is made where there is none, and `declared` triggers are written down.

    Raises DiagnosticError (FT750, FT751) for a file that is not ours.
    """
    connection = store.connect(os.path.abspath(path))
    try:
        known = [
            poll_store.Registration(
                item.name, item.workflow, item.interval, item.interval_milliseconds, item.allow_concurrent
            )
            for item in declared
        ]
        if known:
            # A trigger that an engine serves stays as the engine knows it: there the flow's name is resolved.
            with transaction(connection):
                names = {name for (name,) in connection.execute("SELECT name FROM poll_triggers")}
                missing = [item for item in known if item.name not in names]
                poll_store.register(connection, missing, datetime.now(timezone.utc))
        yield connection
    finally:
        connection.close()


def schedules(
    connection: sqlite3.Connection, enabled_only: bool = False, limit: int | None = None, offset: int = 0
) -> list[dict[str, Any]]:
    """The triggers, sorted by name. Raises ValueError for a negative `limit` or `offset`."""
    where = " WHERE enabled = 1" if enabled_only else ""
    rows = _dicts(connection, f"{_SCHEDULE}{where} ORDER BY name LIMIT ? OFFSET ?", _window(limit, offset))
    return [_typed(row) for row in rows]


def schedule(connection: sqlite3.Connection, name: str) -> dict[str, Any] | None:
    """One trigger, or None."""
    rows = _dicts(connection, f"{_SCHEDULE} WHERE name = ?", (name,)) if isinstance(name, str) else []
    return _typed(rows[0]) if rows else None


def set_enabled(connection: sqlite3.Connection, name: str, enabled: bool) -> None:
    """Let a trigger be polled from its next tick on, or not. Raises TriggerNotFound, and TypeError for no bool."""
    if not isinstance(enabled, bool):
        raise PollTypeError("FT714", f"enabled is {enabled!r}; expected True or False")
    with transaction(connection):
        names = [found for (found,) in connection.execute("SELECT name FROM poll_triggers")]
        if name not in names:
            raise TriggerNotFound(name, did_you_mean(str(name), names))
        changed = connection.execute(
            "UPDATE poll_triggers SET enabled = ?, updated_at = ? WHERE name = ? AND enabled <> ?",
            (int(enabled), store.timestamp_text(datetime.now(timezone.utc)), name, int(enabled)),
        ).rowcount
        if changed:
            connection.execute("UPDATE poll_changes SET number = number + 1")


def history(
    connection: sqlite3.Connection, name: str, limit: int | None = None, offset: int = 0
) -> list[dict[str, Any]]:
    """The accepted fires of a trigger, newest first; `[]` for an unknown name."""
    if not isinstance(name, str):
        return []
    where = " WHERE c.trigger_name = ? ORDER BY c.generation DESC LIMIT ? OFFSET ?"
    rows = _dicts(connection, _EXECUTION + where, (name, *_window(limit, offset)))
    return [_with_context(row) for row in rows]


def _with_context(row: dict[str, Any]) -> dict[str, Any]:
    """The context that was fired: the payload without what was put in, unless it had such keys itself."""
    body = row.pop("body")
    if row["context"]:
        return {**row, "context": json.loads(row["context"])}
    payload = json.loads(body or "{}")
    return {**row, "context": {key: value for key, value in payload.items() if key not in RESERVED}}


def _window(limit: int | None, offset: int) -> tuple[int, int]:
    for word, value in (("limit", limit), ("offset", offset)):
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
            raise PollValueError("FT714", f"{word} is {value!r}; expected a whole number from 0")
    return (-1 if limit is None else limit), offset


def _dicts(connection: sqlite3.Connection, statement: str, values: tuple[Any, ...]) -> list[dict[str, Any]]:
    cursor = connection.execute(statement, values)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def _typed(row: dict[str, Any]) -> dict[str, Any]:
    down = {} if row["down"] is None else {"down": row["down"]}  # a key of its time only
    others = {key: value for key, value in row.items() if key != "down"}
    return {**others, "allow_concurrent": bool(row["allow_concurrent"]), "enabled": bool(row["enabled"]), **down}
