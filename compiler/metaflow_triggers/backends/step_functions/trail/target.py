"""Target: what AWS Step Functions answers to the question of a trail.

In:   `trail.question.Question`, the settings.
Out:  answers; DiagnosticError FT701 where nobody can be asked.

Not here: everything; this is the order in which it is done. Each flow is asked for by itself, and what one of them has
kept of the event tells the others what it held.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from ....model.flows import EventDependency
from ....model.settings import Settings
from ....trail import causes
from ....trail.answer import Answer
from ....trail.question import Asked, Question
from ..deploy.calls import Clients
from ..deploy.instructions import Place
from ..deploy.plan import where
from .asking import Asking
from .computed import Roads, roads
from .gather import own_run, standing, trace
from .letters import Letter, of_event
from .nothing import nothing
from .tell import Facts, answer, found


class Target:
    """`trail.answer.Target`. `clients` and `now` are for those who try it."""

    def __init__(self, clients: Clients | None = None, now: datetime | None = None) -> None:
        self._clients = clients or Clients()
        self._now = now

    def ask(self, question: Question, settings: Settings) -> list[Answer]:
        facts = [self._facts(asked, question, settings) for asked in question.listening()]
        events = [event for item in facts for event in kept(item)]
        of_event = [list(found(item, question)) for item in facts]
        names = dict.fromkeys(one.event for answers in of_event for one in answers if one.event in _events(facts))
        out: list[Answer] = []
        for item, answers in zip(facts, of_event, strict=True):
            others = [[name for name in names if name != one.event and one.event in names] for one in answers]
            out += [
                replace(one, also=(*one.also, *(causes.SAME_ID(event=name) for name in more)))
                for one, more in zip(answers, others, strict=True)
            ]
            if not answers:
                out.append(self._nothing(item, question, events))
        return out

    def _facts(self, asked: Asked, question: Question, settings: Settings) -> Facts:
        place = where(asked.deployed, self._clients)
        asking = Asking(place)
        arns = f"{place.partition}:states:{place.region}:{place.account}"
        assert asked.flow is not None
        whole = roads(asked.flow, settings, question.identity, arns, question.event)
        traces = tuple(one for way in whole.ways if (one := trace(whole, way, asking)) is not None)
        marks = [kept.mark for way in whole.ways for kept in way.keeps if kept.mark]
        letters = of_event(self._letters(place, whole, asking), question.identity, marks)
        now = self._now or datetime.now(timezone.utc)
        own = own_run(whole, question.identity, asking)
        return Facts(asked, whole, traces, letters, asking, now, settings.event_bus, settings.event_source, own)

    def _letters(self, place: Place, whole: Roads, asking: Asking) -> tuple[Letter, ...]:
        return ()

    def _nothing(self, facts: Facts, question: Question, events: Sequence[Any]) -> Answer:
        if facts.asking.definition(facts.roads.deployed) is None:
            gone = causes.GONE(what=f"the state machine {facts.roads.deployed}")
            return answer(facts, question.event, gone)
        return nothing(facts, [standing(way, facts.asking) for way in facts.roads.ways], question, events)


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
