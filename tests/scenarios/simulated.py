"""Runner: `simulate`. Each row has a simulation of its own.

In:   a row and its graph.
Out:  what it would start.
"""

from __future__ import annotations

from metaflow_triggers.model.flows import TriggerGraph
from metaflow_triggers.simulate.events_file import parse
from metaflow_triggers.simulate.values import text_of
from metaflow_triggers.simulate.whole import simulate

from .rows import Observed, ObservedStart, Row, Seen, items


def observe(row: Row, graph: TriggerGraph) -> Observed:
    """Simulate the row's items."""
    # Starts by hand are no items; what is left of them keeps the numbers.
    given = [item if "run" not in item else {"at": "1970-01-01T00:00:00Z"} for item in items(row)]
    reference, steps = simulate(graph, parse(text_of(given)))
    observed = Observed(
        not_started=[plain(item.flow) for step in steps for item in step.not_started],
        waiting=[plain(held.flow) for held in reference.waiting()],
        forgotten=[plain(flow) for step in steps for flow in step.forgotten],
        refused=[number for number, step in enumerate(steps, 1) if step.refused is not None],
        repeated=[number for number, step in enumerate(steps, 1) if step.repeated],
    )
    for step in steps:
        for start in step.starts:
            events = tuple(Seen(event.name, event.payload, event.id) for event in start.events)
            observed.starts.append(ObservedStart(plain(start.flow), events, start.parameters, fails=start.fails))
    return observed


def plain(flow: str) -> str:
    """The class name."""
    return flow.rpartition(".")[2]
