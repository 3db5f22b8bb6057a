"""Weight: how heavy a diagnostic is.

In:   a diagnostic.
Out:  error, warning or note; whether some of many are errors.

Not here: how they look, what follows of them.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..diagnostics import Diagnostic
from .catalogue import SEVERITIES, is_strict
from .catalogue import severity as severity_of_code


def severity(item: Diagnostic) -> str:
    """error, warning or note: what the diagnostic itself says, else its rule."""
    return item.severity if item.severity in SEVERITIES else severity_of_code(item.code)


def refuses(diagnostics: Iterable[Diagnostic], *, strict: bool) -> bool:
    """Whether nothing may be written: one of them is an error, or `strict` says that it is as good as one."""
    heavy = ("error", "warning") if strict else ("error",)
    return any(severity(item) in heavy or (strict and is_strict(item.code)) for item in diagnostics)


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """Whether one of them is an error, so that nothing may be written."""
    return any(severity(item) == "error" for item in diagnostics)
