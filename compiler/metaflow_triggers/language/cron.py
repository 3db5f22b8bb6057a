"""Cron: AWS's six fields, what they mean, and their exact translation.

In:   the text of `@schedule(cron=...)`, or of `reset_at`'s five fields.
Out:  `Cron`, the five fields of Argo Workflows (robfig/cron) or a refusal, and the times at which it fires.

Not here: clocks (a caller gives start and end), places in a user's file, backends.

Sources: Amazon EventBridge user guide, "Cron expressions" and EventBridge Scheduler user guide, "Schedule types";
robfig/cron 3.0.1, parser.go and spec.go (`?` is `*`; Sunday is 0 and 7 is not known; a range may not wrap;
day-of-month and day-of-week are OR-ed when neither of them is a star).
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_MONTHS = {
    name: number
    for number, name in enumerate("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(), 1)  # noqa: SIM905
}
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_AWS_DAYS = {name: number for number, name in enumerate(_DAYS, 1)}
_FIVE_DAYS = {name: number for number, name in enumerate(_DAYS)}


_END_OF_YEARS = datetime(2200, 1, 2, tzinfo=timezone.utc)
"""After the last year that an expression can name, in every timezone."""


class CronError(ValueError):
    """A text that is no cron expression.

    `position` is the index of the first wrong character, `length` how many are wrong, `field` the name of
    the field or "", `expected` what may stand there.
    """

    def __init__(self, message: str, position: int, length: int = 1, field: str = "", expected: str = "") -> None:
        super().__init__(message)
        self.position = position
        self.length = max(1, length)
        self.field = field
        self.expected = expected


class CronRefused(CronError):
    """A good expression that the other form of cron cannot say exactly."""


@dataclass(frozen=True)
class _Form:
    name: str
    low: int
    high: int
    names: dict[str, int]
    specials: str  # of `?LW#`
    wraps: bool = True

    def expected(self) -> str:
        what = f"{self.low}-{self.high}"
        if self.names:
            first, *_, last = self.names
            what += f" or {first}-{last}"
        more = [", - * /", *self.specials.replace("?", " ?").split()]
        return f"{what}, and {' '.join(more)}"


_SIX = (
    _Form("minutes", 0, 59, {}, ""),
    _Form("hours", 0, 23, {}, ""),
    _Form("day-of-month", 1, 31, {}, "? L W"),
    _Form("month", 1, 12, _MONTHS, ""),
    _Form("day-of-week", 1, 7, _AWS_DAYS, "? L #"),
    _Form("year", 1970, 2199, {}, ""),
)
_FIVE = (
    _Form("minutes", 0, 59, {}, "?", wraps=False),
    _Form("hours", 0, 23, {}, "?", wraps=False),
    _Form("day-of-month", 1, 31, {}, "?", wraps=False),
    _Form("month", 1, 12, _MONTHS, "?", wraps=False),
    _Form("day-of-week", 0, 6, _FIVE_DAYS, "?", wraps=False),
)


@dataclass(frozen=True)
class Part:
    """One item of a field's list.

    `kind`: "star" (with `step`), "none" (`?`), "range" (`low` to `high` by `step`; a single value is a range of
    one; `low` above `high` wraps around), "last" (`L`), "last-weekday" (`LW`), "near" (`15W`), "last-of" (`6L`)
    or "nth" (`6#3`; `high` is the 3).
    """

    kind: str
    low: int = 0
    high: int = 0
    step: int = 1
    position: int = 0
    length: int = 1


@dataclass(frozen=True)
class Cron:
    """A parsed expression. `text` is canonical: single spaces, upper-case names. `fields` are its lists of parts."""

    text: str
    fields: tuple[tuple[Part, ...], ...]


# --- parsing ----------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def parse(text: str) -> Cron:
    """AWS's six fields: minutes hours day-of-month month day-of-week year. Raises CronError."""
    fields = _fields(text, _SIX)
    days, weekdays = fields[2], fields[4]
    blank = [part.kind == "none" for part in (days[0], weekdays[0])]
    if blank[0] == blank[1]:
        at, end = days[0].position, weekdays[-1].position + weekdays[-1].length
        what = "both are" if blank[0] else "neither is"
        raise CronError(
            f"exactly one of day-of-month and day-of-week has to be `?`, and {what}",
            at,
            end - at,
            "day-of-month",
            "`?` in one of the two",
        )
    _is_possible(fields)
    return Cron(" ".join(text.upper().split()), fields)


def parse_five(text: str) -> Cron:
    """Five fields as Argo reads them: minutes hours day-of-month month day-of-week, Sunday is 0. Raises CronError."""
    fields = _fields(text, _FIVE)
    if fields[2][0].kind == "range" and _is_star(fields[4]):
        _is_possible(fields)
    return Cron(" ".join(text.upper().split()), fields)


