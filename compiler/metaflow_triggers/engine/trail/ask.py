"""Ask: what the local engine's database tells of an event or a run.

In:   a `Question`, the database, the moment.
Out:  `Answer`s. What cannot be read is an answer, too, and nothing is guessed for it.

Not here: reading flow files, words (`trail.causes`).
"""

from __future__ import annotations

import contextlib
import json
import shlex
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from metaflow_extensions.triggers.contract import event_check, exact_json

from ...diagnostics import DiagnosticError
from ...model.flows import Flow
from ...trail import causes, judge, listeners
from ...trail.answer import Answer, Poll
from ...trail.causes import Cause
from ...trail.question import Asked, Question
from .. import faults, store
from ..waits import Index, Wait, index, local_flow
from . import polls, rows, runs, sets
from .rows import Event, Start

TARGET = "local"


@dataclass(frozen=True)
class Look:
    """One look at the database. `waits`: flow -> what it waits for; None: no file of it was read."""

    connection: sqlite3.Connection
    database: str
    logs: str
    now: datetime
    question: Question
    waits: dict[str, Index | None]
    typed: tuple[str, ...]

    def command(self, *words: str) -> str:
        """A command of ours on this database."""
        return shlex.join(["metaflow-triggers", *words, *self.typed])


def ask(
    question: Question, database: str, now: datetime, *, logs: str | None = None, typed: tuple[str, ...] = ()
) -> list[Answer]:
    """What this database tells. `typed`: the options that name it, for commands that go on."""
    try:
        with contextlib.closing(store.connect(database, create=False)) as connection:
            faults.check(connection)
            known = {asked.name for asked in question.flows}
            others = tuple(Asked(key, key, None) for key in rows.flow_keys(connection) if key not in known)
            whole = Question(question.identity, question.event, question.payload, (*question.flows, *others))
            waits = {
                asked.name: None if asked.flow is None else index([local_flow(asked.flow)]) for asked in whole.flows
            }
            look = Look(connection, database, runs.logs_of(connection, database, logs), now, whole, waits, typed)
            return list(_answers(look))
    except DiagnosticError as error:
        return [_unasked("", error.diagnostics[0].message, *error.diagnostics[0].helps)]
    except sqlite3.Error as error:
        told = faults.diagnostic(error, database)
        return [_unasked("", told.message, *told.helps)]


def _unasked(flow: str, why: str, *helps: str) -> Answer:
    commands = tuple(text for text in helps if text.startswith(("metaflow-triggers ", "lsof ")))
    return Answer(TARGET, flow, flow, None, causes.COULD_NOT_ASK(why=why), commands=commands)


def _answers(look: Look) -> Iterator[Answer]:
    question = look.question
    whole = rows.events(look.connection, question.identity)
    wanted = [item for item in whole if question.event in (None, item.name)]
    flow, _, run = question.identity.rpartition("/")
    starts = rows.starts_named(look.connection, run, flow or None)
    if question.event is not None:
        starts = []
    for start in starts:
        yield _of_run(look, start)
        for outcome in rows.outcomes(look.connection, start):
            yield from _of_event(look, outcome, ())
    for event in wanted:
        same = tuple(causes.SAME_ID(event=item.name) for item in whole if item.name != event.name)
        yield from _of_event(look, event, same)
    poll = None
    if not starts and not wanted:
        poll = polls.last(look.connection, question.identity, question.payload)
        if poll is None:
            yield from _nothing(look, tuple(causes.SAME_ID(event=item.name) for item in whole))
            return
        key, cause, made = poll
        told = None if made is None else runs.run_of(look.connection, made, look.logs)
        commands = (look.command("enable", question.identity),) if cause.kind is causes.DISABLED else ()
        fire = Poll(question.identity) if made is None else polls.fire_of(look.connection, made)
        yield Answer(TARGET, key, key, question.identity, cause, (), told, commands, fire)


def _of_run(look: Look, start: Start) -> Answer:
    names = [item["event"]["name"] for item in json.loads(start.document)["events"]]
    cause = runs.cause_of(look.connection, start, None)
    return _told(look, start.flow_key, names[-1] if names else None, [(cause, start)], ())


def _of_event(look: Look, event: Event, beside: tuple[Cause, ...]) -> Iterator[Answer]:
    """An answer for each flow that waits for the event, and for each that it started once."""
    some, unknown = False, False
    for asked in look.question.flows:
        try:
            found = _of_flow(look, asked, event)
        except sqlite3.Error as error:
            yield _unasked(asked.name, faults.diagnostic(error, look.database).message)
            some = True
            continue
        if found is None:
            unknown = unknown or (asked.flow is None and _names(look, asked) is None)
            continue
        some = True
        yield _told(look, asked.name, event.name, found, beside)
    if some or event.kind == "finish":
        return
    if unknown:
        why = f"event {event.name} was accepted, and no file was read that says which flow waits for it; give PATHS"
        yield Answer(TARGET, "", "", event.name, causes.COULD_NOT_ASK(why=why), beside)
        return
    others = [name for asked in look.question.flows if asked.flow is None for name in _names(look, asked) or ()]
    cause = listeners.nobody(look.question, event.name, others)
    yield Answer(TARGET, "", "", event.name, cause, beside, commands=(look.command("list"),))


def _names(look: Look, asked: Asked) -> list[str] | None:
    """The events that a flow waited for when an engine last served it; None: nobody has written that down."""
    text = rows.setting(look.connection, f"waits.{asked.name}")
    return None if text is None else list(json.loads(text))


