"""Crontab: five cron fields as EventBridge Scheduler's six.

In:   a five-field cron expression (`reset_at`), as Argo and `language.cron` read it.
Out:  one or two expressions of EventBridge Scheduler whose fire times together are the same.

Not here: reading cron (`language.cron`), @schedule, which has AWS's six fields from the start.
Every field is written out as the list of its values: Scheduler reads `/`, ranges over the end and the numbers of
week days in its own way, lists not. Where the lists are too long, values in a row are one range.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

LIMIT = 256
"""Characters of a schedule expression."""


@dataclass(frozen=True)
class Cron:
    """Five fields and an IANA timezone."""

    fields: str
    timezone: str


def scheduler_expressions(fields: str) -> tuple[str, ...]:
    """`cron(...)`, once or, where day of month and day of week are both restricted (either is enough), twice.

    Raises CronError, which says which field is not understood.

    >>> scheduler_expressions("*/30 8 * * 1-5")
    ('cron(0,30 8 ? * 2,3,4,5,6 *)',)
    """
    from ....language.cron import to_six_fields

    return tuple(_expression(six) for six in to_six_fields(fields))


def _expression(six: str) -> str:
    from ....language.cron import field_values

    values = field_values(six)
    text = f"cron({' '.join(map(_list, values))})"
    return text if len(text) <= LIMIT else f"cron({' '.join(map(_ranges, values))})"


def _list(values: tuple[int, ...] | str) -> str:
    return values if isinstance(values, str) else ",".join(map(str, values))


def _ranges(values: tuple[int, ...] | str) -> str:
    """The list with each row of three values or more as `first-last`; so the longest expression has 242 characters."""
    if isinstance(values, str):
        return values
    out: list[str] = []
    for _, group in groupby(enumerate(values), lambda item: item[1] - item[0]):
        row = [str(value) for _, value in group]
        out += [f"{row[0]}-{row[-1]}"] if len(row) > 2 else row
    return ",".join(out)
