"""Schedules: what a CronWorkflow says, read back from its fields and its guard.

In:   the object's spec, or AWS's six fields and a timezone.
Out:  both in one form: the values of each field at which a Workflow starts, whether a repeated time starts one only.

Not here: how the guard comes about (`compile.clock_guard`). A guard that is not word for word of the known form raises
ValueError.
"""

from __future__ import annotations

import ast
import re
from typing import Any

from ....language.cron import clocks, field_values, to_six_fields

_ACTS = r"\[now\(\)\.In\(timezone\('(?P<zone>[^']+)'\)\)\]"
_BACK = r"map\(" + _ACTS.replace("zone>", "zone_>") + r", #\.Add\(duration\('-' \+ string\((?P<back>.+)\) \+ 'm'\)\)\)"
_GUARD = re.compile(r"\{\{= all\((?:" + _ACTS + "|" + _BACK + r"), (?P<conditions>#.+)\) \}\}")
_TERM = re.compile(r"\(#\.Minute\(\) \+ ([0-9]+)\) % ([0-9]+)")
_FIRST = [f"#.Add(duration('-{size}')).Format('15:04') != #.Format('15:04')" for size in ("30m", "1h", "2h")]
_CONDITIONS = {"#.Hour()": 1, "#.Day()": 2, "#.Format('Jan')": 3, "#.Format('Mon')": 4}
_NAMES = {
    3: ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    4: ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"),
}
_ALL = (range(60), range(24), range(1, 32), range(1, 13), range(1, 8))
"""Minutes, hours, days, months, days of the week (Sunday is 1)."""

Said = tuple[tuple[tuple[int, ...], ...], bool]


def meant(six: str, zone: str) -> Said:
    """What the six fields mean."""
    fields = _fields(six)
    return tuple(map(tuple, fields)), not clocks.never_changes(zone) and bool(clocks.NIGHT & set(fields[1]))


def said(spec: Any) -> Said:
    """What the object says. A schedule that robfig/cron loses days of counts only where its guard names the days."""
    (five,) = spec["schedules"]
    (six,) = to_six_fields(five)
    fields = _fields(six)
    if "when" not in spec:
        if spec["timezone"] in clocks.MIDNIGHT and any(len(fields[place]) < len(_ALL[place]) for place in (2, 3, 4)):
            raise ValueError("days that the controller would look for from midnight to midnight")
        return tuple(map(tuple, fields)), False
    guard = _GUARD.fullmatch(spec["when"])
    if guard is None or (guard["zone"] or guard["zone_"]) != spec["timezone"]:
        raise ValueError(f"a guard that is not understood: {spec['when']}")
    if _minutes(guard["back"]) != fields[0]:
        raise ValueError(f"a guard for other minutes than {fields[0]}: {guard['back']}")
    conditions = guard["conditions"].split(" and ")
    first = conditions[-len(_FIRST) :] == _FIRST
    for condition in conditions[: -len(_FIRST)] if first else conditions:
        name, _, values = condition.partition(" in ")
        place = _CONDITIONS[name]
        wanted = ast.literal_eval(values)
        numbers = [_NAMES[place].index(item) + 1 for item in wanted] if place in _NAMES else wanted
        fields[place] = [value for value in fields[place] if value in numbers]
    return tuple(map(tuple, fields)), first


def _fields(six: str) -> list[list[int]]:
    found = field_values(six)[:5]
    return [list(every) if isinstance(item, str) else list(item) for item, every in zip(found, _ALL, strict=True)]


def _minutes(back: str | None) -> list[int]:
    """The minutes to which a guard goes back."""
    if back is None:
        return list(_ALL[0])
    terms = back[len("min(") : -1].split(", ") if back.startswith("min(") else [back]
    found = [_TERM.fullmatch(term) for term in terms]
    if None in found:
        raise ValueError(f"a way back that is not understood: {back}")
    numbers = [(int(item[1]), int(item[2])) for item in found if item is not None]
    return [minute for minute in _ALL[0] if any((minute + more) % step == 0 for more, step in numbers)]
