"""Read: what the files of a command hold.

In:   nothing; these are values.
Out:  `Read`.

Not here: reading.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..diagnostics import Diagnostic
from ..model.flows import PollTrigger, Span
from ..reports.json import span_json
from .prepared import ReadFlow

_SHOWN = 10


@dataclass(frozen=True)
class LeftOut:
    """A class that could run and is no flow here, and why."""

    name: str
    span: Span
    why: str


@dataclass
class Read:
    """What files hold, in the order of the files.

    `modules`: of each file the real paths of what it imported from below the command's paths.
    `skipped` counts files of folders without a flow; `unsearched` are folders that were not looked into.
    """

    flows: list[ReadFlow] = field(default_factory=list)
    polls: list[PollTrigger] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    modules: dict[str, list[str]] = field(default_factory=dict)
    skipped: int = 0
    unsearched: list[str] = field(default_factory=list)

    def omissions(self) -> str:
        """In words what the files hold beside the flows, for the summary of a command; "" where that is nothing."""
        parts = []
        if self.skipped:
            parts.append(f"{self.skipped:,} file{'' if self.skipped == 1 else 's'} without a flow skipped")
        if self.left_out:
            names = [f"`{item.name}` ({item.span.file}:{item.span.line}, {item.why})" for item in self.left_out]
            parts.append(f"left out: {few(names)}")
        if self.unsearched:
            parts.append(f"not searched: {few(self.unsearched)}")
        return "; ".join(parts)

    def omissions_json(self) -> dict[str, Any]:
        """The same for programs."""
        left_out = [{"name": item.name, "span": span_json(item.span), "why": item.why} for item in self.left_out]
        return {"skipped": self.skipped, "left_out": left_out, "unsearched": self.unsearched}


def few(names: list[str]) -> str:
    """Some of the names, and how many more there are."""
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
