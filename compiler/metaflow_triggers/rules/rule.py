"""Rule: one kind of finding, as data.

In:   nothing; these are values.
Out:  `Rule`, the row of which the catalogue is made.

Not here: finding anything, printing.
"""

from __future__ import annotations

from dataclasses import dataclass

SEVERITIES = ("error", "warning", "note")


@dataclass(frozen=True)
class Rule:
    """One code and its page.

    `severity` is one of SEVERITIES. `finds` and `why` are prose, `example` shows what is found and
    `instead` what to write; `language` names how the two are written (python, console, text, json). `strict`: an error
    for `--strict`, whatever its severity.
    """

    code: str
    title: str
    severity: str
    finds: str
    why: str
    example: str
    instead: str
    language: str = "python"
    strict: bool = False
