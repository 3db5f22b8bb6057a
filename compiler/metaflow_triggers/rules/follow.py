"""Follow: what is only said because of a mistake that is told itself.

In:   diagnostics.
Out:  those that stand alone.

Not here: finding them. A note goes with the mistake that it follows from, and comes back if it is still true then.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..diagnostics import Diagnostic

SAME_PLACE = {"FT507": {"FT201"}, "FT511": {"FT717"}}
"""Code -> codes of mistakes at the very place: of an unknown flow nothing else is told."""

SAME_FILE = {"FT113": {"FT106"}, "FT114": {"FT103", "FT111", "FT307"}}
"""Code -> codes of mistakes in the file: an event whose mapping is not understood seems to have none."""


def standing_alone(found: Iterable[Diagnostic]) -> list[Diagnostic]:
    """The diagnostics, in their order, without those that follow from another one of them."""
    every = list(found)
    places = {(item.code, item.span) for item in every}
    files = {(item.code, item.span.file) for item in every if item.span is not None}
    out = []
    for item in every:
        if any((code, item.span) in places for code in SAME_PLACE.get(item.code, ())):
            continue
        if item.span and any((code, item.span.file) in files for code in SAME_FILE.get(item.code, ())):
            continue
        out.append(item)
    return out
