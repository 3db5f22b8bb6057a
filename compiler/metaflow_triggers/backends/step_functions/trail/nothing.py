"""Nothing: what a flow's rules and filters say of an event of which AWS has kept nothing.

In:   the standing of each way, the question, perhaps the event as another flow has kept it.
Out:  one answer for the flow.

Not here: asking (`gather`). Nothing is guessed: a reason that holds on some ways alone, where nobody knows on which the
event came, is said beside the cause.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from metaflow_extensions.triggers.contract import exact_json
from metaflow_extensions.triggers.contract.words import OUTCOME_OF_STATUS, event_resource

from ....language.refusing import refusing
from ....model.flows import EventDependency, FinishDependency
from ....trail import causes, judge
from ....trail.answer import Answer
from ....trail.causes import Cause
from ....trail.question import Question
from ..compile.resources import EventRule
from .asking import Rule, Run
from .computed import Way
from .gather import LookedFor, Standing, ended
from .tell import Facts, answer, unanswered


@dataclass(frozen=True)
class _About:
    """What is asked of a flow. `events`: as the bus had them, where flows have kept them."""

    facts: Facts
    question: Question
    events: tuple[Any, ...]

    def event(self, way: Way) -> Any:
        """The event as it was on the bus, if it is one of the way; else as the payload that was given would be there;
        None where nobody knows what it held."""
        for event in self.events:
            if event.get("source") == way.sender.source and way.sender.detail_type in (None, event.get("detail-type")):
                return event
        if way.sender.machine is not None:
            return self.ended(way)
        payload = self.question.payload
        return None if payload is None else as_event(way, self.question.identity, payload)

    def knows(self, item: Standing) -> bool:
        """Whether all is known that says if the event starts the flow on this way."""
        there = self.event(item.way) is not None or self.ended(item.way) is not None
        return there and not item.needs

    def ended(self, way: Way) -> Run | None:
        """The run in question, if its end comes on this way."""
        return ended(way, self.question.identity, self.facts.asking)


_WHEN = "2026-01-01T00:00:00Z"
"""Of an event that is made up to ask a pattern; no pattern of ours asks for it."""


def nothing(facts: Facts, standings: Sequence[Standing], question: Question, events: Sequence[Any]) -> Answer:
    """`events` is the very event, as the bus had it, where other flows have kept it; of one id under two names both."""
    about = _About(facts, question, tuple(events))
    # Of a run that is there nobody has to guess on which way its end comes.
    standings = [item for item in standings if about.ended(item.way) is not None] or standings
    names = {item.way.name for item in standings}
    name = question.event or (next(iter(names)) if len(names) == 1 else None)
    each = [_on_way(about, item) for item in standings]
    notes = [unanswered(item) for item in facts.asking.unanswered]
    firsts = _once(cause for found in each for cause in found[:1])
    others = _once(cause for found in each for cause in found[1:])
    if all(each) and (name is not None or len(firsts) == 1):
        return answer(facts, name, firsts[0], (*firsts[1:], *others))
    if notes:  # it may well have started
        return answer(facts, name, notes[0], (*firsts, *others))
    known = all(about.knows(item) for item in standings)
    if name is not None and known:
        return answer(facts, name, causes.NOT_ARRIVED(), (*firsts, *others))
    return answer(facts, name, causes.NOT_KEPT(), (*firsts, *others))


def _once(found: Iterable[Cause]) -> list[Cause]:
    """Each cause once; those of one kind with the same words are one."""
    return list({(cause.code, cause.words): cause for cause in found}.values())


def _on_way(about: _About, item: Standing) -> list[Cause]:
    """Why the event cannot have started the flow on this way, the nearest reason first; empty where it may have."""
    if item.definition is None:
        return [causes.GONE(what=f"the state machine {item.way.machine}")]
    older = _not_waited_for(item)
    if older:
        return older
    if not item.rules:
        bus = about.facts.bus.rpartition("event-bus/")[2]
        buses = " and ".join(dict.fromkeys(("default", bus)))
        why = f"no file of the flow was read, and there is no rule for {item.way.name} on the bus {buses}"
        return [causes.COULD_NOT_ASK(why=why)]
    out: list[Cause] = []
    for one in item.rules:
        said = _of_place(about, item.way, one)
        if not said:
            return []
        out += said
    return out


def _not_waited_for(item: Standing) -> list[Cause]:
    """The machine that is deployed was told of other dependencies."""
    try:
        told = item.definition["States"]["Store"]["Parameters"]["Body"]["dependencies"]
    except (KeyError, TypeError):  # nobody may ask for it, or it is not as we make them
        return []
    if any(one.get("name") == item.way.name or one.get("flow") == item.way.name for one in told):
        return []
    return [causes.OTHER_VERSION(what=f"the deployed version does not wait for {item.way.name}")]


def _of_place(about: _About, way: Way, one: LookedFor) -> list[Cause]:
    shown, there = one.shown, one.there
    if there is None:
        return [causes.GONE(what=f"the rule {shown}")]
    if not isinstance(there, Rule):
        return []
    if not there.enabled:
        return [causes.DISABLED(what=f"the rule {shown}")]
    if there.targets is not None and not any(arn.endswith(f":stateMachine:{way.machine}") for arn in there.targets):
        return [causes.GONE(what=f"the target of the rule {shown}")]
    said = list(_of_rule(about, way, there))
    if said and isinstance(one.meant, EventRule) and (there.pattern.get("detail") or None) != one.meant.detail:
        said.append(causes.OTHER_VERSION(what=f"the filter in the rule {shown} is another"))
    return said


def _of_rule(about: _About, way: Way, rule: Rule) -> Iterator[Cause]:
    """What a rule that is there says of the event."""
    facts, dependency, flow = about.facts, way.dependency, about.facts.roads.flow
    if not isinstance(dependency, EventDependency):
        yield from _of_end(about, dependency, way)
        return
    bus, sent = (text.rpartition("event-bus/")[2] for text in (rule.bus, facts.bus))
    if not about.events and way.sender.source == facts.source and bus != sent:
        yield causes.WRONG_BUS(sent=sent, listens=bus)
        return
    event = about.event(way)
    if event is None:
        return
    said = _pattern(rule.pattern, event)
    judged = judge.judge(flow, way.trigger, 0, dependency, event["detail"])
    if not said and facts.asking.lets_through(rule, str(exact_json.dumps(event))) is False:
        text = f"EventBridge says that the pattern of the rule {rule.name} does not match"
        said = list(judged.notes) or [causes.REFUSED(why=text)]
    yield from said or judged.refusals
    if said or judged.refusals:
        yield from (note for note in judged.notes if note not in said)


def _of_end(about: _About, dependency: FinishDependency, way: Way) -> Iterator[Cause]:
    """What the run itself says, whose end is waited for: it is still there, whether its end came or not."""
    run = about.ended(way)
    if run is None:
        return
    outcome = OUTCOME_OF_STATUS.get(run.status)
    if outcome is None:
        yield causes.NOT_ENDED(run=about.question.identity)
        return
    ways = " or ".join(f'"{one}"' for one in dependency.match)
    if outcome not in dependency.match:
        yield causes.FILTER(path="outcome", wanted=ways, found=f'"{outcome}"')
        return
    reasons = ": ".join(filter(None, (run.error, run.cause)))
    payload = {"flow": dependency.flow, "run_id": about.question.identity, "outcome": outcome, "step": None}
    payload |= {"project": dependency.project, "branch": dependency.branch, "error": reasons or None}
    yield from judge.judge(about.facts.roads.flow, way.trigger, 0, dependency, payload).refusals


def _pattern(pattern: dict[str, Any], event: dict[str, Any]) -> list[Cause]:
    """The parts of a rule's pattern that say no to an event."""
    envelope = {key: value for key, value in pattern.items() if key != "detail"}
    out = _filter(envelope, {key: event.get(key) for key in ("source", "detail-type")})
    detail = pattern.get("detail") or {}
    ways = [_filter(one, event["detail"]) for one in detail.get("$or", [detail] if detail else [])]
    return out + ([cause for found in ways for cause in found] if all(ways) else [])


def _filter(pattern: dict[str, Any], payload: Any) -> list[Cause]:
    return [
        causes.FILTER_TOGETHER(wanted=item.wanted, found=item.found)
        if item.together
        else causes.FILTER(path=item.path, wanted=item.wanted, found=item.found)
        for item in refusing(pattern, payload)
    ]


def as_event(way: Way, identity: str, payload: dict[str, Any]) -> dict[str, Any]:
    """The event as it would be on the bus."""
    return {
        "version": "0",
        "id": identity,
        "detail-type": way.sender.detail_type or way.name,
        "source": way.sender.source,
        "account": "000000000000",
        "time": _WHEN,
        "region": "us-east-1",
        "resources": [event_resource(identity)],
        "detail": payload,
    }
