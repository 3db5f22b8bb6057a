"""Diagnostics: what is wrong with a user's input, as values; rendering is separate.

In:   a code of the catalogue (`metaflow_triggers.rules.catalogue`), a place, words.
Out:  `Diagnostic`, and `DiagnosticError` for code that cannot go on.

Not here: finding mistakes, printing, exit codes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..model.flows import Span


@dataclass(frozen=True)
class Diagnostic:
    """One finding. `message` is one line without a final period that stands alone.

    `label` is the text beside the caret, `others` are further places with their labels,
    `notes` are facts, `helps` are things to type. Severity belongs to the code's rule; `severity` is
    set only where the catalogue says that a finding of this rule weighs less (FT202, FT203).
    """

    code: str
    message: str
    span: Span | None = None
    label: str = ""
    others: tuple[tuple[Span, str], ...] = ()
    notes: tuple[str, ...] = ()
    helps: tuple[str, ...] = ()
    severity: str = ""


@dataclass
class DiagnosticError(Exception):
    """Raised where a stage cannot go on. Carries one or more diagnostics; never shown as a traceback.

    `result` says what had been done by then, where that is not nothing; `aftermath` what exists now and what is left.
    """

    diagnostics: list[Diagnostic] = field(default_factory=list)
    result: str | None = None
    aftermath: list[Diagnostic] = field(default_factory=list)

    def __str__(self) -> str:
        return "; ".join(f"{item.code}: {item.message}" for item in self.diagnostics)
