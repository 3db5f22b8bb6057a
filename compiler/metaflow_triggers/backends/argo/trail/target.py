"""Target: what a cluster says of a question (`trail.answer.Target`).

In:   a question, the settings; a cluster, which is only read.
Out:  an answer for each flow, or several.

Not here: what an object says (`runs`, `workflows`, `listening`, `obstacles`), how answers are written.

The event bus keeps no events that anybody may look at, and half-arrived sets are on it: what a start leaves behind is
its Workflow, or the object that tells that it was given up. Where neither is there, a definite reason is looked for:
what is not in order, then what the filters say of the payload that is given.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from .... import seams
from ....graph.explain import awaited
from ....model.facts import is_set
from ....model.settings import OPEN_PREFIX, Settings
from ....trail import answer, causes, judge
from ....trail.answer import Answer
from ....trail.causes import Cause
from ....trail.listeners import nobody
from ....trail.question import Asked, Question, event_names
from ... import poll_trail
from ...poll_trail import Remembered
from .. import NAME
from ..compile import shared
from ..compile.poller import poller_name
from ..deploy.cluster import Cluster
from ..deploy.ownership import is_ours
from . import commands, obstacles, outcomes, polls, start_names, workflows
from .deployed import older_than, recorded
from .fields import field, part, word
from .listening import Way, wanted, ways
from .looks import Look, Looks
from .runs import is_of, run_answer
from .sensor_log import lacking_right, why_refused
from .start_names import StartName

_RUN = re.compile(r"(?:argo-)([a-z0-9][-a-z0-9.]{0,62})")
"""Metaflow's id of a run: `argo-` before the Workflow's name."""
_AT_ONCE = 8  # flows


def ask(question: Question, settings: Settings) -> list[Answer]:
    """Raises DiagnosticError (FT701) where no cluster is reached."""
    return asked_of(Cluster.of(), question, settings)


def asked_of(api: Cluster, question: Question, settings: Settings) -> list[Answer]:
    """Of one cluster. Raises DiagnosticError (FT701)."""
    looks = Looks(api)
    run = _RUN.fullmatch(question.identity) if question.event is None else None
    own = looks.at("Workflow", settings.kubernetes_namespace, run[1]) if run else None
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        flows = list(
            pool.map(lambda asked: _Flow(looks.of_a_flow(), question, settings, asked, own), question.listening())
        )
        found = [item for answers in pool.map(_Flow.answers, flows) for item in answers]
    if own is None and any(item.poll for item in found):  # then it is no id of an event
        found = [item for item in found if item.poll or item.verdict == causes.STARTED]
    if found:
        return found
    waited = [name for flow in flows for name in event_names(flow.as_deployed)]
    where = f"the namespace {settings.kubernetes_namespace}"
    cause = nobody(question, question.event, waited) if question.event else causes.NOT_ACCEPTED(where=where)
    return [Answer(NAME, "", "", question.event, cause)]


@dataclass
class _Flow:
    """One flow that is asked about. `own` is the Workflow of the run that is asked about, or None: an event is."""

    looks: Looks
    question: Question
    settings: Settings
    asked: Asked
    own: Look | None

    def __post_init__(self) -> None:
        self.namespace = self.settings.kubernetes_namespace
        self.template = self.looks.at("WorkflowTemplate", self.namespace, self.asked.deployed)
        self.deployed = recorded(self.template)
        self.flow = self.deployed or self.asked.flow
        self.as_deployed = dataclasses.replace(self.asked, flow=self.flow)

    def answers(self) -> list[Answer]:
        if self.own is not None:
            return self.of_run(self.own)
        event = self.question.event
        if self.flow is None:
            polled = self.of_poll()
            return polled or ([] if self.template.is_absent else [self.answer(event, [causes.NOT_KEPT()])])
        names = self.question.names(self.as_deployed)
        starts = [item for name in names for item in start_names.of_event(self.flow, name, self.question.identity)]
        found = [item for start in starts if (item := self.left(start)) is not None]
        if found:
            return _with_same_id(found)
        polled = self.of_poll()
        if polled or not (names or self.question.names(self.asked)):
            # Only the file of another version waits for it, or outcomes alone start it.
            return polled or self.unasked()
        if self.template.item is not None and not is_ours(self.template.item):
            return [self.answer(event, [causes.NOT_OURS(what=str(self.template))])]
        if len(names) == 1:
            event = names[0]
        return [self.answer(event, self.nothing(event, starts))]

    # a run that is asked about -----------------------------------------------------------------------------------

    def of_run(self, own: Look) -> list[Answer]:
        """What the run is, if it is of this flow; what its end has started, if this flow waits for it."""
        found: list[Answer] = []
        if own.item is not None and is_of(own.item, self.asked.deployed):
            events = workflows.told(own.item, self.flow).events
            found.append(self.run(events[0] if events else None, own))
        told = None if own.item is None else workflows.told(own.item, None)
        starts = [] if self.flow is None else start_names.of_run(self.flow, self.question.identity)
        if told is not None:
            starts = [item for item in starts if item.event.startswith(f"metaflow.outcome.{told.template}.")]
        if not starts:
            return found if own.item is not None else self.of_poll()
        left = [item for start in starts if (item := self.left(start)) is not None]
        return [*found, *(left or [self.answer(None, self.after_run(told, own, starts))])]

    def after_run(self, told: workflows.Told | None, own: Look, starts: Sequence[StartName]) -> list[Cause]:
        """Why the end of a run has started nothing: first what the run itself says, whose end is waited for."""
        if told is not None and told.state in (answer.WAITING, answer.RUNNING):
            return [causes.NOT_ENDED(run=told.run_id)]
        if field(own.item, "spec", "shutdown") == "Terminate":
            return [causes.REFUSED(why="the run was terminated, and then it publishes no outcome")]
        said = [] if told is None or self.flow is None else list(outcomes.refusals(self.flow, told, starts))
        return said or self.nothing(starts[0].event if len(starts) == 1 else None, starts)

    # what a start has left behind --------------------------------------------------------------------------------

    def left(self, start: StartName) -> Answer | None:
        """The run that was started, or the record of a start that was given up."""
        if start.name is not None:
            look = self.looks.at("Workflow", self.namespace, start.name)
            if look.item is not None:
                return self.run(start.event, look)
            record = self.looks.at("ConfigMap", self.namespace, start.name)
            if record.item is not None:
                return self.given_up(start, record)
        return self.left_of_set(start) if is_set(start.trigger) else None

    def left_of_set(self, start: StartName) -> Answer | None:
        """The record of a set tells its events and the name of its Workflow."""
        ids = (self.question.identity, f"{self.question.identity}/{start.event.rpartition('.')[2]}")
        for item in self.looks.records(self.namespace, self.asked.deployed):
            if not any(_is_event(text, start.event, ids) for text in part(item, "data").values()):
                continue
            named = dataclasses.replace(start, name=item["metadata"]["name"])
            look = self.looks.at("Workflow", self.namespace, str(named.name))
            if look.item is not None:
                return self.run(start.event, look)
            return self.given_up(named, Look("ConfigMap", self.namespace, str(named.name), item))
        return None

    def run(self, event: str | None, look: Look) -> Answer:
        payload = self.question.payload if self.own is None else None
        found = run_answer(self.looks, self.asked, event, look, self.template, self.flow, payload)
        return dataclasses.replace(found, also=(*found.also, *self.beside()))

    def given_up(self, start: StartName, record: Look) -> Answer:
        since = record.item["metadata"].get("creationTimestamp")
        reason = self.refusal(start, since)
        told = reason or "all tries were refused; only the Sensor's log says why, and it does not any more"
        letter = causes.DEAD_LETTER(place=str(record), reason=told, since=since)
        lacks = _no_right(reason) or [cause for cause in self.in_the_way(start.event) if cause.code == "no-right"]
        again = commands.again(start, self.question, self.asked.deployed)
        return self.answer(start.event, [*lacks, letter], again)

    # a poll that is asked about ----------------------------------------------------------------------------------

    def of_poll(self) -> list[Answer]:
        """What a fire of this flow's poll triggers became, or what the last poll of one said; else nothing."""
        name = self.question.identity.removeprefix("argo-")
        is_fire = poll_trail.FIRE.fullmatch(name) is not None
        if not (is_fire or self.asked.polls or self.asked.flow is None):
            return []
        if is_fire:
            look = self.looks.at("Workflow", self.namespace, name)
            if look.item is not None:
                return [self.fired(look)] if is_of(look.item, self.asked.deployed) else []
        for item, found in polls.records(self.looks.polls(self.namespace, self.asked.deployed)):
            claim = found.fire(name) if is_fire else None
            if claim is not None or found.name == self.question.identity:
                return [self.remembered(item, found, claim)]
        return []

    def unasked(self) -> list[Answer]:
        """Whether a poll is meant is not known, where nobody may look at what is remembered of the flow's polls."""
        found = [_could_not(look) for look in self.looks.refused() if look.kind == "Polls"]
        return [self.answer(self.question.event, found)] if found else []

    def fired(self, look: Look) -> Answer:
        told = workflows.told(look.item, self.flow)
        return self.run(told.events[0] if told.events else None, look)

    def remembered(self, item: Any, record: Remembered, claim: dict[str, Any] | None) -> Answer:
        """Of a claim whose Workflow is not there; without one of the trigger's last poll."""
        name = poller_name(self.asked.deployed)
        poller = self.looks.at("Deployment", self.namespace, name)
        if claim is None:
            lease = self.looks.at("Lease", self.namespace, name)
            cause, claim = polls.of_trigger(item, record, poller, lease, self.question.payload)
        else:
            cause = polls.of_fire(record, claim)
        more = polls.commands(cause, record, self.asked.deployed, poller)
        found = Answer(NAME, self.asked.name, self.asked.deployed, record.name, cause, self.beside())
        found = dataclasses.replace(found, commands=more, poll=record.poll(claim))
        if claim is None:
            return found
        look = self.looks.at("Workflow", self.namespace, claim["name"])
        if look.item is None:
            return dataclasses.replace(found, run=poll_trail.run_of(record, claim))
        made = self.fired(look)
        if cause.kind is not causes.SUPPRESSED_POLL:
            return made
        return dataclasses.replace(found, run=made.run)

    # nothing is left ---------------------------------------------------------------------------------------------

    def nothing(self, event: str | None, starts: Sequence[StartName]) -> list[Cause]:
        """Why, as far as anybody can tell; what counts most first."""
        obstacles_found = list(self.in_the_way(event))
        if not obstacles_found:
            obstacles_found = self.refused_so_far(starts)
        unasked = [
            _could_not(look)
            for look in self.looks.refused()
            if look.kind in ("Workflow", "ConfigMap", "ConfigMaps", "Polls")
        ]
        return [*unasked[:1], *obstacles_found, *self.judged(event, starts, bool(unasked or obstacles_found))]

    def refusal(self, start: StartName, given_up: str | None) -> str | None:
        """Why the cluster refused a start, where the Sensor's log says it for certain."""
        if start.name is None or self.flow is None:
            return None
        for sensor, _ in wanted(self.flow, start.event, self.settings):
            for log in self.looks.sensor_logs(sensor.namespace, sensor.name):
                reason = why_refused(log, start.name, given_up)
                if reason is not None:
                    return reason
        return None

    def refused_so_far(self, starts: Sequence[StartName]) -> list[Cause]:
        """Why the cluster refuses a start that the Sensor goes on to try."""
        reasons = [reason for start in starts if (reason := self.refusal(start, None)) is not None]
        found: list[Cause] = []
        for reason in reasons:
            found += _no_right(reason) or [
                causes.REFUSED(why=f"{reason} (the Sensor tries again, for an hour at most)")
            ]
        return found

    def in_the_way(self, event: str | None) -> Iterator[Cause]:
        yield from obstacles.of_template(self.template)
        if self.template.is_absent:
            return
        if event is not None and self.own is None and event not in event_names(self.as_deployed):
            yield older_than(self.deployed, self.asked.flow) or causes.OTHER_VERSION(
                what=f"it does not wait for {event}"
            )
            return
        posted = _posted_to(self.settings)
        found = [cause for way in self.ways(event) for cause in obstacles.of_way(self.looks, way, event, posted)]
        yield from dict.fromkeys(found)

    def ways(self, event: str | None) -> list[Way]:
        return [] if self.flow is None else ways(self.looks, self.flow, event, self.settings)

    def judged(self, event: str | None, starts: Sequence[StartName], is_explained: bool) -> Iterator[Cause]:
        payload = self.question.payload if event is not None and self.own is None else None
        refusals: list[Cause] = []
        sets = [start for start in starts if is_set(start.trigger)]
        if payload is not None and event is not None:
            rows = judge.judged(self.as_deployed, event, payload)
            refusals = [cause for row in rows for cause in row.refusals]
            taken = [row.trigger for row in rows if not row.refusals]
            sets = [start for start in sets if start.trigger in taken]
            yield from (refusals if not taken else [])
            yield from (note for row in rows for note in row.notes)
            if not taken:
                return
        if is_explained:
            return
        yield from map(_set_not_kept, sets)
        if not sets:
            gone = _may_be_gone(self.template)
            yield gone or (causes.NOT_KEPT() if payload is None else causes.NOT_ARRIVED())

    # said beside -------------------------------------------------------------------------------------------------

    def beside(self) -> tuple[Cause, ...]:
        older = older_than(self.deployed, self.asked.flow)
        found = [*map(_could_not, self.looks.refused()), *([older] if older is not None else [])]
        return tuple(dict.fromkeys(found))

    def answer(self, event: str | None, found: Sequence[Cause], more: tuple[str, ...] = ()) -> Answer:
        cause, *also = dict.fromkeys((*found, *self.beside()))
        sensors = [] if self.flow is None else [sensor for sensor, _ in wanted(self.flow, event, self.settings)]
        lines = dict.fromkeys((*more, *commands.after(cause, self.asked, sensors, self.namespace)))
        return Answer(NAME, self.asked.name, self.asked.deployed, event, cause, tuple(also), None, tuple(lines))


