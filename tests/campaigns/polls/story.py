"""Story: random steps, drawn while the model takes them, so that a run that ends is one that runs.

In:   a seed, how many rounds.
Out:  the steps, and the model after them.

Not here: what a step means. The last steps let everything come to rest: what was paused goes on, what was declared is
polled once more, so that what is compared is what is remembered, not how soon it was.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from .model import LIMIT, Answer, Begin, ClockStep, End, Kind, Model, Pause, Round, Step, Switch

NAMES = ("a-poll", "b poll", "c_poll")
CONTEXTS: list[Any] = [
    {"n": 1},
    {"n": 1, "m": 1},
    {"m": 1, "n": 1},
    {"n": 1, "m": 2},
    {"n": 2},
    {"n": "1"},
    {"n": None, "m": 1},
    {"n": [1, {"x": None}], "m": "\u2028"},
    {"m": 1},
    {},
    {"n": 1, "trigger_name": "mine"},
]
KEYS = (None, None, ("n",), ("n", "m"), ("m",), ("other",))
LONG = {"n": 3, "text": "x" * 3000}
TOO_LONG = {"n": 3, "text": "x" * LIMIT}
HOW = ("succeeded", "failed", "aborted")


@dataclass(frozen=True)
class Story:
    """`first` is what is declared in the beginning."""

    seed: int
    first: dict[str, Kind]
    required: str | None
    steps: list[Step]
    model: Model

    @property
    def is_calm(self) -> bool:
        """No crash, no fault, no clock that is set: what counts polls has counted them all."""
        return not any(
            isinstance(step, ClockStep)
            or (isinstance(step, Begin) and step.killed)
            or (isinstance(step, Round) and bool(step.crash or step.fault))
            for step in self.steps
        )


def combinations() -> list[Kind]:
    """Every one of `allow_concurrent`, `dedup` and whether there are `dedup_keys`."""
    return [
        Kind(allow_concurrent=concurrent, dedup=dedup, dedup_keys=keys)
        for concurrent in (False, True)
        for dedup in ("active", "once")
        for keys in (None, ("n",))
    ]


def story(seed: int, rounds: int) -> Story:
    """The first trigger has the combination that the seed says, so that each of them has its turn."""
    draw = random.Random(seed)
    every = combinations()
    first = {NAMES[0]: every[seed % len(every)], **_some(draw, NAMES[1 : draw.randrange(1, 4)])}
    required = draw.choice((None, None, "n"))
    model = Model(dict(first), required)
    steps: list[Step] = []

    def do(step: Step) -> None:
        steps.append(step)
        model.take(step)

    contexts = draw.sample(CONTEXTS, 4)  # few of them, so that they come again
    is_wild = draw.random() < 0.7
    for _ in range(rounds):
        for _ in range(draw.choice((0, 1, 1, 2))):
            step = _between(draw, model, is_wild)
            if step is not None:
                do(step)
        do(_round(draw, model, contexts, is_wild))
        last = steps[-1]
        if isinstance(last, Round) and last.crash is not None:
            do(Begin(dict(model.declared), killed=True, where=draw.randrange(8)))
    do(Pause(False))
    everything = {name: trigger.kind for name, trigger in model.triggers.items()}
    do(Round({}))
    while any(trigger.kept is not None for trigger in model.triggers.values()):
        do(Round({}))
    do(Begin(everything))
    do(_round(draw, model, contexts, is_wild=False))
    return Story(seed, first, required, steps, model)


def _some(draw: random.Random, names: tuple[str, ...]) -> dict[str, Kind]:
    return {
        name: Kind(
            draw.choice((1, 1, 2, 3)), draw.random() < 0.3, draw.choice(("active", "active", "once")), draw.choice(KEYS)
        )
        for name in names
    }


def _between(draw: random.Random, model: Model, is_wild: bool) -> Step | None:
    """What happens between two rounds."""
    names = sorted(model.declared)
    kept = any(trigger.kept is not None for trigger in model.triggers.values())
    what = draw.choice(("end",) * 6 + ("switch", "pause", "clock", "deploy", "restart", "kill"))
    if what == "end":
        running = [
            (name, start.generation)
            for name in names
            for start in model.triggers[name].starts
            if start.state == "running"
        ]
        return End(*draw.choice(running), draw.choice(HOW)) if running else None
    if what == "switch":
        name = draw.choice(names)
        return Switch(name, not model.triggers[name].is_on or draw.random() < 0.2)
    if what == "pause":
        return Pause(not model.is_paused)
    if what == "clock":
        return ClockStep(draw.choice((-7200, -61, 61, 7200, 400_000))) if is_wild else None
    if kept:  # a process that ends has no memory
        return None
    if what == "restart":
        return Begin(dict(model.declared))
    if what == "kill":
        return Begin(dict(model.declared), killed=True, where=draw.randrange(8)) if is_wild else None
    return Begin(_other(draw, model))


def _other(draw: random.Random, model: Model) -> dict[str, Kind]:
    """Another declaration: triggers come, go, or are otherwise."""
    declared = {**model.declared}
    name = draw.choice(NAMES)
    waits = name in declared and any(start.state == "waiting" for start in model.triggers[name].starts)
    if name in declared and len(declared) > 1 and not waits and draw.random() < 0.4:
        del declared[name]
    else:
        declared |= _some(draw, (name,))
    return declared


def _round(draw: random.Random, model: Model, contexts: list[Any], is_wild: bool) -> Round:
    answers: dict[str, Answer] = {}
    due = [name for name in model.due() if model.triggers[name].is_on and model.triggers[name].kept is None]
    for name in due:
        what = draw.choice(("fire",) * 8 + ("skip",) * 3 + ("error", "long", "too long"))
        if what in ("long", "too long"):
            answers[name] = Answer("fire", LONG if what == "long" else TOO_LONG)
        else:
            answers[name] = Answer(what, draw.choice(contexts) if what == "fire" else None)
    accepted = [name for name in due if answers[name].what == "fire" and model.accepts(name, answers[name].context)]
    where = draw.randrange(8)
    what = draw.random()
    if not is_wild or not accepted or what > 0.25:
        return Round(answers)
    name = draw.choice(accepted)
    if what < 0.12 and not any(trigger.kept is not None for trigger in model.triggers.values()):
        # Who else had been polled by then is no question of section 14.
        return Round({name: answers[name]}, crash=(name, draw.choice(("before", "after"))), where=where)
    fault = draw.choice(("store", "start"))
    if any(start.state == "waiting" for start in model.triggers[name].starts):
        fault = "store"  # which of several starts fails is no question of section 14
    return Round(answers, fault=(name, fault), where=where)
