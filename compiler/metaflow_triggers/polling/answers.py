"""Poll answers: what a poll gave, and who is told.

In:   nothing; these are the shapes.
Out:  `Answer`, `Heard`, and `Hosts`, which whoever makes polls offers to whoever says when.

Not here: processes (`polling.children`), what an answer means (`polls.work`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Answer:
    """What a poll gave: "skip", "fire" with a context, or "error" with a line and a traceback."""

    result: str
    context: dict[str, Any] | None = None
    text: str = ""
    trace: str = ""


class Heard(Protocol):
    """Who is told. Called in the thread of the children: it must be quick and not raise."""

    def wanted(self, name: str) -> bool:
        """Whether a poll that was asked for is still to be made."""

    def begun(self, name: str) -> None:
        """A poll has begun."""

    def answered(self, name: str, answer: Answer | None) -> None:
        """A poll has ended; None: it was not made."""

    def down(self, names: Iterable[str], why: str, trace: str, seconds: float) -> None:
        """The process of these triggers has ended; the next one starts after so many seconds."""

    def up(self, names: Iterable[str]) -> None:
        """The process of these triggers is ready."""

    def printed(self, line: str) -> None:
        """A line that a file printed."""


class Hosts(Protocol):
    """What makes polls: `polling.children`."""

    def start(self, heard: Heard) -> None:
        """Begin; what happens is told to `heard`."""

    def serve(self, file: str, names: Iterable[str]) -> None:
        """These are the triggers of a file that are polled here."""

    def poll(self, file: str, names: Iterable[str]) -> None:
        """Poll these now, or as soon as it can be."""

    def restart(self, file: str) -> None:
        """The file has changed: its process begins anew when its polls have ended."""

    def stop(self, seconds: float) -> None:
        """Let polls that have begun end, at most for so many seconds; then end all."""
