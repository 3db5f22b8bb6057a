"""Weight: how heavy a diagnostic is.

In:   a diagnostic.
Out:  error, warning or note; whether some of many are errors.

Not here: how they look, what follows of them.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..diagnostics import Diagnostic
from .catalogue import SEVERITIES, rule


def severity(item: Diagnostic) -> str:
    """error, warning or note: what the diagnostic itself says, else its rule; an error where no rule has the code."""
    if item.severity in SEVERITIES:
        return item.severity
    found = rule(item.code)
    return found.severity if found else "error"


def is_strict(code: str) -> bool:
    """Whether `--strict` makes an error of it."""
    found = rule(code)
    return found is not None and found.strict


def refuses(diagnostics: Iterable[Diagnostic], *, strict: bool) -> bool:
    """Whether nothing may be written: one of them is an error, or `strict` says that it is as good as one."""
    heavy = ("error", "warning") if strict else ("error",)
    return any(severity(item) in heavy or (strict and is_strict(item.code)) for item in diagnostics)


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """Whether one of them is an error, so that nothing may be written."""
    return any(severity(item) == "error" for item in diagnostics)
