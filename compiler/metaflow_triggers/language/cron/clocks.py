"""Clocks: where and when the clocks of a timezone are changed, as far as schedules meet it.

In:   a timezone's name; years.
Out:  whether its clocks may ever be changed, the changes themselves.

Not here: expressions. What is emitted depends on the names below and on no database of timezones: it comes out the same
on every machine, and a zone may change its rules after it was deployed. tests/unit/language holds the names against the
database.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

NIGHT = frozenset((20, 21, 22, 23, 0, 1, 2, 3, 4))
"""Hours of which some zone repeats a part when its clocks are set back, and the hours beside them."""

MIDNIGHT = frozenset(
    {
        *("Africa/Cairo", "Egypt", "America/Havana", "Cuba", "America/Santiago", "Chile/Continental"),
        *("Asia/Beirut", "Atlantic/Azores", "America/Nuuk", "America/Godthab", "America/Scoresbysund"),
    }
)
"""Zones that have no midnight, or two, on the day on which their clocks are changed."""

UNEVEN = frozenset({"Australia/Lord_Howe", "Australia/LHI", "Pacific/Chatham", "NZ-CHAT", "Antarctica/Troll"})
"""Zones whose clocks are changed by half an hour, at a quarter to three, or set back by two hours."""

_FIXED = re.compile(r"Etc/.+|UTC|UCT|GMT|GMT0|GMT[+-]0|Universal|Zulu|Greenwich")


@dataclass(frozen=True)
class Change:
    """The clocks show `before` and from this moment on `after` (wall times without a zone)."""

    before: datetime
    after: datetime


def never_changes(zone: str) -> bool:
    """Whether the clocks of a zone stay as they are, by what its name says."""
    return _FIXED.fullmatch(zone) is not None


def changes(zone: str, first_year: int, last_year: int) -> Iterator[Change]:
    """The changes from one year to another, in their order; none where the machine does not know the zone."""
    try:
        known = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return
    day, end = datetime(first_year, 1, 1, tzinfo=timezone.utc), datetime(last_year + 1, 1, 1, tzinfo=timezone.utc)
    while day < end:
        following = day + timedelta(days=1)
        if _offset(known, day) != _offset(known, following):
            moment = _first_minute(known, day, following)
            old, new = _offset(known, day), _offset(known, following)
            yield Change(moment.replace(tzinfo=None) + old, moment.replace(tzinfo=None) + new)
        day = following


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None
    return offset


def _first_minute(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The first minute with the offset of `after`."""
    old, low, high = _offset(zone, before), 0, int((after - before) / timedelta(minutes=1))
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(zone, before + timedelta(minutes=middle)) == old:
            low = middle
        else:
            high = middle
    return before + timedelta(minutes=high)
