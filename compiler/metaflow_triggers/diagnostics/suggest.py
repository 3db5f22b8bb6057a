"""Suggest: the names that a user may have meant.

In:   a name and the names that exist.
Out:  the closest of them: one when it stands out, at most three, none when all are far.

Not here: what the names stand for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

_LONGEST = 128  # names are short; a longer text is not a misspelt name


@lru_cache(maxsize=65536)
def _shape(name: str) -> tuple[str, int]:
    """The name without case, hyphens and underscores, and its characters as bits of a number."""
    plain = re.sub(r"[^\w]|_", "", name).casefold() or name
    bits = 0
    for char in plain:
        bits |= 1 << (ord(char) & 127)
    return plain, bits


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
    plain, bits = _shape(name)
    limit = max(1, len(plain) // 3) if len(plain) > 2 else 0
    found: set[tuple[int, str]] = set()
    for candidate in candidates:
        if candidate == name or not candidate or len(candidate) > _LONGEST:
            continue
        other, other_bits = _shape(candidate)
        far = limit + 1
        # Each edit removes at most one character that the other text lacks; most names are ruled out here.
        if (bits & ~other_bits).bit_count() <= limit and (other_bits & ~bits).bit_count() <= limit:
            far = distance(plain, other, limit)
        if far > limit and min(len(plain), len(other)) >= 4 and (plain.startswith(other) or other.startswith(plain)):
            far = limit
        if far <= limit:
            found.add((far, candidate))
    if not found:
        return ()
    best = min(found)[0]
    reach = best if best <= 1 else best + 1
    return tuple(candidate for far, candidate in sorted(found) if far <= reach)[:3]


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


def closest(names: Sequence[str], verb: str = "defined") -> str:
    """What is written at the place of each of the suggested names."""
    return f"{'the closest' if len(names) == 1 else 'a close'} name is {verb} here"
