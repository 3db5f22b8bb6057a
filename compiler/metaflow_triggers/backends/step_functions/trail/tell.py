"""Tell: what the facts of a flow come to, where AWS has kept something of the event.

In:   traces, letters, the question.
Out:  `trail.answer.Answer`s: what was found of the event on each way.

Not here: asking (`gather`), words (`trail.causes`), where nothing was found (`nothing`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from metaflow_extensions.triggers.contract import event_check, event_reader, exact_json
from metaflow_extensions.triggers.contract.trigger_document import event as bus_event
from metaflow_extensions.triggers.contract.trigger_document import started_by
from metaflow_extensions.triggers.contract.words import EVENT_RESOURCE, POLLED_RUN

from ....dead_letters.letter import Letter
from ....graph.explain import awaited
from ....language.cron import fires, next_fire
from ....trail import causes
from ....trail.answer import Answer, Poll, Run
from ....trail.causes import Cause
from ....trail.question import Asked, Question
from ... import poll_trail
from .. import NAME
from .asking import Asking, Unanswered
from .asking import Run as Execution
from .computed import Roads, Way, event_key
from .deployed import Known
from .gather import OwnRun, Trace, stored, with_events
from .letters import cause_of, commands
from .runs import Around, told

_REMEMBERED = timedelta(days=90)
"""How long Step Functions knows an execution after its end."""
_AT_WORK = timedelta(hours=1)
"""No starter and no correlator works longer on an event (`TimeoutSeconds` of their definitions)."""


@dataclass(frozen=True)
class Facts:
    """Of one flow. `now` is when it was asked. `bus`, `source`: of whoever emits by these settings."""

    asked: Asked
    roads: Roads
    traces: tuple[Trace, ...]
    letters: tuple[tuple[Way, Letter], ...]
    asking: Asking
    now: datetime
    bus: str
    source: str
    own: OwnRun | None = None
    """The run of the flow that the question's id names."""
    known: Known | None = None
    """What is deployed says of the flow, where no file was read."""


def found(facts: Facts, question: Question) -> Iterator[Answer]:
    """An answer for each way on which the event left something; one for ways that lead to one run."""
    known: set[str] = set()
    said: set[tuple[str, str]] = set()
    if facts.own is not None:
        made = of_own(facts, facts.own)
        known.add(made.run.id if made.run is not None else "")
        yield made
    for one in facts.traces:
        made = _of_trace(facts, one, question)
        if made.run is not None:
            if made.run.id in known:
                continue
            known.add(made.run.id)
        elif (one.way.name, made.cause.words) in said:  # it fills several places, or belongs to several dependencies
            continue
        said.add((one.way.name, made.cause.words))
        yield made
    told = {one.way.name for one in facts.traces}
    for way, letter in facts.letters:
        if way.name not in told:
            told.add(way.name)
            yield answer(facts, way.name, cause_of(letter), commands=commands(letter))


def answer(facts: Facts, event: str | None, cause: Cause, also: Iterable[Cause] = (), **more: Any) -> Answer:
    """The answer, with what could not be asked beside its cause."""
    said = {(cause.code, cause.words)}
    beside = []
    for one in (*also, *map(unanswered, facts.asking.unanswered)):
        if (one.code, one.words) not in said:
            said.add((one.code, one.words))
            beside.append(one)
    return Answer(NAME, facts.asked.name, facts.roads.deployed, event, cause, tuple(beside), **more)


# what was found -----------------------------------------------------------------------------------------------------


def _of_trace(facts: Facts, one: Trace, question: Question) -> Answer:
    also = tuple(_other_payload(one, question))
    if one.run is not None:
        cause, run = _run(facts, one)
        if also:
            cause, also = also[0], (cause,)
        return answer(facts, one.way.name, cause, also, run=run, commands=(history(one.run),))
    lies = not (one.in_place or one.claimed)
    letter = next((letter for way, letter in facts.letters if way.name == one.way.name), None) if lies else None
    if letter is not None:
        return answer(facts, one.way.name, cause_of(letter), also, commands=commands(letter))
    cause = _set(facts, one) if one.way.set is not None else _stored(facts, one)
    return answer(facts, one.way.name, cause, also)


def of_own(facts: Facts, own: OwnRun) -> Answer:
    """Of a run of the flow. Its event is that of its document; several are a set's; of a poll its trigger's name."""
    document = with_events(facts.roads, own.document, facts.asking) if own.document is not None else None
    names = _event_names(document) if document is not None else ()
    event = names[0] if len(names) == 1 else None
    together = " and ".join(names) if len(names) > 1 else None
    around = Around(facts.asked.flow, document, own.root or _root(facts), together)
    cause, run = told(own.run, around, facts.asking)
    return answer(facts, event, cause, run=run, commands=(history(own.run),), poll=_poll(own.run, document))


def _poll(run: Execution, document: dict[str, Any] | None) -> Poll | None:
    """The fire of a run that a poller started."""
    if document is None or not run.name.startswith(POLLED_RUN):
        return None
    try:
        (event,) = event_reader.select(document)
    except (event_reader.EventError, ValueError):
        return None
    return Poll(event.name, run.name, poll_trail.context_of(event.payload))


def _event_names(document: dict[str, Any]) -> tuple[str, ...]:
    try:
        events = event_reader.select(document)
    except event_reader.EventError:
        return ()
    return tuple(one.payload["flow"] if one.kind == "run" else one.name for one in events)


def _root(facts: Facts) -> str | None:
    """Where the flow's runs are in the datastore."""
    roads = facts.roads
    return None if roads.bucket is None else f"s3://{roads.bucket}/{roads.folder.removesuffix('_triggers/')}"


