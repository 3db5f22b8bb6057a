"""Emit command: `metaflow-triggers emit NAME`, an event from outside of any run.

In:   a name, a payload (an argument, a file, standard input), where to.
Out:  the event, accepted by the local engine's database or by a backend's bus; its id on standard output, and the
      command that tells what becomes of it on standard error.
      Exit code 0; 1 if it was not accepted; 2 for a name, a payload or an id that no event can have.

Not here: starting flows, events that were accepted before (`emit_again`).
Nothing is stored or sent before name, payload and id have been judged.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shlex
import sys
import uuid
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..backends import registry
from .arguments import add_reading

_IDENTITY = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
_LARGEST_INPUT = 64 * 1024 * 1024
"""Bytes that are read at most; blanks may stand between what counts."""


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
        help="for the flows of these files and folders (default: those of the project file, else this folder)",
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
    if options.since is not None or options.paths:
        options.parser.error("--since and --path are for events that are sent --again")
    if options.stdin and (options.payload is not None or options.payload_file is not None):
        options.parser.error("argument -: not allowed with argument --payload or --payload-file")
    code = 2
    try:
        identity = _identity(options.id)
        payload, text = _payload(options)
        _fits_the_catalogue(options.name, text)
        code = 1
        if options.backend:
            _publish(options.backend, options.name, payload, text, identity)
        elif not _accept(options.database, options.name, text, identity):
            sys.stderr.write(f"note: {options.name} with the id {identity} was accepted before; nothing was added\n")
    except DiagnosticError as error:
        show(error.diagnostics)
        return code
    print(identity, flush=True)
    sys.stderr.write(f"note: what becomes of it: {_trail(options, identity)}\n")
    return 0


def _trail(options: argparse.Namespace, identity: str) -> str:
    where = [f"--{name}={value}" for name in ("backend", "database") if (value := getattr(options, name))]
    named = f"--id={identity}" if identity.startswith("-") else identity
    return shlex.join(["metaflow-triggers", "trail", f"--event={options.name}", *where, named])


def _refused(code: str, message: str, *helps: str) -> Exception:
    from ..diagnostics import Diagnostic, DiagnosticError

    # What a user typed may hold anything; a message is one line of text.
    shown = "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in message)
    return DiagnosticError([Diagnostic(code, shown, helps=helps)])


def _identity(given: str | None) -> str:
    if given is None:
        return str(uuid.uuid4())
    if not _IDENTITY.fullmatch(given):
        raise _refused("FT762", f"an event's id has 1 to 128 characters out of A-Z a-z 0-9 _ . : - ; found {given!r}")
    return given


def _payload(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    """The payload and its canonical text. Raises DiagnosticError (FT760, FT761)."""
    from metaflow_extensions.triggers.contract import event_check

    try:
        name = event_check.check_name(options.name)
    except event_check.NotAnEvent as error:
        helps = ("@trigger_on_finish(flow=...) starts a flow when another one ends",) if "outcome" in str(error) else ()
        raise _refused("FT760", str(error), *helps) from None
    return parsed_payload(name, _given(options))


def parsed_payload(name: str, given: bytes) -> tuple[dict[str, Any], str]:
    """The payload of an event and its canonical text. Raises DiagnosticError (FT761)."""
    from metaflow_extensions.triggers.contract import event_check, exact_json

    if len(given) > _LARGEST_INPUT:
        raise _refused("FT761", f"the payload of event {name!r} is longer than {_LARGEST_INPUT} bytes")
    try:
        payload = exact_json.loads(given.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise _refused("FT761", f"the payload of event {name!r} is not UTF-8: {error}") from None
    except RecursionError:
        raise _refused("FT761", f"the payload of event {name!r} is nested too deeply") from None
    except ValueError as error:
        helps = ("a JSON object, for instance: --payload '{\"orderId\": 7}'",)
        raise _refused("FT761", f"the payload of event {name!r} is not JSON: {error}", *helps) from None
    if not isinstance(payload, dict):
        what = "null" if payload is None else {list: "a list", str: "a text", bool: "a boolean"}.get(type(payload))
        raise _refused("FT761", f"the payload of event {name!r} is {what or 'a number'}, not a JSON object")
    try:
        return payload, event_check.check_payload(name, payload)
    except event_check.NotAnEvent as error:
        raise _refused("FT761", str(error)) from None


def _fits_the_catalogue(name: str, text: str) -> None:
    """Raises DiagnosticError (FT765) for a payload that is not what the project's catalogue says of the event."""
    from .project_options import read_for

    project = read_for(os.getcwd(), None, os.environ)
    if project is None or not project.events:
        return
    from ..rules.catalogued import misfits

    event, told = misfits(project.events, name, text)
    if event is None or not told:
        return
    from ..diagnostics import Diagnostic, DiagnosticError

    whose = f"what `{name}` carries"
    found = [Diagnostic("FT765", f"the payload of event {name!r}: {line}", event.span, whose) for line in told]
    raise DiagnosticError(found)


def _given(options: argparse.Namespace) -> bytes:
    if options.payload is not None:
        return os.fsencode(options.payload)
    if options.stdin or options.payload_file == "-":
        return sys.stdin.buffer.read(_LARGEST_INPUT + 1)
    if options.payload_file is None:
        return b"{}"
    try:
        with Path(options.payload_file).open("rb") as file:
            return file.read(_LARGEST_INPUT + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise _refused("FT761", f"the payload file {options.payload_file!r} cannot be read: {why}") from None


def _accept(given: str | None, name: str, text: str, identity: str) -> bool:
    """Add the event to the local engine's log; False if it was there. Raises DiagnosticError (FT740 to FT764).

    The database is made where there is none yet: what is accepted before the first `run` waits for it.
    """
    import sqlite3

    from metaflow_extensions.triggers.plugins import local_events

    from ..diagnostics import DiagnosticError
    from ..engine import faults, store

    path = store.database_path(given)
    is_made = not store.exists(path)
    with contextlib.closing(store.connect(path)) as connection:  # says what is wrong with the file
        unheard = _unheard(store.waited_for(connection), name)
    if is_made:
        sys.stderr.write(f"note: made the database {path}\n")
    try:
        when = local_events.timestamp_text(datetime.now(timezone.utc))
        is_new = bool(local_events.append(path, name, text, identity, when))
    except local_events.Taken as error:
        raise _refused("FT764", str(error), "another event needs another id; without --id it gets one") from None
    except sqlite3.Error as error:
        raise DiagnosticError([faults.diagnostic(error, path, f"event {name!r} was not accepted")]) from error
    if unheard:
        sys.stderr.write(f"note: {unheard}\n")
    return is_new


def _unheard(waited: dict[str, list[str]], name: str) -> str | None:
    """What is said of an event that no flow waits for which an engine has served; None before any was."""
    if not waited or any(name in names for names in waited.values()):
        return None
    from ..diagnostics.suggest import did_you_mean

    meant = did_you_mean(name, sorted({item for names in waited.values() for item in names}))
    told = f"; {meant[0]} " if meant else ". "
    return f"no flow that was served from this database waits for event {name}{told}The event is kept"


def _publish(backend: str, name: str, payload: dict[str, Any], text: str, identity: str) -> None:
    spec = registry.spec(backend)
    try:
        import metaflow  # noqa: F401 - a plugin cannot be imported before it

        spec.publish(name, payload, text, identity)
    except Exception as error:  # a client may fail in ways of its own: no credentials, no region
        why = getattr(error, "message", None) or f"{type(error).__name__}: {error}"
        raise _refused("FT763", f"event {name!r} was not published: {why}", spec.unpublished) from error
