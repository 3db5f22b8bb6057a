"""Run polls: the poll triggers of files, ready for the local engine.

In:   the graph.
Out:  a source of starts for the engine's loop; PYTHONPATH for runs whose files import `cloaca`.

Not here: reading flows, importing the files that declare polls (each is imported in a process of its own, which
`polling.children` starts), polling (`engine.polls.poller`).
"""

from __future__ import annotations

import logging
import logging.handlers
import os
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from ..engine.launch import private
from ..engine.polls.poller import Poller
from ..engine.polls.work import PolledTrigger, log
from ..model.facts import identity, qualified_name
from ..model.flows import Flow, PollTrigger, TriggerGraph
from ..poll import alias
from ..polling.children import READING_SECONDS, Children
from ..polling.clock import SystemClock
from ..polling.fires import Target
from ..polling.starters import starter
from ..reading.source import source_file

_LONGEST_LOG = 10 << 20
"""Of `polls.log`, and of the one before it."""


def poller(graph: TriggerGraph, options: Any, reading_seconds: float = READING_SECONDS) -> Poller:
    """A poller for all triggers, of which files may bring some later. `options` are `engine.serve.Options`.

    Raises DiagnosticError.
    """
    _let_runs_import_cloaca(graph, options.environment)
    _log_to(options.logs)
    clock = SystemClock()
    children = Children(starter(("metaflow",), options.environment), clock, reading_seconds=reading_seconds)
    return Poller(options.database, polled(graph), clock, children)


def polled(graph: TriggerGraph) -> list[PolledTrigger]:
    """The graph's triggers; those of flows that another engine runs are left out."""
    return [
        PolledTrigger(poll.file, target_of(graph.flows[target], poll), poll.interval, poll.interval_milliseconds)
        for target, poll in graph.polls
        if target is not None
    ]


def target_of(flow: Flow, poll: PollTrigger) -> Target:
    """What a poll trigger starts."""
    return Target(
        trigger=poll.name,
        workflow=flow.name,
        flow_key=qualified_name(identity(flow)),
        parameters=flow.parameters,
        allow_concurrent=poll.allow_concurrent,
        dedup=poll.dedup,
        dedup_keys=poll.dedup_keys,
    )


def _let_runs_import_cloaca(graph: TriggerGraph, environment: dict[str, str]) -> None:
    # A flow's file may import the one that declares its polls.
    files = {flow.file for flow in graph.flows} | {poll.file for _, poll in graph.polls}
    for file in sorted(files):
        if source_file(file, file).import_line(alias.NAME) is not None:
            environment["PYTHONPATH"] = alias.search_path(environment.get("PYTHONPATH"))
            return


def _log_to(folder: str | None) -> None:
    """Tracebacks of polls go to a file; one line each also to standard error."""
    log.propagate = False
    lines = logging.StreamHandler(sys.stderr)
    lines.setFormatter(_OneLine("metaflow-triggers: %(message)s"))
    log.addHandler(lines)
    if folder is not None:
        # The engine makes the folder, or says why it cannot; the file comes with the first line.
        file = _Private(
            Path(folder) / "polls.log",
            encoding="utf-8",
            delay=True,
            errors="backslashreplace",
            maxBytes=_LONGEST_LOG,
            backupCount=1,
        )
        file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        log.addHandler(file)


class _Private(logging.handlers.RotatingFileHandler):
    """A log that only its owner may read."""

    def _open(self) -> TextIOWrapper:
        os.close(private(self.baseFilename, os.O_CREAT | os.O_WRONLY | os.O_APPEND))
        return super()._open()


class _OneLine(logging.Formatter):
    """Without tracebacks and without what could move a terminal's cursor."""

    def format(self, record: logging.LogRecord) -> str:
        from ..reports.shown import shown

        return shown(f"metaflow-triggers: {record.getMessage()}")
