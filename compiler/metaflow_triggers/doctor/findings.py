"""Findings: what was asked of a thing that a deployment needs, and the answer.

In:   nothing; these are values.
Out:  `Finding`, `Target`; a diagnostic as a finding.

Not here: asking. Nothing secret is in a finding: values of Secrets, tokens and passwords are compared where they are
asked for, and not told.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..diagnostics import Diagnostic

FINE, LACKING, NOT_ASKED = "fine", "lacking", "not asked"
STATES = (FINE, LACKING, NOT_ASKED)


@dataclass(frozen=True)
class Finding:
    """`thing` is what was asked about, `found` the answer in words.

    `mends` are commands, or settings, of which one makes it fine; `needs` the right, or the other thing, without which
    it could not be asked; `code` that of the diagnostic with which `create` or `run` would refuse.
    """

    thing: str
    state: str
    found: str = ""
    mends: tuple[str, ...] = ()
    needs: str = ""
    code: str = ""


@dataclass(frozen=True)
class Target:
    """What was found of one target: this machine, the local engine, a backend."""

    name: str
    findings: tuple[Finding, ...]


def fine(thing: str, found: str = "") -> Finding:
    return Finding(thing, FINE, found)


def lacking(thing: str, found: str, *mends: str, code: str = "") -> Finding:
    return Finding(thing, LACKING, found, mends, code=code)


def not_asked(thing: str, needs: str, found: str = "") -> Finding:
    return Finding(thing, NOT_ASKED, found, needs=needs)


def of_diagnostic(thing: str, told: Diagnostic) -> Finding:
    """What a command would refuse with, as something that is lacking."""
    found = "; ".join([told.message, *told.notes])
    return lacking(thing, found, *told.helps, code=told.code)


def lacks(targets: tuple[Target, ...]) -> bool:
    """Whether anything has to be mended."""
    return any(item.state == LACKING for target in targets for item in target.findings)
