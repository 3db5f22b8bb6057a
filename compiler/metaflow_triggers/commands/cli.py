"""The command `metaflow-triggers`: many flows at once.

In:   arguments.
Out:  text on standard output, diagnostics on standard error, files; exit code
      0 good, 1 a mistake in the flows, 2 a mistake in the arguments.

Not here: reading, compiling, writing. Heavy modules are imported when a command needs them.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import __version__
from ..backends.registry import NAMES
from . import emit, manage, retain, run, simulate
from .arguments import Intermixed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help()
        return 2
    try:
        return int(options.work(options))
    except BrokenPipeError:  # the reader of our output has gone, as with `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="metaflow-triggers", description="Check and compile the event triggers of Metaflow flows, offline."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Intermixed)
    check = commands.add_parser("check", help="find mistakes in flows and between them")
    _common(check)
    check.set_defaults(work=_check)
    compile_ = commands.add_parser("compile", help="write all that `create` would deploy")
    _common(compile_)
    compile_.add_argument("--output", metavar="DIR", help="write into this folder instead of printing")
    compile_.add_argument(
        "--show", choices=("all", "triggers"), default="all", help="triggers: no step-by-step workflow"
    )
    compile_.add_argument("--no-code-package", action="store_true", help="write a placeholder for the code package")
    compile_.set_defaults(work=_compile)
    diff = commands.add_parser(
        "diff",
        help="what would change against a folder that `compile` wrote; exit code 0: nothing, 1: something, 2: error",
    )
    _common(diff, formats=("text", "markdown", "json"))
    diff.add_argument("--against", metavar="DIR", required=True, help="a folder that `compile --output` wrote")
    diff.add_argument("--full", action="store_true", help="also the text of the files, as a unified diff")
    diff.add_argument("--no-code-package", action="store_true", help="compare with a placeholder for the code package")
    diff.set_defaults(work=_diff)
    run.add_parser(commands)
    emit.add_parser(commands)
    simulate.add_parser(commands, _common)
    manage.add_parsers(commands)
    retain.add_parser(commands)
    return parser


def _common(parser: argparse.ArgumentParser, formats: tuple[str, ...] = ("text", "json")) -> None:
    parser.add_argument("paths", nargs="+", metavar="PATH", help="flow files, and folders to search for them")
    parser.add_argument("--backend", action="append", choices=NAMES, help="only this backend; may be repeated")
    parser.add_argument("--production", action="store_true", help="the production branch of flows with @project")
    parser.add_argument("--branch", help="this branch of flows with @project")
    parser.add_argument("--format", choices=formats, default="text", help="of what is printed")
    parser.add_argument("--external-flow", action="append", default=[], metavar="FLOW", help="deployed from elsewhere")
    parser.add_argument(
        "--external-event", action="append", default=[], metavar="EVENT", help="emitted by something else"
    )
    parser.add_argument(
        "--timeout", type=run.seconds, default=60.0, metavar="SECONDS", help="for one file (default: 60)"
    )
    parser.add_argument(
        "--workers", type=int, default=0, metavar="N", help="files at once (default: one per processor)"
    )


def _check(options: argparse.Namespace) -> int:
    return _run(options, workflow=False)


def _compile(options: argparse.Namespace) -> int:
    return _run(options, workflow=options.show == "all")


def _diff(options: argparse.Namespace) -> int:
    # A mistake in the flows is an error here: exit code 1 says that something differs.
    code = _run(options, workflow=True)
    return code if options.compared else 2


def _run(options: argparse.Namespace, workflow: bool) -> int:
    from ..reading.paths import import_metaflow, read_flows, workers

    import_metaflow()
    from .. import seams
    from ..compiling.compare import require
    from ..compiling.compile import Compilation, compile_flows, folder_files
    from ..compiling.folder import write
    from ..diagnostics import DiagnosticError
    from ..graph.explain import as_json, as_value, table
    from ..reading.read import Read
    from ..reports.json import render_json
    from ..reports.terminal import show
    from ..rules.weight import has_errors

    names = tuple(name for name in NAMES if not options.backend or name in options.backend)
    code_package = not getattr(options, "no_code_package", True)
    read = Read()
    report: Any = None
    options.compared = False
    result: str | None = None
    try:
        if options.command == "diff":
            require(Path(options.against))
        read = read_flows(options, names, code_package=code_package, workflow=workflow)
        settings = seams.read_settings(production=options.production, code_package=code_package)
        compilation = compile_flows(
            read.flows,
            settings,
            names,
            project_wide=True,
            external_flows=frozenset(options.external_flow),
            external_events=frozenset(options.external_event),
            workers=workers(options),
            polls=read.polls,
        )
        diagnostics = [*read.diagnostics, *_judged(options, compilation.diagnostics)]
        failed = has_errors(diagnostics)
        if not failed and getattr(options, "output", None):
            _write(options, compilation, settings, write, folder_files)
        if not failed and options.command == "diff":
            report = _report(options, compilation, settings, folder_files)
    except DiagnosticError as error:
        diagnostics, failed, result = error.diagnostics, True, error.result
        compilation = Compilation(graph=_no_graph(), files=(), diagnostics=())
    if options.format == "json" and options.command != "diff":
        graph = as_value(compilation.graph)
        sys.stdout.write(render_json(diagnostics, len(read.flows), read.omissions_json(), graph))
        return 1 if failed else 0
    show(diagnostics, len(read.flows), result, read.omissions())
    if failed:
        return 1
    if report is not None:
        from ..compiling.compare import render

        options.compared = True
        sys.stdout.write(render(report, options.format, full=options.full))
        return 0 if report.same else 1
    if options.command == "compile" and not options.output:
        from .flow import as_one_text

        sys.stdout.write(as_one_text([file for file in compilation.files if file.ours or workflow]))
        return 0
    sys.stdout.write(table(compilation.graph) if options.format == "text" else as_json(compilation.graph))
    if options.command == "compile":
        sys.stdout.write(f"\n{len(compilation.files)} files in {options.output}\n")
    return 0


def _judged(options: argparse.Namespace, found: Sequence[Any]) -> list[Any]:
    """`check` of flows that run here only: that a cloud cannot poll is an error for who asks for that cloud."""
    if options.command != "check" or options.backend:
        return list(found)
    return [dataclasses.replace(item, severity="warning") if item.code == "FT511" else item for item in found]


def _no_graph() -> Any:
    from ..model.flows import TriggerGraph

    return TriggerGraph((), (), (), ())


def _owners(options: argparse.Namespace, compilation: Any, settings: Any) -> dict[str, Any]:
    """The flow behind each owner of files."""
    from ..backends import registry

    names = [name for name in NAMES if not options.backend or name in options.backend]
    return {
        f"{name}/{registry.own_name(name, flow, settings)}": flow for name in names for flow in compilation.graph.flows
    }


def _write(options: argparse.Namespace, compilation: Any, settings: Any, write: Any, folder_files: Any) -> None:
    from ..graph.differences import recorded
    from .flow import inputs

    told = {file.owner: {"compiler": __version__} for file in compilation.files if file.owner.endswith("/")}
    owners = _owners(options, compilation, settings)
    told.update({owner: inputs(settings, flow, options.show) for owner, flow in owners.items()})
    files = [file for file in compilation.files if file.ours or options.show == "all"]
    models = {owner: recorded(flow) for owner, flow in owners.items()}
    write(Path(options.output), files, told, folder_files, models)


def _report(options: argparse.Namespace, compilation: Any, settings: Any, folder_files: Any) -> Any:
    from ..compiling.compare import compare
    from .flow import inputs

    owners = _owners(options, compilation, settings)
    files = [*compilation.files, *folder_files(sorted({file.owner for file in compilation.files}))]
    told = {owner: inputs(settings, flow) for owner, flow in owners.items()}
    names = {owner.partition("/")[0] for owner in owners}
    return compare(Path(options.against), files, owners, told, whole=True, backends=names)


if __name__ == "__main__":
    sys.exit(main())