def _with_same_id(found: list[Answer]) -> list[Answer]:
    """One id under several names is several events."""
    events = list(dict.fromkeys(item.event for item in found if item.event))
    return [
        dataclasses.replace(
            item, also=(*item.also, *(causes.SAME_ID(event=other) for other in events if other != item.event))
        )
        for item in found
    ]


def _is_event(text: Any, event: str, ids: tuple[str, ...]) -> bool:
    """Whether a field of a record tells of the event."""
    try:
        told = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return False
    return word(told, "name") == event and word(told, "id") in ids


def _could_not(look: Look) -> Cause:
    """`right` is what the cluster said is missing."""
    return causes.COULD_NOT_ASK(why=str(look) if look.right else str(look.why), right=look.right)


def _no_right(reason: str | None) -> list[Cause]:
    found = None if reason is None else lacking_right(reason)
    return [] if found is None else [causes.NO_RIGHT(who=found[0], right=found[1])]


def _set_not_kept(start: StartName) -> Cause:
    lacks = [word for place, word in enumerate(awaited(start.trigger)) if place not in start.dependencies]
    reset = start.trigger.options.reset_at
    when = None if reset is None else f"{reset.cron} ({reset.timezone or 'UTC'})"
    return causes.SET_NOT_KEPT(lacks=" and ".join(lacks), reset=when)


def _may_be_gone(template: Look) -> Cause | None:
    """Whether Workflows of the flow are deleted by themselves."""
    ttl = part(template.item, "spec", "ttlStrategy")
    if not ttl:
        return None
    told = ", ".join(f"{name} {value}" for name, value in sorted(ttl.items()))
    return causes.MAY_BE_DELETED(why=f"its Workflow was deleted, as those of {template} are ({told})")


def _posted_to(settings: Settings) -> str | None:
    """Where events are posted, as far as configuration says so."""
    url = seams.configured("TRIGGERS_WEBHOOK_URL") or shared.webhook_url(settings)
    return None if OPEN_PREFIX in url else url
