"""Run command: `metaflow-triggers run PATHS`, the local engine.

In:   arguments.
Out:  an engine at work on a database (`metaflow_triggers.engine.serve`); exit code 0, 1 for mistakes in the flows.

Not here: what triggers mean, the loop. The flows are read and checked as for any other command, without a backend.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .arguments import add_flow_options, add_reading, flow_options, seconds
from .project_options import add_local_profile, fill_locally, read_for, start_of

_FED_FROM_OUTSIDE = "FT202"
"""An event that no flow emits: on the local engine `metaflow-triggers emit` does."""


def add_parser(commands: Any) -> None:
    """Add `run` to the command line."""
    parser = commands.add_parser(
        "run", help="run flows on this machine, started by events (`emit`), by each other, and by time"
    )
    parser.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="flow files, and folders to search for them (default: the paths of the project file)",
    )
    add_local_profile(parser)
    add_database(parser)
    parser.add_argument(
        "--logs", metavar="DIR", help="a file for the output of each run (default: beside the database)"
    )
    parser.add_argument("--until-idle", action="store_true", help="end when nothing waits, runs or is unread")
    parser.add_argument("--max-runs", type=_count, default=16, metavar="N", help="flows at once (default: 16)")
    parser.add_argument(
        "--run-deadline", type=seconds, metavar="SECONDS", help="end runs that take longer; their outcome is `timeout`"
    )
    parser.add_argument(
        "--metrics", metavar="HOST:PORT", help="serve metrics for Prometheus there (needs metaflow-triggers[metrics])"
    )
    parser.add_argument(
        "--ui",
        type=_port,
        nargs="?",
        const=-1,
        metavar="PORT",
        help="serve a page of all this at 127.0.0.1 (default: port 8723; 0: a free one; needs metaflow-triggers[ui])",
    )
    add_reading(parser)
    parser.add_argument(
        "--watch",
        action="store_true",
        help="take in flows whose files change, come or go at once, not only when they start",
    )
    add_flow_options(parser)
    parser.add_argument("--external-flow", action="append", default=[], metavar="FLOW", help="run by another engine")
    parser.set_defaults(work=work, refuse=parser.error)


def add_database(parser: Any) -> None:
    """Add `--database`."""
    parser.add_argument(
        "--database",
        metavar="FILE",
        help="of the engine (default: METAFLOW_TRIGGERS_DATABASE, else metaflow-triggers.db in this folder)",
    )


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return value


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"`{text}` is no port from 0 to 65535; write PATHS before --ui")
    return int(text)


def work(options: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    with contextlib.ExitStack() as stack:
        return _work(options, stack)


def _work(options: argparse.Namespace, stack: contextlib.ExitStack) -> int:
    from ..diagnostics import DiagnosticError
    from ..reports.terminal import show

    environment = dict(os.environ)
    flows: list[Any] = []
    begun_ns = time.time_ns()
    try:
        if options.metrics is not None:
            from ..engine.metrics.endpoint import parse

            parse(options.metrics)  # before user code runs
        listener = None
        if options.ui is not None:
            from ..engine.page import address

            listener = stack.enter_context(address.listening(address.PORT if options.ui < 0 else options.ui))
        fill_locally(options)
        if not options.paths:
            options.refuse("PATH is required where there is no project file")
        read = read_graph(options, environment)
        if read is None:
            return 1
        graph, modules, found = read
        from ..engine import serve, store
        from ..engine.screen import live
        from . import editor, polls

        flows = list(graph.flows)
        name_the_catalogue(options, environment)

        database = store.database_path(options.database)
        told = serve.Options(
            database=database,
            environment=environment,
            logs=options.logs or f"{database}-logs",
            project_options=project_options(options),
            flow_options=_flow_options(options, environment),
            max_runs=options.max_runs,
            run_deadline=options.run_deadline,
            until_idle=options.until_idle,
        )
        poller = polls.poller(graph, told, options.timeout)
        served = editor.Served(graph, modules, {}, {})
        asked = {key: getattr(options, key) for key in editor.OPTIONS}
        library = editor.Editor(asked, served, poller, begun_ns=begun_ns)
        page = _Page(listener, told, asked, options.project, found, library)
        if not live.is_terminal(sys.stdout, os.environ):
            with (
                _measured(options.metrics, database, serve.Lines(sys.stdout, sys.stderr)) as measured,
                page.served(measured) as observer,
            ):
                serve.serve(flows, told, sources=[poller], observer=observer, editor=library)
            return 0
        from ..graph.explain import table as starts
        from ..reports.text import wants_color

        sys.stdout.write(starts(graph) + "\n")
        with (
            live.Live(sys.stdout, database, wants_color(True, os.environ)) as table,
            _measured(options.metrics, database, table) as measured,
            page.served(measured) as observer,
        ):
            serve.serve(flows, told, sources=[poller], observer=observer, editor=library)
    except DiagnosticError as error:
        show(error.diagnostics, len(flows))
        return 2 if error.diagnostics[0].code == "FT757" else 1
    return 0


@contextlib.contextmanager
def _measured(address: str | None, database: str, observer: Any) -> Iterator[Any]:
    """An observer of the engine, which counts where metrics are asked for. Raises DiagnosticError (FT758)."""
    if address is None:
        yield observer
        return
    from ..engine.metrics.counts import Counting, Database
    from ..engine.metrics.endpoint import serving

    counting = Counting(observer)
    with serving(address, counting, Database(database)) as url:
        sys.stdout.write(f"metrics    {url}\n")
        sys.stdout.flush()
        yield counting


class _Page:
    """The engine's page, where `--ui` asks for one."""

    def __init__(  # noqa: PLR0917 - what `run` has
        self, listener: Any, told: Any, asked: Any, project: Any, found: Sequence[Any], library: Any
    ) -> None:
        self._listener, self._told, self._asked, self._project = listener, told, asked, project
        self._found, self._library = found, library

    @contextlib.contextmanager
    def served(self, observer: Any) -> Iterator[Any]:
        """An observer of the engine, which tells the page. Raises DiagnosticError (FT759)."""
        if self._listener is None:
            yield observer
            return
        from ..diagnostics.wire import to_wire
        from ..engine.page.beside import served
        from ..engine.store import connect
        from . import read_again

        connect(self._told.database).close()  # the page reads it as soon as it is there
        first = {
            "logs": self._told.logs,
            "catalogue": read_again.events_of(self._project),
            "reading": {"command": read_again.COMMAND, "told": self._asked},
            "diagnostics": [to_wire(item) for item in self._found],
        }
        with served(self._listener, self._told.database, first, lambda: self._library.graph, observer) as (
            url,
            telling,
        ):
            sys.stdout.write(f"page       {url}\n")
            sys.stdout.flush()
            yield telling