def _run(facts: Facts, one: Trace) -> tuple[Cause, Run]:
    assert one.run is not None
    roads = facts.roads
    document = with_events(roads, one.document, facts.asking) if one.document is not None else None
    others = None
    if one.way.set is not None:
        words = awaited(one.way.trigger)
        mine = one.way.set.attributes.index(one.way.slot)
        others = " and ".join(word for place, word in enumerate(words) if place != mine)
    return told(one.run, Around(facts.asked.flow, document, _root(facts), others), facts.asking)


def history(run: Execution) -> str:
    """The command that shows what a run did."""
    return f"aws stepfunctions get-execution-history --execution-arn {run.arn} --region {run.arn.split(':')[3]}"


def _other_payload(one: Trace, question: Question) -> Iterator[Cause]:
    """The payload that was kept under this id is not the one that was given."""
    if question.payload is None or one.stored is None:
        return
    value = one.stored.value
    document = value if "events" in value else started_by((), [bus_event("eventbridge", value)])
    try:
        (event,) = event_reader.select(document)  # with the digits that its numbers had
    except (event_reader.EventError, ValueError):
        return
    given, kept = (str(exact_json.dumps(payload)) for payload in (question.payload, event.payload))
    if event.kind == "event" and not event_check.same_payload(given, kept):
        yield causes.OTHER_PAYLOAD()


def _stored(facts: Facts, one: Trace) -> Cause:
    """The starter has stored the event, and there is no run."""
    assert one.stored is not None
    if not one.searched:
        return _unasked(facts, "states:DescribeExecution")
    when = one.stored.when
    if facts.now - when > _REMEMBERED:
        return causes.COULD_NOT_ASK(why=f"it came on {when:%Y-%m-%d}, and AWS forgets a run 90 days after its end")
    if facts.now - when > _AT_WORK:
        return _given_up(facts, when)
    return causes.QUEUED(why=f"the starter stored the event at {when.isoformat()}, and has not started the flow")


def _given_up(facts: Facts, when: datetime) -> Cause:
    """No machine is at work on it any more, and what it could not do would be a dead letter."""
    for item in facts.asking.unanswered:
        if item.action.startswith("sqs:") or not item.action:
            return unanswered(item)
    why = f"it was stored at {when.isoformat()} and could not be used; its dead letter is not there any more"
    return causes.REFUSED(why=why)


def _unasked(facts: Facts, action: str) -> Cause:
    for item in facts.asking.unanswered:
        if item.action == action:
            return unanswered(item)
    return causes.COULD_NOT_ASK(why=action)


def unanswered(item: Unanswered) -> Cause:
    """A question that AWS refused to answer."""
    if not item.action:
        return causes.COULD_NOT_ASK(why=item.why.message)
    if item.why.code == "FT702":
        return causes.COULD_NOT_ASK(why=item.why.message, right=item.action)
    return causes.COULD_NOT_ASK(why=f"{item.why.code} {item.why.message}")


# sets ---------------------------------------------------------------------------------------------------------------


def _set(facts: Facts, one: Trace) -> Cause:
    if one.claimed:
        why = "its set is whole, and its run is being started"
        return causes.QUEUED(why=why) if one.searched else _unasked(facts, "states:DescribeExecution")
    if one.in_place:
        return _waits(facts, one)
    if one.gone:
        return _gone(facts, one)
    if not one.searched:
        return _unasked(facts, "dynamodb:GetItem")
    assert one.stored is not None
    if facts.now - one.stored.when > _AT_WORK:
        return _given_up(facts, one.stored.when)
    return causes.QUEUED(
        why=f"the correlator stored it at {one.stored.when.isoformat()}, and has not put it into its set"
    )


def _waits(facts: Facts, one: Trace) -> Cause:
    words = awaited(one.way.trigger)
    lacks = [word for word, place in zip(words, one.places, strict=True) if not place.marks]
    if not lacks:
        return causes.QUEUED(why="its set is whole, and is not started yet")
    reset = one.way.trigger.options.reset_at
    until = next_fire(reset.cron, reset.timezone, facts.now) if reset is not None else None
    return causes.WAITING_IN_SET(
        lacks=" and ".join(lacks),
        since=one.stored.when.isoformat() if one.stored is not None else None,
        until=until.isoformat() if until is not None else None,
    )


def _gone(facts: Facts, one: Trace) -> Cause:
    if not one.searched:
        for item in facts.asking.unanswered:
            if item.action in ("states:ListExecutions", "states:DescribeExecution", "s3:GetObject"):
                return unanswered(item)
        return causes.COULD_NOT_ASK(why="it left its set, and which of the flow's many runs since has it is not kept")
    if one.stored is not None and facts.now - one.stored.when > _REMEMBERED:
        why = f"it came on {one.stored.when:%Y-%m-%d} and left its set; AWS forgets a run 90 days after its end"
        return causes.COULD_NOT_ASK(why=why)
    reset = one.way.trigger.options.reset_at
    first = None
    if reset is not None and one.stored is not None:
        first = next(fires(reset.cron, reset.timezone, one.stored.when, facts.now), None)
    by = one.by or ("" if first is not None else one.perhaps_by)
    if by and one.way.trigger.options.join == "latest":
        other = stored(facts.roads, event_key(facts.roads, by), facts.asking)
        if other is not None and (first is None or other.when < first):
            return causes.SET_REPLACED(by=identity_of(other.value))
    if first is not None:
        return causes.SET_RESET(reset=first.isoformat())
    return causes.COULD_NOT_ASK(why="it left its set, and no run that AWS still knows has it")


def identity_of(event: Any) -> str:
    """The id of an event of EventBridge: ours, else the bus's."""
    for resource in event.get("resources") or []:
        if str(resource).startswith(EVENT_RESOURCE):
            return str(resource)[len(EVENT_RESOURCE) :]
    return str(event.get("id"))
