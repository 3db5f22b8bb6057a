"""Chance: random projects of up to 20 flows, and random lists of events that mean something to them.

In:   a seed.
Out:  a trigger graph and items of a simulation; the same for the same seed.

Not here: running them. Names come from small pools, so that events meet flows; values mostly fit.
"""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta, timezone

from metaflow_triggers.graph.link import link
from metaflow_triggers.model.flows import (
    OUTCOMES,
    Constant,
    EventDependency,
    Filter,
    FinishDependency,
    Flow,
    Mapping,
    Options,
    Parameter,
    PayloadField,
    PollTrigger,
    Schedule,
    Span,
    Trigger,
    TriggerGraph,
)
from metaflow_triggers.simulate.items import Item
from metaflow_triggers.simulate.reference import Reference
from metaflow_triggers.simulate.steps import Start

SPAN = Span("flow.py", 1, 1, 1, 2)
FIELDS = ("a", "b", "c", "a.b", "deep.er.field", "text")
KINDS = ("str", "str", "int", "float", "bool", "json")
HOMES = ((None, None), (None, None), (None, None), ("shop", "user.tester"), ("shop", "prod"))
BEGIN = datetime(2026, 3, 28, 22, 0, tzinfo=timezone.utc)
RESETS = ("0 * * * *", "*/20 * * * *", "30 2 * * *", "15 3 1 * 0")
CRONS = ("*/30 * * * ? *", "15 3 * * ? *", "5 0/2 ? * SUN-MON *")
"""Multiples of five minutes: the step in which `engines` moves its clock."""
FILTERS = (
    {"a": [{"numeric": [">=", 0]}]},
    {"text": [{"exists": True}]},
    {"b": [{"anything-but": ["never"]}]},
    {"deep": {"er": {"field": [{"exists": True}]}}},
    {"a": [0, 1, 2, 3], "text": [{"prefix": "x"}, {"suffix": "z"}]},
)


def project(seed: int) -> tuple[TriggerGraph, list[Item]]:
    """A project and what happens to it."""
    chance = random.Random(seed)
    count = chance.randint(1, 20)
    events = [f"event-{number}" for number in range(chance.randint(1, 8))]
    homes = [chance.choice(HOMES) for _ in range(count)]
    flows = [_flow(chance, number, homes, events) for number in range(count)]
    polls = [_poll(chance, number, flows) for number in range(chance.choice((0, 0, 1, 3)))]
    graph = link(flows, polls=polls)
    return graph, _items(chance, graph, events)


def _flow(chance: random.Random, number: int, homes: list[tuple[str | None, str | None]], events: list[str]) -> Flow:
    name = f"Flow{number}"
    parameters = tuple(
        Parameter(f"p{place}", chance.choice(KINDS), chance.random() < 0.15, chance.random() < 0.5, False, SPAN)
        for place in range(chance.randint(0, 4))
    )
    triggers = []
    if chance.random() < 0.85:
        triggers.append(_trigger(chance, "event", parameters, events, homes, number))
    if chance.random() < 0.4 or not triggers:
        triggers.append(_trigger(chance, "finish", parameters, events, homes, number))
    project_, branch = homes[number]
    schedule = None
    if not any(item.required and not item.has_default for item in parameters) and chance.random() < 0.15:
        schedule = Schedule(chance.choice(CRONS), chance.choice((None, "Europe/Berlin")), SPAN)
    return Flow(name, "flow.py", project_, branch, parameters, tuple(triggers), schedule, (), (), SPAN)


def _poll(chance: random.Random, number: int, flows: list[Flow]) -> PollTrigger:
    keys = ("k",) if chance.random() < 0.3 else None
    dedup = "once" if chance.random() < 0.2 else "active"
    flow = chance.choice(flows).name
    return PollTrigger(
        f"poll_{number}", flow, 1000, chance.random() < 0.3, SPAN, interval="1s", dedup=dedup, dedup_keys=keys
    )


