"""Emit command: `metaflow-triggers emit NAME`, an event from outside of any run.

In:   a name, a payload (an argument, a file, standard input), where to.
Out:  the event, accepted by the local engine's database or by a backend's bus; its id on standard output, and the
      command that tells what becomes of it on standard error; that nobody waits for it, as far as that is known.
      Exit code 0; 1 if it was not accepted; 2 for a name, a payload or an id that no event can have.

Not here: starting flows, events that were accepted before (`emit_again`).
Nothing is stored or sent before name, payload and id have been judged.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path
from typing import Any

from ..backends import registry
from .arguments import add_reading


def add_parser(commands: Any) -> None:
    """Add `emit` to the command line."""
    parser = commands.add_parser(
        "emit",
        help="publish an event: to the local engine, or to a cloud",
        description="Publishes one event and prints its id. Without --backend the local engine's database takes it.",
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="of the event")
    given = parser.add_mutually_exclusive_group()
    given.add_argument("--payload", metavar="JSON", help="a JSON object (default: {})")
    given.add_argument("--payload-file", metavar="FILE", help="a file that holds it; - is standard input")
    parser.add_argument("stdin", nargs="?", choices=("-",), metavar="-", help="read the payload from standard input")
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--database",
        metavar="FILE",
        help="of the engine (default: METAFLOW_TRIGGERS_DATABASE, else metaflow-triggers.db in this folder)",
    )
    where.add_argument(
        "--backend",
        choices=registry.Names(),
        metavar="BACKEND",
        help=f"publish there ({registry.OURS}, or an installed one), with the settings that `create` uses",
    )
    parser.add_argument("--id", metavar="ID", help="the event's id: the same id starts nothing twice (default: new)")
    again = parser.add_argument_group("events that the local engine accepted before")
    again.add_argument(
        "--again",
        action="store_true",
        help="take them again, under their ids: those --since a time, or the one of --id; NAME may be left out",
    )
    again.add_argument("--since", metavar="TIME", help="accepted since then: 2h, 3d, or 2026-11-28T21:00:00Z")
    again.add_argument(
        "--path",
        action="append",
        dest="paths",
        default=[],
        metavar="PATH",
        help="for the flows of these files and folders (default: those of the project file, else this folder); with "
        "--backend: say whether one of them waits for the event",
    )
    add_reading(again)
    parser.set_defaults(work=work, parser=parser)


def work(options: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    from ..diagnostics import DiagnosticError
    from ..reports.terminal import show

    if options.again:
        from . import emit_again

        return emit_again.work(options)
    if options.name is None:
        options.parser.error("the following arguments are required: NAME")
    if options.since is not None:
        options.parser.error("--since is for events that are sent --again")
    if options.paths and not options.backend:
        options.parser.error("--path is for a --backend, and for events that are sent --again")
    if options.stdin and (options.payload is not None or options.payload_file is not None):
        options.parser.error("argument -: not allowed with argument --payload or --payload-file")
    from ..engine import accept

    code = 2
    try:
        identity = accept.identity(options.id)
        payload, text = accept.payload(accept.name(options.name), _given(options))
        fits_the_catalogue(options.name, text)
        code = 1
        if options.backend:
            _publish(options.backend, options.name, payload, text, identity)
        else:
            _accept(options, text, identity)
    except DiagnosticError as error:
        show(error.diagnostics)
        return code
    print(identity, flush=True)
    if options.backend and options.paths:
        from .heard import unheard

        told = unheard(options)
        if told is not None:
            sys.stderr.write(f"note: {told}\n")
    sys.stderr.write(f"note: what becomes of it: {_trail(options, identity)}\n")
    return 0


def _trail(options: argparse.Namespace, identity: str) -> str:
    where = [f"--{name}={value}" for name in ("backend", "database") if (value := getattr(options, name))]
    named = f"--id={identity}" if identity.startswith("-") else identity
    return shlex.join(["metaflow-triggers", "trail", f"--event={options.name}", *where, named])


def fits_the_catalogue(name: str, text: str) -> None:
    """Raises DiagnosticError (FT765) for a payload that is not what the project's catalogue says of the event."""
    from .project_options import read_for

    project = read_for(os.getcwd(), None, os.environ)
    if project is None or not project.events:
        return
    from ..rules.catalogued import misfits

    event, told = misfits(project.events, name, text)
    if event is None or not told:
        return
    from ..engine.accept import misfit

    raise misfit(name, told, event.span)


def _given(options: argparse.Namespace) -> bytes:
    from ..engine.accept import LARGEST_INPUT, refused

    if options.payload is not None:
        return os.fsencode(options.payload)
    if options.stdin or options.payload_file == "-":
        return sys.stdin.buffer.read(LARGEST_INPUT + 1)
    if options.payload_file is None:
        return b"{}"
    try:
        with Path(options.payload_file).open("rb") as file:
            return file.read(LARGEST_INPUT + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise refused("FT761", f"the payload file {options.payload_file!r} cannot be read: {why}") from None


def _accept(options: argparse.Namespace, text: str, identity: str) -> None:
    """Add the event to the local engine's log, and say what is to be said of that. Raises DiagnosticError."""
    from ..engine import accept, store

    path = store.database_path(options.database)
    done = accept.accept(path, options.name, text, identity)
    if done.made:
        sys.stderr.write(f"note: made the database {path}\n")
    if done.unheard:
        sys.stderr.write(f"note: {done.unheard}\n")
    if not done.is_new:
        sys.stderr.write(f"note: {options.name} with the id {identity} was accepted before; nothing was added\n")


def _publish(backend: str, name: str, payload: dict[str, Any], text: str, identity: str) -> None:
    from ..engine.accept import refused

    spec = registry.spec(backend)
    try:
        import metaflow  # noqa: F401 - a plugin cannot be imported before it

        spec.publish(name, payload, text, identity)
    except Exception as error:  # a client may fail in ways of its own: no credentials, no region
        why = getattr(error, "message", None) or f"{type(error).__name__}: {error}"
        raise refused("FT763", f"event {name!r} was not published: {why}", spec.unpublished) from error
