"""The command `metaflow-triggers`: many flows at once.

In:   arguments.
Out:  text on standard output, diagnostics on standard error, files; exit code 0 good, 1 a mistake in the flows,
      2 a mistake in the arguments, 130 ended by Ctrl-C (docs/commands.md).

Not here: what a command does. Heavy modules are imported when a command needs them.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

from .. import __version__
from ..backends.registry import OURS, Names
from ..reports.formats import FORMATS
from ..reports.progress import be_quiet
from . import (
    completion,
    create_options,
    dead_letters,
    deploy,
    doctor,
    emit,
    explain,
    graph,
    manage,
    project,
    retain,
    run,
    settings,
    simulate,
    trail,
)
from .arguments import Parser, add_cache, add_flow_options, add_paths, add_reading
from .project_options import add_profile, take

INTERRUPTED = 130
"""The exit code of a command that Ctrl-C ended, as a shell has it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return INTERRUPTED


def _run(arguments: Sequence[str] | None) -> int:
    parser = _parser()
    options = parser.parse_args(arguments)
    if getattr(options, "quiet", False):
        be_quiet()
    options.typed = list(sys.argv[1:] if arguments is None else arguments)
    if options.command is None:
        parser.print_help()
        return 2
    if isinstance(getattr(options, "plan", None), str) and not options.plan.endswith(".json"):
        options.paths, options.plan = [options.plan, *options.paths], True  # `create --plan flows`
    if getattr(options, "reviewed", None) and (options.paths or options.prune):
        options.refuse("--from takes no PATH and no --prune: the folder says what is deployed")
    if options.command == "trail":
        trail.sort_out(options)
    try:
        if getattr(options, "no_production", False):
            _not_production(options)
        if "profile" in options and (code := take(options)):
            return code
        create_options.prove(options)
        return int(options.work(options))
    except BrokenPipeError:  # the reader of our output has gone, as with `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        return _of_a_package(error)


def _of_a_package(error: Exception) -> int:
    """What an installed backend raised is told with its package's name; what is ours goes on."""
    from ..backends import registry

    package = registry.blamed(error)
    if package is None:
        raise error
    import traceback

    from ..reports.terminal import show

    traceback.print_exception(error)
    show(package.diagnostics)
    return 1


def _not_production(options: argparse.Namespace) -> None:
    if options.production:
        sys.stderr.write("metaflow-triggers: error: --production and --no-production exclude each other\n")
        raise SystemExit(2)
    os.environ.pop("METAFLOW_PRODUCTION", None)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="metaflow-triggers", description="Check and compile the event triggers of Metaflow flows, offline."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    check = commands.add_parser("check", help="find mistakes in flows and between them")
    _common(check, FORMATS)
    _strict(check)
    _loudness(check)
    create_options.add(check)
    add_cache(check)
    check.set_defaults(work=project.check)
    compile_ = commands.add_parser("compile", help="write all that `create` would deploy")
    _common(compile_, FORMATS)
    compile_.add_argument("--output", metavar="DIR", help="write into this folder instead of printing")
    compile_.add_argument(
        "--check", action="store_true", help="write nothing; exit code 1 when the folder of --output is stale"
    )
    compile_.add_argument(
        "--show", choices=("all", "triggers"), default="all", help="triggers: no step-by-step workflow"
    )
    compile_.add_argument("--no-code-package", action="store_true", help="write a placeholder for the code package")
    _strict(compile_)
    _loudness(compile_)
    create_options.add(compile_)
    add_cache(compile_)
    compile_.set_defaults(work=project.compile_)
    diff = commands.add_parser(
        "diff",
        help="what would change against a folder that `compile` wrote, or in the clouds; "
        "exit code 0: nothing, 1: something, 2: error",
    )
    _common(diff, formats=("text", "markdown", "json", "html"))
    diff.add_argument("--against", metavar="DIR", help="a folder that `compile --output` wrote")
    diff.add_argument("--live", action="store_true", help="what is deployed, in place of a folder")
    _log_option(diff)
    diff.add_argument("--full", action="store_true", help="also the text of the files, as a unified diff")
    diff.add_argument("--no-code-package", action="store_true", help="compare with a placeholder for the code package")
    _strict(diff)
    _loudness(diff)
    create_options.add(diff)
    add_cache(diff)
    diff.set_defaults(work=project.diff)
    graph.add_parser(commands, _common)
    _deploying(commands)
    run.add_parser(commands)
    emit.add_parser(commands)
    trail.add_parser(commands)
    simulate.add_parser(commands, _common)
    manage.add_parsers(commands)
    dead_letters.add_parser(commands)
    retain.add_parser(commands)
    settings.add_parser(commands)
    doctor.add_parser(commands)
    explain.add_parser(commands)
    explain.add_schema_parser(commands)
    completion.add_parser(commands, _parser)
    return parser


