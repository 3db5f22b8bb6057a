"""Reference: what triggers mean, in memory (semantics, sections 2 to 7 and 10).

In:   a trigger graph, then items one by one.
Out:  a `Step` for each: what it starts, with which values; what does not start and why; and the sets that wait.

Not here: files, processes, SQL, clouds, the clock of the machine, text for people. Written to be read beside the
semantics: lists and dictionaries, no index, nothing kept that the rules do not name.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ..graph.explain import words_of
from ..language.cron import fires, to_six_fields
from ..model.facts import branch_key, identity, is_set, needed, qualified_name
from ..model.flows import Constant, Dependency, Flow, PayloadField, Trigger, TriggerGraph
from ..model.kinds import assert_never
from ..model.names import poll_slug
from .acceptance import refusal, taken
from .items import BEGINNING, Item
from .matching import is_for, lacking, outcome_of, unread, without_value
from .steps import NotStarted, Occurrence, Start, Step, Unread, Waiting
from .values import Converted, Unfit, convert, exact, field_of, timestamp_text

_INSTANT = timedelta(microseconds=1)


@dataclass
class _Set:
    """The half-arrived sets of one *all* trigger: the events of each dependency, oldest first."""

    slots: list[list[Occurrence]]
    queue: bool
    resets: tuple[str, ...] = ()
    zone: str | None = None


@dataclass
class _Doing:
    """What the item at hand has done so far."""

    starts: list[Start] = field(default_factory=list)
    not_started: list[NotStarted] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)


@dataclass(frozen=True)
class _Made:
    """A run before it has a name."""

    flow: Flow
    reason: str
    events: tuple[Occurrence, ...] = ()
    parameters: dict[str, Converted] = field(default_factory=dict)
    fails: str | None = None


class Reference:
    """The engine's meaning without the engine. `accept` items in the order in which they arrive."""

    def __init__(self, graph: TriggerGraph) -> None:
        self.graph = graph
        self.now: datetime | None = None
        self._polls = {poll.name: (poll, graph.flows[target]) for target, poll in graph.polls if target is not None}
        self._known: dict[tuple[str, str, str], Any] = {}  # kind, name, id -> the payload
        self._runs = 0
        self._items = 0
        self._active: dict[tuple[str, str], str] = {}  # (poll, hash of its context) -> run
        self._generations: dict[str, int] = {}  # poll -> its starts
        self._sets: dict[tuple[int, int], _Set] = {}
        for number, flow in enumerate(graph.flows):
            for place, trigger in enumerate(flow.triggers):
                if is_set(trigger):
                    self._sets[number, place] = _empty_set(trigger)

    def accept(self, item: Item) -> Step:
        """What `item` does. Time moves to its `at` first, and schedules and resets on the way happen."""
        self._items += 1
        doing = _Doing()
        self._move_to(item.at, doing)
        assert self.now is not None
        refused = refusal(item.name, item.payload) if item.kind == "event" else None
        if refused is not None:
            return self._step(item, doing, refused=refused)
        known = self._identity(item)
        if item.kind in ("event", "finish"):
            # An event is its name and its id (section 7); an outcome's identity names its flow.
            key = (item.kind, item.name, known)
            if key in self._known:
                other = taken(item.name, known, self._known[key], item.payload) if item.kind == "event" else None
                return self._step(item, doing, refused=other, repeated=other is None)
            self._known[key] = item.payload
        if item.kind == "event":
            self._arrive(Occurrence(item.name, item.payload, known, item.at or self.now, "event"), None, doing)
        elif item.kind == "finish":
            self._free(item.identity)
            self._arrive(outcome_of(item, self._run_id(item), item.at or self.now), item, doing)
        elif item.kind == "poll":
            self._fire(item, doing)
        return self._step(item, doing)

    def waiting(self) -> list[Waiting]:
        """The sets of which a part has arrived, in the order of the graph."""
        found = []
        for (number, place), held in self._sets.items():
            if any(held.slots):
                flow = self.graph.flows[number]
                words = words_of(flow.triggers[place])
                has = tuple((word, len(slot)) for word, slot in zip(words, held.slots, strict=True) if slot)
                lacks = tuple(word for word, slot in zip(words, held.slots, strict=True) if not slot)
                found.append(Waiting(qualified_name(identity(flow)), has, lacks))
        return found

    # --- events and outcomes: sections 2 to 5 and 7 ---------------------------------------------------

    def _arrive(self, event: Occurrence, outcome: Item | None, doing: _Doing) -> None:
        for number, flow in enumerate(self.graph.flows):
            doing.unread += unread(flow, event, outcome)
            for place, trigger in enumerate(flow.triggers):
                matching = [slot for slot, item in enumerate(trigger.dependencies) if is_for(item, event, outcome)]
                absent = [lacking(flow, trigger, trigger.dependencies[slot], event) for slot in matching]
                if is_set(trigger):
                    for slot, missing in zip(matching, absent, strict=True):
                        if missing is None:
                            self._collect(number, place, slot, event, doing)
                        else:
                            doing.not_started.append(missing)
                elif None in absent:
                    # The first in written order that lacks nothing: its mapping counts.
                    chosen = trigger.dependencies[matching[absent.index(None)]]
                    self._start(flow, trigger.kind, [(trigger, chosen, event)], doing)
                else:
                    doing.not_started.extend(missing for missing in absent[:1] if missing is not None)

    def _collect(self, number: int, place: int, slot: int, event: Occurrence, doing: _Doing) -> None:
        held = self._sets[number, place]
        flow = self.graph.flows[number]
        trigger = flow.triggers[place]
        if held.queue:
            held.slots[slot].append(event)
        else:
            held.slots[slot] = [event]
        if all(held.slots):
            events = [waiting.pop(0) for waiting in held.slots]
            self._start(
                flow,
                trigger.kind,
                [(trigger, item, one) for item, one in zip(trigger.dependencies, events, strict=True)],
                doing,
            )

    def _start(
        self, flow: Flow, reason: str, given: list[tuple[Trigger, Dependency, Occurrence]], doing: _Doing
    ) -> None:
        parameters: dict[str, Converted] = {}
        has: set[str] = set()  # a value of the wrong type is one
        fails = None
        explicit = {mapping.parameter for _, dependency, _ in given for mapping in dependency.mappings}
        declared = {item.name: item for item in flow.parameters if not item.is_config}
        for trigger, dependency, event in given:
            wishes: list[tuple[str, Any, str]] = []
            for mapping in dependency.mappings:
                if isinstance(mapping.source, Constant):
                    wishes.append((mapping.parameter, exact(mapping.source.json), "the constant"))
                elif not isinstance(mapping.source, PayloadField):
                    assert_never(mapping.source)
                else:
                    path = mapping.source.path
                    wishes.append((mapping.parameter, field_of(event.payload, path), f"field {path!r}"))
            if trigger.auto_map:
                wishes += [
                    (name, field_of(event.payload, name), f"field {name!r}")
                    for name in declared
                    if name not in explicit
                ]
            for name, value, place in wishes:
                if value is None:
                    continue
                has.add(name)
                try:
                    parameters[name] = convert(value, declared[name].type)
                except Unfit as error:
                    fails = fails or f"event {event.name!r}: {place} does not fit parameter {name!r}: {error}"
        missing = next((item for item in needed(flow) if item.name not in has), None)
        if missing is not None:
            names = " nor ".join(event.name for _, _, event in given)
            doing.not_started.append(without_value(flow, missing, f"it is not in {names}"))
            return
        made = _Made(flow, reason, tuple(event for _, _, event in given), parameters, fails)
        self._run(made, doing)

    # --- polls ---------------------------------------------------------------------------------------

    def _fire(self, item: Item, doing: _Doing) -> None:
        assert self.now is not None
        if item.name not in self._polls:
            doing.not_started.append(NotStarted("", "", f"no poll trigger is called {item.name!r}"))
            return
        poll, flow = self._polls[item.name]
        told = item.payload
        if poll.dedup_keys is not None:
            told = {key: value for key, value in told.items() if key in poll.dedup_keys}
        key = (poll.name, context_hash(told))
        if not poll.allow_concurrent and key in self._active:
            why = f"a run with the same context is active or was ({self._active[key]})"
            doing.not_started.append(NotStarted(qualified_name(identity(flow)), "", why))
            return
        when = item.at or self.now
        payload = {**item.payload, "trigger_name": poll.name, "triggered_at": timestamp_text(when)}
        # Only the payload is judged: a poll may have a name that no event has.
        too_much = refusal("poll", payload)
        if too_much is not None:
            doing.not_started.append(NotStarted(qualified_name(identity(flow)), "", too_much))
            return
        given = self._named_alike(flow, payload)
        missing = next((one for one in needed(flow) if given.get(one.name) is None), None)
        if missing is not None:
            doing.not_started.append(without_value(flow, missing, f"poll {poll.name} does not give it"))
            return
        parameters: dict[str, Converted] = {}
        fails = None
        for parameter in flow.parameters:
            if given.get(parameter.name) is not None:
                try:
                    parameters[parameter.name] = convert(given[parameter.name], parameter.type)
                except Unfit as error:
                    fails = fails or f"poll {poll.name!r}: field {parameter.name!r} does not fit its parameter: {error}"
        generation = self._generations[poll.name] = self._generations.get(poll.name, 0) + 1
        name = f"{poll_slug(poll.name)}-{key[1][:16]}-g{generation}"
        event = Occurrence(poll.name, payload, name, when, "poll")
        run = self._run(_Made(flow, "poll", (event,), parameters, fails), doing)
        if not poll.allow_concurrent:
            self._active[key] = run

    @staticmethod
    def _named_alike(flow: Flow, payload: dict[str, Any]) -> dict[str, Any]:
        """Parameter -> the value of its name. A JSON parameter `trigger_context` gets the payload."""
        given = {item.name: payload.get(item.name) for item in flow.parameters if not item.is_config}
        whole = any(item.name == "trigger_context" and item.type == "json" for item in flow.parameters)
        return {**given, "trigger_context": payload} if whole and "trigger_context" not in payload else given

    # --- time: sections 2 (reset_at) and 10 ----------------------------------------------------------

    def _move_to(self, at: datetime | None, doing: _Doing) -> None:
        if self.now is None:
            self.now = at or BEGINNING
            return
        if at is None or at <= self.now:  # the clock does not run backwards
            return
        first, end = self.now + _INSTANT, at + _INSTANT
        due: list[tuple[datetime, int, int, int]] = []
        for number, flow in enumerate(self.graph.flows):
            if flow.schedule is not None:
                due += [(when, 1, number, 0) for when in fires(flow.schedule.cron, flow.schedule.timezone, first, end)]
        for (number, place), held in self._sets.items():
            for cron in held.resets:
                due += [(when, 0, number, place) for when in fires(cron, held.zone, first, end)]
        for when, kind, number, place in sorted(due):
            flow = self.graph.flows[number]
            self.now = when
            if kind == 0:
                held = self._sets[number, place]
                if any(held.slots):
                    doing.forgotten.append(qualified_name(identity(flow)))
                held.slots = [[] for _ in held.slots]
            else:
                missing = next(iter(needed(flow)), None)
                if missing is not None:
                    doing.not_started.append(without_value(flow, missing, "a schedule gives none"))
                else:
                    self._run(_Made(flow, "schedule"), doing)
        self.now = at

    # --- bookkeeping ---------------------------------------------------------------------------------

    def _run(self, made: _Made, doing: _Doing) -> str:
        assert self.now is not None
        self._runs += 1
        run = f"run-{self._runs}"
        name = qualified_name(identity(made.flow))
        parameters = made.parameters if made.fails is None else {}
        doing.starts.append(Start(name, run, made.reason, self.now, made.events, parameters, made.fails))
        return run

    def _free(self, run: str | None) -> None:
        """A run has ended: its poll may fire with the same context again, unless `dedup="once"`."""
        ended = [key for key, active in self._active.items() if active == run]
        for key in ended:
            if self._polls[key[0]][0].dedup != "once":
                del self._active[key]

    def _identity(self, item: Item) -> str:
        if item.kind == "finish":
            name = qualified_name((item.project or "", branch_key(item.branch), item.name))
            return f"{name}/{self._run_id(item)}/{item.outcome}"
        return item.identity or f"event-{self._items}"

    def _run_id(self, item: Item) -> str:
        return item.identity or f"upstream-{self._items}"

    def _step(self, item: Item, doing: _Doing, refused: str | None = None, repeated: bool = False) -> Step:
        assert self.now is not None
        return Step(
            item,
            self.now,
            tuple(doing.starts),
            tuple(doing.not_started),
            tuple(doing.forgotten),
            refused,
            repeated,
            tuple(doing.unread),
        )


def context_hash(context: dict[str, Any]) -> str:
    """What tells two contexts of one poll apart; none and an empty one are the same."""
    text = json.dumps(context, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _empty_set(trigger: Trigger) -> _Set:
    reset = trigger.options.reset_at
    return _Set(
        [[] for _ in trigger.dependencies],
        trigger.options.join == "queue",
        to_six_fields(reset.cron) if reset else (),
        reset.timezone if reset else None,
    )
