"""Target: what AWS Step Functions answers to the question of a trail.

In:   `trail.question.Question`, the settings.
Out:  answers; DiagnosticError FT701 where nobody can be asked.

Not here: everything; this is the order in which it is done. Each flow is asked for by itself, and what one of them has
kept of the event tells the others what it held.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from ....dead_letters.letter import Letter
from ....model.flows import EventDependency
from ....model.settings import Settings
from ....polling.aws.starting import RUN_PREFIX
from ....trail import causes, listeners
from ....trail.answer import Answer
from ....trail.question import Asked, Question, event_names
from .. import NAME
from ..deploy.calls import Clients
from ..deploy.plan import where
from .asking import Asking, Unanswered
from .computed import Asked as Computed
from .computed import Roads, Way, roads
from .deployed import Known, known, place_of
from .gather import Standing, Trace, ended, own_run, standing, standing_unread, trace
from .letters import look, of_event
from .nothing import nothing
from .polls import fire_of, of_poll
from .tell import Facts, answer, found, unanswered

_AT_ONCE = 8
_SERVICES = ("stepfunctions", "events", "dynamodb", "s3", "sqs")


class Target:
    """`trail.answer.Target`. `clients` and `now` are for those who try it."""

    def __init__(self, clients: Clients | None = None, now: datetime | None = None) -> None:
        self._clients = clients or Clients()
        self._now = now

    def ask(self, question: Question, settings: Settings) -> list[Answer]:
        out: list[Answer] = []
        facts: list[Facts] = []
        for made in self._each(question, settings):
            if isinstance(made, Facts):
                facts.append(made)
            else:
                out.append(made)
        events = [event for item in facts for event in kept(item)]
        # An id that is a run's is nobody else's: what does not wait for its end has nothing to do with it.
        is_run = any(item.own is not None or _waits(item, question) for item in facts)
        of_event = [list(found(item, question)) for item in facts]
        if not is_run:
            of_polls = self._polled(question, facts, of_event)
            out += of_polls
            is_run = any(one.poll is not None for one in of_polls)
        names = dict.fromkeys(one.event for answers in of_event for one in answers if one.event in _events(facts))
        for item, answers in zip(facts, of_event, strict=True):
            for one in answers:
                others = [name for name in names if name != one.event and one.event in names]
                out.append(replace(one, also=(*one.also, *(causes.SAME_ID(event=name) for name in others))))
            if not answers and any(not is_run or _waits_for(way, item, question) for way in item.roads.ways):
                out.append(self._nothing(item, question, events, settings))
        return out or [_nobody(question, facts)]

    def _polled(self, question: Question, facts: Sequence[Facts], of_event: Sequence[list[Answer]]) -> list[Answer]:
        """Of flows to which no event of this id came, what the id says of their polls."""
        asked = [item for item, answers in zip(facts, of_event, strict=True) if not answers]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = pool.map(lambda item: of_poll(item, question), asked)
            return [one for one in found if one is not None]

    def _each(self, question: Question, settings: Settings) -> Iterator[Facts | Answer]:
        """The facts of each flow, several flows at a time. Clients are made before: making them is not for threads."""
        flows = question.listening()
        if flows:
            where(flows[0].deployed, self._clients)
        for service in _SERVICES if flows else ():
            self._clients[service]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            yield from pool.map(lambda asked: self._facts(asked, question, settings), flows)

    def _facts(self, asked: Asked, question: Question, settings: Settings) -> Facts | Answer:
        """The facts of a flow, or the answer where nothing more can be asked."""
        place = where(asked.deployed, self._clients)
        asking = Asking(place)
        told: Known | None = None
        if asked.flow is None:
            read = known(asked.deployed, asked.name, asking)
            if not isinstance(read, Known):
                gone = causes.GONE(what=f"the state machine {asked.deployed}")
                cause = unanswered(read) if isinstance(read, Unanswered) else gone
                return Answer(NAME, asked.name, asked.deployed, question.event, cause)
            told = read
        flow = asked.flow if told is None else told.flow
        assert flow is not None
        arns = f"{place.partition}:states:{place.region}:{place.account}"
        wanted = Computed(question.identity, arns, question.event, {} if told is None else told.keys)
        whole = self._in_datastore(roads(flow, settings, wanted), asking, deployed=told is not None)
        traces = tuple(one for way in whole.ways if (one := trace(whole, way, asking)) is not None)
        letters = tuple(self._letters(whole, traces, question, asking))
        now = self._now or datetime.now(timezone.utc)
        fire = fire_of(question)
        own = own_run(whole, question.identity if fire is None else f"{RUN_PREFIX}{fire}", asking)
        sends = (settings.event_bus, settings.event_source)
        return Facts(asked, whole, traces, letters, asking, now, *sends, own, told)

    def _in_datastore(self, whole: Roads, asking: Asking, *, deployed: bool) -> Roads:
        """Where no setting says the datastore, or no file the flow's class, what is deployed does."""
        if not whole.ways or not (deployed or whole.bucket is None):
            return whole
        place = place_of(asking.definition(whole.ways[0].machine))
        return whole if place is None else replace(whole, bucket=place[0], folder=place[1])

    def _letters(
        self, whole: Roads, traces: Sequence[Trace], question: Question, asking: Asking
    ) -> Iterator[tuple[Way, Letter]]:
        """Looked for where no run was found, nor a place in a set. Of an event of another name is no way."""
        if not whole.ways or any(one.run is not None or one.in_place or one.claimed for one in traces):
            return
        looked = look(whole.deployed, asking)
        some = [(way, letter) for way, letter in of_event(looked.letters, whole, question.identity) if way is not None]
        if not some and looked.hidden + looked.unseen:
            asking.unseen_letters(looked.hidden + looked.unseen)
        yield from some

    def _nothing(self, facts: Facts, question: Question, events: Sequence[Any], settings: Settings) -> Answer:
        if facts.asking.definition(facts.roads.deployed) is None:
            gone = causes.GONE(what=f"the state machine {facts.roads.deployed}")
            return answer(facts, question.event, gone)
        standings: list[Standing] = []
        for way in facts.roads.ways:
            if facts.known is None:
                standings.append(standing(way, facts.asking))
            else:
                standings.append(standing_unread(way, facts.known, settings.event_bus, facts.asking))
        return nothing(facts, standings, question, events)