def _deploying(commands: Any) -> None:
    create = commands.add_parser("create", help="deploy all flows, with everything that starts them")
    _common(create, formats=())
    create.add_argument(
        "--plan",
        nargs="?",
        const=True,
        metavar="FILE",
        help="say what would be done, and do nothing; write it to FILE, which ends in .json",
    )
    create.add_argument(
        "--apply", metavar="FILE", help="do what a plan says, if the flows and the clouds are what they were for it"
    )
    create.add_argument("--full", action="store_true", help="in the plan also each object as a unified diff")
    create.add_argument(
        "--accept-changes", action="store_true", help="deploy although a start that exists today would change"
    )
    create.add_argument("--authorize", metavar="TOKEN", help="the production token of flows that others deployed")
    create.add_argument(
        "--generate-new-token", action="store_true", help="a new production token for each flow: a new namespace"
    )
    create.add_argument("--new-token", dest="given_token", metavar="TOKEN", help="this production token for each flow")
    _log_option(create)
    create.add_argument(
        "--from", dest="reviewed", metavar="DIR", help="deploy what `compile --output DIR` wrote, as it is"
    )
    create.add_argument(
        "--prune", action="store_true", help="then delete what the project deployed and has no more (it needs an id)"
    )
    create.add_argument("--yes", action="store_true", help="with --prune: do not ask")
    _strict(create)
    create_options.add(create)
    create.set_defaults(work=deploy.create)
    delete = commands.add_parser("delete", help="remove all that `create` deployed of the flows")
    _common(delete, formats=())
    delete.add_argument("--plan", action="store_true", help="say what would go, and remove nothing")
    delete.add_argument("--yes", action="store_true", help="do not ask; needed where there is no terminal")
    delete.add_argument("--authorize", metavar="TOKEN", help="the production token of flows that others deployed")
    delete.add_argument("--drop-waiting", action="store_true", help="also tables and queues in which events wait")
    _strict(delete)
    delete.set_defaults(work=deploy.delete)


def _log_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        f"--{create_options.LOG}",
        action="store_true",
        help="executions are logged in METAFLOW_SFN_EXECUTION_LOG_GROUP_ARN (step-functions)",
    )


def _common(parser: argparse.ArgumentParser, formats: tuple[str, ...] = ("text", "json")) -> None:
    add_paths(parser)
    parser.add_argument(
        "--backend",
        action="append",
        choices=Names(),
        metavar="BACKEND",
        help=f"only this backend ({OURS}, or an installed one); may be repeated",
    )
    if formats:
        parser.add_argument("--format", choices=formats, default="text", help="of what is printed")
    parser.add_argument("--external-flow", action="append", default=[], metavar="FLOW", help="deployed from elsewhere")
    parser.add_argument(
        "--external-event", action="append", default=[], metavar="EVENT", help="emitted by something else"
    )
    add_profile(parser)
    add_reading(parser)
    add_flow_options(parser)


def _loudness(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-q", "--quiet", action="store_true", help="errors and warnings only")
    parser.add_argument("-v", "--verbose", action="store_true", help="also each file that is read, written or removed")


def _strict(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--strict", action="store_true", help="a warning is as good as an error")


if __name__ == "__main__":
    sys.exit(main())
