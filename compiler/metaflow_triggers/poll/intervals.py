"""Intervals: the text of `poll_interval` and milliseconds.

In:   text such as "100ms", "5s", "1m", "2h".
Out:  milliseconds; nothing is ever rounded.

Not here: when a poll is due.
"""

from __future__ import annotations

import re

LONGEST_MILLISECONDS = 2**31 - 1
"""About 24.8 days: what upstream's schedule record and every scheduler of ours can hold."""

_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}
_INTERVAL = re.compile(r"\s*([0-9]+)(ms|s|m|h)\s*")
_EXPECTED = 'expected a whole number and one of the units ms, s, m, h, such as "100ms", "5s", "1m" or "2h"'


def milliseconds(text: object) -> int:
    """The length of an interval. Raises TypeError for what is no text and ValueError for any other mistake."""
    if not isinstance(text, str):
        raise TypeError(f"{_EXPECTED}; found {text!r}, which is of type {type(text).__name__}")
    match = _INTERVAL.fullmatch(text)
    if match is None:
        raise ValueError(f"{_EXPECTED}; found {text[:40]!r}")
    digits = match[1].lstrip("0")
    if not digits:
        raise ValueError(f"an interval is longer than zero; found {text[:40]!r}")
    # Ten digits are more than the limit in any unit; a longer text is never turned into a number.
    length = int(digits) * _UNITS[match[2]] if len(digits) <= 10 else LONGEST_MILLISECONDS + 1
    if length > LONGEST_MILLISECONDS:
        raise ValueError(
            f"the longest interval is {LONGEST_MILLISECONDS} ms (about 24 days); found {text.strip()[:40]!r}"
        )
    return length
