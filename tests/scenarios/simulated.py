"""Runner: `simulate`. All flow files of a group of rows are read at once; each row has a simulation of its own.

In:   rows.
Out:  what each would start, and what the backends refuse.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from metaflow_triggers import backends, seams
from metaflow_triggers.backends import NAMES
from metaflow_triggers.check import check
from metaflow_triggers.diagnostics.render import has_errors
from metaflow_triggers.link import link
from metaflow_triggers.project import Request, read_project
from metaflow_triggers.simulate.events_file import parse
from metaflow_triggers.simulate.values import text_of
from metaflow_triggers.simulate.whole import simulate
from metaflow_triggers.simulate_command import refusals

from .rows import Observed, ObservedStart, Row, Seen, flow_files, items


def observe(rows: Sequence[Row], folder: Path) -> dict[str, tuple[Observed, dict[str, list[str]]]]:
    """Rule -> (what is simulated, backend -> codes it refuses the row with)."""
    os.environ["METAFLOW_TRIGGERS_OFFLINE"] = "1"
    os.environ.setdefault("METAFLOW_USER", "tester")
    found = {}
    for production in (False, True):
        group = [row for row in rows if row.production is production]
        files = {row.rule: [str(path) for path in flow_files(row, folder)] for row in group}
        every = sorted({path for paths in files.values() for path in paths})
        request = Request(NAMES, production=production, code_package=False, workflow=False, workers=2)
        read = read_project(every, request)
        settings = seams.read_settings(production=production, code_package=False)
        for name in NAMES:
            backends.backend(name)
        for row in group:
            mine = set(files[row.rule])
            graph = link(
                [item.flow for item in read.flows if item.flow.file in mine],
                polls=[poll for poll in read.polls if poll.file in mine],
            )
            told = [item for item in read.diagnostics if item.span is not None and item.span.file in mine]
            mistakes = sorted({item.code for item in [*told, *check(graph, project_wide=False)] if has_errors([item])})
            observed = Observed(mistakes=mistakes)
            refused: dict[str, list[str]] = {}
            if not mistakes:
                observed = _observed(row, graph)
                refused = {name: sorted({item.code for item in refusals(name, graph, settings)}) for name in NAMES}
            found[row.rule] = observed, {name: codes for name, codes in refused.items() if codes}
    return found


def _observed(row: Row, graph) -> Observed:
    # Starts by hand are no items; what is left of them keeps the numbers.
    given = [item if "run" not in item else {"at": "1970-01-01T00:00:00Z"} for item in items(row)]
    reference, steps = simulate(graph, parse(text_of(given)))
    names = {flow.name for flow in graph.flows}
    observed = Observed(
        not_started=[item.flow.rsplit(".", 1)[-1] for step in steps for item in step.not_started],
        waiting=[held.flow.rsplit(".", 1)[-1] for held in reference.waiting()],
        forgotten=[flow.rsplit(".", 1)[-1] for step in steps for flow in step.forgotten],
        refused=[number for number, step in enumerate(steps, 1) if step.refused is not None],
        repeated=[number for number, step in enumerate(steps, 1) if step.repeated],
    )
    for step in steps:
        for start in step.starts:
            events = tuple(Seen(event.name, event.payload, event.id) for event in start.events)
            flow = start.flow.rsplit(".", 1)[-1]
            assert flow in names
            observed.starts.append(ObservedStart(flow, events, start.parameters, fails=start.fails))
    return observed
