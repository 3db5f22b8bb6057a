"""Trail command: `metaflow-triggers trail ID`, what became of an event or a run, and why.

In:   an id, the event's name and payload where they are known, flow files; which targets are asked.
Out:  the answers on standard output, as text or JSON; mistakes in files on standard error. Exit code 0: something
      started, 1: nothing did, 3: nobody can tell, 2: a mistake in the command.

Not here: asking (`engine.trail`, `trail` of a backend), words (`trail.causes`). Nothing is changed anywhere.
"""

from __future__ import annotations

import argparse
import os
import sys
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from ..backends import registry
from ..backends.registry import OURS, Names
from ..diagnostics import Diagnostic, DiagnosticError
from .arguments import add_flow_options, add_reading, flow_options
from .project_options import add_profile
from .run import add_database

if TYPE_CHECKING:
    from ..model.flows import TriggerGraph
    from ..model.settings import Settings
    from ..trail.answer import Answer
    from ..trail.question import Asked, Question

LOCAL = "local"
EXIT_UNKNOWN = 3
"""`trail.answer.EXIT_UNKNOWN`: a command that could not ask must not end as one that found nothing started."""
_LONGEST_ID = 1024


class _Targets:
    """The names of what can be asked, for a parser."""

    def __contains__(self, name: object) -> bool:
        return name == LOCAL or name in Names()

    def __iter__(self) -> Any:
        return iter((LOCAL, *Names()))


def add_parser(commands: Any) -> None:
    """Add `trail` to the command line."""
    parser = commands.add_parser(
        "trail",
        help="what became of an event or a run, and why it started nothing",
        description="Tells what became of an event, or of a run, for each flow that waits for it. Nothing is changed. "
        "Exit code 0: something started, 1: nothing did, 3: nobody can tell.",
    )
    parser.add_argument("identity", nargs="?", metavar="ID", help="of an event, as `emit` prints it; or of a run")
    parser.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="flow files, and folders to search for them (default: the paths of the project file, else this folder)",
    )
    parser.add_argument("--id", dest="given", metavar="ID", help="the same, for one that begins with `-`")
    parser.add_argument("--event", metavar="NAME", help="of the event (default: all that the flows wait for)")
    parser.add_argument("--payload", metavar="JSON", help="what the event held: the filters are asked about it")
    parser.add_argument(
        "--backend",
        dest="targets",
        action="append",
        choices=_Targets(),
        metavar="BACKEND",
        help=f"ask this one (local, {OURS}, or an installed one); may be repeated (default: local)",
    )
    add_database(parser)
    parser.add_argument("--logs", metavar="DIR", help="where the engine wrote logs (default: as it said itself)")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="of what is printed")
    add_profile(parser)
    add_reading(parser)
    add_flow_options(parser)
    parser.set_defaults(work=work, refuse=parser.error)


def sort_out(options: argparse.Namespace) -> None:
    """With `--id` every other word is a path."""
    if options.given is not None:
        options.paths = [*([options.identity] if options.identity is not None else []), *options.paths]
    elif options.identity is None:
        options.refuse("the following arguments are required: ID")


