"""Dead letters command: `metaflow-triggers dead-letters list | show | send-again | drop`.

In:   the parsed arguments; queues, a cluster or the engine's database, by way of `dead_letters.letter.Box`.
Out:  tables or JSON on standard output, diagnostics on standard error; exit code 0, 1 where a letter that is meant is
      not there or stays, 2 for a mistake in the arguments.

Not here: where letters lie (`backends/*/dead_letters`, `engine.dead_letters`), which are meant (`dead_letters.choose`).
"""

from __future__ import annotations

import argparse
import functools
import os
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from ..backends import registry
from ..diagnostics import Diagnostic, DiagnosticError
from .arguments import add_flow_options, add_reading
from .project_options import add_profile
from .run import add_database

if TYPE_CHECKING:
    from ..dead_letters.letter import Box, Letter, Looked

LIST, SHOW, SEND, DROP = "list", "show", "send-again", "drop"


def add_parser(commands: Any) -> None:
    """Add `dead-letters` to the command line."""
    parser = commands.add_parser(
        "dead-letters",
        help="what could not start a flow: list it, show it, send it again, drop it",
        description="Looking changes nothing. What is sent again keeps its id, and starts nothing twice. Without "
        "--backend it is about the refused starts in the local engine's database.",
    )
    parser.add_argument(
        "action", choices=(LIST, SHOW, SEND, DROP), metavar="ACTION", help="list, show, send-again, drop"
    )
    parser.add_argument("ids", nargs="*", metavar="ID", help="letters, by their ids or a beginning that no other has")
    where = parser.add_mutually_exclusive_group()
    add_database(where)
    where.add_argument(
        "--backend",
        dest="target",
        choices=registry.Names(),
        metavar="BACKEND",
        help=f"of the flows there ({registry.OURS}, or an installed one)",
    )
    parser.add_argument(
        "--flow", action="append", metavar="NAME", help="of the flow that is deployed under this name; may be repeated"
    )
    parser.add_argument(
        "--path",
        action="append",
        dest="paths",
        default=[],
        metavar="PATH",
        help="of the flows of these files and folders (default: those that the project deployed, else of this folder)",
    )
    parser.add_argument("--since", metavar="TIME", help="kept since then: 2h, 3d, or 2026-11-28T21:00:00Z")
    parser.add_argument("--reason", metavar="TEXT", help="with this in the reason, in whatever case")
    parser.add_argument("--all", action="store_true", help="send-again, drop: all letters that the other options leave")
    parser.add_argument(
        "--payload", metavar="JSON", help="send-again of one letter of Argo, whose record has none: what its event held"
    )
    parser.add_argument("--yes", action="store_true", help="drop: do not ask; needed where there is no terminal")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="of what is printed")
    add_profile(parser)
    add_reading(parser)
    add_flow_options(parser)
    parser.set_defaults(work=work, refuse=parser.error, external_flow=[], external_event=[], strict=False)


