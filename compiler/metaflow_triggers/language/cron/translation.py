"""Translation: the same schedule in the other form of cron.

In:   AWS's six fields, or five.
Out:  the five fields of Argo Workflows, or AWS's six, that fire at the same times; or CronRefused.

Not here: when an expression fires (`times`), changes of the clocks.
"""

from __future__ import annotations

from .fields import (
    FIVE,
    SIX,
    Cron,
    CronRefused,
    Form,
    Part,
    has_such_a_day,
    is_star,
    parse,
    parse_five,
    steps,
    values,
)


def to_five_fields(cron: str) -> str:
    """The five fields of Argo Workflows that fire exactly when AWS's six do.

    Raises CronError for a malformed expression, CronRefused for what five fields cannot say: L, W, # and a year.
    """
    parsed = parse(cron)
    _refuse_letters(cron, parsed)
    year = parsed.fields[5]
    if not is_star(year):
        at, end = year[0].position, year[-1].position + year[-1].length
        raise CronRefused(
            f"the year `{cron[at:end]}` has no counterpart in five fields", at, end - at, "year", "`*` as the year"
        )
    return " ".join(
        _rewritten(parts, form, -1 if form.name == "day-of-week" else 0)
        for form, parts in zip(SIX[:5], parsed.fields, strict=False)
    )


def _refuse_letters(cron: str, parsed: Cron) -> None:
    for form, parts in zip(SIX, parsed.fields, strict=True):
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


def _rewritten(parts: tuple[Part, ...], form: Form, shift: int) -> str:
    """A field with its values moved by `shift`, without `?` and without ranges that wrap around."""
    if is_star(parts):
        return "*"
    written: list[str] = []
    for part in parts:
        values = [value + shift for value in steps(part, form.low, form.high)] if part.kind == "range" else []
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

    A day that no month has (`0 0 31 2 1`) is no alternative. Raises CronError. With two, a time at which both fire
    comes twice.
    """
    parsed = parse_five(five)
    minutes, hours, days, months, weekdays = (
        _rewritten(parts, form, 1 if form.name == "day-of-week" else 0)
        for form, parts in zip(FIVE, parsed.fields, strict=True)
    )
    by_day = f"{minutes} {hours} {days} {months} ? *"
    by_weekday = f"{minutes} {hours} ? {months} {weekdays} *"
    if is_star(parsed.fields[4]):
        return (by_day,)
    if is_star(parsed.fields[2]) or not has_such_a_day(parsed.fields):
        return (by_weekday,)
    return (by_day, by_weekday)


def field_values(six: str) -> tuple[tuple[int, ...] | str, ...]:
    """The values of each of AWS's six fields, `*` for all and `?` for none. Raises CronRefused for L, W and #."""
    parsed = parse(six)
    _refuse_letters(six, parsed)
    out: list[tuple[int, ...] | str] = []
    for form, parts in zip(SIX, parsed.fields, strict=True):
        found = values(parts, form.low, form.high)
        blank = parts[0].kind == "none"
        out.append("?" if blank else "*" if len(found) == form.high - form.low + 1 else tuple(sorted(found)))
    return tuple(out)


def cut_to_five_fields(cron: str) -> str:
    """What upstream Metaflow gives Argo: the first five fields, unchanged (METAFLOW_TRIGGERS_COMPAT=upstream)."""
    return " ".join(cron.split()[:5])
