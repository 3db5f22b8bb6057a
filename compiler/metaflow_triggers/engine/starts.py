"""Starts: one row for each run that something asked for.

In:   a connection inside a transaction, the start's key, dependencies, events.
Out:  a claimed start with its trigger document, or nothing where the key was used before; refused ones, visible.

Not here: deciding that something starts (`matching`, `schedules`, polls), running it (`launch`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from metaflow_extensions.triggers.contract import exact_json, local_start
from metaflow_extensions.triggers.plugins.local_events import forgotten_hash, timestamp_text

from ..model.facts import needs_value
from ..model.flows import Parameter

ACTIVE = ("claimed", "started")
TERMINAL = ("succeeded", "failed", "aborted", "timed_out", "lost", "refused")


def add_start(  # noqa: PLR0917 - six that every caller has
    connection: sqlite3.Connection,
    flow_key: str,
    start_key: str,
    dependencies: Sequence[dict[str, Any]],
    events: Sequence[dict[str, Any]],
    reason: str,
    *,
    sequences: Sequence[int] | None = None,
    refusal: str | None = None,
    now: datetime | None = None,
) -> int | None:
    """Claim a start inside the caller's transaction; its row id, or None if `start_key` started the flow before.

    `flow_key` is `facts.qualified_name(facts.identity(flow))`. `dependencies` are the dependencies of the trigger
    document to which `events` (of `event_body`) belong, in the same order; both are empty for a start without an event
    (`current.trigger` is None then). With `sequences`, the events' places in the log, their payloads are left there.
    `reason` is a line for people. With `refusal` the start is recorded and never
    runs. Raises sqlite3.Error.
    """
    if start_key.startswith("schedule/") and _was_pruned(connection, flow_key, start_key):
        return None
    document = local_start.document(dependencies, events)
    for item, sequence in zip(document["events"], sequences or (), strict=bool(sequences)):
        item["event"] = {key: value for key, value in item["event"].items() if key != "payload"}
        item["sequence"] = sequence  # `local_runs.whole_document` puts it in
    moment = timestamp_text(now or datetime.now(timezone.utc))
    name = events[-1]["name"] if events else ""
    cursor = connection.execute(
        "INSERT INTO starts (flow_key, start_key, name, document, state, reason, error, scheduled_at, ended_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (flow_key, start_key) DO NOTHING",
        (
            flow_key,
            start_key,
            name,
            exact_json.dumps(document),
            "refused" if refusal else "claimed",
            reason,
            refusal,
            moment,
            moment if refusal else None,
        ),
    )
    return cursor.lastrowid if cursor.rowcount > 0 else None


def _was_pruned(connection: sqlite3.Connection, flow_key: str, start_key: str) -> bool:
    """Whether the start was made before, and its row has gone. What an event starts is known by the event."""
    mark = forgotten_hash("start", flow_key, start_key)
    return connection.execute("SELECT 1 FROM forgotten WHERE hash = ?", (mark,)).fetchone() is not None


def missing_required(parameters: Sequence[Parameter], document: dict[str, Any]) -> str | None:
    """Why these events do not start the flow: a required parameter without a value; None where there is none."""
    return local_start.missing([item.name for item in parameters if needs_value(item)], document)