def _waits(facts: Facts, question: Question) -> bool:
    """Whether the id is of a run for whose end the flow waits."""
    return any(_waits_for(way, facts, question) for way in facts.roads.ways)


def _waits_for(way: Way, facts: Facts, question: Question) -> bool:
    return ended(way, question.identity, facts.asking) is not None


def _nobody(question: Question, facts: Sequence[Facts]) -> Answer:
    """No flow waits for the event, or for any."""
    if question.event is None:
        return Answer(NAME, "", "", None, causes.NOT_KEPT())
    unread = [item.known.flow for item in facts if item.known is not None]
    others = [name for flow in unread for name in event_names(Asked(flow.name, flow.name, flow))]
    return Answer(NAME, "", "", question.event, listeners.nobody(question, question.event, others))


def _events(facts: Sequence[Facts]) -> set[str | None]:
    """The names of events that the flows wait for; the ends of flows are none."""
    ways = (way for item in facts for way in item.roads.ways)
    return {way.name for way in ways if isinstance(way.dependency, EventDependency)}


def kept(facts: Facts) -> Iterator[dict[str, Any]]:
    """The event as the bus had it, wherever the flow has kept it."""
    for one in facts.traces:
        value = one.stored.value if one.stored is not None else None
        if isinstance(value, dict) and len(value.get("events", [])) == 1:
            value = value["events"][0].get("event")
        if isinstance(value, dict) and "detail-type" in value:
            yield value


def ask(question: Question, settings: Settings) -> list[Answer]:
    """`trail.answer.Target.ask`, with the credentials that boto3 finds."""
    return Target().ask(question, settings)
