"""Command: `metaflow-triggers simulate PATHS --events FILE`.

In:   flow files, an events file (`-`: standard input).
Out:  the report on standard output, diagnostics on standard error; exit code 0 good, 1 a mistake in the flows,
      2 a mistake in the arguments or the events file.

Not here: reading flows (`project`), what the events mean (`reference`).
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from ..diagnostics import Diagnostic, DiagnosticError
from ..diagnostics.render import has_errors, render_text, wants_color
from ..model import Flow, PollTrigger, Span, TriggerGraph
from . import report
from .events_file import EventsFileError, parse, placed
from .items import Item
from .reference import Reference


def run(options: argparse.Namespace, names: tuple[str, ...]) -> int:
    """Simulate; returns the exit code. `names` are the backends whose refusals are shown."""
    try:
        items = parse(_text_of(options.events))
    except DiagnosticError as error:
        _show(error.diagnostics, 0)
        return 2
    except EventsFileError as error:
        span = Span(options.events, error.line, 1, error.line, 1)
        _show([Diagnostic("FT790", f"`{options.events}`: {error}", span, helps=error.helps)], 0)
        return 2
    from .. import seams
    from ..check import check
    from ..link import link
    from ..project import Request, flow_files, read_files

    request = Request(
        backends=names,
        production=options.production,
        branch=options.branch,
        code_package=False,
        workflow=False,
        seconds=options.timeout,
        workers=options.workers or os.cpu_count() or 1,
    )
    seams.check_shape(names)
    seams.prove_in_charge()
    files, diagnostics = flow_files(options.paths)
    read, found = read_files(files, request)
    graph = link([item.flow for item in read])
    diagnostics = [*diagnostics, *found, *check(graph, project_wide=False)]
    if diagnostics:
        _show(diagnostics, len(graph.flows))
    if has_errors(diagnostics):
        return 1
    reference = Reference(graph, polls_of(graph))
    steps = [reference.accept(item) for item in placed(items, graph)]
    settings = seams.read_settings(production=options.production, code_package=False)
    refused = {name: refusals(name, graph, settings) for name in names}
    write = report.as_json if options.format == "json" else report.text
    sys.stdout.write(write(steps, reference.waiting(), refused))
    return 0


def refusals(name: str, graph: TriggerGraph, settings: Any) -> list[Diagnostic]:
    """What a backend cannot carry of the graph; mistakes that hold everywhere are not among them."""
    from ..pipeline import backend_findings

    return [item for item in backend_findings(name, graph, settings) if has_errors([item])]


def polls_of(graph: TriggerGraph) -> tuple[tuple[PollTrigger, Flow], ...]:
    """The poll triggers of a graph, each with the flow that it starts."""
    by_name = {flow.name: flow for flow in reversed(graph.flows)}
    polls: tuple[PollTrigger, ...] = getattr(graph, "polls", ())
    return tuple((poll, by_name[poll.flow]) for poll in polls if poll.flow in by_name)


def simulate(graph: TriggerGraph, items: list[Item]) -> tuple[Reference, list[Any]]:
    """The reference after all items, and its steps."""
    reference = Reference(graph, polls_of(graph))
    return reference, [reference.accept(item) for item in placed(items, graph)]


def _text_of(name: str) -> str:
    try:
        # Lone surrogates cannot stand in UTF-8; their escapes in JSON can.
        return sys.stdin.read() if name == "-" else Path(name).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DiagnosticError([Diagnostic("FT790", f"the events file `{name}` cannot be read: {error}")]) from None


def _show(diagnostics: list[Diagnostic], flows: int) -> None:
    sys.stderr.write(render_text(diagnostics, flows=flows, color=wants_color(sys.stderr.isatty(), os.environ)))
