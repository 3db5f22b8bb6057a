"""Clock changes: when a Sensor resets its sets at another time than AWS.

In:   the five fields of `reset_at`, a timezone.
Out:  what differs, with the dates on which it does.

Not here: CronWorkflows, which have a guard (`clock_guard`). A Sensor resets by robfig/cron alone
(pkg/sensors/listener.go, Argo Events 1.9.11), and nothing can hold it back.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

from ....language.cron import clocks, field_values, fires, to_six_fields

YEARS = (2026, 2035)
"""The first year that dates are told of, and the last: no clock is read, a check says the same every day."""


def parted(five: str, zone: str) -> list[str]:
    """Sentences, each with the first dates on which it holds; none where the resets are AWS's."""
    if clocks.never_changes(zone):
        return []
    hours, loses_days = _hours(five), zone in clocks.MIDNIGHT and _names_days(five)
    twice: list[datetime] = []
    another_day: list[datetime] = []
    another_time: list[datetime] = []
    for change in clocks.changes(zone, *YEARS):
        if change.after < change.before:
            twice += list(_walls(five, change.after, change.before))[:1]
        if _at_fault(change) & hours:
            another_time.append(max(change.before, change.after))
        if loses_days:
            another_day.append(max(change.before, change.after))
    found = []
    if twice:
        found.append(
            f"it forgets twice where the clocks of {zone} are set back, first on {_told(twice, '%Y-%m-%d %H:%M')}"
        )
    for missed, how in ((another_day, "on another day"), (another_time, "at another time or not at all")):
        if missed:
            found.append(
                f"it may forget {how} where the clocks of {zone} are changed, first on {_told(missed, '%Y-%m-%d')}"
            )
    return found


def _names_days(five: str) -> bool:
    fields = [field_values(six) for six in to_six_fields(five)]
    return any(not isinstance(day, str) for _, _, *days, _ in fields for day in days)


def _hours(five: str) -> set[int]:
    """The hours that the fields name; none where they have all."""
    fields = [field_values(six)[1] for six in to_six_fields(five)]
    return {hour for hours in fields if not isinstance(hours, str) for hour in hours}


def _at_fault(change: clocks.Change) -> set[int]:
    """Hours that robfig/cron, which counts from the beginning of the hour at hand, may miss or take for others."""
    low, high = sorted((change.before, change.after))
    if (high - low) % timedelta(hours=1):
        return set(range(24))  # the rest of the day
    if low.minute:
        return set(range(low.hour, high.hour + 2))
    if change.after < change.before and high - low > timedelta(hours=1):
        return set(range(low.hour, high.hour))
    return set()


def _walls(five: str, begin: datetime, end: datetime) -> Iterator[datetime]:
    """The wall times from `begin` to `end` at which the fields fire."""
    for six in to_six_fields(five):
        for moment in fires(six, None, begin.replace(tzinfo=timezone.utc), end.replace(tzinfo=timezone.utc)):
            yield moment.replace(tzinfo=None)


def _told(moments: list[datetime], form: str) -> str:
    return " and ".join(dict.fromkeys(moment.strftime(form) for moment in moments[:2]))
