"""Model: what section 14 of the semantics says of poll triggers, in lines that share nothing with the product.

In:   the steps of a story, one after the other.
Out:  what has been accepted and started, in which order, and what each trigger's last poll gave.

Not here: how a target does it. A context is equal to another one when their JSON is, whatever the order of keys.
Time is counted in rounds: a trigger whose interval is three rounds is polled at the first after a poller has begun, and
then at every third.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

LIMIT = 240 * 1024


@dataclass(frozen=True)
class Kind:
    """What a declaration says. `rounds` is the interval."""

    rounds: int = 1
    allow_concurrent: bool = False
    dedup: str = "active"
    dedup_keys: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Answer:
    """What a poll gives: `fire` a context, `skip`, or `error`."""

    what: str
    context: Any = None


@dataclass(frozen=True)
class Round:
    """One interval goes by, and what is due is polled; `answers` by trigger, of others a skip.

    `crash`: the poller ends while it deals with that trigger's fire: "before" it is stored, or "after".
    `fault`: of that trigger, the fire cannot be stored this time ("store"), or the run is not made yet ("start").
    `where`: which of the moments that this may be, for a target that has several.
    """

    answers: dict[str, Answer]
    crash: tuple[str, str] | None = None
    fault: tuple[str, str] | None = None
    where: int = 0


@dataclass(frozen=True)
class End:
    """The run of a trigger's start of that number ends."""

    trigger: str
    generation: int
    how: str


@dataclass(frozen=True)
class Switch:
    """`enable` or `disable`."""

    trigger: str
    on: bool


@dataclass(frozen=True)
class Pause:
    """`pause` or `resume`, of the flow."""

    on: bool


@dataclass(frozen=True)
class ClockStep:
    """The wall clock is set."""

    seconds: int


@dataclass(frozen=True)
class Begin:
    """A poller ends, told to or `killed`, and another one begins, with what is declared by then."""

    declared: dict[str, Kind]
    killed: bool = False
    where: int = 0


Step = Round | End | Switch | Pause | ClockStep | Begin


@dataclass
class Start:
    """A fire that was accepted. `state`: waiting, running, or how its run has ended."""

    generation: int
    context: dict[str, Any]
    equal: str
    state: str = "waiting"


@dataclass
class Trigger:
    """What there is to say of a trigger. `kept` is a fire that could not be stored."""

    kind: Kind
    is_on: bool = True
    starts: list[Start] = field(default_factory=list)
    order: list[int] = field(default_factory=list)
    result: str | None = None
    errors: int = 0
    suppressed: int = 0
    kept: dict[str, Any] | None = None


@dataclass
class Model:
    """`required`: a parameter of the flow without a default."""

    declared: dict[str, Kind]
    required: str | None = None
    triggers: dict[str, Trigger] = field(default_factory=dict)
    is_paused: bool = False
    rounds: int = 0

    def __post_init__(self) -> None:
        self._declare(self.declared)

    def take(self, step: Step) -> None:
        """What happens."""
        if isinstance(step, Round):
            self._round(step)
        elif isinstance(step, End):
            self.start(step.trigger, step.generation).state = step.how
        elif isinstance(step, Switch):
            self.triggers[step.trigger].is_on = step.on
        elif isinstance(step, Pause):
            self.is_paused = step.on
        elif isinstance(step, Begin):
            self._declare(step.declared)
            self._anew()

    def start(self, trigger: str, generation: int) -> Start:
        return self.triggers[trigger].starts[generation - 1]

    def due(self) -> list[str]:
        """The triggers of the next round."""
        return [name for name, kind in sorted(self.declared.items()) if self.rounds % kind.rounds == 0]

    def accepts(self, name: str, context: dict[str, Any]) -> bool:
        """Whether a fire would start something."""
        return self.against(context) is None and not self._is_repetition(self.triggers[name], context)

    def against(self, context: dict[str, Any]) -> str | None:
        """Why a context can start nothing."""
        if len(json.dumps(context)) > LIMIT:
            return "too large"
        if self.required is not None and context.get(self.required) is None:
            return "a parameter without a value"
        return None

    def _declare(self, declared: dict[str, Kind]) -> None:
        self.declared = declared
        for name, kind in declared.items():
            self.triggers.setdefault(name, Trigger(kind)).kind = kind

    def _anew(self) -> None:
        self.rounds = 0
        for trigger in self.triggers.values():
            trigger.errors, trigger.kept = 0, None

    def _round(self, step: Round) -> None:
        due = self.due()
        self.rounds += 1
        for name in due:
            trigger = self.triggers[name]
            self._begin_runs(trigger)
            answer = step.answers.get(name, Answer("skip"))
            is_kept = trigger.kept is not None
            if trigger.kept is not None:
                answer, trigger.kept = Answer("fire", trigger.kept), None
            elif not trigger.is_on:
                continue
            if step.crash is not None and step.crash[0] == name and not is_kept:
                if step.crash[1] == "after":
                    self._accept(trigger, answer.context)
                continue
            fault = step.fault[1] if step.fault is not None and step.fault[0] == name else ""
            self._deal(trigger, answer, fault)
        if step.crash is not None:
            self._anew()

    def _deal(self, trigger: Trigger, answer: Answer, fault: str) -> None:
        if answer.what == "skip":
            trigger.result, trigger.errors = "skip", 0
        elif answer.what == "error" or self.against(answer.context or {}) is not None or fault == "store":
            trigger.result, trigger.errors = "error", trigger.errors + 1
            trigger.kept = answer.context or {} if fault == "store" else None
        elif self._is_repetition(trigger, answer.context or {}):
            trigger.result, trigger.errors = "suppressed", 0
            trigger.suppressed += 1
        else:
            trigger.result, trigger.errors = "fire", 0
            self._accept(trigger, answer.context or {})
            if fault != "start":
                self._begin_runs(trigger)

    def _accept(self, trigger: Trigger, context: dict[str, Any]) -> None:
        trigger.starts.append(Start(len(trigger.starts) + 1, context, equal(trigger.kind, context)))

    def _begin_runs(self, trigger: Trigger) -> None:
        for start in trigger.starts if not self.is_paused else ():
            if start.state == "waiting":
                start.state = "running"
                trigger.order.append(start.generation)

    @staticmethod
    def _is_repetition(trigger: Trigger, context: dict[str, Any]) -> bool:
        if trigger.kind.allow_concurrent:
            return False
        alike = [start for start in trigger.starts if start.equal == equal(trigger.kind, context)]
        if trigger.kind.dedup == "once":
            return bool(alike)
        return any(start.state in ("waiting", "running") for start in alike)


def equal(kind: Kind, context: dict[str, Any]) -> str:
    """What equal contexts have in common."""
    told = context if kind.dedup_keys is None else {key: context[key] for key in context if key in kind.dedup_keys}
    return json.dumps(told, sort_keys=True)
