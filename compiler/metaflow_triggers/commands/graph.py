"""Graph command: `metaflow-triggers graph PATHS`, a picture of what starts what.

In:   the parsed arguments.
Out:  the picture on standard output, diagnostics on standard error, but for JSON, which has them; exit code 0 good, 1 a
      mistake in the flows, which are drawn all the same, 2 a mistake in the arguments.

Not here: reading and compiling (`project`), what a picture is (`pictures`).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

from .arguments import add_cache

FORMATS = ("text", "mermaid", "dot", "json", "html")


def add_parser(commands: Any, common: Callable[..., None]) -> None:
    """Add `graph` to the command line; `common` adds what commands over many flows share."""
    parser = commands.add_parser("graph", help="a picture of what starts what, with what `check` finds at its place")
    common(parser, FORMATS)
    add_cache(parser)
    parser.set_defaults(work=work)


def work(options: argparse.Namespace) -> int:
    """Draw; returns the exit code."""
    from ..diagnostics import DiagnosticError
    from ..reports.terminal import show

    try:
        return _draw(options)
    except DiagnosticError as error:
        show(error.diagnostics, 0)
        return 1


def _draw(options: argparse.Namespace) -> int:
    from ..reading.paths import import_metaflow, read_flows

    import_metaflow()
    from .. import seams
    from ..reports.terminal import show
    from ..rules.weight import refuses
    from .arguments import flow_options
    from .project import backends_at_work, compile_read, findings

    names, left_out = backends_at_work(options)
    read = read_flows(options, names, workflow=True, given=flow_options(options))
    settings = seams.read_settings(production=options.production, code_package=False, branch=options.branch)
    compilation = compile_read(options, names, read, settings)
    found = findings(options, left_out, read, compilation)
    if options.format != "json":
        show(found, len(read.flows), others=read.omissions())
    if options.format == "text":
        from .manage import catalogue, print_graph

        print_graph(compilation.graph, catalogue(options, compilation.graph))
    else:
        sys.stdout.write(_drawn(options, compilation.graph, found))
    return 1 if refuses(found, strict=False) else 0


def _drawn(options: argparse.Namespace, graph: Any, found: list[Any]) -> str:
    from ..pictures import dot, json, mermaid

    picture = _picture(options, graph, found)
    if options.format == "html":
        from ..graph.explain import table
        from ..pictures import page

        return page.as_text(picture, words=table(graph))
    writers: dict[str, Callable[[Any], str]] = {"mermaid": mermaid.as_text, "dot": dot.as_text, "json": json.as_text}
    return writers[options.format](picture)


def _picture(options: argparse.Namespace, graph: Any, found: list[Any]) -> Any:
    from ..pictures.build import build
    from .project import backends_at_work, path_rules

    names, rules, chosen = backends_at_work(options)[0], path_rules(options), bool(options.backend)
    backends = [rules.meant(flow, names, chosen=chosen) for flow in graph.flows]
    return build(graph, backends, options.project.events if options.project else (), found)


def difference(options: argparse.Namespace, graph: Any, found: list[Any], report: Any) -> str:
    """The page of what `diff` found: the picture of today with what was added, removed and changed."""
    from ..compiling.compare import changes_by_flow, remarks, render
    from ..pictures import page
    from ..pictures.difference import difference as differing

    now, told = _picture(options, graph, found), changes_by_flow(report)
    picture = differing(now, report.pairs, told, report.polled, report.may_poll)
    return page.as_text(picture, "What changes", render(report, "text", full=False), remarks(report))
