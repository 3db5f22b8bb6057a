"""Sets: what became of an event in a half-arrived set.

In:   an event that matches a dependency of a set and started nothing.
Out:  the cause: it waits, the reset forgot it, a newer event took its place.

Not here: sets that were whole (they are starts). The log tells it: what `joins` did is done again by the same
questions (the same filters, `joins.is_reset_between`), as long as the flow waits for what it waited for then.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta, timezone

from metaflow_extensions.triggers.contract import event_reader
from metaflow_extensions.triggers.plugins.local_events import timestamp_text

from ...graph.explain import awaited
from ...language import cron, filters
from ...trail import causes
from ...trail.causes import Cause
from .. import joins
from ..waits import Index, LocalTrigger, Wait
from . import rows
from .rows import Event

_AHEAD = timedelta(days=400)
"""How far the next reset is looked for."""


def cause_of(connection: sqlite3.Connection, wait: Wait, index: Index, event: Event, now: datetime) -> Cause:
    """Why the set has not started with this event, which the dependency takes."""
    held = connection.execute(
        "SELECT dependency, sequence FROM waiting WHERE flow_key = ? AND trigger_key = ?",
        (wait.flow.key, wait.trigger.key),
    ).fetchall()
    if (wait.number, event.sequence) not in held:
        return _gone(connection, wait, index, event)
    reset = reset_between(wait.trigger, event.timestamp, timestamp_text(now))
    if reset is not None:  # the next event of the set will find it
        return causes.SET_RESET(reset=reset)
    words = awaited(wait.flow.flow.triggers[wait.trigger.place])
    lacks = [text for number, text in enumerate(words) if number not in {number for number, _ in held}]
    return causes.WAITING_IN_SET(lacks=" and ".join(lacks), since=event.timestamp, until=_next_reset(wait.trigger, now))


def _gone(connection: sqlite3.Connection, wait: Wait, index: Index, event: Event) -> Cause:
    of_set = {
        name: [item for item in waits if (item.flow.key, item.trigger.key) == (wait.flow.key, wait.trigger.key)]
        for name, waits in index.items()
    }
    for other in rows.later(connection, event, (name for name, waits in of_set.items() if waits)):
        taken = [item.number for item in of_set[other.kind, other.name] if _takes(item, other)]
        if not taken:
            continue
        reset = reset_between(wait.trigger, event.timestamp, other.timestamp)
        if reset is not None:
            return causes.SET_RESET(reset=reset)
        if wait.number in taken and not wait.trigger.queue:
            return causes.SET_REPLACED(by=f"{other.name} {other.identity}")
    return causes.NOT_LISTENING_THEN()


def _takes(wait: Wait, event: Event) -> bool:
    payload = event.payload
    if wait.filter is not None and not filters.matches(wait.filter, payload):
        return False
    return all(event_reader.field(payload, path) is not None for _, path in wait.arrival_fields)


def reset_between(trigger: LocalTrigger, before: str, after: str) -> str | None:
    """The first reset after the one moment and not after the other."""
    if trigger.reset_cron is None or before >= after or not joins.is_reset_between(trigger, before, after):
        return None
    tick = timedelta(microseconds=1)
    start, end = datetime.fromisoformat(before) + tick, datetime.fromisoformat(after) + tick
    return _first(trigger, start, end)


def _next_reset(trigger: LocalTrigger, now: datetime) -> str | None:
    return None if trigger.reset_cron is None else _first(trigger, now, now + _AHEAD)


def _first(trigger: LocalTrigger, start: datetime, end: datetime) -> str | None:
    crons = cron.to_six_fields(trigger.reset_cron or "")
    found = [next(cron.fires(six, trigger.reset_timezone, start, end), None) for six in crons]
    moments = [when.astimezone(timezone.utc) for when in found if when is not None]
    return timestamp_text(min(moments)) if moments else None
