"""From an event at the webhook to the outcome of its run: all between is Kubernetes', Argo's and ours for real."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.rows import ROOT
from tests.unit.commands.conftest import clean
from tests.unit.commands.test_create_delete import aws  # noqa: F401 - a fixture
from tests.worlds.upstream.emulated_aws import Aws

from ..argo.live.cluster import subscriptions
from ..argo.workflow_runner import pod_environment
from . import SKIPPED, SKIPPED_NETWORKS, network
from .installation import NotBuilt
from .whole import Whole

pytestmark = [pytest.mark.long, pytest.mark.real_cluster]

BUS = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "EventBus",
    "metadata": {"name": "default", "namespace": "default"},
    "spec": {"jetstream": {"version": "latest", "replicas": 3}},
}
"""With the number of servers that Argo's definition sets by itself."""

MADE = ("deployments", "replicasets", "statefulsets", "pods", "services", "endpoints", "endpointslices")
"""What controllers make of objects of others."""


class InCluster:
    """Commands as a user types them, beside a cluster."""

    def __init__(self, cluster: Whole, aws: Aws, folder: Path) -> None:  # noqa: F811
        self.cluster, self.aws, self.folder = cluster, aws, folder
        self.flows = folder / "flows"
        self.flows.mkdir()
        for file in ("process_order/flow.py", "chaining/ingestion.py", "chaining/transform.py"):
            shutil.copy(ROOT / "examples" / file, self.flows)
        self.more: dict[str, str] = {}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        settings = {
            **self.aws.environment,
            "KUBECONFIG": str(self.cluster.plane.place / "kubeconfig"),
            "METAFLOW_USER": "tester",
            "METAFLOW_KUBERNETES_SERVICE_ACCOUNT": "default",
            "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(self.folder / "pods" / "metadata"),
            **self.more,
        }
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.flows,
            env=clean(self.folder, **settings),
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )

    def flow(self, file: str, *words: str) -> str:
        done = self.run(file, "--no-pylint", "argo-workflows", *words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def command(self, *words: str, code: int = 0) -> str:
        done = self.run("-m", "metaflow_triggers.commands.cli", *words)
        assert done.returncode == code, (done.returncode, done.stdout + done.stderr)
        return done.stdout

    def read(self, code: str) -> Any:
        self.more["METAFLOW_DEFAULT_METADATA"] = "local"
        program = (
            f"import json\nfrom metaflow import *\nnamespace(None)\nprint('TOLD' + json.dumps({code}, default=str))"
        )
        done = self.run("-c", program)
        del self.more["METAFLOW_DEFAULT_METADATA"]
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.partition("TOLD")[2].splitlines()[0])

    def secret(self, name: str) -> str:
        item = self.cluster.listed("secrets")[name]
        return base64.b64decode(item["data"]["token"]).decode()

    def finished(self, count: int) -> dict[str, str]:
        """So many Workflows there are and have ended: name -> phase."""

        def ended() -> dict[str, str]:
            found = self.cluster.listed("workflows")
            phases = {name: str(item.get("status", {}).get("phase")) for name, item in found.items()}
            over = all(phase in ("Succeeded", "Failed", "Error") for phase in phases.values())
            return phases if len(phases) >= count and over else {}

        phases: dict[str, str] = self.cluster.until(f"{count} Workflows that have ended", ended)
        return phases


@pytest.fixture
def place(aws: Aws, tmp_path: Path) -> Iterator[InCluster]:  # noqa: F811
    reason = network.why_not()
    if reason is not None:
        pytest.skip(f"{SKIPPED_NETWORKS}{reason}")
    environment = pod_environment(aws.environment, tmp_path / "pods")
    try:
        made = Whole(tmp_path, environment, aws.environment["AWS_ENDPOINT_URL"])
    except NotBuilt as problem:
        pytest.skip(f"{SKIPPED}{problem}")
    with made as cluster:
        yield InCluster(cluster, aws, tmp_path)
        assert not cluster.services.broken and not cluster.workflows.node.broken


def ready(cluster: Whole, sensors: int) -> None:
    """Every object of Argo Events, every pod; and all Sensors listen."""

    def good() -> bool:
        for plural in ("eventbus", "eventsources", "sensors"):
            for name in cluster.listed(plural):
                conditions = cluster.conditions(plural, name)
                if not conditions or any(status != "True" for status, _ in conditions.values()):
                    return False
        pods = [item for item in cluster.listed("pods").values() if "sensor-name" in item["metadata"]["labels"]]
        return len(pods) == sensors and all(
            any(one["type"] == "Ready" and one["status"] == "True" for one in item["status"].get("conditions", []))
            for item in cluster.listed("pods").values()
        )

    cluster.until("objects that are ready", good)
    wanted = sum(subscriptions(item) for item in cluster.listed("sensors").values())
    server = "default/eventbus-default-js-0"
    cluster.until("Sensors that listen", lambda: len(cluster.consumers(server)) >= wanted)