def work(options: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    from ..reports.terminal import show

    code = 2
    try:
        identity = _identity(options.given if options.given is not None else options.identity)
        payload = _payload(options)
        code = EXIT_UNKNOWN
        return _trail(options, identity, payload)
    except DiagnosticError as error:
        show(error.diagnostics, result="nothing was asked")
        return code


def _identity(given: str) -> str:
    if 0 < len(given) <= _LONGEST_ID and given.isprintable() and not given.isspace():
        return given
    found = given[:80].encode("unicode_escape").decode()
    what = f"an id of an event or a run has 1 to {_LONGEST_ID} characters that can be printed; found `{found}`"
    raise DiagnosticError([Diagnostic("FT762", what)])


def _payload(options: argparse.Namespace) -> dict[str, Any] | None:
    from metaflow_extensions.triggers.contract import event_check

    from ..engine import accept

    if options.event is not None:
        try:
            event_check.check_name(options.event)
        except event_check.NotAnEvent as error:
            from ..reports.shown import shown

            raise DiagnosticError([Diagnostic("FT760", shown(str(error)))]) from None
    if options.payload is None:
        return None
    return accept.payload(options.event or "of any name", os.fsencode(options.payload))[0]


def _trail(options: argparse.Namespace, identity: str, payload: dict[str, Any] | None) -> int:
    from ..trail import answer, json, text
    from ..trail.question import Question

    graph, settings = _read(options)
    targets = list(dict.fromkeys(options.targets or [LOCAL]))
    answers: list[Answer] = []
    for name in targets:
        question = Question(identity, options.event, payload, tuple(_asked(graph, name, settings)))
        answers += _ask(options, name, question, settings)
    if options.format == "json":
        sys.stdout.write(json.as_json(Question(identity, options.event, payload, ()), targets, answers))
    else:
        sys.stdout.write(text.text(answers))
    return answer.exit_code(answers)


def _read(options: argparse.Namespace) -> tuple[TriggerGraph, Settings]:
    """The graph of the flows, and the settings. What cannot be read is told, and the rest is asked about."""
    from ..reading.paths import import_metaflow, read_flows

    import_metaflow()
    from .. import seams
    from ..graph.link import link
    from ..reports.terminal import show
    from ..rules.weight import has_errors

    user = seams.real_user()
    if user:
        seams.act_as(user)
    read = read_flows(options, given=flow_options(options))
    nothing_said = options.paths == ["."] and "." not in options.typed and not read.flows
    if has_errors(read.diagnostics) and not nothing_said:  # the target may know the flows
        show(read.diagnostics, len(read.flows), "the flows of these files are not asked about", read.omissions())
    settings = seams.read_settings(production=options.production, user=user, branch=options.branch)
    return link([item.flow for item in read.flows], frozenset(), read.polls), settings


def _asked(graph: TriggerGraph, target: str, settings: Settings) -> list[Asked]:
    """The flows with their names on a target."""
    from ..model import facts
    from ..trail.question import Asked

    found = []
    for number, flow in enumerate(graph.flows):
        name = facts.qualified_name(facts.identity(flow))
        deployed = name if target == LOCAL else registry.own_name(target, flow, settings)
        polls = tuple(poll for of, poll in graph.polls if of == number)
        found.append(Asked(name, deployed, flow, polls))
    return found


def _ask(options: argparse.Namespace, target: str, question: Question, settings: Settings) -> list[Answer]:
    from ..trail import causes
    from ..trail.answer import Answer

    if target == LOCAL:
        return _ask_here(options, question)
    found = registry.trail(target)
    if found is None:
        cause = causes.COULD_NOT_ASK(why=f"{target} does not tell what became of an event")
        return [Answer(target, "", "", question.event, cause)]
    try:
        if not question.flows:
            question = _deployed(target, question, settings)
            if not question.flows:
                cause = causes.GONE(what=f"a deployment of the project `{settings.project_id}`")
                return [Answer(target, "", "", question.event, cause)]
        return found.ask(question, settings)
    except DiagnosticError as error:
        first = error.diagnostics[0]
        why = f"{first.code}: {first.message}"
    except Exception as error:  # a client may fail in ways of its own; exit code 1 would say that nothing started
        why = " ".join(f"{type(error).__name__}: {error}".split())
    return [Answer(target, "", "", question.event, causes.COULD_NOT_ASK(why=why))]


def _deployed(target: str, question: Question, settings: Settings) -> Question:
    """The question about what is deployed under the project's id. Raises DiagnosticError (FT709)."""
    import dataclasses

    from ..trail.question import Asked

    inventory = getattr(registry.deployer(target), "inventory", None)
    if settings.project_id is None or inventory is None:
        helps = ("give PATHS, or set METAFLOW_TRIGGERS_PROJECT_ID",)
        why = "neither a file nor the id of a project says which flows are meant"
        raise DiagnosticError([Diagnostic("FT709", why, helps=helps)])
    found = inventory(settings.project_id, settings, lambda item: False)
    flows = tuple(Asked(item.flow or item.name, item.name, None) for item in found)
    return dataclasses.replace(question, flows=flows)


def _ask_here(options: argparse.Namespace, question: Question) -> list[Answer]:
    from ..engine import store
    from ..engine.trail.ask import ask

    typed = ("--database", options.database) if options.database else ()
    database = store.database_path(options.database)
    return ask(question, database, datetime.now(timezone.utc), logs=options.logs, typed=typed)
