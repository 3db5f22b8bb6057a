"""Runner: the scenario table on Argo Events' real services, up to the Workflows: which are made, and with what.

In:   rows and their graphs (`tests/scenarios`), a running cluster.
Out:  what each row's Sensors started, in the words of the other runners.

Not here: running Workflows (`test_runs`). A flow's WorkflowTemplate is one of the tests' own (`argo_flows.upstream`);
Sensors, EventSource and Roles are the compiler's. Parameters are those that the run's reader makes of the Workflow.
"""

from __future__ import annotations

import base64
import copy
import dataclasses
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import metaflow  # noqa: F401 - first, because it imports emit_event
import pytest
from metaflow_extensions.triggers.contract import event_check, exact_json
from metaflow_extensions.triggers.plugins import argo_source, emit_event
from metaflow_triggers.backends.argo import backend as argo
from metaflow_triggers.backends.argo.compile import names, outcome_script
from metaflow_triggers.backends.argo.compile.event_delivery import origin
from metaflow_triggers.backends.argo.deploy import converge
from metaflow_triggers.model.flows import EventDependency, Flow, TriggerGraph
from metaflow_triggers.model.settings import Settings
from metaflow_triggers.simulate.items import Item

from tests.scenarios.reading import ReadRow
from tests.scenarios.rows import Observed, ObservedStart, Row, Seen
from tests.scenarios.stepped import is_refused, row_items, started
from tests.unit.backends.argo.argo_flows import SETTINGS, upstream
from tests.worlds.argo.deployments import connect
from tests.worlds.argo.kubernetes_stand_in import KubernetesStandIn

from .cluster import Cluster

_FAILED = "Error (exit code 1)"
_FAILURES = {"timeout": "Step exceeded its deadline", "aborted": "workflow shutdown with strategy:  Stop"}
"""What Argo says of a node; of one that its own code ended, the code's words where it left some."""


def deploy_all(kubernetes: KubernetesStandIn, graphs: Sequence[TriggerGraph], settings: Settings = SETTINGS) -> None:
    """Every flow of the graphs, as `create` deploys it."""
    client = connect(kubernetes.url)
    for graph in graphs:
        for flow in graph.flows:
            name = names.own_name(flow)
            files = [*argo.manifests(flow, graph, upstream(name), settings), *argo.shared_manifests(settings)]
            converge.create(files, settings, client=client, deployed_name=name, production_token="token-1")


def webhook_token(
    kubernetes: KubernetesStandIn,
    namespace: str = SETTINGS.argo_sensor_namespace,
    secret: str = SETTINGS.argo_webhook_secret,
) -> str:
    """The bearer token that `create` made."""
    key = ("/api/v1", namespace, "secrets", secret)
    return base64.b64decode(kubernetes.store.objects[key]["data"]["token"]).decode("ascii")


