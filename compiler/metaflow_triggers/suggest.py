"""Suggest: the names that a user may have meant.

In:   a name and the names that exist.
Out:  the closest of them: one when it stands out, at most three, none when all are far.

Not here: what the names stand for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_LONGEST = 128  # names are short; a longer text is not a misspelt name


def _plain(name: str) -> str:
    return re.sub(r"[^\w]|_", "", name).casefold() or name


def distance(left: str, right: str, limit: int) -> int:
    """Edits (insert, delete, replace, swap neighbours) between two texts; `limit` + 1 if there are more."""
    if abs(len(left) - len(right)) > limit:
        return limit + 1
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        last, before, row = before, row, [i]
        for j, b in enumerate(right, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
        if min(row) > limit:
            return limit + 1
    return min(row[-1], limit + 1)


def suggest(name: str, candidates: Iterable[str]) -> tuple[str, ...]:
    """At most three of `candidates`, closest first, then by name. Case, hyphens and underscores weigh nothing.

    A name counts as close when at most a third of it differs, or when one of the two begins with the
    other (`Score` and `ScoreFlow`).
    """
    if not name or len(name) > _LONGEST:
        return ()
    plain = _plain(name)
    limit = max(1, len(plain) // 3) if len(plain) > 2 else 0
    found: list[tuple[int, str]] = []
    for candidate in sorted(set(candidates)):
        if candidate == name or not candidate or len(candidate) > _LONGEST:
            continue
        other = _plain(candidate)
        far = distance(plain, other, limit)
        if far > limit and min(len(plain), len(other)) >= 4 and (plain.startswith(other) or other.startswith(plain)):
            far = limit
        if far <= limit:
            found.append((far, candidate))
    found.sort()
    best = found[0][0] if found else 0
    reach = best if best <= 1 else best + 1
    return tuple(candidate for far, candidate in found if far <= reach)[:3]


def asked(names: Sequence[str]) -> tuple[str, ...]:
    """The help line for suggested names ("did you mean `a` or `b`?"), or nothing."""
    quoted = [f"`{name}`" for name in names]
    if not quoted:
        return ()
    text = quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + " or " + quoted[-1]
    return (f"did you mean {text}?",)


def did_you_mean(name: str, candidates: Iterable[str]) -> tuple[str, ...]:
    """The help line for the closest of `candidates`, or nothing."""
    return asked(suggest(name, candidates))
