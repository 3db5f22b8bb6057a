"""Simulate command: `metaflow-triggers simulate PATHS --events FILE`.

In:   flow files, an events file (`-`: standard input).
Out:  the report on standard output, diagnostics on standard error; exit code 0 good, 1 a mistake in the flows,
      2 a mistake in the arguments or the events file.

Not here: reading flows (`project`), what the events mean (`simulate.reference`).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..backends import registry
from .arguments import flow_options

if TYPE_CHECKING:
    from ..diagnostics import Diagnostic
    from ..model.flows import TriggerGraph
    from ..simulate.items import Item


def add_parser(commands: Any, common: Callable[[argparse.ArgumentParser], None]) -> None:
    """Add `simulate` to the command line; `common` adds what commands over many flows share."""
    from ..simulate.help import ITEMS

    parser = commands.add_parser(
        "simulate",
        help="what a list of events would start, with which parameters; nothing is started or asked",
        epilog=ITEMS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    common(parser)
    parser.add_argument(
        "--events", metavar="FILE", required=True, help="events as JSON or JSON lines; - is standard input"
    )
    parser.set_defaults(work=work)


def work(options: argparse.Namespace) -> int:
    """Simulate; returns the exit code."""
    from ..diagnostics import DiagnosticError
    from ..reports.terminal import show

    code = 2
    try:
        items = _items(options.events)
        _fit_the_catalogue(options, items)
        code = 1
        return _simulate(options, items)
    except DiagnosticError as error:
        show(error.diagnostics, 0)
        return code


def _simulate(options: argparse.Namespace, items: list[Item]) -> int:
    from ..reading.paths import import_metaflow, read_flows

    import_metaflow()
    from .. import seams
    from ..graph.link import link
    from ..reports.terminal import show
    from ..rules.find import check
    from ..rules.weight import has_errors
    from ..simulate import report
    from ..simulate.whole import simulate

    names, unusable = registry.usable(options.backend)
    read = read_flows(options, names, given=flow_options(options))
    graph = link([item.flow for item in read.flows], polls=read.polls)
    diagnostics = [*unusable, *read.diagnostics, *check(graph, project_wide=False)]
    show(diagnostics, len(graph.flows), others=read.omissions())
    if has_errors(diagnostics):
        return 1
    reference, steps = simulate(graph, items)
    settings = seams.read_settings(production=options.production, code_package=False)
    refused = {name: refusals(name, graph, settings) for name in names}
    write = report.as_json if options.format == "json" else report.text
    sys.stdout.write(write(steps, reference.waiting(), refused))
    return 0


def refusals(name: str, graph: TriggerGraph, settings: Any) -> list[Diagnostic]:
    """What a backend cannot carry of the graph; mistakes that hold everywhere are not among them."""
    from ..compiling.compile import backend_findings
    from ..rules.weight import has_errors

    found = backend_findings(name, graph, settings)
    return [item for item in found if item.code == "FT511" or has_errors([item])]


def _fit_the_catalogue(options: argparse.Namespace, items: list[Item]) -> None:
    """Raise DiagnosticError (FT765) for events that are not what the project's catalogue says, as `emit` would."""
    if options.project is None or not options.project.events:
        return
    from metaflow_extensions.triggers.contract.event_check import NotAnEvent, check_payload

    from ..diagnostics import Diagnostic, DiagnosticError
    from ..model.flows import Span
    from ..rules.catalogued import misfits

    found = []
    for item in items:
        if item.kind != "event":
            continue
        try:
            text = check_payload(item.name, item.payload)
        except NotAnEvent:  # the report says what becomes of it
            continue
        event, told = misfits(options.project.events, item.name, text)
        span = Span(options.events, item.line, 1, item.line, 1)
        others = ((event.span, f"what `{item.name}` carries"),) if event else ()
        found += [
            Diagnostic("FT765", f"the payload of event {item.name!r}: {line}", span, others=others) for line in told
        ]
    if found:
        raise DiagnosticError(found)


def _items(name: str) -> list[Item]:
    from ..diagnostics import Diagnostic, DiagnosticError
    from ..model.flows import Span
    from ..simulate.events_file import EventsFileError, parse

    try:
        # Lone surrogates cannot stand in UTF-8; their escapes in JSON can.
        return parse(sys.stdin.read() if name == "-" else Path(name).read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise DiagnosticError([Diagnostic("FT790", f"the events file `{name}` cannot be read: {why}")]) from None
    except EventsFileError as error:
        span = Span(name, error.line, 1, error.line, 1)
        found = Diagnostic("FT790", f"`{name}` is not understood: {error}", span, helps=error.helps)
        raise DiagnosticError([found]) from None
