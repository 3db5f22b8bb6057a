"""On random projects the local answers say what the simulation did: each start, each refusal, each set that waits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from metaflow_triggers.engine.trail.ask import ask
from metaflow_triggers.model.facts import identity, qualified_name
from metaflow_triggers.simulate.whole import simulate
from metaflow_triggers.trail.question import Asked, Question, event_names

from tests.scenarios import chance, engines
from tests.scenarios.conftest import memory_folder

__all__ = ["memory_folder"]

STARTS = {"queued", "run", "wrong-type", "failed-before-user-code", "lost"}
REFUSED = {"missing-field", "refused"}
REST = {"filter", "filter-together", "set-reset", "set-replaced", "number-not-kept", "same-id"}


def simulated(graph: Any, items: Any) -> tuple[dict[tuple[str, str, str], set[str]], Any, dict[str, str]]:
    """(flow, name, id of an event) -> what became of it: "starts", "refused", "waits"; the last moment."""
    reference, steps = simulate(graph, items)
    found: dict[tuple[str, str, str], set[str]] = {}
    ends = {}
    for number, step in enumerate(steps, 1):
        for start in step.starts:
            for event in start.events:
                found.setdefault((start.flow, event.name, event.id), set()).add("starts")
            if start.reason == "poll":
                ends[start.run] = start.events[0].id
        for item in step.not_started:
            name, known = step.item.name, step.item.identity or f"event-{number}"
            if step.item.kind == "event" and not step.repeated:
                found.setdefault((item.flow, name, known), set()).add("refused")
    for (number, _), held in reference._sets.items():
        flow = qualified_name(identity(graph.flows[number]))
        for event in (event for slot in held.slots for event in slot):
            found.setdefault((flow, event.name, event.id), set()).add("waits")
    return found, reference.now, ends


def compare(seed: int, folder: Path) -> Counter[str]:
    """Ask about each event of a project; how often each cause was given."""
    graph, items = chance.project(seed)
    truth, now, ends = simulated(graph, items)
    engines.step_through(graph, items, folder, seed, ends)
    flows = tuple(Asked(name, name, flow) for flow in graph.flows for name in [qualified_name(identity(flow))])
    told: Counter[str] = Counter()
    for number, item in enumerate(items, 1):
        if item.kind != "event":
            continue
        known = item.identity or f"event-{number}"
        answers = ask(Question(known, item.name, None, flows), str(folder / f"engine-{seed}.db"), now)
        said = {answer.flow: answer for answer in answers}
        for asked in flows:
            if item.name not in event_names(asked):
                assert asked.name not in said, (seed, known, asked.name)
                continue
            answer = said[asked.name]
            codes = {cause.code for cause in (answer.cause, *answer.also)}
            became = truth.get((asked.name, item.name, known), set())
            where = (seed, item.name, known, asked.name, codes, became)
            assert bool(codes & STARTS) == ("starts" in became), where
            # A set that was refused when it was whole is told of each of its events, and simulated of the last.
            is_of_set = {"set"} & {fact for cause in (answer.cause, *answer.also) for fact in cause.facts}
            assert is_of_set or bool(codes & REFUSED) == ("refused" in became), where
            assert ("waiting-in-set" in codes) == ("waits" in became), where
            assert codes <= STARTS | REFUSED | REST | {"waiting-in-set"}, where
            told.update(codes)
    return told


def agreed(seeds: Iterable[int], folder: Path) -> Counter[str]:
    return sum((compare(seed, folder) for seed in seeds), Counter())


def test_on_random_projects(memory_folder: Path) -> None:
    told = agreed(range(12), memory_folder)
    assert told.total() > 300 and {*REFUSED, "set-reset", "set-replaced", "waiting-in-set", "filter"} <= told.keys()


@pytest.mark.long
@pytest.mark.parametrize("first", range(100, 2100, 100))
def test_on_two_thousand_random_projects(first: int, memory_folder: Path) -> None:
    assert agreed(range(first, first + 100), memory_folder).total() > 1000
