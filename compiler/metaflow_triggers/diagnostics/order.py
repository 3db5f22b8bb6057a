"""Order: diagnostics in the order in which they are told.

In:   diagnostics.
Out:  the same, each once, sorted by place.

Not here: how heavy they are, how they look.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from . import Diagnostic


def ordered(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Each once, by file, line, column, code. Those without a place come first."""

    def key(item: Diagnostic) -> tuple[Any, ...]:
        span = item.span
        place = (span.file, span.line, span.column) if span else ("", 0, 0)
        return (*place, item.code, item.message, repr(item))

    return sorted(set(diagnostics), key=key)
