"""Joins: the half-arrived sets of `all`.

In:   an event for one dependency of a trigger, inside the transaction that reads it from the log.
Out:  the sets that it completes.

Not here: what starts. `latest` keeps the newest event of each dependency and consumes the set; `queue` pairs oldest
with oldest. `reset_at` forgets what came before its moment: an event's own time decides, so it does not matter when
the engine reads it.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta

from ..language import cron
from ..model.names import digest
from .waits import LocalTrigger, Wait


def arrive(connection: sqlite3.Connection, wait: Wait, sequence: int, timestamp: str) -> list[tuple[int, ...]]:
    """Add an event (its place in the log, its time) to the trigger's set; the complete sets, as places in the log."""
    place = (wait.flow.key, wait.trigger.key)
    if wait.trigger.reset_cron is not None:
        _reset(connection, wait.trigger, place, timestamp)
    if not wait.trigger.queue:
        connection.execute(
            "DELETE FROM waiting WHERE flow_key = ? AND trigger_key = ? AND dependency = ?", (*place, wait.number)
        )
    connection.execute(
        "INSERT INTO waiting (flow_key, trigger_key, dependency, sequence) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (*place, wait.number, sequence),
    )
    complete: list[tuple[int, ...]] = []
    while True:
        oldest = connection.execute(
            "SELECT dependency, min(sequence) FROM waiting WHERE flow_key = ? AND trigger_key = ?"
            " GROUP BY dependency ORDER BY dependency",
            place,
        ).fetchall()
        if len(oldest) < len(wait.trigger.dependencies):
            return complete
        connection.executemany(
            "DELETE FROM waiting WHERE flow_key = ? AND trigger_key = ? AND dependency = ? AND sequence = ?",
            [(*place, number, found) for number, found in oldest],
        )
        complete.append(tuple(found for _, found in oldest))


def set_key(keys: list[str]) -> str:
    """The start key of a set: a digest of its events' keys, in the trigger's order."""
    return f"set/{digest(*keys, length=52)}"


def _reset(connection: sqlite3.Connection, trigger: LocalTrigger, place: tuple[str, str], timestamp: str) -> None:
    rows = connection.execute(
        "SELECT waiting.dependency, waiting.sequence, events.timestamp FROM waiting JOIN events USING (sequence)"
        " WHERE flow_key = ? AND trigger_key = ? AND events.timestamp < ?",
        (*place, timestamp),
    ).fetchall()
    moments: dict[str, bool] = {}
    for number, sequence, before in rows:
        if before not in moments:
            moments[before] = is_reset_between(trigger, before, timestamp)
        if moments[before]:
            connection.execute(
                "DELETE FROM waiting WHERE flow_key = ? AND trigger_key = ? AND dependency = ? AND sequence = ?",
                (*place, number, sequence),
            )


def is_reset_between(trigger: LocalTrigger, before: str, after: str) -> bool:
    """Whether `reset_at` falls after the first moment and not after the second (text of `timestamp_text`)."""
    if trigger.reset_cron is None:
        return False
    tick = timedelta(microseconds=1)
    start, end = datetime.fromisoformat(before) + tick, datetime.fromisoformat(after) + tick
    # Five fields may need two crons of six: there a day of the month and one of the week exclude each other.
    crons = cron.to_six_fields(trigger.reset_cron)
    return any(next(cron.fires(six, trigger.reset_timezone, start, end), None) is not None for six in crons)
