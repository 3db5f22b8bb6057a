"""Who may say that a run has ended, on Argo's real services: the exit handler of a deployment of ours, nobody else."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import replace
from typing import Any

import pytest
from metaflow_triggers.backends.argo import backend as argo
from metaflow_triggers.backends.argo.compile import names
from metaflow_triggers.backends.argo.deploy import converge
from metaflow_triggers.backends.shape import About
from metaflow_triggers.graph.link import link

from tests.unit.backends.argo.argo_flows import SETTINGS, finish, flow, trigger, upstream
from tests.worlds.argo.deployments import connect

from .cluster import Cluster
from .conftest import Launch
from .table import deploy_all, end, webhook_token, workflows

PARENT = replace(flow(), name="Parent")
CHILD = flow(trigger(finish("Parent", "success", "failure")), name="Child")
SET = flow(trigger(finish("Parent"), finish("Other"), join="all"), name="Both")
OTHER = replace(flow(), name="Other")


def outcome(flow_name: str, run: str, kind: str = "success") -> dict[str, Any]:
    payload = {"flow": flow_name, "run_id": run, "outcome": kind}
    name = f"metaflow.outcome.{flow_name.lower()}.{kind}"
    return {"name": name, "id": f"{run}/{kind}", "timestamp": 1, "payload": payload, "keys": sorted(payload)}


def upstreams(flow_name: str, run: str) -> dict[str, Any]:
    """What Metaflow itself publishes of a success."""
    payload = {"flow_name": flow_name, "run_id": run, "auto-generated-by-metaflow": True, "name": "x", "id": "y"}
    return {"name": f"metaflow.{flow_name}.end", "payload": payload}


def post(url: str, token: str, body: Any, **headers: str) -> int:
    more = {"Content-Type": "application/json", "Authorization": f"Bearer {token}", **headers}
    request = urllib.request.Request(url, json.dumps(body).encode(), more)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def started(cluster: Cluster, deployed: str) -> list[str]:
    cluster.quiet()
    return [item["metadata"]["name"] for item in workflows(cluster.kubernetes, deployed)]


@pytest.fixture
def live(launch: Launch) -> Cluster:
    cluster = launch()
    deploy_all(cluster.kubernetes, [link([PARENT, CHILD, SET, OTHER])])
    cluster.start_all()
    return cluster


def test_nobody_else_starts_a_child_whose_parent_we_deploy(live: Cluster) -> None:
    everybodys = webhook_token(live.kubernetes)
    forged = [outcome("Parent", "forged"), outcome("Parent", "forged", "failure"), upstreams("Parent", "forged")]
    forged.append(outcome("Other", "forged"))
    for body in forged:
        assert post(live.webhook, everybodys, body) == 200
        assert post(live.outcomes, everybodys, body) == 401
    # Later versions of Argo Events than this one take source and subject from these; our Sensors refuse such an event.
    pretends = {
        "Ce-Source": "metaflow-triggers-outcomes",
        "Ce-Subject": "metaflow-outcome",
        "Ce-Type": "x",
        "Ce-Id": "x",
    }
    assert post(live.webhook, everybodys, forged[0], **pretends, **{"Ce-Specversion": "1.0"}) == 200
    assert started(live, "child") == started(live, "both") == []

    for name in ("Parent", "Other"):
        end(live, outcome(name, f"argo-{name.lower()}-1"))
    assert len(started(live, "child")) == len(started(live, "both")) == 1
    end(live, outcome("Parent", "argo-parent-1"))  # told once more
    end(live, outcome("Parent", "argo-parent-2", "failure"))
    assert len(started(live, "child")) == 2


def test_a_cloud_event_is_refused_even_with_the_proof(live: Cluster) -> None:
    proof = webhook_token(live.kubernetes, secret=SETTINGS.argo_outcome_secret)
    ce = {"Ce-Specversion": "1.0", "Ce-Source": "x", "Ce-Type": "x", "Ce-Id": "x"}
    assert post(live.outcomes, proof, outcome("Parent", "argo-parent-1"), **ce) == 200
    structured = {
        "specversion": "1.0",
        "source": "x",
        "type": "x",
        "id": "x",
        "data": outcome("Parent", "argo-parent-1"),
    }
    kind = {"Content-Type": "application/cloudevents+json"}
    assert post(live.outcomes, proof, {**structured, **outcome("Parent", "argo-parent-1")}, **kind) == 200
    assert started(live, "child") == []


def test_a_parent_that_nobody_vouches_for_starts_its_child_either_way_and_once(launch: Launch) -> None:
    cluster = launch()
    deploy_all(cluster.kubernetes, [link([CHILD])])
    cluster.start_all()
    assert post(cluster.webhook, webhook_token(cluster.kubernetes), upstreams("Parent", "argo-parent-1")) == 200
    end(cluster, outcome("Parent", "argo-parent-1"))
    assert len(started(cluster, "child")) == 1


def create(cluster: Cluster, chosen: Any) -> str:
    """As `python flow.py argo-workflows create`, which sees one flow and asks the cluster. The Sensor's name."""
    deployed = names.own_name(chosen)
    made = argo.manifests(chosen, link([chosen]), upstream(deployed), SETTINGS)
    converge.create(
        [*made, *argo.shared_manifests(SETTINGS)],
        SETTINGS,
        client=connect(cluster.kubernetes.url),
        deployed_name=deployed,
        production_token="token-1",
        about=About(chosen, {}, lambda model: [], list),
    )
    return names.sensor_name(deployed)


def test_a_child_that_came_first_hears_its_parent_before_and_after_it_moves_over(launch: Launch) -> None:
    cluster = launch()
    create(cluster, CHILD)
    cluster.start_all()
    create(cluster, PARENT)
    end(cluster, outcome("Parent", "argo-parent-1"))
    assert len(started(cluster, "child")) == 1
    sensor = create(cluster, CHILD)
    cluster.change_sensor(cluster.kubernetes.objects("sensors")[f"{SETTINGS.argo_sensor_namespace}/{sensor}"])
    end(cluster, outcome("Parent", "argo-parent-1"))  # told once more across the change: the same run
    assert post(cluster.webhook, webhook_token(cluster.kubernetes), outcome("Parent", "forged")) == 200
    assert len(started(cluster, "child")) == 1
    end(cluster, outcome("Parent", "argo-parent-2"))
    assert len(started(cluster, "child")) == 2