def test_an_event_at_the_webhook_starts_a_run_and_its_outcome_the_next(place: InCluster) -> None:
    cluster = place.cluster
    cluster.apply(BUS)
    for file in FLOWS:
        place.flow(file, "create")
    ready(cluster, sensors=2)
    # Two pods have port 12000, one for the events of everybody and one for the outcomes of runs.
    ports = {name: item["spec"]["ports"][0]["port"] for name, item in cluster.listed("services").items()}
    assert {name: port for name, port in ports.items() if name.startswith("metaflow")} == dict.fromkeys(SERVICES, 12000)

    port = cluster.network.door_in(lambda: (cluster.services.address("default/metaflow-triggers-eventsource"), 12000))
    place.more["METAFLOW_TRIGGERS_WEBHOOK_URL"] = f"http://127.0.0.1:{port}/events"
    place.more["METAFLOW_TRIGGERS_WEBHOOK_TOKEN"] = place.secret("metaflow-triggers-webhook")
    payload = '{"orderId": "A-7", "totalAmount": 19.5}'
    place.command("emit", "order-placed", "--backend", "argo-workflows", "--payload", payload, "--id", "order-a7")
    place.flow("ingestion.py", "trigger")
    ran = place.finished(3)
    assert set(ran.values()) == {"Succeeded"}, "\n".join(map(cluster.workflows.output, ran))
    names = {name.partition("-")[0]: f"argo-{name}" for name in ran}
    told = place.read(
        "[Flow('ProcessOrder').latest_run.id, Flow('ProcessOrder').latest_run.data.order_id,"
        " Flow('ProcessOrder').latest_run.data.amount, Flow('DataTransform').latest_run.id,"
        " Flow('DataTransform').latest_run.data.data]"
    )
    assert told == [names["processorder"], "A-7", 19.5, names["datatransform"], [3, 1, 2]]
    trail = place.command("trail", "order-a7", "flow.py", "--backend", "argo-workflows")
    assert f"started as run {names['processorder']}" in trail and "succeeded" in trail

    # What Argo's controllers have written into our objects, a finalizer and a status, is no change to `create`.
    again = place.flow("flow.py", "create").splitlines()
    written = [line for line in again if line.startswith(("created", "updated", "deleted"))]
    assert written == []

    for file in FLOWS:
        place.flow(file, "delete", *(["--shared"] if file == FLOWS[-1] else []))
    cluster.until("end of what was made of it", lambda: not theirs(cluster) and not ours(cluster))
    # The bus is whoever's it was, and runs.
    assert set(cluster.listed("statefulsets")) == {"eventbus-default-js"} and len(cluster.listed("pods")) >= 3
    assert len(cluster.services.running()["default/eventbus-default-js-0"]) == 1


FLOWS = ("flow.py", "ingestion.py", "transform.py")
SERVICES = ("metaflow-triggers-eventsource-svc", "metaflow-triggers-outcomes-eventsource-svc")
OURS = ("eventsources", "sensors", "workflowtemplates", "secrets", "roles", "rolebindings", "networkpolicies")


def ours(cluster: Whole) -> list[str]:
    """What `create` had made that is there."""
    marked = "app.kubernetes.io/managed-by"
    return [
        f"{plural}/{name}"
        for plural in (*OURS, "serviceaccounts")
        for name, item in cluster.listed(plural).items()
        if item["metadata"].get("labels", {}).get(marked) == "metaflow-triggers"
    ]


def theirs(cluster: Whole) -> list[str]:
    """What controllers had made of it, by what it was made for."""
    labels = ("eventsource-name", "sensor-name")
    return [
        f"{plural}/{name}"
        for plural in MADE
        for name, item in cluster.listed(plural).items()
        if any(label in item["metadata"].get("labels", {}) for label in labels) or name.startswith(SERVICES)
    ]


def test_a_sensor_without_its_bus_is_told_of_and_runs_once_there_is_one(place: InCluster) -> None:
    cluster = place.cluster
    place.flow("flow.py", "create")
    (sensor,) = cluster.listed("sensors")
    lacking = {"Deployed": ("False", "EventBusNotFound")}
    not_yet = {"DependenciesProvided": ("Unknown", ""), "TriggersProvided": ("Unknown", "")}
    cluster.until("word", lambda: cluster.conditions("sensors", sensor) == {**lacking, **not_yet})
    said = {**lacking, "SourcesProvided": ("True", "")}
    cluster.until("word", lambda: cluster.conditions("eventsources", "metaflow-triggers") == said)
    assert not cluster.listed("deployments")

    on_argo = ("flow.py", "--backend", "argo-workflows")
    assert "processorder  ProcessOrder  in step" in place.command("list", "--deployed", *on_argo)  # as it was deployed
    asked = place.command("trail", "order-a7", *on_argo, code=1)
    assert "EventBus default/default is not ready: there is none; whoever installs Argo Events makes it" in asked
    advice = place.command("doctor", *on_argo, code=1)
    assert "there is no EventBus `default` in `default`" in advice

    # What is advised is enough, also for what waits since long: the controllers try again.
    (mend,) = (line.partition("echo '")[2].partition("' |")[0] for line in advice.splitlines() if "echo '" in line)
    cluster.apply(json.loads(mend))
    ready(cluster, sensors=1)
    asked = place.command("trail", "order-a7", *on_argo, code=1)
    assert "nothing started; the bus keeps no events" in asked and "could not be asked" not in asked
    assert "0 lacking, 0 not asked" in place.command("doctor", *on_argo)