def _fields(text: str, forms: tuple[_Form, ...]) -> tuple[tuple[Part, ...], ...]:
    wrapped = re.match(r"\s*(cron|rate|at)\s*\(", text, re.I)
    if wrapped:
        raise CronError(
            f"`{wrapped.group().strip()}` is not part of the expression", 0, wrapped.end(), "", f"{len(forms)} fields"
        )
    bad = re.search(r"[^0-9A-Za-z*?,/#-]", text.replace(" ", "0"))
    if bad:
        raise CronError(
            f"{text[bad.start()]!r} cannot stand in a cron expression", bad.start(), 1, "", "fields separated by spaces"
        )
    found = [(match.start(), match.group()) for match in re.finditer(r"[^ ]+", text)]
    if len(found) != len(forms):
        names = " ".join(form.name for form in forms)
        at = found[len(forms)][0] if len(found) > len(forms) else len(text)
        many = "1 field" if len(found) == 1 else f"{len(found)} fields"
        raise CronError(f"{many}, expected {len(forms)}", at, len(text) - at, "", f"{len(forms)} fields: {names}")
    return tuple(_field(form, piece, at) for form, (at, piece) in zip(forms, found, strict=True))


def _field(form: _Form, text: str, at: int) -> tuple[Part, ...]:
    parts = []
    pieces = text.split(",")
    for piece in pieces:
        part = _part(form, piece, at)
        if len(pieces) > 1 and (part.kind in ("none", "nth") or (part.kind == "star" and part.step == 1)):
            raise CronError(f"`{piece}` has to stand alone in {form.name}", at, len(piece), form.name, form.expected())
        parts.append(part)
        at += len(piece) + 1
    return tuple(parts)


def _part(form: _Form, piece: str, at: int) -> Part:
    upper = piece.upper()
    where = {"position": at, "length": len(piece)}
    if upper == "?" and "?" in form.specials:
        return Part("none", **where)
    special = _special(form, upper, at)
    if special is not None:
        return special
    body, slash, step_text = upper.partition("/")
    step = 1
    if slash:
        step_at = at + len(body) + 1
        if not re.fullmatch(r"[0-9]{1,4}", step_text) or int(step_text) == 0:
            raise CronError(
                f"the step `{step_text}` of {form.name} is not a number above 0",
                step_at,
                len(step_text),
                form.name,
                "a number above 0",
            )
        step = int(step_text)
    if body == "*":
        return Part("star", form.low, form.high, step, **where)
    first, dash, last = body.partition("-")
    low = _value(form, first, at)
    if dash:
        high = _value(form, last, at + len(first) + 1)
        if high < low and (not form.wraps or form.name == "year"):
            raise CronError(f"the range `{piece}` of {form.name} runs backwards", at, len(piece), form.name, "low-high")
    else:
        high = form.high if slash else low
    return Part("range", low, high, step, **where)


def _special(form: _Form, text: str, at: int) -> Part | None:
    where = {"position": at, "length": len(text)}
    if form.name == "day-of-month" and "L" in form.specials:
        if text == "L":
            return Part("last", **where)
        if text in ("LW", "WL"):
            return Part("last-weekday", **where)
        if text.endswith("W"):
            return Part("near", _value(form, text[:-1], at), **where)
    if form.name == "day-of-week" and "L" in form.specials:
        if text == "L":  # the last day of the week
            return Part("range", form.high, form.high, **where)
        if text.endswith("L"):
            return Part("last-of", _value(form, text[:-1], at), **where)
        day, hash_sign, number = text.partition("#")
        if hash_sign:
            low = _value(form, day, at)
            if not re.fullmatch(r"[1-5]", number):
                raise CronError(
                    f"`{number}` in `{text}` is not a week of a month",
                    at + len(day) + 1,
                    len(number),
                    form.name,
                    "1 to 5 after `#`",
                )
            return Part("nth", low, int(number), **where)
    return None


def _value(form: _Form, text: str, at: int) -> int:
    if text in form.names:
        return form.names[text]
    if re.fullmatch(r"[0-9]{1,4}", text):
        number = int(text)
        if form.low <= number <= form.high:
            return number
        raise CronError(
            f"{number} is not in {form.name}'s {form.low}-{form.high}", at, len(text), form.name, form.expected()
        )
    what = f"`{text}` is not a value of {form.name}" if text else f"a value of {form.name} is missing"
    raise CronError(what, at, len(text), form.name, form.expected())


