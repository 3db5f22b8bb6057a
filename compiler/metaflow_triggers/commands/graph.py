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

FORMATS = ("text", "mermaid", "dot", "json", "html")


def add_parser(commands: Any, common: Callable[..., None]) -> None:
    """Add `graph` to the command line; `common` adds what commands over many flows share."""
    parser = commands.add_parser("graph", help="a picture of what starts what, with what `check` finds at its place")
    common(parser, FORMATS)
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
    from .project import backends_at_work, compile_read, findings, path_rules

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
        rules, chosen = path_rules(options), bool(options.backend)
        backends = [rules.meant(flow, names, chosen=chosen) for flow in compilation.graph.flows]
        events = options.project.events if options.project else ()
        sys.stdout.write(_drawn(options.format, compilation.graph, backends, events, found))
    return 1 if refuses(found, strict=False) else 0


def _drawn(form: str, graph: Any, backends: list[tuple[str, ...]], events: Any, found: list[Any]) -> str:
    from ..pictures import dot, json, mermaid
    from ..pictures.build import build

    picture = build(graph, backends, events, found)
    if form == "html":
        from ..graph.explain import table
        from ..pictures import page

        return page.as_text(picture, words=table(graph))
    writers: dict[str, Callable[[Any], str]] = {"mermaid": mermaid.as_text, "dot": dot.as_text, "json": json.as_text}
    return writers[form](picture)
