"""Either: the times of a schedule that has AWS's six fields or, with METAFLOW_TRIGGERS_COMPAT=upstream, Argo's five.

In:   the expression, a timezone, from when until when.
Out:  the times at which it fires.

Not here: the times of one expression (`times`). Five fields are one or two expressions of six, which may meet.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from heapq import merge

from . import times
from .fields import parse, parse_five
from .translation import to_six_fields


def fires(cron: str, timezone_name: str | None, start: datetime, end: datetime) -> Iterator[datetime]:
    """See `times.fires`."""
    before = None
    for moment in merge(*(times.fires(one, timezone_name, start, end) for one in _expressions(cron))):
        if moment != before:
            yield moment
        before = moment


def next_fire(cron: str, timezone_name: str | None, after: datetime) -> datetime | None:
    """See `times.next_fire`."""
    found = [times.next_fire(one, timezone_name, after) for one in _expressions(cron)]
    return min((moment for moment in found if moment is not None), default=None)


def last_fire(cron: str, timezone_name: str | None, after: datetime, until: datetime) -> datetime | None:
    """See `times.last_fire`."""
    found = [times.last_fire(one, timezone_name, after, until) for one in _expressions(cron)]
    return max((moment for moment in found if moment is not None), default=None)


def canonical(cron: str) -> str:
    """The expression in its canonical spelling. Raises CronError."""
    return (parse_five if _is_five(cron) else parse)(cron).text


def _is_five(cron: str) -> bool:
    return len(cron.split()) == 5


def _expressions(cron: str) -> tuple[str, ...]:
    return to_six_fields(cron) if _is_five(cron) else (cron,)
