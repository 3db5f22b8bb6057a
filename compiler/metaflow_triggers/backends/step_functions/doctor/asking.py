"""Asking: one question to AWS, whose refusals become findings.

In:   the thing that is asked about, the right that the question needs, the question.
Out:  the answer, or a `Finding` that says why there is none.

Not here: what an answer means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ....diagnostics import DiagnosticError
from ....doctor.findings import Finding, not_asked
from ..deploy.calls import Clients, absent, calling

CREDENTIALS = "credentials"
_FORBIDDEN = "(403)"
"""What S3 says of a bucket in answer to HEAD, which has no body."""


@dataclass(frozen=True)
class Account:
    """Whom AWS takes us for, and where."""

    clients: Clients
    region: str
    partition: str
    number: str
    identity: str


class Refused(Exception):
    """There is no answer."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.needs)
        self.finding = finding


def ask(thing: str, action: str, resource: str, question: Callable[[], Any], *absences: str) -> Any:
    """The answer, or None where AWS says with one of these codes that the thing is not there. Raises Refused."""
    try:
        with calling(action, resource):
            return absent(question, *absences)
    except DiagnosticError as error:
        told = error.diagnostics[0]
        if told.code == "FT702" or told.message.endswith(_FORBIDDEN):
            raise Refused(not_asked(thing, action)) from error
        why = "; ".join([told.message, *told.notes])
        raise Refused(not_asked(thing, f"an answer of AWS to {action}", why)) from error


def each(questions: Iterator[Callable[[], Finding]]) -> Iterator[Finding]:
    """The findings of questions, each of which may raise Refused."""
    for question in questions:
        try:
            yield question()
        except Refused as refused:
            yield refused.finding
