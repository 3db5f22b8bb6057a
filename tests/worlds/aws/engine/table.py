"""Runner: the scenario table on the AWS that runs, up to the starts: which runs are started, and with what.

In:   rows and their graphs (`tests/scenarios`).
Out:  what each row's starters and correlators started, in the words of the other runners.

Not here: tasks (`test_runs`, `test_outcomes`). A flow's state machine is one state that waits: its deployment is the
compiler's own but for that. Parameters are those that the run's reader would make of the stored document.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from metaflow_extensions.triggers.contract import exact_json, words
from metaflow_extensions.triggers.contract.words import STATUS
from metaflow_triggers.backends.step_functions import backend as step_functions
from metaflow_triggers.backends.step_functions.compile import names
from metaflow_triggers.backends.step_functions.compile.machines import origin_of
from metaflow_triggers.backends.step_functions.deploy.converge import create
from metaflow_triggers.model.flows import EventDependency, Flow, TriggerGraph
from metaflow_triggers.simulate.items import Item

from tests.scenarios.reading import ReadRow
from tests.scenarios.rows import Observed, Row
from tests.scenarios.stepped import is_refused, row_items, started
from tests.unit.backends.step_functions.samples import CONFIGURED

from .engine import ACCOUNT, BUCKET, Engine

WAITS = {"StartAt": "wait", "States": {"wait": {"Type": "Succeed"}}}
SETTINGS = dataclasses.replace(CONFIGURED, datastore_s3=f"s3://{BUCKET}/metaflow")


def observe(engine: Engine, rows: Sequence[Row], read: dict[str, ReadRow]) -> dict[str, Observed]:
    """Run the rows side by side: the first item of each, then the second of each, and so on."""
    engine.switch(publishes_statuses=False)  # the table says which flows end, and how
    graphs = {row.rule: read[row.rule].graph for row in rows}
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda pair: _deploy(engine, *pair), [(f, g) for g in graphs.values() for f in g.flows]))
    observed = {row.rule: Observed(not_started=[], refused=[], cloud=True) for row in rows}
    todo = {row.rule: row_items(row, graphs[row.rule]) for row in rows}
    for number in range(max(map(len, todo.values()))):
        for rule, items in todo.items():
            if number < len(items):
                _give(engine, items[number], number + 1, graphs[rule], observed[rule])
        engine.wait()
    for rule, graph in graphs.items():
        for flow in graph.flows:
            _read(engine, flow, observed[rule])
    return observed


def _deploy(engine: Engine, flow: Flow, graph: TriggerGraph) -> None:
    workflow = {"definition": WAITS, "job_definitions": {}}
    (manifest,) = step_functions.manifests(flow, graph, workflow, SETTINGS)
    create(manifest.content, {}, SETTINGS, engine.client)


def _give(engine: Engine, item: Item, number: int, graph: TriggerGraph, observed: Observed) -> None:
    if item.kind == "finish":
        engine.publish(ended(item))
    elif item.kind == "event":
        if is_refused(item, number, observed):
            return
        numbers = exact_json.numbers_resource(item.payload)
        entry = {
            "Source": SETTINGS.event_source,
            "DetailType": item.name,
            "Detail": exact_json.dumps(item.payload),
            "Resources": [words.event_resource(str(item.identity)), *([numbers] if numbers else [])],
        }
        engine.publish(entry | origin(graph, item.name))


def origin(graph: TriggerGraph, name: str) -> dict[str, Any]:
    """How an event of AWS itself is published; empty for others."""
    for flow in graph.flows:
        for trigger in flow.triggers:
            for item in trigger.dependencies:
                own = origin_of(item) if isinstance(item, EventDependency) and item.name == name else None
                if own is not None:
                    return {"Source": own["source"], "DetailType": own.get("detail-type", name)}
    return {}


def ended(item: Item) -> dict[str, Any]:
    """What Step Functions publishes of a run that ended."""
    machine = names.deployed_name(item.name, item.project, item.branch, SETTINGS)
    detail: dict[str, Any] = {
        "executionArn": f"arn:aws:states:{ACCOUNT}:execution:{machine}:{item.identity}",
        "stateMachineArn": f"arn:aws:states:{ACCOUNT}:stateMachine:{machine}",
        "name": str(item.identity),
        "status": STATUS[item.outcome],
        "error": item.error,
    }
    return {
        "Source": "aws.states",
        "DetailType": "Step Functions Execution Status Change",
        "Detail": json.dumps(detail),
        "Resources": [detail["executionArn"]],
    }


def _read(engine: Engine, flow: Flow, observed: Observed) -> None:
    name = names.own_name(flow, SETTINGS)
    for execution in engine.executions(name):
        document = engine.document(json.loads(engine.describe(execution)["input"])["MetaflowTrigger"]["uri"])
        document["events"] = [
            {"transport": one["transport"], "event": engine.document(one["uri"])} if "uri" in one else one
            for one in document["events"]
        ]
        observed.starts.append(started(flow.name, document, flow.parameters))
    sqs = engine.client("sqs")
    for url in sqs.list_queues(QueueNamePrefix=names.queue_name(name)).get("QueueUrls", []):
        while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            assert observed.not_started is not None
            observed.not_started += [flow.name for _ in found]
