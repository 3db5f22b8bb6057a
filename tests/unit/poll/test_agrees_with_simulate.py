"""Random polls, fires and ends of runs: the engine and `simulate` start the same runs with the same documents."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from metaflow_extensions.triggers.contract import event_reader, parameter_values
from metaflow_extensions.triggers.plugins import local_runs
from metaflow_triggers.graph.link import link
from metaflow_triggers.model.facts import identity, qualified_name
from metaflow_triggers.model.flows import Parameter, PollTrigger, Span
from metaflow_triggers.poll import Context
from metaflow_triggers.simulate.items import Item
from metaflow_triggers.simulate.reference import Reference

from ..graph.build import flow
from .world import World, fire, polled, skip

HERE = Span("polls.py", 1, 1, 1, 1)
CONTEXTS: list[Any] = [
    *(None, {}, {"a": 1}, {"a": 1.0}, {"a": True}, {"a": 1, "b": [1, {"c": None}]}, {"b": [1, {"c": None}], "a": 1}),
    *({"needed": "x"}, {"needed": "x", "a": 2}, {"needed": None}, {"trigger_name": "mine", "needed": "y"}),
    *({"": "\u2028"}, {"count": "three", "needed": 1}, {"count": 3, "needed": "z"}),
]


def parameter(name: str, kind: str, required: bool = False) -> Parameter:
    return Parameter(name, kind, required, False, False, HERE)


FLOWS = [
    flow("Free"),
    replace(flow("Needs"), parameters=(parameter("needed", "str", True), parameter("count", "int"))),
    replace(flow("Whole"), parameters=(parameter("trigger_context", "json"), parameter("trigger_name", "str"))),
]


def some_polls(draw: random.Random) -> list[PollTrigger]:
    return [
        PollTrigger(
            name=f"poll-{number}",
            flow=draw.choice(("free", "Needs", "whole")),
            interval_milliseconds=1000,
            allow_concurrent=draw.random() < 0.3,
            span=HERE,
            dedup=draw.choice(("active", "active", "once")),
            dedup_keys=draw.choice((None, None, ("a",))),
        )
        for number in range(draw.randrange(1, 4))
    ]


def play(world: World, seed: int) -> int:
    """One random story; returns how many runs it started."""
    draw = random.Random(seed)
    graph = link(FLOWS, frozenset(), some_polls(draw))
    reference = Reference(graph)
    answers: dict[str, Any] = {}

    def poll_of(name: str) -> Any:
        return lambda: answers.pop(name, skip())

    triggers = []
    for target, item in graph.polls:
        assert target is not None
        triggers.append(
            polled(
                poll_of(item.name),
                name=item.name,
                **{
                    "workflow": graph.flows[target].name,
                    "flow_key": qualified_name(identity(graph.flows[target])),
                    "parameters": graph.flows[target].parameters,
                    "allow_concurrent": item.allow_concurrent,
                    "dedup": item.dedup,
                    "dedup_keys": item.dedup_keys,
                },
            )
        )
    poller = world.poller(*triggers)
    expected: list[tuple[str, dict[str, Any]]] = []
    runs: list[tuple[str, str]] = []
    for _ in range(draw.randrange(5, 25)):
        active = [row["id"] for row in world.starts() if row["state"] == "claimed"]
        if active and draw.random() < 0.4:
            start = draw.choice(active)
            state = draw.choice(("succeeded", "failed", "aborted", "timed_out", "lost"))
            assert local_runs.begin(world.connection, start)
            assert local_runs.finish(world.connection, start, state, "because")
            name, run = runs[start - 1]
            outcome = local_runs.OUTCOME_OF_STATE[state]
            reference.accept(Item("finish", name, identity=run, outcome=outcome, at=world.clock.wall))
            continue
        for _, item in graph.polls:
            if draw.random() < 0.6:
                context = draw.choice(CONTEXTS)
                answers[item.name] = fire(None if context is None else Context(context))
                step = reference.accept(Item("poll", item.name, context or {}, at=world.clock.wall))
                assert step.refused is None
                for made in step.starts:
                    (event,) = made.events
                    expected.append((event.id, {"flow": made.flow, "payload": event.payload, "fails": made.fails}))
                    runs.append((made.flow, made.run))
        world.pass_time(1, poller)
    found = []
    for row in world.starts():
        (event,) = event_reader.select(row["document"])
        declared = {item.name: item.type for item in next(f for f in FLOWS if f.name == row["flow_key"]).parameters}
        try:
            fails = None
            parameter_values.parameters_for(row["document"], declared)
        except event_reader.EventError as error:
            fails = str(error)
        found.append((row["start_key"], {"flow": row["flow_key"], "payload": event.payload, "fails": fails}))
    same = [(key, {**told, "fails": told["fails"] is not None}) for key, told in found]
    assert same == [(key, {**told, "fails": told["fails"] is not None}) for key, told in expected], f"seed {seed}"
    return len(found)


def campaign(tmp_path: Any, seeds: range) -> None:
    started = 0
    for seed in seeds:
        folder = tmp_path / str(seed)
        folder.mkdir()
        world = World(folder)
        try:
            started += play(world, seed)
        finally:
            world.close()
    assert started > 2 * len(seeds)


def test_random_stories(tmp_path):
    campaign(tmp_path, range(25))


@pytest.mark.long
def test_many_random_stories(tmp_path):
    campaign(tmp_path, range(1000, 3000))
