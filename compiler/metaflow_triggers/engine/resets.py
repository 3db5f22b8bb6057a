"""Resets: when half-arrived sets are forgotten (`reset_at`).

In:   a trigger's options (JSON text), two times.
Out:  the last reset between them.

Not here: forgetting (the joins do), the clock, judging the expression (it was judged when the flow was read).
A reset needs no timer: whoever adds an event to a set asks whether one passed since the set's older events.
"""

from __future__ import annotations

import json
from datetime import datetime

from .. import cron


def last_reset(options: str, after: datetime, until: datetime) -> datetime | None:
    """The last reset later than `after` and not later than `until`, or None; None too without `reset_at`.

    `options` is `Trigger.options`. Both times are aware.
    """
    found = _reset_at(options)
    return None if found is None else cron.last_fire_of_five(found[0], found[1], after, until)


def next_reset(options: str, after: datetime) -> datetime | None:
    """The first reset later than `after`, or None where there is none."""
    found = _reset_at(options)
    return None if found is None else cron.next_fire_of_five(found[0], found[1], after)


def _reset_at(options: str) -> tuple[str, str | None] | None:
    said = json.loads(options).get("reset_at")
    return None if said is None else (said["cron"], said.get("timezone"))
