"""Manage command: `list`, `history`, `enable`, `disable`, `pause`, `resume` and `exec`.

In:   arguments, the engine's database or the user's files.
Out:  tables or JSON on standard output, diagnostics on standard error; exit code 0, or 1 for a mistake.

Not here: what the rows mean (`engine.poll_records`), polling. An engine that runs meanwhile sees each change at once.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..backends.registry import Names
from ..diagnostics import Diagnostic, DiagnosticError
from .arguments import add_flow_options, add_reading, flow_options
from .project_options import add_local_profile, fill_locally, take_settings
from .run import add_database, weighed_locally


def add_parsers(commands: Any) -> None:
    """Add the commands to the command line."""
    listed = commands.add_parser(
        "list", help="what starts the flows of files; without PATH: the poll triggers of the database"
    )
    listed.add_argument("paths", nargs="*", metavar="PATH", help="flow files, and folders to search for them")
    listed.add_argument(
        "--deployed", action="store_true", help="of the flows of PATH, or of the project: what the clouds have of them"
    )
    listed.add_argument(
        "--backend",
        action="append",
        choices=Names(),
        metavar="BACKEND",
        help="with --deployed: only this; without PATH: the poll triggers that are deployed there",
    )
    listed.add_argument("--external-flow", action="append", default=[], metavar="FLOW", help="deployed from elsewhere")
    listed.add_argument(
        "--external-event", action="append", default=[], metavar="EVENT", help="emitted by something else"
    )
    add_local_profile(listed)
    add_reading(listed)
    add_flow_options(listed)
    history = commands.add_parser("history", help="what a poll trigger, or a flow, has started; the latest first")
    history.add_argument("name", metavar="NAME", help="a poll trigger or a flow")
    history.add_argument("--limit", type=int, default=20, metavar="N", help="at most so many (default: 20)")
    _add_backend(history)
    for parser in (listed, history):
        add_database(parser)
        parser.add_argument("--format", choices=("text", "json"), default="text", help="of what is printed")
    listed.set_defaults(work=lambda options: _looked_after(_list, options))
    history.set_defaults(work=lambda options: _looked_after(_history, options))
    for word, help_, enabled in (
        ("enable", "poll a trigger again, from its next tick on", True),
        ("disable", "poll a trigger no more, from its next tick on; its runs go on", False),
    ):
        parser = commands.add_parser(word, help=help_)
        parser.add_argument("name", metavar="NAME", help="a poll trigger")
        _add_backend(parser)
        add_database(parser)
        parser.set_defaults(work=lambda options, enabled=enabled: _looked_after(_enable, options, enabled))
    for word, help_, act in (
        ("pause", "start no runs of a flow, or of any; what arrives meanwhile is kept", _pause),
        ("resume", "start runs of a flow, or of all, again", _resume),
    ):
        parser = commands.add_parser(word, help=help_)
        parser.add_argument("flow", nargs="?", metavar="FLOW", help="a flow (default: all of them)")
        _add_backend(parser)
        add_database(parser)
        parser.set_defaults(work=lambda options, act=act: _looked_after(act, options))
    execute = commands.add_parser("exec", help="run a Python file in which `cloaca` means metaflow_triggers.poll")
    execute.add_argument("file", metavar="FILE")
    execute.add_argument("arguments", nargs=argparse.REMAINDER, metavar="ARGUMENT", help="of the file")
    execute.set_defaults(work=lambda options: _execute(options.file, options.arguments))


def _add_backend(parser: Any) -> None:
    parser.add_argument(
        "--backend",
        dest="of_backend",
        choices=Names(),
        metavar="BACKEND",
        help="of the poll triggers that are deployed there, not of the database",
    )
    add_local_profile(parser)


def _looked_after(act: Callable[..., int], options: argparse.Namespace, *more: Any) -> int:
    """As `guarded`; what is about the poll triggers of a cloud has the settings of the project file."""
    is_list = options.command == "list"
    of_cloud = options.backend and not options.paths and not options.deployed if is_list else options.of_backend
    return (take_settings(options) if of_cloud else 0) or guarded(act, options, *more)


def guarded(act: Callable[..., int], *arguments: Any) -> int:
    """What the command does, with its mistakes told; the exit code."""
    import sqlite3

    from ..poll.errors import PollError
    from ..reports.terminal import show

    try:
        return act(*arguments)
    except DiagnosticError as error:
        found = error.diagnostics
    except sqlite3.Error as error:
        from ..engine import faults, store

        path = store.database_path(getattr(arguments[0], "database", None))
        found = [faults.diagnostic(error, path)]
    except PollError as error:
        found = [Diagnostic(error.code, error.message, helps=error.helps)]
    show(found, result="nothing was changed")
    return 1


def database(options: argparse.Namespace) -> Any:
    """A connection to the engine's database, which was looked at for damage. Raises DiagnosticError."""
    from ..engine import faults, store

    connection = store.connect(store.database_path(options.database), create=False)
    faults.check(connection)
    return connection