@contextmanager
def publishing(cluster: Cluster, namespace: str = SETTINGS.argo_sensor_namespace) -> Iterator[None]:
    """This process publishes to the cluster's webhook; its Secret is in `namespace`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("METAFLOW_TRIGGERS_WEBHOOK_URL", cluster.webhook)
        patch.setenv("METAFLOW_TRIGGERS_WEBHOOK_TOKEN", webhook_token(cluster.kubernetes, namespace))
        yield


def publish(name: str, payload: dict[str, Any], identity: str) -> None:
    """As `metaflow-triggers emit` and `emit_event` do, under an id that is given."""
    emit_event.publish_to_webhook(name, event_check.check_payload(name, payload), identity)


def observe(cluster: Cluster, rows: Sequence[Row], read: dict[str, ReadRow]) -> dict[str, Observed]:
    """Run the rows side by side: the first item of each, then the second of each, and so on."""
    graphs = {row.rule: read[row.rule].graph for row in rows}
    deploy_all(cluster.kubernetes, list(graphs.values()))
    cluster.start_all()
    observed = {row.rule: Observed(not_started=[], refused=[], cloud=True) for row in rows}
    todo = {row.rule: row_items(row, graphs[row.rule]) for row in rows}
    with publishing(cluster):
        for number in range(max(map(len, todo.values()))):
            for rule, items in todo.items():
                if number < len(items):
                    give(cluster, items[number], number + 1, graphs[rule], observed[rule])
            cluster.quiet()
            begin(cluster.kubernetes)
    for rule, graph in graphs.items():
        for flow in graph.flows:
            _read(cluster, flow, todo[rule], observed[rule])
    return observed


def give(
    cluster: Cluster,
    item: Item,
    number: int,
    graph: TriggerGraph,
    observed: Observed,
    namespace: str = SETTINGS.argo_sensor_namespace,
) -> None:
    """Publish an event of a row, or an outcome. `namespace`: of the Secrets."""
    if item.kind == "finish":
        end(cluster, ended(item), namespace)
    elif item.kind == "event":
        if is_refused(item, number, observed):
            return
        place = _origin(graph, item.name)
        if place:
            cluster.publish(*place, str(item.identity), exact_json.dumps(item.payload))
        else:
            publish(item.name, item.payload, str(item.identity))


def end(cluster: Cluster, body: dict[str, Any], namespace: str = SETTINGS.argo_sensor_namespace) -> None:
    """As the exit handler of a run does."""
    token = webhook_token(cluster.kubernetes, namespace, SETTINGS.argo_outcome_secret)
    shared = webhook_token(cluster.kubernetes, namespace)
    places = [("proven", cluster.outcomes, token), ("shared", cluster.webhook, shared)]
    assert outcome_script.publish(body, places) == {}


def _origin(graph: TriggerGraph, name: str) -> tuple[str, str] | None:
    """The event source and its event by which an event with an origin comes."""
    for flow in graph.flows:
        for trigger in flow.triggers:
            for item in trigger.dependencies:
                if isinstance(item, EventDependency) and item.name == name and item.origin:
                    return origin(item)
    return None


def ended(item: Item) -> dict[str, Any]:
    """What the exit handler of a run publishes that ended as the item says."""
    about = {"flow": item.name, "project": item.project, "branch": item.branch}
    about["template"] = names.template_name(item.name, item.project, item.branch)
    message = _FAILURES.get(item.outcome, item.error or (_FAILED if item.step else ""))
    failed = [] if item.outcome == "success" else [{"templateName": item.step or "", "message": message}]
    return outcome_script.compose(
        {
            "METAFLOW_TRIGGERS_OUTCOME": json.dumps(about),
            "METAFLOW_TRIGGERS_WORKFLOW": str(item.identity),
            "METAFLOW_TRIGGERS_STATUS": "Succeeded" if item.outcome == "success" else "Failed",
            "METAFLOW_TRIGGERS_FAILURES": base64.b64encode(json.dumps(failed).encode()).decode("ascii"),
        }
    )


def begin(kubernetes: KubernetesStandIn) -> None:
    """What Argo's controller does with a new Workflow first: it keeps the specification as it is (setStoredWfSpec)."""
    with kubernetes.store.lock:
        for item in kubernetes.objects("workflows").values():
            item.setdefault("status", {}).setdefault("storedWorkflowTemplateSpec", copy.deepcopy(item["spec"]))


def workflows(kubernetes: KubernetesStandIn, deployed: str) -> list[Any]:
    """Those of one deployment, in the order in which they were made."""
    every = kubernetes.objects("workflows").values()
    mine = [item for item in every if item["spec"]["workflowTemplateRef"]["name"] == deployed]
    return sorted(mine, key=_made)


def _made(workflow: Any) -> tuple[str, int]:
    """The stand-in's clock stands still, and its uids count."""
    number = re.fullmatch("uid-([0-9]+)", workflow["metadata"]["uid"])
    return workflow["metadata"]["creationTimestamp"], int(number[1]) if number else 0


def _read(cluster: Cluster, flow: Flow, items: Sequence[Item], observed: Observed) -> None:
    deployed = names.own_name(flow)
    for workflow in workflows(cluster.kubernetes, deployed):
        document = argo_source.document_of(workflow)
        assert document is not None
        observed.starts.append(plain(started(flow.name, document, flow.parameters), items))
    assert observed.not_started is not None
    observed.not_started += [flow.name] * refused(cluster, deployed)


def refused(cluster: Cluster, deployed: str) -> int:
    """How many events a deployment's Sensors have written into their logs because a required field was missing."""
    told = 0
    for item in cluster.kubernetes.objects("sensors").values():
        if item["metadata"]["labels"]["metaflow-triggers/deployed-name"] == deployed:
            log = cluster.log(f"sensor-{item['metadata']['namespace']}-{item['metadata']['name']}")
            told += log.count("Successfully processed trigger 'required-field-missing'")
    return told


def plain(start: ObservedStart, items: Sequence[Item]) -> ObservedStart:
    """Run ids without Metaflow's prefix, and no error text of Argo's own where the item has none (section 4)."""
    runs = {f"argo-{item.identity}": item for item in items if item.kind == "finish"}
    events = []
    for event in start.events:
        item = runs.get(str(event.payload.get("run_id")))
        if item is None or not event.name.startswith("metaflow."):
            events.append(event)
            continue
        error = event.payload.get("error") if item.error else None
        payload = {**event.payload, "run_id": item.identity, "error": error}
        events.append(Seen(event.name, payload, (event.id or "").replace("/argo-", "/", 1).removeprefix("argo-")))
    return dataclasses.replace(start, events=tuple(events))
