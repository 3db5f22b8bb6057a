"""Engine and simulation agree on random projects: on every start, its events and parameters, and on what waits."""

from __future__ import annotations

from collections import Counter

import pytest
from metaflow_triggers.model.facts import identity, qualified_name
from metaflow_triggers.simulate.whole import simulate

from . import chance, engines


def simulated(graph, items):
    reference, steps = simulate(graph, items)
    starts = Counter(
        engines.line(
            start.flow,
            [(event.name, event.id, event.payload) for event in start.events],
            "fails" if start.fails is not None else start.parameters,
        )
        for step in steps
        for start in step.starts
    )
    refused = Counter(item.flow for step in steps for item in step.not_started)
    polled = {start.run: start.events[0].id for step in steps for start in step.starts if start.reason == "poll"}
    return starts, refused, [held.flow for held in reference.waiting()], polled


def keys(graph):
    return [(qualified_name(identity(flow)), flow) for flow in graph.flows]


def agree(seeds, folder):
    """Compare on each seed; returns how many starts there were, and how many were refused."""
    started = refused = 0
    for seed in seeds:
        graph, items = chance.project(seed)
        starts, not_started, waiting, ends = simulated(graph, items)
        found = engines.step_through(graph, items, folder, seed, ends)
        assert found.starts == starts, (seed, found.starts - starts, starts - found.starts)
        assert found.refused == not_started, seed
        # The engine forgets a set when the next event comes, not at the moment of `reset_at`.
        lazy = {key for key, flow in keys(graph) if any(trigger.options.reset_at for trigger in flow.triggers)}
        shown = sorted(flow for flow, _ in found.waiting if flow not in lazy)
        assert shown == sorted(flow for flow in waiting if flow not in lazy), seed
        started += starts.total()
        refused += not_started.total()
    return started, refused


def test_engine_and_simulation_agree_on_random_projects(memory_folder):
    started, refused = agree(range(100), memory_folder)
    assert started > 1000
    assert started >= 0.9 * (started + refused)


@pytest.mark.long
@pytest.mark.parametrize("first", range(100, 10_100, 500))
def test_engine_and_simulation_agree_on_ten_thousand_random_projects(first, memory_folder):
    started, refused = agree(range(first, first + 500), memory_folder)
    assert started >= 0.9 * (started + refused)