# list ----------------------------------------------------------------------------------------------------------------


def _list(options: argparse.Namespace) -> int:
    if options.deployed:
        return _list_deployed(options)
    if options.paths:
        return _list_files(options)
    schedules, paused = _polled(options)
    if options.format == "json":
        print_json({"poll_triggers": schedules, "paused": paused})
        return 0
    rows = [
        (
            row["trigger_name"],
            row["workflow_name"],
            row["poll_interval"],
            "not declared" if not row.get("declared", True) else "yes" if row["enabled"] else "no",
            row["last_poll_at"] or "",
            "down" if "down" in row else row["last_result"] or "",
            row.get("down") or ((row["last_error"] or "") if row["last_result"] == "error" else ""),
        )
        for row in schedules
    ]
    print_table(("POLL TRIGGER", "FLOW", "EVERY", "ENABLED", "LAST POLL", "RESULT", "ERROR"), rows)
    if paused:
        _print("paused: " + ("all flows" if "*" in paused else ", ".join(paused)))
    return 0


def _polled(options: argparse.Namespace) -> tuple[list[dict[str, Any]], list[str]]:
    """The poll triggers, and what is paused."""
    from ..engine.polls import records

    if not options.backend:
        connection = database(options)
        paused = [key for (key,) in connection.execute("SELECT flow_key FROM paused ORDER BY flow_key")]
        return records.schedules(connection), paused
    from .polled import listed

    schedules, held = [], []
    for name in options.backend:
        options.of_backend = name
        more, flows = listed(options)
        schedules += more
        held += flows
    return schedules, held


def _history(options: argparse.Namespace) -> int:
    if options.of_backend:
        from . import polled

        return polled.history(options)
    from .history import history

    return history(options, database(options))


def _list_deployed(options: argparse.Namespace) -> int:
    from .deployed import deployed
    from .project_options import take

    options.strict, options.profile = False, options.of_profile
    return take(options) or deployed(options)


def _list_files(options: argparse.Namespace) -> int:
    from ..graph.explain import as_value
    from ..graph.link import link
    from ..reading.paths import read_flows
    from ..reports.terminal import show
    from ..rules.weight import has_errors

    fill_locally(options)
    options.profile = options.of_profile
    read = read_flows(options, given=flow_options(options))
    graph = link([item.flow for item in read.flows], frozenset(), read.polls)
    found = weighed_locally(options, read.diagnostics, read, graph)
    failed = has_errors(found)
    show(found if failed else (), len(read.flows), others=read.omissions())
    if failed:
        return 1
    events = catalogue(options, graph)
    if options.format == "json":
        print_json({**as_value(graph), **({"events": events} if events else {})})
        return 0
    print_graph(graph, events)
    return 0


def print_graph(graph: Any, events: list[dict[str, Any]]) -> None:
    """What starts what, in words, and what `catalogue` gave."""
    from ..graph.explain import table

    sys.stdout.write(table(graph))
    if events:
        sys.stdout.write("\n")
        rows = [(item["name"], item["owner"], ", ".join(item["starts"]), item["description"]) for item in events]
        print_table(("EVENT", "OWNER", "STARTS", "DESCRIPTION"), rows)