def _of_flow(look: Look, asked: Asked, event: Event) -> list[tuple[Cause, Start | None]] | None:
    """The causes of one flow, what counts most first; None: it does not wait for the event."""
    connection = look.connection
    starts = rows.starts_of(connection, asked.name, event)
    found: list[tuple[Cause, Start | None]] = [(runs.cause_of(connection, item, event), item) for item in starts]
    found.sort(key=lambda item: item[0].verdict != causes.STARTED)
    index_of = look.waits[asked.name]
    if asked.flow is None or index_of is None:
        if not found and event.name in (_names(look, asked) or ()):
            why = f"no file of {asked.name} was read, so nobody knows its filters; give PATHS"
            found.append((causes.COULD_NOT_ASK(why=why), None))
        return found or None
    waits = index_of.get((event.kind, event.name), [])
    if not waits and not found:
        return None
    if event.kind == "event" and look.question.payload is not None and look.question.event is not None:
        text = exact_json.dumps(look.question.payload)
        if not event_check.same_payload(event.body, text):
            found.insert(0, (causes.OTHER_PAYLOAD(), None))
    cursor = rows.cursor(connection, asked.name)
    if waits and not starts and (cursor is None or cursor < event.sequence):
        why = "no engine has served the flow on this database" if cursor is None else "no engine is at work on it"
        found.append((causes.NOT_READ(why=why), None))
        paused = rows.paused_since(connection, asked.name)
        return [*found, *([(causes.PAUSED(what=paused[0], since=paused[1]), None)] if paused else [])]
    case = _Case(event, tuple(waits), index_of, tuple(starts))
    found += [(cause, None) for cause in _unstarted(look, asked.flow, case)]
    return found


@dataclass(frozen=True)
class _Case:
    """An event, what of a flow waits for it, what it started."""

    event: Event
    waits: tuple[Wait, ...]
    index: Index
    starts: tuple[Start, ...]


def _unstarted(look: Look, flow: Flow, case: _Case) -> Iterator[Cause]:
    """What the triggers say that did not start the flow with this event: sets that wait, filters that said no."""
    said: list[Cause] = []
    notes: list[Cause] = []
    for wait in case.waits:
        trigger = flow.triggers[wait.trigger.place]
        judged = judge.judge(flow, trigger, wait.trigger.place, trigger.dependencies[wait.number], case.event.payload)
        notes += judged.notes
        if judged.refusals:
            said += () if case.starts else judged.refusals
        elif wait.trigger.join == "all":
            if not _is_in_a_start(case):
                said.append(sets.cause_of(look.connection, wait, case.index, case.event, look.now))
        elif not case.starts:
            said.append(causes.NOT_LISTENING_THEN())
    yield from dict.fromkeys([*said, *notes])


def _is_in_a_start(case: _Case) -> bool:
    """Whether a set was whole with the event."""
    number = case.event.sequence
    return any(item.start_key.startswith("set/") and number in item.sequences() for item in case.starts)


def _told(
    look: Look, flow: str, event: str | None, found: list[tuple[Cause, Start | None]], beside: tuple[Cause, ...]
) -> Answer:
    (cause, _), *rest = found
    start = next((item for _, item in found if item is not None), None)
    run = None if start is None else runs.run_of(look.connection, start, look.logs)
    also = (*(other for other, _ in rest), *beside)
    commands = tuple(_commands(look, flow, event, cause, start))
    poll = None if start is None else polls.fire_of(look.connection, start)
    return Answer(TARGET, flow, flow, event, cause, also, run, commands, poll)


def _commands(look: Look, flow: str, event: str | None, cause: Cause, start: Start | None) -> Iterator[str]:
    if cause.kind is causes.PAUSED:
        yield look.command("resume", *(() if cause.facts["what"] == "every flow" else (flow,)))
    elif cause.verdict == causes.STARTED:
        yield look.command("history", flow)
    elif start is not None and start.state == "refused":
        yield look.command("dead-letters", "show", str(start.id))
        yield look.command("dead-letters", "send-again", str(start.id))
    elif cause.kind in (causes.MISSING_FIELD, causes.REFUSED, causes.OTHER_PAYLOAD) and event is not None:
        yield look.command("emit", event, "--payload", "{...}")


def _nothing(look: Look, beside: tuple[Cause, ...]) -> Iterator[Answer]:
    """No event and no run has the id: what is known of ids that were pruned, else what the filters say of a payload."""
    question, where = look.question, f"the database {look.database}"
    tried = [name for asked in question.flows for name in (question.names(asked) or _names(look, asked) or ())]
    names = dict.fromkeys([*tried, *([question.event] if question.event is not None else [])])
    pruned = rows.forgotten_on(look.connection, names, question.identity)
    for name, day in pruned.items():
        yield Answer(TARGET, "", "", name, causes.FORGOTTEN(day=day), beside)
    if pruned:
        return
    accepted = causes.NOT_ACCEPTED(where=where)
    listening = [(asked, name) for asked in question.flows for name in question.names(asked)]
    if question.event is not None and not listening:
        others = [name for asked in question.flows for name in _names(look, asked) or ()]
        if question.event not in others:
            yield Answer(
                TARGET, "", "", question.event, listeners.nobody(question, question.event, others), (accepted,)
            )
            return
    if question.payload is None or not listening:
        yield Answer(TARGET, "", "", question.event, accepted, beside)
        return
    for asked, name in listening:
        cause, also = judge.before_arrival(asked, name, question.payload)
        told = () if cause.kind is causes.NOT_ARRIVED else (cause, *also)
        yield Answer(TARGET, asked.name, asked.name, name, accepted, (*told, *beside))
