"""Schedules: `@schedule` on this machine.

In:   flows with a schedule, the time.
Out:  a claimed start for each time at which a schedule fires, once however many engines share the file.

Not here: what a cron expression means (`metaflow_triggers.language.cron`), running what was claimed.

The next time of each schedule stands in the database and moves in the transaction that claims the start; the start's
key holds the scheduled time, so a time fires once even if the clock is set back over it.

Times that passed while no engine ran, while the flow was paused, while the machine slept or because the clock was set
forward become one start, of the latest of them, if that is no older than GRACE: as late as EventBridge Scheduler still
delivers (its default maximum event age, which our schedules on AWS have too). Argo keeps 59 minutes
(`startingDeadlineSeconds`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import datetime, timedelta

from ..language import cron
from ..model.flows import Schedule
from ..polling.clock import Clock, SystemClock
from .starts import add_start
from .store import timestamp_text, transaction
from .waits import LocalFlow

GRACE = timedelta(hours=24)


class Schedules:
    """The schedules that one engine serves; a `loop.Source`."""

    def __init__(self, flows: Iterable[LocalFlow], clock: Clock | None = None) -> None:
        """Flows without a schedule are passed over."""
        self._schedules = {item.key: item.flow.schedule for item in flows if item.flow.schedule is not None}
        self._clock = clock or SystemClock()
        # As far as this engine knows; another one may have moved what the database says.
        self._due: dict[str, datetime | None] = {}
        self._seen: datetime | None = None
        self._paused: set[str] = set()

    def start(self) -> None:
        """Nothing to do: the first turn enters the schedules into the database."""

    def stop(self) -> None:
        """Nothing to do."""

    def is_idle(self) -> bool:
        """Whether nothing is due now. What comes later does not keep an engine at work."""
        now = self._clock.now()
        return not any(due is not None and due <= now for key, due in self._due.items() if key not in self._paused)

    def serve(self, flows: Iterable[LocalFlow]) -> None:
        """These are the flows from now on; the next turn enters what is new. A known schedule keeps its next time."""
        self._schedules = {item.key: item.flow.schedule for item in flows if item.flow.schedule is not None}
        self._due = {key: due for key, due in self._due.items() if key in self._schedules}
        self._seen = None

    def next_due(self) -> datetime | None:
        """The earliest time at which `turn` has something to do, as far as this engine knows; None without any."""
        return min((due for due in self._due.values() if due is not None), default=None)

    def turn(self, connection: sqlite3.Connection) -> int:
        """Claim what is due; returns how many starts. Asks the database only then, and when the clock went back.

        A schedule that is new, or whose expression is, begins now. One that is known keeps its next time, so what fell
        due while no engine ran is not forgotten. Raises sqlite3.Error; the next turn then does the same again.
        """
        if not self._schedules:
            return 0
        now = self._clock.now()
        if self._seen is None:
            self._adopt(connection, now)
        elif now < self._seen:
            self._bring_forward(connection, now)
        self._seen = now
        late = [key for key, due in self._due.items() if due is not None and due <= now]
        if late:
            held = {key for (key,) in connection.execute("SELECT flow_key FROM paused")}
            self._paused = set(late) if "*" in held else held & set(late)
            late = [key for key in late if key not in self._paused]
        if not late:
            return 0
        moved: dict[str, datetime | None] = {}
        with transaction(connection):
            count = sum(self._fire(connection, key, now, moved) for key in late)
        self._due.update(moved)
        return count

    def _adopt(self, connection: sqlite3.Connection, now: datetime) -> None:
        moved: dict[str, datetime | None] = {}
        with transaction(connection):
            for key, schedule in self._schedules.items():
                known = _row(connection, key)
                following = _next(schedule, now)
                # A stored time behind the next one: the clock was set back while no engine ran.
                is_kept = known is not None and known[0] == _expression(schedule) and _is_early(known[1], following)
                moved[key] = known[1] if known is not None and is_kept else following
                _store(connection, key, schedule, moved[key])
        self._due.update(moved)

    def _bring_forward(self, connection: sqlite3.Connection, now: datetime) -> None:
        """After the clock went back, what fires next may be earlier than what is stored."""
        moved = {}
        for key, due in self._due.items():
            following = _next(self._schedules[key], now)
            if not _is_early(due, following):
                moved[key] = following
        if moved:
            with transaction(connection):
                for key, following in moved.items():
                    _store(connection, key, self._schedules[key], following)
            self._due.update(moved)

    def _fire(self, connection: sqlite3.Connection, key: str, now: datetime, moved: dict[str, datetime | None]) -> int:
        schedule = self._schedules[key]
        known = _row(connection, key)
        if known is None or known[0] != _expression(schedule):
            # Another engine serves a newer version of the flow: its schedule counts.
            moved[key] = None
            return 0
        due = known[1]
        if due is None or due > now:  # another engine was here first
            moved[key] = due
            return 0
        moved[key] = _next(schedule, now)
        _store(connection, key, schedule, moved[key])
        begin = max(due, now - GRACE)
        scheduled = cron.last_fire(schedule.cron, schedule.timezone, begin - timedelta(microseconds=1), now)
        if scheduled is None:
            return 0
        text = scheduled.strftime("%Y-%m-%dT%H:%MZ")
        missed = sum(1 for _ in cron.fires(schedule.cron, schedule.timezone, begin, scheduled))
        also = f", also for {missed} earlier times" if missed > 1 else ", also for the time before" if missed else ""
        # The expression is part of the key: a flow whose schedule was changed may fire at a time that fired before.
        start_key = f"schedule/{' '.join(known[0])}/{text}"
        reason = f"schedule {schedule.cron}, {text}{also}"
        return int(add_start(connection, key, start_key, (), (), reason, now=now) is not None)


def _row(connection: sqlite3.Connection, key: str) -> tuple[tuple[str, str], datetime | None] | None:
    row = connection.execute("SELECT cron, timezone, next_due FROM schedules WHERE flow_key = ?", (key,)).fetchone()
    return None if row is None else ((row[0], row[1]), None if row[2] is None else datetime.fromisoformat(row[2]))


def _store(connection: sqlite3.Connection, key: str, schedule: Schedule, due: datetime | None) -> None:
    connection.execute(
        "INSERT INTO schedules (flow_key, cron, timezone, next_due) VALUES (?, ?, ?, ?) ON CONFLICT (flow_key)"
        " DO UPDATE SET cron = excluded.cron, timezone = excluded.timezone, next_due = excluded.next_due",
        (key, *_expression(schedule), None if due is None else timestamp_text(due)),
    )


def _expression(schedule: Schedule) -> tuple[str, str]:
    return cron.canonical(schedule.cron), schedule.timezone or "UTC"


def _next(schedule: Schedule, after: datetime) -> datetime | None:
    return cron.next_fire(schedule.cron, schedule.timezone, after)


def _is_early(due: datetime | None, following: datetime | None) -> bool:
    """Whether a known time is none too late to notice what fires next."""
    return following is None or (due is not None and due <= following)
