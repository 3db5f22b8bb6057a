"""Choose: which letters are meant.

In:   letters, what was typed.
Out:  letters; a moment in time. ValueError with what is wrong.

Not here: where letters come from, what is done with them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, timezone

from .letter import Letter

_AGO = re.compile(r"([0-9]{1,6})(s|m|h|d|w)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SHORTEST = 4
"""Characters that a beginning of an id needs."""


def moment(text: str, now: datetime) -> datetime:
    """`2h`, `3d` (so long ago), or an ISO 8601 time, which is UTC unless it says otherwise. Raises ValueError."""
    if found := _AGO.fullmatch(text):
        return now - timedelta(**{_UNITS[found[2]]: int(found[1])})
    try:
        given = datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith(("Z", "z")) else text)
    except ValueError:
        raise ValueError(
            f"{text!r} is neither a time such as 2026-11-28T21:00:00Z nor so long ago as 90m, 2h, 3d"
        ) from None
    return given if given.tzinfo else given.replace(tzinfo=timezone.utc)


def each_once(looked: Iterable[Letter]) -> list[Letter]:
    """The oldest first; what lies in a place of several flows was seen by a look for each of them."""
    found: dict[tuple[str, str], Letter] = {}
    for item in looked:
        found.setdefault((item.where, item.id), item)
    return sorted(found.values(), key=lambda item: (item.at, item.where, item.id))


def since(letters: Iterable[Letter], begin: datetime | None) -> list[Letter]:
    """Those that were kept at that time or later."""
    return [item for item in letters if begin is None or moment(item.at, begin) >= begin]


def because(letters: Iterable[Letter], text: str | None) -> list[Letter]:
    """Those whose reason holds the text, in whatever case."""
    return [item for item in letters if text is None or text.casefold() in item.reason.casefold()]


def named(letters: Sequence[Letter], ids: Iterable[str]) -> tuple[list[Letter], list[str], list[str]]:
    """(those that are named, by their ids or a beginning that no other has; names of none; names of several)."""
    found: dict[tuple[str, str], Letter] = {}
    none, several = [], []
    for name in ids:
        matching = [item for item in letters if item.id == name]
        if not matching and len(name) >= _SHORTEST:
            matching = [item for item in letters if item.id.startswith(name)]
        if len({item.id for item in matching}) > 1:
            several.append(name)
        elif matching:
            found |= {(item.deployed, item.id): item for item in matching}
        else:
            none.append(name)
    return list(found.values()), none, several