def _is_possible(fields: tuple[tuple[Part, ...], ...]) -> None:
    days, months = fields[2], fields[3]
    if any(part.kind not in ("range", "star", "near") for part in days):
        return
    first = min(_values(days, 1, 31) | {part.low for part in days if part.kind == "near"})
    longest = max(29 if month == 2 else monthrange(2001, month)[1] for month in _values(months, 1, 12))
    if first > longest:
        at = days[0].position
        raise CronError(f"no such month has a day {first}", at, days[-1].position + days[-1].length - at)


@lru_cache(maxsize=4096)
def _values(parts: tuple[Part, ...], low: int, high: int) -> frozenset[int]:
    found: set[int] = set()
    for part in parts:
        if part.kind in ("star", "none"):
            found.update(range(low, high + 1, part.step))
        elif part.kind == "range":
            found.update(_steps(part, low, high))
    return frozenset(found)


def _steps(part: Part, low: int, high: int) -> list[int]:
    size = high - low + 1
    length = (part.high - part.low) % size
    return [low + (part.low - low + offset) % size for offset in range(0, length + 1, part.step)]


def _is_star(parts: tuple[Part, ...]) -> bool:
    return len(parts) == 1 and parts[0].kind in ("star", "none") and parts[0].step == 1


# --- translation ------------------------------------------------------------------------------------


def to_five_fields(cron: str) -> str:
    """The five fields of Argo Workflows that fire exactly when AWS's six do.

    Raises CronError for a malformed expression, CronRefused for what five fields cannot say: L, W, # and a year.
    """
    parsed = parse(cron)
    for form, parts in zip(_SIX, parsed.fields, strict=True):
        for part in parts:
            if part.kind in ("last", "last-weekday", "near", "last-of", "nth"):
                written = cron[part.position : part.position + part.length]
                raise CronRefused(
                    f"`{written}` in {form.name} has no counterpart in five fields",
                    part.position,
                    part.length,
                    form.name,
                    "an expression without L, W and #",
                )
    year = parsed.fields[5]
    if not _is_star(year):
        at, end = year[0].position, year[-1].position + year[-1].length
        raise CronRefused(
            f"the year `{cron[at:end]}` has no counterpart in five fields", at, end - at, "year", "`*` as the year"
        )
    return " ".join(
        _rewritten(parts, form, -1 if form.name == "day-of-week" else 0)
        for form, parts in zip(_SIX[:5], parsed.fields, strict=False)
    )


def _rewritten(parts: tuple[Part, ...], form: _Form, shift: int) -> str:
    """A field with its values moved by `shift`, without `?` and without ranges that wrap around."""
    if _is_star(parts):
        return "*"
    written: list[str] = []
    for part in parts:
        values = [value + shift for value in _steps(part, form.low, form.high)] if part.kind == "range" else []
        if part.kind == "star":
            written.append(f"*/{part.step}")
        elif part.low == part.high or len(values) == 1:
            written.append(str(values[0]))
        elif part.low < part.high:
            step = f"/{part.step}" if part.step > 1 else ""
            written.append(f"{part.low + shift}-{part.high + shift}{step}")
        elif part.step == 1:
            low, high = form.low + shift, form.high + shift
            for first, last in ((low, part.high + shift), (part.low + shift, high)):
                written.append(str(first) if first == last else f"{first}-{last}")
        else:
            written.extend(str(value) for value in sorted(values))
    return ",".join(written)


def to_six_fields(five: str) -> tuple[str, ...]:
    """AWS expressions that together fire exactly when the five fields do: one, or two where cron means *or*.

    Raises CronError. With two, a time at which both fire comes twice.
    """
    parsed = parse_five(five)
    minutes, hours, days, months, weekdays = (
        _rewritten(parts, form, 1 if form.name == "day-of-week" else 0)
        for form, parts in zip(_FIVE, parsed.fields, strict=True)
    )
    if _is_star(parsed.fields[4]):
        return (f"{minutes} {hours} {days} {months} ? *",)
    if _is_star(parsed.fields[2]):
        return (f"{minutes} {hours} ? {months} {weekdays} *",)
    return (f"{minutes} {hours} {days} {months} ? *", f"{minutes} {hours} ? {months} {weekdays} *")


def cut_to_five_fields(cron: str) -> str:
    """What upstream Metaflow gives Argo: the first five fields, unchanged (METAFLOW_TRIGGERS_COMPAT=upstream)."""
    return " ".join(cron.split()[:5])


# --- times ------------------------------------------------------------------------------------------


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
    minutes = sorted(_values(fields[0], 0, 59))
    for hour in sorted(_values(fields[1], 0, 23)):
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
    years, months = _values(fields[5], 1970, 2199), _values(fields[3], 1, 12)
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
        day.year in _values(years, 1970, 2199)
        and day.month in _values(months, 1, 12)
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
    return part.kind == "none" or day.day in _values((part,), 1, 31)


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
    return part.kind == "none" or number in _values((part,), 1, 7)
