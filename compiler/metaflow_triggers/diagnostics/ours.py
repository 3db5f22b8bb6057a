"""Ours: mistakes of the compiler's own in what it made, as diagnostics.

In:   where, and what our checks say of the finished objects.
Out:  FT601s, each thing once, in words.

Not here: finding them. What stands inside of an object of ours is no reading for a user, and may be long: a message
ends where a check shows it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from . import Diagnostic

CODE = "FT601"
_INSIDE = re.compile(r"[:,]?\s*(?:[\[{]|\bof \d+ characters)")
_LENGTH = 200


def our_mistakes(where: str, told: Iterable[str]) -> list[Diagnostic]:
    """One diagnostic for each thing that is told; `where` stands before it."""
    texts = dict.fromkeys(in_words(f"{where} {text}") for text in told)
    return [Diagnostic(CODE, text) for text in texts]


def in_words(text: str) -> str:
    """The text up to where it shows what stands inside of an object."""
    found = _INSIDE.search(text)
    words = (text[: found.start()] if found else text).partition("\n")[0].rstrip()
    return words if len(words) <= _LENGTH else f"{words[: _LENGTH - 3]}..."


def behind_others(found: Iterable[Diagnostic], is_error: bool) -> list[Diagnostic]:
    """Without our own mistakes where the user's own (`is_error`: there are some) may be what they come from."""
    return [item for item in found if item.code != CODE] if is_error else list(found)
