"""Run polls: the poll triggers of files, ready for the local engine.

In:   the graph; the files that declare its poll triggers, imported here: their globals live as long as the engine.
Out:  sources of starts for the engine's loop; PYTHONPATH for runs whose files import `cloaca`.

Not here: reading flows (a child of its own did that), polling (`engine.poller`).
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

from ..diagnostics import Diagnostic, DiagnosticError
from ..engine.clock import SystemClock
from ..engine.polls.claims import Target
from ..engine.polls.poller import Poller
from ..engine.polls.pool import PollPool
from ..engine.polls.work import PolledTrigger, log
from ..graph.link import identity, qualified_name
from ..model.flows import Flow, PollTrigger, Span, TriggerGraph
from ..poll import alias, loading
from ..reading.source import SourceFile


def sources(graph: TriggerGraph, options: Any) -> list[Poller]:
    """One poller for all triggers, or none. `options` are `engine.serve.Options`. Raises DiagnosticError."""
    _let_runs_import_cloaca(graph, options.environment)
    if not graph.polls:
        return []
    alias.install()
    triggers = polled(graph)
    _log_to(options.logs)
    return [Poller(options.database, triggers, SystemClock(), PollPool())]


def polled(graph: TriggerGraph) -> list[PolledTrigger]:
    """The graph's triggers with their functions; those of flows that another engine runs are left out.

    Raises DiagnosticError (FT120) for a file that cannot be imported.
    """
    by_file: dict[str, dict[str, tuple[int, PollTrigger]]] = {}
    for target, poll in graph.polls:
        if target is not None:
            by_file.setdefault(poll.file, {})[poll.name] = (target, poll)
    found = []
    for file, wanted in by_file.items():
        try:
            _, collected = loading.load(file)
        except BaseException as error:  # a second import may see another world than the first
            message = f"`{file}` raised {type(error).__name__} when the engine imported it: {error}"
            raise DiagnosticError([Diagnostic("FT120", message[:400], Span(file, 1, 1, 1, 1))]) from error
        for item in collected.declared:
            if item.name not in wanted:
                continue
            target, poll = wanted.pop(item.name)
            found.append(
                PolledTrigger(
                    item.function,
                    target_of(graph.flows[target], poll),
                    poll.interval,
                    poll.interval_milliseconds,
                )
            )
    return found


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
        text = Path(file).read_text("utf-8", "replace")
        if alias.NAME in text and SourceFile(file, text).import_line(alias.NAME) is not None:
            environment["PYTHONPATH"] = alias.search_path(environment.get("PYTHONPATH"))
            return


def _log_to(folder: str | None) -> None:
    """Tracebacks of polls go to a file; one line each also to standard error."""
    log.propagate = False
    lines = logging.StreamHandler(sys.stderr)
    lines.setFormatter(_OneLine("metaflow-triggers: %(message)s"))
    log.addHandler(lines)
    if folder is not None:
        Path(folder).mkdir(parents=True, exist_ok=True)
        file = logging.FileHandler(Path(folder) / "polls.log", encoding="utf-8", errors="backslashreplace")
        file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        log.addHandler(file)


class _OneLine(logging.Formatter):
    """Without tracebacks and without what could move a terminal's cursor."""

    def format(self, record: logging.LogRecord) -> str:
        from ..reports.shown import shown

        return shown(f"metaflow-triggers: {record.getMessage()}")
