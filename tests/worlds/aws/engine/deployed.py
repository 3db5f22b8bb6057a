"""Runner: the scenario table on the AWS that runs, whole: the literal `create`, events on the bus, tasks, artifacts.

In:   rows, what is read of their flows, the folder of their files.
Out:  what each run saw, read with Metaflow's client, as the local engine's runner tells it (`tests/scenarios/real`).

Not here: expectations, and what is known to differ (`known`). All rows share an account. Jobs are held until all
events have been given, each after what the one before it set off: the order of a row's events is part of the row.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from metaflow_extensions.triggers.contract import exact_json, words
from metaflow_triggers.backends.step_functions.compile import names
from metaflow_triggers.model.flows import Flow
from metaflow_triggers.simulate.items import Item

from tests.scenarios.reading import ReadRow
from tests.scenarios.real import artifacts_of, start_seen
from tests.scenarios.rows import Observed, Row, items
from tests.scenarios.stepped import row_items
from tests.unit.commands.conftest import clean

from .clock import Scheduler
from .commands import Commands, create_all, running
from .engine import Engine
from .table import SETTINGS, ended, origin

AT_ONCE = os.cpu_count() or 2
"""Jobs: a task is a process that thinks all the time."""
_PATIENCE = 4 * 3600


@dataclass
class _Given:
    """A row's items, as they are and as the table spells them, and the executions that were started by hand."""

    items: list[Item]
    said: list[dict[str, Any]]
    by_hand: set[str] = field(default_factory=set)


def observe(engine: Engine, rows: Sequence[Row], read: dict[str, ReadRow], folder: Path) -> dict[str, Observed]:
    """Run the rows. `folder` holds their flow files and is the home of who deploys."""
    (folder / "included.txt").write_text("a $(touch s6-touched) {{x}}\n", "utf-8")
    observed = {row.rule: Observed(not_started=[], refused=[], cloud=True) for row in rows}
    todo = {row.rule: _Given(row_items(row, read[row.rule].graph), items(row)) for row in rows}
    engine.switch(jobs_at_once=0, keep_logs=False)
    with running(clean(folder, **engine.settings), folder, 2) as commands:
        create_all(
            commands, "step-functions", [(flow, row.production) for row in rows for flow in read[row.rule].graph.flows]
        )
        for number in range(max(len(given.items) for given in todo.values())):
            for row in rows:
                if number < len(todo[row.rule].items):
                    _give(engine, commands[0], row, read[row.rule], number, todo[row.rule], observed[row.rule])
            engine.wait(jobs=False)
    engine.switch(jobs_at_once=AT_ONCE)
    engine.wait(patience=_PATIENCE)
    _read(engine, rows, read, todo, observed, folder)
    return observed


def _give(
    engine: Engine, commands: Commands, row: Row, read: ReadRow, number: int, given: _Given, observed: Observed
) -> None:
    """One item. What a run brings about by itself is left to it."""
    item, said = given.items[number], given.said[number]
    if row.clock and number:
        deployed = tuple(names.own_name(flow, SETTINGS) for flow in read.graph.flows)
        since, until = given.items[number - 1].at, item.at
        assert since is not None and until is not None
        Scheduler(engine, deployed).pass_time(since, until)
    if "run" in said:
        (flow,) = (flow for flow in read.graph.flows if flow.name == said["run"])
        done = commands.flow(flow.file, "--no-pylint", "step-functions", "trigger")
        assert done.code == 0, done.err
        given.by_hand |= {one["executionArn"] for one in engine.executions(names.own_name(flow, SETTINGS))}
    elif item.kind == "finish" and row.injected:
        engine.publish(ended(item))
    elif item.kind == "event" and number + 1 not in row.own:
        _emit(engine, commands, read, item, number + 1, observed)


