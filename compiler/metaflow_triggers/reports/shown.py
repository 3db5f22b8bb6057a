"""Shown: a user's bytes made harmless for a terminal.

In:   text.
Out:  one line without a character that moves a cursor or reorders text.

Not here: colors, cutting.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

_TAB = "    "


def _escape(char: str) -> str:
    code = ord(char)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


@lru_cache(maxsize=4096)
def cell(char: str) -> tuple[str, int]:
    """What is shown for a character, and how many terminal cells it takes."""
    if char == "\t":
        return _TAB, len(_TAB)
    # Control, format (bidirectional overrides among them) and separator characters move the cursor or
    # reorder text, surrogates cannot be written, and how wide a private one is nobody knows.
    if not char.isprintable():
        text = _escape(char)
        return text, len(text)
    if unicodedata.category(char) in ("Mn", "Me") or "\u1160" <= char <= "\u11ff":
        return char, 0
    return char, 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def shown(text: str) -> str:
    """`text` as it may be printed: one line, tabs as spaces, control characters escaped."""
    if text.isascii() and text.isprintable():
        return text
    named = {"\n": "\\n", "\r": "\\r"}
    return "".join(named.get(char) or cell(char)[0] for char in text)
