"""Hostile texts: what some reader of YAML takes for a number, a date, a word or structure, and texts like them.

In:   a count; the same count gives the same texts.
Out:  texts, each once.
"""

from __future__ import annotations

import random

_DIGITS = [
    "0",
    "1",
    "7",
    "8",
    "12",
    "012",
    "0o14",
    "0x1F",
    "0b101",
    "1_000",
    "_1",
    "1_",
    "00",
    "08",
    "1:20",
    "190:20:30",
]
_SIGNS = ["", "", "", "-", "+", "--", "+-"]
_FLOATS = [".5", "5.", "1.5", ".5e3", "1e3", "1E-3", "1.e2", ".inf", ".Inf", ".NAN", ".nan", "inf", "Infinity", "NaN"]
_DATES = ["2024-1-6", "2024-01-06", "2024-01-06T07:02:04Z", "2024-1-6 7:2:4", "2024-01-06t7:02:04.5 +1", "12:30:45"]
_WORDS = [
    "y",
    "n",
    "yes",
    "no",
    "on",
    "off",
    "true",
    "false",
    "null",
    "~",
    "<<",
    "=",
    "...",
    "---",
    "%YAML 1.2",
    "none",
]
_MARKS = [*list("-?:,[]{}#&*!|>'\"%@`~ \t\n=<$^/_\\()"), "{{", "}}", ": ", " #", "- ", "? ", "\n\n", "é", "\xa0"]
_MARKS += ["\u0085", "\u2028", "\ufeff", "\U0001f600", "\x07", "\u0660", "e", "E", "m", "Mi", "_", ".", "+"]


def _word(generator: random.Random) -> str:
    word = generator.choice(_WORDS)
    return generator.choice((word, word.upper(), word.title(), word.swapcase()))


def _number(generator: random.Random) -> str:
    return generator.choice(_SIGNS) + generator.choice(_DIGITS + _FLOATS)


def _text(generator: random.Random) -> str:
    how = generator.randrange(8)
    if how == 0:
        return _word(generator)
    if how <= 2:
        return _number(generator)
    if how == 3:
        return generator.choice(_DATES)
    parts = [generator.choice((_word, _number, lambda one: one.choice(_MARKS)))(generator) for _ in range(how - 2)]
    if how == 7:
        parts += [generator.choice(_MARKS) for _ in range(generator.randrange(6))]
        generator.shuffle(parts)
    return "".join(parts)


def hostile_texts(count: int) -> list[str]:
    """`count` texts, each once."""
    generator = random.Random("texts that look like something else")
    found: dict[str, None] = {"": None}
    while len(found) < count:
        found[_text(generator)] = None
    return list(found)