def catalogue(options: argparse.Namespace, graph: Any) -> list[dict[str, Any]]:
    """The events of the project file, and the flows that wait for each."""
    from ..graph.explain import qualified_name
    from ..model.flows import EventDependency
    from .project_options import read_for, start_of

    project = read_for(start_of(options.paths), getattr(options, "profile", None), os.environ)
    waiting: dict[str, list[str]] = {}
    for flow in graph.flows:
        dependencies = (one for trigger in flow.triggers for one in trigger.dependencies)
        for name in dict.fromkeys(one.name for one in dependencies if isinstance(one, EventDependency)):
            waiting.setdefault(name, []).append(qualified_name(flow))
    return [
        {
            "name": event.name,
            "owner": event.owner,
            "description": event.description,
            "origin": json.loads(event.origin) if event.origin else {},
            "schema": json.loads(event.schema) if event.schema else None,
            "starts": waiting.get(event.name, []),
        }
        for event in (project.events if project else ())
    ]


# changes -------------------------------------------------------------------------------------------------------------


def _enable(options: argparse.Namespace, enabled: bool) -> int:
    if options.of_backend:
        from . import polled

        polled.enable(options, enabled)
    else:
        from ..engine.polls import records

        records.set_enabled(database(options), options.name, enabled)
    _print(f"{options.name} is {'polled from its next tick on' if enabled else 'polled no more'}")
    return 0


def _pause(options: argparse.Namespace) -> int:
    from ..engine import pauses

    if options.of_backend:
        return _hold(options, True)
    key = pauses.pause(database(options), options.flow, datetime.now(timezone.utc))
    _print(f"no run of {'any flow' if key == pauses.ALL else key} is started until it is resumed")
    return 0


def _hold(options: argparse.Namespace, held: bool) -> int:
    from . import polled

    flows = ", ".join(polled.pause(options, held)) or "no flow"
    _print(f"what polls start of {flows} {'waits until it is resumed' if held else 'is started again'}")
    return 0


def _resume(options: argparse.Namespace) -> int:
    if options.of_backend:
        return _hold(options, False)
    from ..engine import pauses

    key, all_are = pauses.resume(database(options), options.flow)
    if key == pauses.ALL:
        _print("runs of all flows are started again")
    elif all_are:
        named = ["--database", options.database] if options.database else []
        typed = shlex.join(["metaflow-triggers", "resume", *named])
        _print(f"{key} is not paused by itself, but all flows are: {typed}")
    else:
        _print(f"runs of {key} are started again")
    return 0


# exec ----------------------------------------------------------------------------------------------------------------


def _execute(file: str, arguments: Sequence[str]) -> int:
    import runpy

    from ..poll import alias

    if not Path(file).is_file():
        return guarded(_raise, Diagnostic("FT005", f"`{file}` does not exist"))
    if alias.is_installed():
        sys.stderr.write(
            f"FT724: `{alias.NAME}` means poll triggers of metaflow-triggers here, not the installed package\n"
        )
    alias.install()
    os.environ["PYTHONPATH"] = alias.search_path(os.environ.get("PYTHONPATH"))
    sys.argv = [file, *arguments]
    sys.path[0] = os.path.dirname(os.path.abspath(file))  # as `python FILE` has it
    runpy.run_path(file, run_name="__main__")
    return 0


def _raise(diagnostic: Diagnostic) -> int:
    raise DiagnosticError([diagnostic])


# printing ------------------------------------------------------------------------------------------------------------


def _print(text: str) -> None:
    from ..reports.shown import shown

    sys.stdout.write(shown(text) + "\n")


def print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def print_table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    from ..reports.shown import shown

    lines = [header, *(tuple(shown(cell) for cell in row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    for line in lines:
        sys.stdout.write("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() + "\n")
