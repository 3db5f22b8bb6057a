"""Schedules: `@schedule` on this machine.

In:   flows with a schedule, the time.
Out:  a claimed start for each time at which a schedule fires, once however many engines share the file.

Not here: what a cron expression means (`metaflow_triggers.cron`), clocks, running what was claimed.

The next time of each schedule stands in the database and moves in the transaction that claims the start; the start's
key holds the scheduled time, so a time fires once even if the clock is set back over it.

Times that passed while no engine ran, while the machine slept or because the clock was set forward become one start,
of the latest of them, if that is no older than GRACE: as late as EventBridge Scheduler still delivers (its default
maximum event age, which our schedules on AWS have too). Argo keeps 59 minutes (`startingDeadlineSeconds`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from .. import cron
from ..model import Flow, Schedule
from . import store
from .starts import add_start
from .store import timestamp_text, transaction

GRACE = timedelta(hours=24)

_TABLE = """
CREATE TABLE IF NOT EXISTS schedules (
    flow_key TEXT PRIMARY KEY,
    cron TEXT NOT NULL,
    timezone TEXT NOT NULL,
    -- When it fires next; NULL: never again.
    next_due TEXT
) WITHOUT ROWID
"""


def _make_table(connection: sqlite3.Connection) -> None:
    connection.execute(_TABLE)


store.SCHEMA_PARTS.append(_make_table)


@dataclass(frozen=True)
class Tick:
    """One start that a schedule claimed. `missed`: how many earlier times it stands for."""

    flow_key: str
    scheduled: datetime
    start_id: int
    missed: int


class Schedules:
    """The schedules that one engine serves."""

    def __init__(self, flows: Iterable[tuple[str, Flow]]) -> None:
        """`flows`: (flow key, flow); those without a schedule are passed over."""
        self._schedules: dict[str, Schedule] = {key: flow.schedule for key, flow in flows if flow.schedule is not None}
        self._due: dict[str, datetime | None] = {}
        self._seen: datetime | None = None

    def adopt(self, connection: sqlite3.Connection, now: datetime) -> None:
        """Enter the schedules into the database. One that is new, or whose expression is, begins now.

        One that is there keeps its next time, so what fell due while no engine ran is not forgotten.
        """
        with transaction(connection):
            for key, schedule in self._schedules.items():
                row = connection.execute(
                    "SELECT cron, timezone, next_due FROM schedules WHERE flow_key = ?", (key,)
                ).fetchone()
                if row is None or (row[0], row[1]) != _expression(schedule):
                    self._store(connection, key, _next(schedule, now))
                else:
                    self._due[key] = _moment(row[2])
        self._notice_step_back(connection, now, force=True)
        self._seen = now

    def next_due(self) -> datetime | None:
        """The earliest time at which `tick` has something to do, as far as this engine knows; None without any."""
        return min((due for due in self._due.values() if due is not None), default=None)

    def tick(self, connection: sqlite3.Connection, now: datetime) -> list[Tick]:
        """Claim what is due. Cheap when nothing is: it reads the database only then, and when the clock went back."""
        self._notice_step_back(connection, now)
        self._seen = now
        due = self.next_due()
        if due is None or due > now:
            return []
        ticks = []
        with transaction(connection):
            for key, when in list(self._due.items()):
                if when is not None and when <= now:
                    ticks.extend(self._fire(connection, key, now))
        return ticks

    def _fire(self, connection: sqlite3.Connection, key: str, now: datetime) -> list[Tick]:
        schedule = self._schedules[key]
        row = connection.execute("SELECT cron, timezone, next_due FROM schedules WHERE flow_key = ?", (key,)).fetchone()
        if row is None or (row[0], row[1]) != _expression(schedule):
            # Another engine serves a newer version of the flow: its schedule counts.
            self._due[key] = None
            return []
        due = _moment(row[2])
        if due is None or due > now:  # another engine was here first
            self._due[key] = due
            return []
        begin = max(due, now - GRACE) - timedelta(microseconds=1)
        scheduled = cron.last_fire(schedule.cron, schedule.timezone, begin, now)
        self._store(connection, key, _next(schedule, now))
        if scheduled is None:
            return []
        text = scheduled.strftime("%Y-%m-%dT%H:%MZ")
        # The expression is part of the key: a flow whose schedule was changed may fire at a time that fired before.
        start_key = f"schedule:{row[0]}:{row[1]}:{text}"
        start_id = add_start(connection, key, start_key, (), (), f"schedule {schedule.cron}, {text}", now=now)
        if start_id is None:
            return []
        return [Tick(key, scheduled, start_id, _count(schedule, begin, scheduled))]

    def _notice_step_back(self, connection: sqlite3.Connection, now: datetime, force: bool = False) -> None:
        """After the clock went back, what fires next may be earlier than what is stored."""
        if not force and (self._seen is None or now >= self._seen):
            return
        early = {}
        for key, due in self._due.items():
            following = _next(self._schedules[key], now)
            if following is not None and (due is None or due > following):
                early[key] = following
        if early:
            with transaction(connection):
                for key, following in early.items():
                    self._store(connection, key, following)

    def _store(self, connection: sqlite3.Connection, key: str, due: datetime | None) -> None:
        self._due[key] = due
        connection.execute(
            "INSERT INTO schedules (flow_key, cron, timezone, next_due) VALUES (?, ?, ?, ?) ON CONFLICT (flow_key)"
            " DO UPDATE SET cron = excluded.cron, timezone = excluded.timezone, next_due = excluded.next_due",
            (key, *_expression(self._schedules[key]), None if due is None else timestamp_text(due)),
        )


def _expression(schedule: Schedule) -> tuple[str, str]:
    return cron.parse(schedule.cron).text, schedule.timezone or "UTC"


def _next(schedule: Schedule, after: datetime) -> datetime | None:
    return cron.next_fire(schedule.cron, schedule.timezone, after)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _count(schedule: Schedule, begin: datetime, scheduled: datetime) -> int:
    """How many fire times lie between, `scheduled` not counted."""
    return sum(1 for _ in cron.fires(schedule.cron, schedule.timezone, begin + timedelta(microseconds=1), scheduled))