def _trigger(
    chance: random.Random,
    kind: str,
    parameters: tuple[Parameter, ...],
    events: list[str],
    homes: list[tuple[str | None, str | None]],
    number: int,
) -> Trigger:
    join = chance.choice(("any", "all"))
    pool = events if kind == "event" else [str(place) for place in range(len(homes))]
    chosen = chance.sample(pool, min(len(pool), chance.choice((1, 1, 2, 2, 3))))
    left = list(parameters)
    dependencies: list[EventDependency | FinishDependency] = []
    for name in chosen:
        # Within `all` a parameter is mapped once.
        here = [item for item in left if chance.random() < 0.6]
        if join == "all":
            left = [item for item in left if item not in here]
        mappings = tuple(Mapping(item.name, _source(chance, kind, item), SPAN) for item in here)
        pattern = None
        if kind == "event":
            if chance.random() < 0.25:
                pattern = Filter(json.dumps(chance.choice(FILTERS)))
            dependencies.append(EventDependency(name, mappings, pattern, None, SPAN))
        else:
            project_, branch = homes[int(name)]
            match = tuple(sorted(chance.sample(OUTCOMES, chance.choice((1, 1, 2, 4)))))
            if chance.random() < 0.1:
                pattern = Filter(json.dumps({"step": [{"exists": True}]}))
            if branch == "prod" and chance.random() < 0.5:
                branch = "production"
            dependencies.append(FinishDependency(f"Flow{name}", project_, branch, match, mappings, pattern, SPAN))
    options: dict[str, object] = {}
    if join == "all":
        if chance.random() < 0.4:
            options["join"] = "queue"
        if chance.random() < 0.3:
            options["reset_at"] = {"cron": chance.choice(RESETS), "timezone": chance.choice(("UTC", "Europe/Berlin"))}
    auto_map = kind == "event" and chance.random() < 0.2
    if auto_map:
        options["auto_map"] = True
    return Trigger(kind, join, True, tuple(dependencies), auto_map, Options(json.dumps(options)), SPAN)


def _source(chance: random.Random, kind: str, parameter: Parameter) -> PayloadField | Constant:
    if chance.random() < 0.1:
        good = {"str": "text", "int": 3, "float": 2.5, "bool": True, "json": {"k": [1]}}[parameter.type]
        return Constant(json.dumps(good))
    if kind == "finish":
        return PayloadField(chance.choice(("flow", "run_id", "outcome", "step")))
    # Fields of the parameter's type, most of the time.
    wanted = {"int": ("a", "a.b"), "float": ("a", "b"), "bool": ("c",)}.get(parameter.type, FIELDS)
    return PayloadField(chance.choice(wanted if chance.random() < 0.97 else FIELDS))


def _items(chance: random.Random, graph: TriggerGraph, events: list[str]) -> list[Item]:
    flows = graph.flows
    moment = BEGIN
    items: list[Item] = []
    # Which runs a poll has started, the simulation knows.
    reference = Reference(graph)
    polled: list[Start] = []
    for number in range(chance.randint(4, 30)):
        if items:
            step = reference.accept(items[-1])
            polled += [start for start in step.starts if start.reason == "poll"]
        if chance.random() < 0.3:
            moment += timedelta(minutes=chance.choice((1, 5, 30, 90)), microseconds=chance.randint(0, 3))
        if graph.polls and chance.random() < 0.3:
            if polled and chance.random() < 0.4:
                ended = polled.pop(chance.randrange(len(polled)))
                items.append(_end(ended, graph, moment))
                continue
            context = {
                "k": chance.choice((1, 2)),
                "p0": chance.choice((1, "true", None)),
                "p1": chance.choice((2, "x")),
            }
            items.append(Item("poll", chance.choice(graph.polls)[1].name, context, None, moment))
        elif items and items[-1].kind != "poll" and chance.random() < 0.05:  # the transport delivers it again
            again = chance.choice([item for item in items if item.kind != "poll"])
            items.append(Item(**{**again.__dict__, "at": moment}))
        elif chance.random() < 0.7:
            items.append(
                Item("event", chance.choice([*events, "event-none"]), _payload(chance), f"id-{number}", moment)
            )
        else:
            flow = chance.choice(flows)
            outcome = chance.choice(OUTCOMES)
            step = "start" if outcome == "failure" else None
            items.append(
                Item(
                    "finish",
                    flow.name,
                    identity=f"{number}",
                    at=moment,
                    outcome=outcome,
                    project=flow.project,
                    branch=flow.branch,
                    step=step,
                    error="ValueError: x" if step else None,
                )
            )
    return items


def _end(start: Start, graph: TriggerGraph, moment: datetime) -> Item:
    """The run of a poll ends well."""
    flow = next(flow for flow in graph.flows if flow.name == start.flow.rpartition(".")[2])
    return Item(
        "finish",
        flow.name,
        identity=start.run,
        at=moment,
        outcome="success",
        project=flow.project,
        branch=flow.branch,
    )


def _payload(chance: random.Random) -> dict[str, object]:
    payload: dict[str, object] = {
        "a": chance.choice((0, 1, 7, -3, 2**70)),
        "b": chance.choice((1, 2.5, "3", -0.5, 1e300)),
        "c": chance.choice((True, False, "true", "FALSE")),
        "deep": {"er": {"field": chance.choice(("x", 1, None, [1]))}},
        "text": chance.choice(("x", "xyz", "", "$(id) {{x}} <y>", "\u2028")),
        "p0": chance.choice(("true", "5", 5, None)),
    }
    if chance.random() < 0.3:
        payload["a.b"] = chance.choice((4, "12"))
    for key in list(payload):
        if chance.random() < 0.04:
            del payload[key]
    return payload
