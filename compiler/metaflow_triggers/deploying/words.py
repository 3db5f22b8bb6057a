"""Words: a plan as text: what starts differently, then which objects change and how, then the sum.

In:   a `WholePlan`.
Out:  text for people.

Not here: making or carrying out a plan; diagnostics of refused flows (`reports`).
"""

from __future__ import annotations

from collections.abc import Iterator

from ..backends.many import Thing
from .plan import REFUSED, VERBS, Row, WholePlan

_MARKS = {"created": "+", "updated": "~", "deleted": "-", "kept": "="}


NOTHING = "nothing to do: everything is deployed as it is"


def text(plan: WholePlan) -> str:
    """The whole plan."""
    return "".join(f"{line}\n" for line in (*_starts(plan), *_objects(plan), total(plan)))


def total(plan: WholePlan) -> str:
    """How many flows of what kind, in one line; each backend by itself where there are several."""
    if not plan.rows:
        return "no flow"
    names = list(dict.fromkeys(row.backend for row in plan.rows))
    return "; ".join(f"{name}: {_sum([row for row in plan.rows if row.backend == name])}" for name in names)


def _sum(rows: list[Row]) -> str:
    counts = [(sum(row.verb == verb for row in rows), verb) for verb in VERBS]
    return f"{len(rows)} flow{'' if len(rows) == 1 else 's'}: " + ", ".join(
        f"{count} {verb}" for count, verb in counts if count
    )


def done(row: Row, number: int, of: int) -> str:
    """A line of progress."""
    counts = {verb: sum(thing.verb == verb for thing in row.planned.things) for verb in _MARKS}
    objects = ", ".join(f"{count} {verb}" for verb, count in counts.items() if count)
    what = f"refused ({row.refusal[0].code})" if row.verb == REFUSED and row.refusal else row.verb
    return f"[{number}/{of}] {row.backend} {row.name}: {what}{f' ({objects})' if objects else ''}"


def notes(plan: WholePlan) -> str:
    """What else is to be known of the flows: events that wait, runs that go on."""
    return "".join(f"{row.name}: {note}\n" for row in plan.rows for note in row.planned.notes)


def _starts(plan: WholePlan) -> Iterator[str]:
    said: dict[str, list[str]] = {}
    for row in plan.rows:
        for line in row.planned.starts:
            said.setdefault(line, []).append(row.backend)
    every = {row.backend for row in plan.rows}
    if said:
        yield "What starts differently:"
        for line, backends in said.items():
            where = "" if every == set(backends) else f" ({' and '.join(dict.fromkeys(backends))})"
            yield f"  {line}{where}"
        yield ""


def _objects(plan: WholePlan) -> Iterator[str]:
    for backend in dict.fromkeys(row.backend for row in plan.rows):
        rows = [row for row in plan.rows if row.backend == backend]
        shared = plan.shared(backend)
        if not shared and not any(row.planned.things or row.planned.notes or row.verb == REFUSED for row in rows):
            continue
        yield f"{backend}:"
        if shared:
            yield "  of all flows:"
            yield from _things(shared)
        for row in rows:
            if row.planned.things or row.verb == REFUSED:
                yield f"  {row.name}: {row.verb}"
                yield from _things(row.planned.things)
                yield from (f"    {item.code}: {item.message}" for item in row.refusal)
                yield from (f"    {note}" for note in row.planned.notes)
        yield ""


def _things(things: tuple[Thing, ...]) -> Iterator[str]:
    for thing in things:
        if thing.verb == "kept":
            yield f"    = {thing.noun} stays: {' '.join(thing.lines)}"
            continue
        yield f"    {_MARKS.get(thing.verb, '~')} {thing.noun}"
        if thing.verb == "updated":
            yield from (f"    {line}" for line in thing.lines)
