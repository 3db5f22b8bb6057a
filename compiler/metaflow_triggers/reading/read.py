"""Read: what the files of a command hold.

In:   nothing; these are values.
Out:  `Read`.

Not here: reading.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .. import regular
from ..diagnostics import Diagnostic
from ..model.flows import EventDependency, PollTrigger, Span
from ..reports.json import span_json
from .prepared import ReadFlow

if TYPE_CHECKING:
    from .kept_answers import KeptAnswers

_SHOWN = 10
_KEEP_UNREAD = ("FT122", "FT123", "FT126")
"""Of a flow that is refused: what its file emits is not known."""
_WAITED = re.compile(r"waits for flow `(\w+)`")


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
    `looked`: the real paths of all files that were read whole, also those without a flow.
    `skipped` counts files of folders without a flow; `unsearched` are folders that were not looked into. `refused` are
    flows that could not be read, `unread` files that could not: what others wait for may be theirs. `kept` is the
    cache, where it is used.
    """

    flows: list[ReadFlow] = field(default_factory=list)
    polls: list[PollTrigger] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    modules: dict[str, list[str]] = field(default_factory=dict)
    looked: frozenset[str] = frozenset()
    skipped: int = 0
    unsearched: list[str] = field(default_factory=list)
    excluded: list[tuple[str, str]] = field(default_factory=list)
    accepted: int = 0
    off: int = 0
    refused: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    kept: KeptAnswers | None = None

    def unread_flows(self) -> frozenset[str]:
        """Flows that the files may define, though they could not be read: nobody waits for them in vain."""
        names = {name for text in self._unread_texts() for name in re.findall(r"\bclass\s+(\w+)", text)}
        return frozenset({*self.refused, *names})

    def unread_events(self) -> frozenset[str]:
        """Events that the flows wait for and that files which could not be read may emit."""
        written = {word for text in self._unread_texts() for word in re.findall(r"[A-Za-z0-9_.-]+", text)}
        awaited = {
            dependency.name
            for item in self.flows
            for trigger in item.flow.triggers
            for dependency in trigger.dependencies
            if isinstance(dependency, EventDependency)
        }
        return frozenset(name for name in awaited if name in written or name.rpartition(".")[2] in written)

    def _unread_texts(self) -> list[str]:
        texts = []
        refused = {item.span.file for item in self.diagnostics if item.span is not None and item.code in _KEEP_UNREAD}
        for file in sorted({*self.unread, *(refused if self.refused else ())}):
            with contextlib.suppress(regular.Unreadable):
                texts.append(regular.text(file))
        return texts

    def explained(self, found: Iterable[Diagnostic]) -> list[Diagnostic]:
        """The findings; one about a flow that nothing defines says so where a class of that name was left out."""
        by_name = {item.name: item for item in self.left_out}
        out = []
        for item in found:
            waited = _WAITED.search(item.message) if item.code == "FT201" else None
            other = by_name.get(waited.group(1)) if waited else None
            others = () if other is None else ((other.span, f"left out: {other.why}"),)
            out.append(dataclasses.replace(item, others=(*item.others, *others)))
        return out

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
        for by in dict.fromkeys(by for _, by in self.excluded):
            parts.append(f"left out by {by}: {few([path for path, who in self.excluded if who == by])}")
        parts += [f"{self.accepted} accepted"] if self.accepted else []
        parts += [f"{self.off} off"] if self.off else []
        return "; ".join(parts)

    def omissions_json(self) -> dict[str, Any]:
        """The same for programs."""
        left_out = [{"name": item.name, "span": span_json(item.span), "why": item.why} for item in self.left_out]
        more = {"excluded": [path for path, _ in self.excluded], "accepted": self.accepted, "off": self.off}
        told = {"skipped": self.skipped, "left_out": left_out, "unsearched": self.unsearched}
        return {**told, **{name: value for name, value in more.items() if value}}


def few(names: list[str]) -> str:
    """Some of the names, and how many more there are."""
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
