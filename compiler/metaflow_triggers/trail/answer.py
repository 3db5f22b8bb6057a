"""Answer: what a target says of a flow, or of an id that no flow waits for.

In:   nothing; these are values.
Out:  `Answer`, `Run`, `Poll`; `Target`, the shape of what is asked; the exit code of several answers.

Not here: words (`causes`), writing them down (`text`, `json`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..model.settings import Settings
from .causes import STARTED, UNKNOWN, Cause
from .question import Question

WAITING, RUNNING, SUCCEEDED, FAILED = "waiting", "running", "succeeded", "failed"
ABORTED, TIMED_OUT, LOST, REFUSED = "aborted", "timed out", "lost", "refused"
STATE_OF_START = {
    "claimed": WAITING,
    "started": RUNNING,
    "succeeded": SUCCEEDED,
    "failed": FAILED,
    "aborted": ABORTED,
    "timed_out": TIMED_OUT,
    "lost": LOST,
}
"""What is recorded of a start that was taken, by the engine and by pollers -> the state of its run."""
STATES = (WAITING, RUNNING, SUCCEEDED, FAILED, ABORTED, TIMED_OUT, LOST, REFUSED)
"""Of a run, on every target."""

EXIT_STARTED, EXIT_NOT_STARTED, EXIT_UNKNOWN = 0, 1, 3
"""2 is a mistake in the command, as everywhere (docs/commands.md)."""


@dataclass(frozen=True)
class Run:
    """A run, or the place of one. `id` is Metaflow's where there is one; `log` is where its output is: a path, or what
    leads to it; `parameters` are JSON values, None: the target does not tell."""

    id: str
    state: str
    started_at: str | None = None
    ended_at: str | None = None
    step: str | None = None
    error: str | None = None
    parameters: dict[str, Any] | None = field(default=None, hash=False)
    log: str | None = None


@dataclass(frozen=True)
class Poll:
    """A poll trigger. `claim` is the name of a start of its, the same on every target, and `context` what it fired:
    JSON values; None: it fired nothing, or that is not kept."""

    trigger: str
    claim: str | None = None
    context: dict[str, Any] | None = field(default=None, hash=False)


@dataclass(frozen=True)
class Answer:
    """One flow on one target. `flow` and `deployed` are "" where no flow waits for it, `event` is the name that was
    asked for or found, of a run the outcome's; None: of a run that no event started. Where a poll is in its place,
    `poll` says so, and `event` is the trigger's name.

    `cause` says why; `also` what holds beside it, as the filter of a second trigger. `commands` go on from here.
    """

    target: str
    flow: str
    deployed: str
    event: str | None
    cause: Cause
    also: tuple[Cause, ...] = ()
    run: Run | None = None
    commands: tuple[str, ...] = ()
    poll: Poll | None = None

    @property
    def verdict(self) -> str:
        """`started`, `not started` or `unknown`."""
        return self.cause.verdict


class Target(Protocol):
    """What is asked: the shape of a module."""

    def ask(self, question: Question, settings: Settings) -> list[Answer]:
        """An answer, or several, for each flow of `question.listening()`. Changes nothing.

        What cannot be asked is an answer, too (`causes.COULD_NOT_ASK`); DiagnosticError only where nothing can.
        """


def verdict(answers: Iterable[Answer]) -> str:
    """Of all: started if one has started, else unknown if one cannot tell, else not started."""
    found = [item.verdict for item in answers]
    return STARTED if STARTED in found else UNKNOWN if UNKNOWN in found or not found else "not started"


def exit_code(answers: Iterable[Answer]) -> int:
    """0 started, 1 not started, 3 unknown."""
    return {STARTED: EXIT_STARTED, UNKNOWN: EXIT_UNKNOWN}.get(verdict(answers), EXIT_NOT_STARTED)
