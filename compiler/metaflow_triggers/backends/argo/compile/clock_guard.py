"""Clock guard: a schedule that Argo Workflows keeps through every change of the clocks.

In:   AWS's six fields, a timezone.
Out:  the five fields of a CronWorkflow, and its `when` where they alone would fire at other times.

Not here: refusing what five fields cannot say, the sets of events that a Sensor resets (`clock_changes`).

What the engine does, robfig/cron 3.0.1 (spec.go) behind CronWorkflow:
- An hour that the clocks repeat fires twice. The guard lets the first time pass.
- A day is looked for from midnight to midnight; in a zone that skips or repeats one, days are missed and others hit.
  There the fields have no day, and the guard has it.
- After a change within an hour, minutes are counted on into an hour that is none of the fields'. The guard has the
  hours.
- Hours are counted from the beginning of the hour at hand, which may lie on the other side of a change, be two times or
  none. After a change by half an hour all hours are half past, and the rest of the day is missed. A controller that is
  started in the hour of a change at a quarter to three, or in the first of two hours that come twice, takes a time that
  is over, or misses one. There the fields have every hour, so that minutes alone are counted.

`when` (Argo Workflows 3.6 or newer, as is `schedules`) is evaluated when the controller acts and not for the scheduled
time. So the guard goes back to the last minute of the fields first: it is right for a controller that is late by less
than the time between two minutes of the fields, by up to an hour where there is one. A timezone's rules are those of
the controller.
"""

from __future__ import annotations

from dataclasses import dataclass

from ....language.cron import clocks, field_values, to_five_fields

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
SET_BACK = ("30m", "1h", "2h")
"""By how much clocks are set back: half an hour on Lord Howe, two hours at Troll, an hour elsewhere."""

_Values = tuple[int, ...] | str


@dataclass(frozen=True)
class Kept:
    """Five fields, and the text of `when` or None."""

    cron: str
    when: str | None


def kept(six: str, zone: str) -> Kept:
    """The schedule as Argo fires it at AWS's times. Raises CronError, CronRefused."""
    five = to_five_fields(six)
    if clocks.never_changes(zone):
        return Kept(five, None)
    minutes, hours, *days, _ = field_values(six)
    minutes_text, hours_text, *days_text = five.split(" ")
    conditions: list[str] = []
    if zone in clocks.UNEVEN and not isinstance(hours, str):
        hours_text = "*"
        conditions.append(f"#.Hour() in {list(hours)}")
    if zone in clocks.MIDNIGHT:
        conditions += _days(days)
        days_text = ["*", "*", "*"]
    if isinstance(hours, str) or clocks.NIGHT.intersection(hours):
        conditions += [f"#.Add(duration('-{size}')).Format('15:04') != #.Format('15:04')" for size in SET_BACK]
    if conditions and not isinstance(hours, str):
        conditions.insert(0, f"#.Hour() in {list(hours)}")
    cron = " ".join((minutes_text, hours_text, *days_text))
    return Kept(cron, _when(zone, minutes, list(dict.fromkeys(conditions))) if conditions else None)


def _days(fields: list[_Values]) -> list[str]:
    days, months, weekdays = fields
    found = []
    if not isinstance(days, str):
        found.append(f"#.Day() in {list(days)}")
    if not isinstance(months, str):
        found.append(f"#.Format('Jan') in {[_MONTHS[month - 1] for month in months]}")
    if not isinstance(weekdays, str):
        found.append(f"#.Format('Mon') in {[_DAYS[day - 1] for day in weekdays]}")
    return found


def _when(zone: str, minutes: _Values, conditions: list[str]) -> str:
    """`#` is the time at hand: Argo Workflows 4 knows no `let` (util/template, missingVarsInEnv)."""
    acts = f"now().In(timezone('{zone}'))"
    back = _minutes_back(minutes)
    times = f"[{acts}]" if back is None else f"map([{acts}], #.Add(duration('-' + string({back}) + 'm')))"
    return f"{{{{= all({times}, {' and '.join(conditions)}) }}}}"


def _minutes_back(minutes: _Values) -> str | None:
    """From a time to the last minute of the fields, as an expression; None where every minute is one."""
    if isinstance(minutes, str):
        return None
    step = 60 // len(minutes)
    if minutes == tuple(range(minutes[0], 60, step)) and 60 % len(minutes) == 0:
        return f"(#.Minute() + {step - minutes[0]}) % {step}"
    return f"min({', '.join(f'(#.Minute() + {60 - minute}) % 60' for minute in minutes)})"
