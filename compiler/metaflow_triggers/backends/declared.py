"""Declared: what a deployment tells its poller of each trigger, the same on every cloud, and what it cannot tell.

In:   a flow, its poll triggers, its deployed name; texts of declarations.
Out:  `Declaration`s and back; FT513 and FT514 for what no cloud polls.

Not here: where a declaration stands (a backend's `compile`), what it is (`polling`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from ..diagnostics import Diagnostic
from ..model import facts
from ..model.flows import Flow, PollTrigger, Span
from ..polling.fires import WHOLE_PARAMETER, Target
from ..polling.record import Declaration
from ..polling.record import declaration as read_declaration

SHORTEST_MILLISECONDS = 1000
_NOWHERE = Span("", 1, 1, 1, 1)


def file_below(flow: Flow, poll: PollTrigger) -> str | None:
    """Where the file that declares a trigger lies in the flow's code package; None where it is not in it."""
    path = os.path.relpath(poll.file or flow.file, os.path.dirname(flow.file) or ".").replace(os.sep, "/")
    return None if path.startswith("../") or os.path.isabs(path) else path


def declaration(flow: Flow, poll: PollTrigger, deployed: str) -> Declaration:
    """What the poller is told of a trigger."""
    told = (item for item in flow.parameters if facts.needs_value(item) or item.name == WHOLE_PARAMETER)
    target = Target(
        trigger=poll.name,
        workflow=flow.name,
        flow_key=deployed,
        parameters=tuple(told),
        allow_concurrent=poll.allow_concurrent,
        dedup=poll.dedup,
        dedup_keys=poll.dedup_keys,
    )
    file = file_below(flow, poll) or ""
    return Declaration(poll.name, file, deployed, poll.interval, poll.interval_milliseconds, target)


def declared(texts: Iterable[str]) -> list[PollTrigger]:
    """What `declaration` told, of its texts; files are below the flow's folder. Raises ValueError."""
    found = []
    for text in texts:
        told = read_declaration(text)
        target = told.target
        found.append(
            PollTrigger(
                told.name,
                target.workflow,
                told.interval_milliseconds,
                target.allow_concurrent,
                _NOWHERE,
                told.file,
                interval=told.interval,
                dedup=target.dedup,
                dedup_keys=target.dedup_keys,
            )
        )
    return found


def refused(flow: Flow, polls: Iterable[PollTrigger], product: str, each: str, where: str) -> Iterator[Diagnostic]:
    """Of the poll triggers that start the flow on `product`; `each` says what a poll does there, `where` is a noun."""
    for poll in polls:
        if poll.interval_milliseconds < SHORTEST_MILLISECONDS:
            yield Diagnostic(
                "FT513",
                f"poll trigger `{poll.name}` is polled every {poll.interval}, and on {product} the shortest "
                f"interval is 1s: {each}",
                poll.span,
                f"too often for {where}",
                helps=("write poll_interval='1s', or run it here: metaflow-triggers run PATHS",),
            )
        if file_below(flow, poll) is None:
            yield Diagnostic(
                "FT514",
                f"poll trigger `{poll.name}` of `{poll.file}` starts `{flow.name}` of `{flow.file}`, whose code "
                "package has not that file",
                poll.span,
                "would not be there to be polled",
                helps=("move it below the folder of the flow's file, which Metaflow packs",),
            )
