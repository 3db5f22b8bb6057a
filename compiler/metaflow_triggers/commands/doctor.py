"""Doctor command: `metaflow-triggers doctor [PATHS]`, what a deployment needs and lacks, before `create`.

In:   the parsed arguments.
Out:  a line for each thing on standard output, or JSON; exit code 0 when nothing is lacking, 1 when something is, 2 for
      a mistake in the arguments.

Not here: the questions (`machine`, `engine.doctor`, `backends/*/doctor`), mending. Nothing is changed. The flows are
read for their names and for what they need of a backend; what is wrong with them `check` says.
"""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from .arguments import add_flow_options, add_paths, add_reading
from .project_options import add_profile
from .run import add_database

if TYPE_CHECKING:
    from ..doctor.findings import Finding, Target

LOCAL, HERE = "local", "this machine"


class _Targets:
    """The names of all backends and the local engine: an installed backend is looked for when one is named."""

    def __contains__(self, name: object) -> bool:
        from ..backends.registry import Names

        return name == LOCAL or name in Names()

    def __iter__(self) -> Iterator[str]:
        from ..backends.registry import names

        return iter((*names(), LOCAL))


def add_parser(commands: Any) -> None:
    """Declare the command."""
    from ..backends.registry import OURS

    parser = commands.add_parser("doctor", help="what a deployment needs and lacks, and what mends it; changes nothing")
    add_paths(parser)
    parser.add_argument(
        "--backend",
        action="append",
        choices=_Targets(),
        metavar="BACKEND",
        help=f"only this one ({OURS}, an installed one, or {LOCAL}); may be repeated",
    )
    parser.add_argument("--format", choices=("text", "json"), default="text", help="of what is printed")
    add_database(parser)
    parser.add_argument("--logs", metavar="DIR", help="of `run` (default: beside the database)")
    add_profile(parser)
    add_reading(parser)
    add_flow_options(parser)
    parser.set_defaults(work=doctor)


def doctor(options: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    from ..doctor.findings import lacks

    found = tuple(targets(options))
    if options.format == "json":
        from ..doctor.json import json_text

        sys.stdout.write(json_text(found))
    else:
        from ..doctor.text import text

        sys.stdout.write(text(found))
    return int(lacks(found))


def targets(options: argparse.Namespace) -> Iterator[Target]:
    """What is asked of each."""
    from ..backends import registry
    from ..doctor.findings import Target
    from ..reading.paths import import_metaflow
    from . import machine

    import_metaflow()
    named = options.backend
    clouds = tuple(name for name in registry.chosen(named) if named is None or name in named)
    here = list(machine.examine(clouds))
    graph: Any = None
    if clouds:
        told, graph = _flows(options, clouds)
        here.append(told)
    yield Target(HERE, tuple(here))
    if named is None or LOCAL in named:
        from ..engine import doctor as engine
        from ..engine.store import database_path

        database = database_path(options.database)
        yield Target(LOCAL, tuple(engine.examine(database, options.logs or f"{database}-logs")))
    if clouds:
        yield from _clouds(options, clouds, graph)


def _clouds(options: argparse.Namespace, names: tuple[str, ...], graph: Any) -> Iterator[Target]:
    from .. import seams
    from ..backends import registry
    from ..diagnostics import DiagnosticError
    from ..doctor.findings import Target, of_diagnostic

    user = seams.real_user()
    try:
        settings = seams.read_settings(production=options.production, user=user, branch=options.branch)
    except DiagnosticError as error:
        yield Target("settings", tuple(of_diagnostic("settings", item) for item in error.diagnostics))
        return
    rules = _meant(options, names)
    for name in names:
        meant = [flow for flow in graph.flows if name in rules(flow)]
        polls = functools.partial(registry.polls_of, name, graph=graph)
        yield Target(name, tuple(_of(name, options, functools.partial(registry.spec, name), settings, meant, polls)))


def _meant(options: argparse.Namespace, names: tuple[str, ...]) -> Callable[[Any], tuple[str, ...]]:
    """Which of the backends a flow is for, as `create` has it."""
    from .project import path_rules

    rules = path_rules(options)
    chosen = bool(getattr(options, "backend", None))
    return lambda flow: rules.meant(flow, names, chosen=chosen)


def _flows(options: argparse.Namespace, names: tuple[str, ...]) -> tuple[Finding, Any]:
    """What the files hold, as a graph; none of it where they cannot be read."""
    from .. import seams
    from ..backends import registry
    from ..diagnostics import DiagnosticError
    from ..doctor.findings import fine, lacking, of_diagnostic
    from ..graph.link import link
    from ..reading.paths import read_flows
    from ..rules.weight import severity
    from .arguments import flow_options

    thing = "flows"
    user = seams.real_user()
    if user:
        seams.act_as(user)
    on = tuple(name for name in names if seams.is_on(registry.spec(name).upstream))
    asked = argparse.Namespace(
        **{**vars(options), "backend": [item for item in options.backend or () if item != LOCAL]}
    )
    try:
        read = read_flows(asked, on, given=flow_options(options))
    except DiagnosticError as error:
        return of_diagnostic(thing, error.diagnostics[0]), link([])
    flows = [item.flow for item in read.flows]
    graph = link(flows, frozenset(), read.polls)
    wrong = [item for item in read.diagnostics if severity(item) == "error"]
    if wrong:
        codes = ", ".join(sorted({item.code for item in wrong}))
        many = "a mistake" if len(wrong) == 1 else f"{len(wrong)} mistakes"
        import shlex

        told = f"metaflow-triggers check {shlex.join(options.paths)}"
        return lacking(thing, f"there is {many} in them: {codes}", told), graph
    return fine(
        thing, ", ".join(flow.name for flow in flows[:8]) + (", ..." if flows[8:] else "") or "there is none"
    ), graph


def _of(  # noqa: PLR0917 - what is asked, of whom, about what
    name: str,
    options: argparse.Namespace,
    spec: Callable[[], Any],
    settings: Any,
    flows: list[Any],
    polls: Callable[[Any], list[Any]] = lambda flow: [],
) -> Iterable[Finding]:
    """What a backend finds; what it raises is a finding, too."""
    import inspect

    from .. import seams
    from ..diagnostics import DiagnosticError
    from ..doctor.findings import not_asked, of_diagnostic

    try:
        found = spec()
        if not seams.is_on(found.upstream):
            told = seams.switched_off(name)
            if options.backend:
                return [of_diagnostic("Metaflow", told)]
            return [not_asked("Metaflow", f"{name} switched on", f"{told.code}: {told.message}")]
        if found.doctor is None:
            return [not_asked("all", "a backend that can be asked: this one says nothing of what it needs")]
        examine = found.doctor().examine
        more = {"polled": list(filter(polls, flows))} if "polled" in inspect.signature(examine).parameters else {}
        return list(examine(settings, flows, **more))
    except DiagnosticError as error:
        return [of_diagnostic("all", item) for item in error.diagnostics]