def work(options: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    import sqlite3

    from ..reports.terminal import show

    _judge(options)
    try:
        return _do(options)
    except DiagnosticError as error:
        show(error.diagnostics)
        return 2 if all(item.code in ("FT002", "FT780") for item in error.diagnostics) else 1
    except sqlite3.Error as error:
        from ..engine import faults, store

        show([faults.diagnostic(error, store.database_path(options.database))])
        return 1


def _judge(options: argparse.Namespace) -> None:
    """What argparse cannot say."""
    from ..dead_letters.choose import moment

    if options.action == SHOW and not options.ids:
        options.refuse("show takes the ids that `dead-letters list` prints")
    if options.action in (SEND, DROP) and bool(options.ids) == options.all:
        options.refuse(f"{options.action} takes ids, or --all")
    if options.payload is not None and not (options.action == SEND and len(options.ids) == 1 and options.target):
        options.refuse("--payload goes with send-again of one letter of a --backend that keeps no payloads")
    options.begin = None
    if options.since is not None:
        try:
            options.begin = moment(options.since, datetime.now(timezone.utc))
        except (ValueError, OverflowError) as error:
            options.refuse(f"argument --since: {error}")


def _do(options: argparse.Namespace) -> int:
    from ..dead_letters import choose, tell

    boxes = dict(_boxes(options))
    looked = {name: box.look() for name, box in boxes.items()}
    letters = choose.each_once(letter for one in looked.values() for letter in one.letters)
    found = choose.because(choose.since(letters, options.begin), options.reason)
    if options.ids:
        found, none, several = choose.named(found, options.ids)
        if none or several:
            raise _unknown(none, several, list(looked.values()))
    if options.action == LIST:
        _list(options, found, list(looked.values()))
        return 0
    if options.action == SHOW:
        _show(options, found)
        return 0
    for line in tell.of_looks(list(looked.values())):
        sys.stderr.write(f"note: {line}\n")
    if options.action == DROP:
        return _drop(options, boxes, found)
    return _send(options, boxes, found)


def _unknown(none: Sequence[str], several: Sequence[str], looked: Sequence[Looked]) -> DiagnosticError:
    from ..dead_letters.tell import of_looks

    found = [Diagnostic("FT773", f"no dead letter has the id `{name}`", notes=tuple(of_looks(looked))) for name in none]
    found += [Diagnostic("FT773", f"several dead letters have ids that begin with `{name}`") for name in several]
    return DiagnosticError(found)


# what is done --------------------------------------------------------------------------------------------------------


def _list(options: argparse.Namespace, found: Sequence[Letter], looked: Sequence[Looked]) -> None:
    from ..dead_letters import tell
    from .manage import print_json, print_table

    if options.format == "json":
        counts = {"hidden": sum(one.hidden for one in looked), "unseen": sum(one.unseen for one in looked)}
        print_json({"letters": [one.as_value(payload=False) for one in found], **counts})
        return
    if found:
        print_table(tell.HEADER, tell.rows(found))
    else:
        sys.stdout.write("no dead letters\n")
    for line in tell.of_looks(looked):
        sys.stdout.write(f"{line}\n")


def _show(options: argparse.Namespace, found: Sequence[Letter]) -> None:
    from ..dead_letters import tell
    from ..reports.shown import shown
    from .manage import print_json

    if options.format == "json":
        print_json({"letters": [one.as_value(payload=True) for one in found]})
        return
    for number, letter in enumerate(found):
        sys.stdout.write("\n" if number else "")
        for name, value in tell.whole(letter):
            sys.stdout.write(f"{name:9} {shown(value)}\n")


def _send(options: argparse.Namespace, boxes: dict[str, Box], found: Sequence[Letter]) -> int:
    from ..dead_letters import tell
    from ..dead_letters.letter import GOOD
    from ..reports.shown import shown
    from .manage import print_json

    done = []
    for name, box in boxes.items():
        for sent in box.send([one.id for one in found if one.deployed == name], options.payload):
            done.append(sent)
            if options.format == "text":  # each at once: the next may be the one at which this process is ended
                sys.stdout.write(f"{shown(tell.sent(sent))}\n")
                sys.stdout.flush()
    if not found and options.format == "text":
        sys.stdout.write("no dead letters\n")
    gone = {one.id for one in found} - {one.letter.id for one in done}
    if options.format == "json":
        rows = [{"id": one.letter.id, "verdict": one.verdict, "told": one.told} for one in done]
        print_json({"sent": rows, "gone": sorted(gone)})
    for name in sorted(gone):
        sys.stderr.write(f"note: {name} is not there any more, or somebody else looks at it\n")
    return 0 if all(one.verdict in GOOD for one in done) and not gone else 1


def _drop(options: argparse.Namespace, boxes: dict[str, Box], found: Sequence[Letter]) -> int:
    from .deploy import agreed
    from .manage import print_json

    count = "1 dead letter" if len(found) == 1 else f"{len(found)} dead letters"
    if found:
        agreed(options, f"drop {count} for good")
    gone: list[str] = []
    for name, box in boxes.items():
        gone += box.drop([one.id for one in found if one.deployed == name])
    if options.format == "json":
        print_json({"dropped": gone})
    else:
        sys.stdout.write(f"dropped {len(gone)} of {count}\n")
    return 0 if len(gone) == len(found) else 1


# whose letters -------------------------------------------------------------------------------------------------------


def _boxes(options: argparse.Namespace) -> Iterator[tuple[str, Box]]:
    """A box for each flow that is meant, by the flow's deployed name."""
    if options.target is None:
        yield from _local(options)
        return
    boxes = registry.dead_letters(options.target)
    if boxes is None:
        told = f"the backend {options.target} does not tell what could not start a flow"
        raise DiagnosticError([Diagnostic("FT774", told)])
    settings, names = _deployed(options)
    for name in dict.fromkeys(names):
        yield name, boxes.box(name, settings)


def _local(options: argparse.Namespace) -> Iterator[tuple[str, Box]]:
    """Of each flow that the engine's database has refused starts of."""
    from ..engine import dead_letters, store
    from ..engine.pauses import flow_key
    from .manage import database

    connection = database(options)
    names = [flow_key(connection, name, "FT730") for name in options.flow or ()] or dead_letters.keys(connection)

    @functools.cache
    def flows() -> dict[str, Any]:
        from ..model import facts
        from .run import read_graph

        read = read_graph(options, dict(os.environ))
        found = read[0].flows if read is not None else ()
        return {facts.qualified_name(facts.identity(flow)): flow for flow in found}

    for name in dict.fromkeys(names):
        yield name, dead_letters.Refused(connection, name, store.database_path(options.database), flows)


def _deployed(options: argparse.Namespace) -> tuple[Any, list[str]]:
    """(settings, names under which the flows are deployed)."""
    import tempfile

    from .whole_project import as_the_user, read_alone, refused

    user = as_the_user()
    from .. import seams

    settings = seams.read_settings(production=options.production, user=user, branch=options.branch)
    if options.flow:
        return settings, list(options.flow)
    if (options.whole or not options.paths_typed) and settings.project_id is not None:
        ask: Any = getattr(registry.deployer(options.target), "inventory", None)
        if ask is not None:
            return settings, [one.name for one in ask(settings.project_id, settings, lambda item: False)]
    options.backend = [options.target]
    with tempfile.TemporaryDirectory(prefix="metaflow-triggers-") as kept:
        read = read_alone(options, kept)
    if refused(read, options, leave_out=frozenset()):
        raise DiagnosticError([])
    return read.settings, [registry.own_name(options.target, flow, read.settings) for flow in read.graph.flows]
