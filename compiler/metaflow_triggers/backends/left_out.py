"""Left out: poll triggers that a command would end, though they are still written.

In:   a flow, poll triggers of it that are there and that the command does not have, the files that it has read.
Out:  FT515 for each whose file was not read and still declares it; where a trigger's file lies.

Not here: what is there, in a cluster or in a folder. A flow's triggers may be declared in several files. A command that
reads one of them only must not end what the others declare.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from .. import regular
from ..diagnostics import Diagnostic
from ..model.flows import Flow, PollTrigger


@dataclass(frozen=True)
class There:
    """How it is said where the triggers are: `is` deployed, what the label says, the command that does both; what the
    command does with the polls of a file that it has not read."""

    words: str
    label: str
    help: str
    so: str = "would end its polls"
    severity: str = ""


def place(folder: str, poll: PollTrigger) -> str:
    """The file that declares a trigger; `folder` is that of its flow."""
    return os.path.join(folder, poll.file)


def left_out(
    flow: Flow, folder: str, polls: Iterable[PollTrigger], was_read: Callable[[str], bool], there: There
) -> Iterator[Diagnostic]:
    """`polls` name their file as the flow's folder has it."""
    for poll in polls:
        path = place(folder, poll)
        if was_read(path) or not _names(path, poll.name):
            continue
        yield Diagnostic(
            "FT515",
            f"poll trigger `{poll.name}` of `{path}` starts `{flow.name}` and {there.words}; this command "
            f"has not read that file, and {there.so}",
            flow.span,
            there.label,
            helps=(f"{there.help} {os.path.dirname(flow.file) or '.'}", f"to end it, remove it from `{path}`"),
            severity=there.severity,
        )


def _names(path: str, trigger: str) -> bool:
    try:
        text = regular.read(path, None).decode("utf-8", "replace")
    except regular.Unreadable:
        return False
    return trigger in text
