"""Fields: the text of a cron expression, read into lists of parts.

In:   AWS's six fields, or the five of Argo Workflows (robfig/cron).
Out:  `Cron`, or CronError with the characters that are wrong.

Not here: when it fires (`times`), saying it in the other form (`translation`).

Sources: Amazon EventBridge user guide, "Cron expressions reference" and EventBridge Scheduler user guide, "Schedule
types". A comma adds values to any field, and only `#` has to stand alone: `15W,20W` and `1,15,L` are in the language.
`L` is the last day, a dash is a range: `L-3`, which Quartz has, is not.
robfig/cron 3.0.1, parser.go and spec.go (`?` is `*`; Sunday is 0 and 7 is not known; a range may not wrap;
day-of-month and day-of-week are OR-ed when neither of them is a star).
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from functools import lru_cache

_MONTHS = {
    name: number
    for number, name in enumerate("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(), 1)  # noqa: SIM905
}
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_AWS_DAYS = {name: number for number, name in enumerate(_DAYS, 1)}
_FIVE_DAYS = {name: number for number, name in enumerate(_DAYS)}


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
class Form:
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


SIX = (
    Form("minutes", 0, 59, {}, ""),
    Form("hours", 0, 23, {}, ""),
    Form("day-of-month", 1, 31, {}, "? L W"),
    Form("month", 1, 12, _MONTHS, ""),
    Form("day-of-week", 1, 7, _AWS_DAYS, "? L #"),
    Form("year", 1970, 2199, {}, ""),
)
FIVE = (
    Form("minutes", 0, 59, {}, "?", wraps=False),
    Form("hours", 0, 23, {}, "?", wraps=False),
    Form("day-of-month", 1, 31, {}, "?", wraps=False),
    Form("month", 1, 12, _MONTHS, "?", wraps=False),
    Form("day-of-week", 0, 6, _FIVE_DAYS, "?", wraps=False),
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


@lru_cache(maxsize=4096)
def parse(text: str) -> Cron:
    """AWS's six fields: minutes hours day-of-month month day-of-week year. Raises CronError."""
    fields = _fields(text, SIX)
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
    fields = _fields(text, FIVE)
    if fields[2][0].kind == "range" and is_star(fields[4]):
        _is_possible(fields)
    return Cron(" ".join(text.upper().split()), fields)


def _fields(text: str, forms: tuple[Form, ...]) -> tuple[tuple[Part, ...], ...]:
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


def _field(form: Form, text: str, at: int) -> tuple[Part, ...]:
    parts = []
    pieces = text.split(",")
    for piece in pieces:
        part = _part(form, piece, at)
        if len(pieces) > 1 and (part.kind in ("none", "nth") or (part.kind == "star" and part.step == 1)):
            raise CronError(f"`{piece}` has to stand alone in {form.name}", at, len(piece), form.name, form.expected())
        parts.append(part)
        at += len(piece) + 1
    return tuple(parts)


def _part(form: Form, piece: str, at: int) -> Part:
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


def _special(form: Form, text: str, at: int) -> Part | None:
    where = {"position": at, "length": len(text)}
    if form.name == "day-of-month" and "L" in form.specials:
        if text == "L":
            return Part("last", **where)
        if text in ("LW", "WL"):
            return Part("last-weekday", **where)
        if text.endswith("W"):
            return Part("near", _value(form, text[:-1], at), **where)
        if text.startswith("L-"):
            raise CronError(
                f"`{text}`: AWS has `L`, the last day of the month, and no days before it",
                at,
                len(text),
                form.name,
                form.expected(),
            )
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


def _value(form: Form, text: str, at: int) -> int:
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


def has_such_a_day(fields: tuple[tuple[Part, ...], ...]) -> bool:
    """Whether a month of the month field has a day of the day-of-month field, as `30 2` has not."""
    days, months = fields[2], fields[3]
    if any(part.kind not in ("range", "star", "near") for part in days):
        return True
    longest = max(29 if month == 2 else monthrange(2001, month)[1] for month in values(months, 1, 12))
    return _first_day(days) <= longest


def _first_day(days: tuple[Part, ...]) -> int:
    return min(values(days, 1, 31) | {part.low for part in days if part.kind == "near"})


def _is_possible(fields: tuple[tuple[Part, ...], ...]) -> None:
    if not has_such_a_day(fields):
        days = fields[2]
        at = days[0].position
        end = days[-1].position + days[-1].length
        raise CronError(f"no such month has a day {_first_day(days)}", at, end - at)


@lru_cache(maxsize=4096)
def values(parts: tuple[Part, ...], low: int, high: int) -> frozenset[int]:
    found: set[int] = set()
    for part in parts:
        if part.kind in ("star", "none"):
            found.update(range(low, high + 1, part.step))
        elif part.kind == "range":
            found.update(steps(part, low, high))
    return frozenset(found)


def steps(part: Part, low: int, high: int) -> list[int]:
    size = high - low + 1
    length = (part.high - part.low) % size
    return [low + (part.low - low + offset) % size for offset in range(0, length + 1, part.step)]


def is_star(parts: tuple[Part, ...]) -> bool:
    return len(parts) == 1 and parts[0].kind in ("star", "none") and parts[0].step == 1