def name_the_catalogue(options: argparse.Namespace, environment: dict[str, str]) -> None:
    """Tell the runs which project file has the catalogue of events. Raises DiagnosticError for one that is wrong."""
    project = read_for(start_of(options.paths), getattr(options, "of_profile", None), environment)
    if project is not None and any(event.schema for event in project.events):
        environment["METAFLOW_TRIGGERS_CATALOGUE"] = str(project.file)


def project_options(options: argparse.Namespace) -> tuple[str, ...]:
    """What flows with @project are given on their command lines."""
    production = ("--production",) if options.production else ()
    return (*production, "--branch", options.branch) if options.branch else production


def _flow_options(options: argparse.Namespace, environment: dict[str, str]) -> Callable[[Any], Sequence[str]]:
    """What a flow's command line is given. The environment's Configs are among it and leave `environment`."""
    from ..reading.flow_options import VARIABLES, parsed

    given = flow_options(options)
    for name in VARIABLES:
        if parsed(environment.get(name)):
            del environment[name]
    return lambda flow: given.words(flow.name, [item.name for item in flow.parameters if item.is_config])


def weighed_locally(options: argparse.Namespace, found: list[Any], read: Any, graph: Any) -> list[Any]:
    """What the project file and comments in the flows' files leave of the findings."""
    from ..rules.accepted import Scope, weigh

    done = weigh(found, getattr(options, "project", None), Scope(tuple(read.modules), graph, frozenset()))
    read.accepted, read.off = done.accepted, done.off
    return list(done.diagnostics)


def read_graph(options: argparse.Namespace, environment: dict[str, str]) -> Any:
    """The graph of `options.paths`, the modules of each file, what was found in them; None when there is a mistake,
    which is then printed.

    `environment` is that of the runs: it gets the user's name, so that they see the branch that is read here.
    Raises DiagnosticError.
    """
    from ..reading.paths import import_metaflow, read_flows

    import_metaflow()
    from .. import seams
    from ..diagnostics import Diagnostic, DiagnosticError
    from ..graph.link import link
    from ..reports.terminal import show
    from ..rules.find import check
    from ..rules.weight import has_errors

    user = seams.real_user()
    if not user:
        typed = getattr(options, "typed", None) or ["run", *options.paths]
        raise DiagnosticError(
            [
                Diagnostic(
                    "FT754",
                    "Metaflow runs no flow without a user name",
                    helps=(f"set METAFLOW_USER, for instance: METAFLOW_USER=me metaflow-triggers {shlex.join(typed)}",),
                )
            ]
        )
    seams.act_as(user)
    environment["METAFLOW_USER"] = user
    read = read_flows(options, given=flow_options(options))
    external = frozenset(options.external_flow) | read.unread_flows()
    graph = link([item.flow for item in read.flows], external, read.polls)
    judged = read.explained(check(graph, True, external))
    found = [item for item in (*read.diagnostics, *judged) if item.code != _FED_FROM_OUTSIDE]
    diagnostics = weighed_locally(options, found, read, graph)
    show(diagnostics, len(read.flows), others=read.omissions())
    return None if has_errors(diagnostics) or not graph.flows else (graph, read.modules, diagnostics)
