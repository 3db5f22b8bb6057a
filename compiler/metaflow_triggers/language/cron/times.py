"""Times: when AWS's six fields fire.

In:   the six fields, a timezone, start and end.
Out:  the times as aware UTC times. The clock is the caller's.

Not here: five fields (they are translated first), what another program makes of the same fields.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .fields import Part, parse, values

_END_OF_YEARS = datetime(2200, 1, 2, tzinfo=timezone.utc)
"""After the last year that an expression can name, in every timezone."""


def is_timezone(name: str) -> bool:
    """Whether `name` is an IANA timezone. On a machine without the database, whether it is written like one."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}", name):
        return False
    if name.lower() in ("localtime", "posixrules", "factory") or name.split("/", maxsplit=1)[0] in ("posix", "right"):
        return False
    try:
        return ZoneInfo(name).key == name
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    try:
        ZoneInfo("UTC")
    except (ZoneInfoNotFoundError, OSError):
        return True
    return False


def fires(cron: str, timezone_name: str | None, start: datetime, end: datetime) -> Iterator[datetime]:
    """The times from `start` (included) to `end` (excluded) at which AWS fires `cron`, as aware UTC times.

    The fields speak of local time in `timezone_name` (None: UTC). As EventBridge Scheduler does it, a time that a
    clock change skips does not fire, and one that it repeats fires once, the first time.
    Raises CronError, zoneinfo.ZoneInfoNotFoundError, and ValueError for times without a timezone.
    """
    if start.tzinfo is None or end.tzinfo is None:
        raise ValueError("start and end need a timezone")
    zone = ZoneInfo(timezone_name or "UTC")
    fields = parse(cron).fields
    begin, last = start.astimezone(zone), end.astimezone(zone).date()
    first = begin.date()
    while (day := _day_on(first, last, fields)) is not None:
        # On the first day only what is not over on the wall; of an hour that comes twice the first one counts.
        wall = begin.time() if day == begin.date() else time.min
        for moment in _moments(day, wall, fields, zone):
            if moment >= end:
                break
            if moment >= start:
                yield moment
        first = day + timedelta(days=1)


def next_fire(cron: str, timezone_name: str | None, after: datetime) -> datetime | None:
    """The first time of `fires` that is later than `after`, or None: the expression never fires again."""
    return next(fires(cron, timezone_name, after + timedelta(microseconds=1), _END_OF_YEARS), None)


def last_fire(cron: str, timezone_name: str | None, after: datetime, until: datetime) -> datetime | None:
    """The last time of `fires` that is later than `after` and not later than `until`, or None.

    However far apart the two are, it looks at no more than the days from the found time on.
    """
    zone = ZoneInfo(timezone_name or "UTC")
    fields = parse(cron).fields
    day, first = until.astimezone(zone).date(), after.astimezone(zone).date()
    while day >= first:
        if _is_on(day, fields):
            found = [item for item in _moments(day, time.min, fields, zone) if after < item <= until]
            if found:
                return found[-1]
        day -= timedelta(days=1)
    return None


def _moments(day: date, wall: time, fields: tuple[tuple[Part, ...], ...], zone: ZoneInfo) -> Iterator[datetime]:
    """The fire times of a day from a wall time on, in their order, as UTC."""
    minutes = sorted(values(fields[0], 0, 59))
    for hour in sorted(values(fields[1], 0, 23)):
        if hour < wall.hour:
            continue
        for minute in minutes:
            if hour == wall.hour and minute < wall.minute:
                continue
            local = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
            moment = local.astimezone(timezone.utc)
            if moment.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
                yield moment


def _day_on(day: date, last: date, fields: tuple[tuple[Part, ...], ...]) -> date | None:
    """The first day from `day` to `last` on which the fields fire. Months and years without any are not walked."""
    years, months = values(fields[5], 1970, 2199), values(fields[3], 1, 12)
    while day <= last:
        if day.year not in years:
            day = date(day.year + 1, 1, 1)
        elif day.month not in months:
            day = date(day.year + day.month // 12, day.month % 12 + 1, 1)
        elif _is_on(day, fields):
            return day
        else:
            day += timedelta(days=1)
    return None


def _is_on(day: date, fields: tuple[tuple[Part, ...], ...]) -> bool:
    _, _, days, months, weekdays, years = fields
    return (
        day.year in values(years, 1970, 2199)
        and day.month in values(months, 1, 12)
        and any(_is_day(part, day) for part in days)
        and any(_is_weekday(part, day) for part in weekdays)
    )


def _is_day(part: Part, day: date) -> bool:
    length = monthrange(day.year, day.month)[1]
    if part.kind == "last":
        return day.day == length
    if part.kind == "last-weekday":
        return day == _nearest_weekday(day.replace(day=length))
    if part.kind == "near":
        return part.low <= length and day == _nearest_weekday(day.replace(day=part.low))
    return part.kind == "none" or day.day in values((part,), 1, 31)


def _nearest_weekday(day: date) -> date:
    """The nearest day from Monday to Friday that does not leave the month."""
    weekday = day.isoweekday()
    if weekday == 6:
        return day + timedelta(days=2 if day.day == 1 else -1)
    if weekday == 7:
        return day + timedelta(days=-2 if day.day == monthrange(day.year, day.month)[1] else 1)
    return day


def _is_weekday(part: Part, day: date) -> bool:
    number = day.isoweekday() % 7 + 1  # Sunday is 1
    if part.kind == "last-of":
        return number == part.low and day.day + 7 > monthrange(day.year, day.month)[1]
    if part.kind == "nth":
        return number == part.low and (day.day - 1) // 7 + 1 == part.high
    return part.kind == "none" or number in values((part,), 1, 7)
