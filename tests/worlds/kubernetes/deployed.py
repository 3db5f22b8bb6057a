"""Runner: the scenario table in a cluster, whole: the literal `create`, Argo Events' services, Argo's own controller.

In:   rows, what is read of their flows, the folder of their files, a world on the real API server.
Out:  what each run saw, read with Metaflow's client, as the local engine's runner tells it (`tests/scenarios/real`).

Not here: expectations, and what is known to differ (`test_real_rows`). All rows share a cluster. No pod begins until
all events have been given, each after what the one before it set off: the order of a row's events is part of the row.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from metaflow_extensions.triggers.plugins import argo_source
from metaflow_triggers.backends.argo.compile import names
from metaflow_triggers.model.flows import Flow

from tests.scenarios.reading import ReadRow
from tests.scenarios.real import artifacts_of, start_seen
from tests.scenarios.rows import Observed, Row, items
from tests.scenarios.stepped import row_items
from tests.unit.commands.conftest import clean

from ..argo.live import table
from ..argo.live.world import World
from ..aws.engine.commands import Commands, create_all, running

NAMESPACE = "default"
_OF_NOBODY = {"version": 1, "dependencies": [], "events": []}


def observe(world: World, rows: Sequence[Row], read: dict[str, ReadRow]) -> dict[str, Observed]:
    """Run the rows; their flow files lie in the world's folder."""
    (world.folder / "included.txt").write_text("a $(touch s6-touched) {{x}}\n", "utf-8")
    observed = {row.rule: Observed(not_started=[], refused=[], cloud=True) for row in rows}
    todo = {row.rule: list(zip(row_items(row, read[row.rule].graph), items(row), strict=True)) for row in rows}
    by_hand: set[str] = set()
    with running(clean(world.folder, **world.settings), world.folder, 2) as commands:
        create_all(
            commands, "argo-workflows", [(flow, row.production) for row in rows for flow in read[row.rule].graph.flows]
        )
        world.live.start_all()
        world.runner.node.held = True
        with table.publishing(world.live, NAMESPACE):
            for number in range(max(map(len, todo.values()))):
                for row in rows:
                    if number < len(todo[row.rule]):
                        item, said = todo[row.rule][number]
                        if "run" in said:
                            by_hand |= _run(world, commands[0], read[row.rule], said["run"])
                        elif number + 1 not in row.own and (item.kind != "finish" or row.injected):
                            graph = read[row.rule].graph
                            table.give(world.live, item, number + 1, graph, observed[row.rule], NAMESPACE)
                world.live.quiet()
                _begun(world)
    world.runner.node.held = False
    phases = world.run_all()
    _read(world, rows, read, observed, phases, by_hand)
    return observed


def _begun(world: World) -> None:
    """Wait until the controller has looked at every Workflow: only what comes after that finds a run that has begun."""
    ends = time.monotonic() + 300
    while any(not item.get("status", {}).get("phase") for item in world.kubernetes.objects("workflows").values()):
        assert time.monotonic() < ends, world.runner.log.read_text("utf-8", "replace")[-3000:]
        time.sleep(0.2)


def _run(world: World, commands: Commands, read: ReadRow, name: str) -> set[str]:
    """Start a flow by hand; the Workflows of it that there are then."""
    (flow,) = (flow for flow in read.graph.flows if flow.name == name)
    done = commands.flow(flow.file, "--no-pylint", "argo-workflows", "trigger")
    assert done.code == 0, done.err
    return {item["metadata"]["name"] for item in world.workflows(names.own_name(flow))}


def _read(
    world: World,
    rows: Sequence[Row],
    read: dict[str, ReadRow],
    observed: dict[str, Observed],
    phases: dict[str, str],
    by_hand: set[str],
) -> None:
    found: list[tuple[Row, Flow, Any]] = [
        (row, flow, workflow)
        for row in rows
        for flow in read[row.rule].graph.flows
        for workflow in world.workflows(names.own_name(flow))
        if row.flows or workflow["metadata"]["name"] not in by_hand  # not the documents' flows
    ]
    paths = [f"{flow.name}/argo-{workflow['metadata']['name']}" for _, flow, workflow in found]
    settings = {**world.settings, "METAFLOW_DEFAULT_METADATA": "local"}
    artifacts = artifacts_of(paths, world.folder, clean(world.folder, **settings))
    for path, (row, flow, workflow) in zip(paths, found, strict=True):
        name, target = workflow["metadata"]["name"], observed[row.rule]
        error = world.runner.output(name) if phases.get(name) == "Failed" else None
        document = argo_source.document_of(workflow) or _OF_NOBODY
        start = start_seen(flow.name, document, artifacts.get(path), error, target)
        target.starts.append(table.plain(start, row_items(row, read[row.rule].graph)))
        if phases.get(name) not in ("Succeeded", "Failed"):
            target.problems.append(f"a run of {flow.name} ended as {phases.get(name)}")
    for row in rows:
        for flow in read[row.rule].graph.flows:
            target = observed[row.rule]
            assert target.not_started is not None
            target.not_started += [flow.name] * table.refused(world.live, names.own_name(flow))