def _emit(engine: Engine, commands: Commands, read: ReadRow, item: Item, number: int, observed: Observed) -> None:
    own = origin(read.graph, item.name)
    if own:  # only AWS itself publishes it
        engine.publish({**own, "Detail": exact_json.dumps(item.payload), "Resources": [_resource(item)]})
        return
    payload = engine.folder / "payload.json"
    payload.write_text(exact_json.dumps(item.payload), "utf-8")
    done = commands.emit(
        item.name, "--backend", "step-functions", "--payload-file", str(payload), "--id", str(item.identity)
    )
    if done.code == 2:
        assert observed.refused is not None
        observed.refused.append(number)
    else:
        assert done.code == 0, done.err


def _resource(item: Item) -> str:
    return str(words.event_resource(str(item.identity)))


def _read(
    engine: Engine,
    rows: Sequence[Row],
    read: dict[str, ReadRow],
    todo: dict[str, _Given],
    observed: dict[str, Observed],
    folder: Path,
) -> None:
    found = [
        (row, flow, execution, engine.describe(execution))
        for row in rows
        for flow in read[row.rule].graph.flows
        for execution in engine.executions(names.own_name(flow, SETTINGS))
        if row.flows or execution["executionArn"] not in todo[row.rule].by_hand  # not the documents' flows
    ]
    paths = [f"{flow.name}/sfn-{execution['name']}" for _, flow, execution, _ in found]
    artifacts = artifacts_of(paths, folder, clean(folder, **engine.settings))
    for path, (row, flow, execution, described) in zip(paths, found, strict=True):
        target = observed[row.rule]
        error = _printed(engine, described) if execution["status"] == "FAILED" else None
        target.starts.append(start_seen(flow.name, _document(engine, described), artifacts.get(path), error, target))
        if execution["status"] not in ("SUCCEEDED", "FAILED"):
            target.problems.append(f"a run of {flow.name} ended as {execution['status']}")
    for row in rows:
        for flow in read[row.rule].graph.flows:
            _read_what_did_not_start(engine, flow, observed[row.rule])


def _document(engine: Engine, described: dict[str, Any]) -> dict[str, Any]:
    """The trigger document of an execution; that of a run that no event started has no events."""
    given = json.loads(described["input"])
    if "MetaflowTrigger" not in given:
        return {"version": 1, "dependencies": [], "events": []}
    document: dict[str, Any] = engine.document(given["MetaflowTrigger"]["uri"])
    document["events"] = [
        {"transport": one["transport"], "event": engine.document(one["uri"])} if "uri" in one else one
        for one in document["events"]
    ]
    return document


def _printed(engine: Engine, described: dict[str, Any]) -> str:
    """What the job printed that an execution failed for: CloudWatch's part."""
    job = json.loads(described.get("cause") or "{}").get("JobId", "-")
    return "\n".join(path.read_text(errors="replace") for path in engine.folder.glob(f"jobs/{job}-*/output"))


def _read_what_did_not_start(engine: Engine, flow: Flow, observed: Observed) -> None:
    name = names.own_name(flow, SETTINGS)
    assert observed.not_started is not None
    observed.not_started += [flow.name for _ in dead_letters(engine, name)]
    observed.waiting = observed.waiting or []
    dynamo = engine.client("dynamodb")
    if names.table_name(name) in dynamo.list_tables()["TableNames"]:
        for row in dynamo.scan(TableName=names.table_name(name))["Items"]:
            slots = [value for key, value in row.items() if key.startswith("slot_")]
            if any("S" in slot or slot.get("L") for slot in slots):
                observed.waiting.append(flow.name)


def dead_letters(engine: Engine, deployed: str) -> list[Any]:
    """The messages of a flow's dead-letter queue, taken out of it."""
    sqs = engine.client("sqs")
    taken: list[Any] = []
    for url in sqs.list_queues(QueueNamePrefix=names.queue_name(deployed)).get("QueueUrls", []):
        while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            taken += [json.loads(message["Body"]) for message in found]
    return taken
