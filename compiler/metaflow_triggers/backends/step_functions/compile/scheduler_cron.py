"""Crontab: five cron fields as EventBridge Scheduler's six.

In:   a five-field cron expression (`reset_at`), as Argo and crontab(5) read it.
Out:  one or two expressions of EventBridge Scheduler whose fire times together are the same.

Not here: @schedule, which has AWS's six fields from the start.
Every field is written out as the list of its values: Scheduler reads `/`, ranges over the end and the numbers of
week days in its own way, lists not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LIMIT = 256
"""Characters of a schedule expression."""

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_ITEM = re.compile(r"(\*|\?|(\w+)(?:-(\w+))?)(?:/([0-9]+))?")


@dataclass(frozen=True)
class Cron:
    """Five fields and an IANA timezone."""

    fields: str
    timezone: str


def scheduler_expressions(fields: str) -> tuple[str, ...]:
    """`cron(...)`, once or, where day of month and day of week are both restricted (either is enough), twice.

    Raises ValueError, saying which field is not understood.

    >>> scheduler_expressions("*/30 8 * * 1-5")
    ('cron(0,30 8 ? * 2,3,4,5,6 *)',)
    """
    parts = fields.split()
    if len(parts) != 5:
        raise ValueError(f"{len(parts)} fields, expected five: minute, hour, day of month, month, day of week")
    minute = _field(parts[0], "minute", 0, 59)
    hour = _field(parts[1], "hour", 0, 23)
    day = _field(parts[2], "day of month", 1, 31)
    month = _field(parts[3], "month", 1, 12, _MONTHS)
    weekday = sorted({item % 7 for item in _field(parts[4], "day of week", 0, 7, _DAYS)})
    times = f"{_list(minute, 60)} {_list(hour, 24)}"
    months = _list(month, 12)
    by_day = f"cron({times} {_list(day, 31)} {months} ? *)"
    by_weekday = f"cron({times} ? {months} {_list([item + 1 for item in weekday], 7)} *)"
    if _is_star(parts[4]):
        found: tuple[str, ...] = (by_day,)
    elif _is_star(parts[2]):
        found = (by_weekday,)
    else:
        found = (by_day, by_weekday)
    if any(len(item) > LIMIT for item in found):
        raise ValueError(f"more than {LIMIT} characters on AWS, where each value is written out")
    return found


def _is_star(part: str) -> bool:
    # `*/2` restricts the field (robfig/cron v3, which Argo uses).
    return part in ("*", "?", "*/1", "?/1")


def _field(text: str, name: str, low: int, high: int, words: tuple[str, ...] = ()) -> list[int]:
    def number(word: str) -> int:
        if word.upper() in words:
            return words.index(word.upper()) + low
        if not word.isdecimal() or not word.isascii() or not low <= int(word) <= high:
            raise ValueError(f"{word!r} in the {name} field, expected {low} to {high}")
        return int(word)

    out: set[int] = set()
    for item in text.split(","):
        match = _ITEM.fullmatch(item)
        if match is None:
            raise ValueError(f"{item!r} in the {name} field")
        span, one, other, step = match.groups()
        every = int(step) if step else 1
        if every == 0:
            raise ValueError(f"a step of 0 in the {name} field")
        if one is None:
            start, end = low, min(high, 6) if name == "day of week" else high
        else:
            start = number(one)
            end = number(other) if other else (high if step else start)
            if name == "day of week" and not other and step:
                end = 6
        if end < start:
            raise ValueError(f"{span!r} in the {name} field ends before it begins")
        out |= set(range(start, end + 1, every))
    return sorted(out)


def _list(values: list[int], count: int) -> str:
    return "*" if len(values) == count else ",".join(str(item) for item in values)
