"""How a run ends is what its exit handler tells: the real handler, on the runner, around a step of plain commands.

Also what the runner itself does at the edges: what Argo puts into a text, and what a container is given.
"""

from __future__ import annotations

import base64
import json
import shlex
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from metaflow_triggers.backends.argo import backend as argo

from tests.flows import GRAPH
from tests.unit.runtime.conftest import Server

from ...unit.backends.argo.argo_flows import EVERYTHING, SETTINGS, upstream
from ..kubernetes.both import cluster
from .created_workflows import ARGO, OUTCOMES, WEBHOOK, runner
from .deployments import change
from .kubernetes_stand_in import Fault, KubernetesStandIn
from .workflow_runner import WorkflowRunner, why_not
from .workflow_text import Unknown, go_quoted, is_met, is_true, substituted

needs_containers = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
ENVIRONMENT = {
    "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
    "METAFLOW_TRIGGERS_OUTCOME_WAIT": "0",
}


class Place:
    """A cluster in which one flow is deployed, whose start step is `script`."""

    def __init__(self, server: KubernetesStandIn, webhook: Server, folder: Path) -> None:
        self.server, self.webhook = server, webhook
        places = [one.replace(".default.", f".{SETTINGS.argo_sensor_namespace}.") for one in (WEBHOOK, OUTCOMES)]
        self.runner = runner(server, folder, ENVIRONMENT, dict.fromkeys(places, webhook.url), {})

    def put(self, root: str, plural: str, item: Any) -> Any:
        metadata = item["metadata"]
        return self.server.store.create((root, "flows", plural, metadata["name"]), item)

    def start(self, script: str, retries: int | None = None, **spec: Any) -> dict[str, Any]:
        made = upstream()
        templates = made["workflow_template"]["spec"]["templates"]
        templates[1]["container"]["command"] = ["bash", "-c", script]
        templates[1].pop("retryStrategy")
        if retries is not None:
            templates[1]["retryStrategy"] = {"retryPolicy": "Always", "limit": retries}
        templates[1]["container"]["terminationMessagePolicy"] = "FallbackToLogsOnError"
        templates[2] = {"name": templates[2]["name"], "container": {**templates[1]["container"], "command": ["true"]}}
        for manifest in argo.manifests(EVERYTHING, GRAPH, made, SETTINGS):
            if manifest.content["kind"] == "WorkflowTemplate":
                self.put(ARGO, "workflowtemplates", manifest.content)
        token = {"token": base64.b64encode(b"secret").decode()}
        names = [SETTINGS.argo_webhook_secret]
        names += [
            entry["valueFrom"]["secretKeyRef"]["name"]
            for entry in self.server.objects("workflowtemplates")["flows/demoflow"]["spec"]["templates"][1][
                "container"
            ]["env"]
            if entry["name"] == "METAFLOW_PRODUCTION_TOKEN"
        ]
        proof = {"token": base64.b64encode(b"proof").decode()}
        for name, data in [*((name, token) for name in names), (SETTINGS.argo_outcome_secret, proof)]:
            item = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data}
            self.put("/api/v1", "secrets", item)
        workflow = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Workflow",
            "metadata": {"name": "one", "namespace": "flows"},
            "spec": {"workflowTemplateRef": {"name": "demoflow"}, **spec},
        }
        return self.put(ARGO, "workflows", workflow)

    def change(self, **spec: Any) -> None:
        """What a user's `stop` or `terminate` does to the Workflow."""
        change(self.server, (ARGO, "flows", "workflows", "one"), lambda item: item["spec"].update(spec))

    def told(self) -> list[dict[str, Any]]:
        """What was posted where exit handlers alone publish."""
        return [json.loads(body) for _, path, _, body in self.webhook.requests if path == "/outcomes"]

    def displays(self) -> list[tuple[str, str]]:
        return [(node.display, node.phase) for node in self.runner.nodes["one"]]


@pytest.fixture
def place(tmp_path: Path):
    webhook = Server()
    with cluster() as server, ExitStack() as stack:
        made = Place(server, webhook, tmp_path / "pods")
        if not isinstance(made.runner, WorkflowRunner):
            stack.enter_context(made.runner)
        yield made
    webhook.close()


@needs_containers
def test_success_is_told_with_the_secret(place: Place):
    assert place.runner.run(place.start('test "$METAFLOW_PRODUCTION_TOKEN" = secret')) == "Succeeded"
    (body,) = place.told()
    assert (body["name"], body["payload"]["outcome"]) == ("metaflow.outcome.demoflow.success", "success")
    posted = [(path, headers["Authorization"], json.loads(text)) for _, path, headers, text in place.webhook.requests]
    # The second is for flows that earlier versions deployed.
    assert posted == [("/outcomes", "Bearer proof", body), ("/events", "Bearer secret", body)]
    assert place.server.objects("workflows")["flows/one"]["status"]["phase"] == "Succeeded"


@needs_containers
def test_a_step_that_fails_is_tried_again_and_told_with_its_error(place: Place):
    error = 'it\'s "so" {{workflow.name}} $(id) <b> \x1b \x7f é\u2028'
    # Argo's times have seconds: the first failure is the first one only where a second lies between.
    workflow = place.start(f"printf '%s' {shlex.quote(error)} >&2; sleep 1.1; exit 3", 1)
    assert place.runner.run(workflow) == "Failed"
    (body,) = place.told()
    assert body["name"] == "metaflow.outcome.demoflow.failure"
    # The tag is filled in by Argo as in every text of a template: it stands in the command here, not in an event.
    shown = error.replace("{{workflow.name}}", "one")
    assert body["payload"]["error"] == f"main: Error (exit code 3): {shown}" and body["payload"]["step"] == "start"
    assert {("start(0)", "Failed"), ("start(1)", "Failed"), ("start", "Failed")} <= set(place.displays())
    (retried,) = [node for node in place.runner.nodes["one"] if node.display == "start"]
    assert retried.message == "No more retries left"


@needs_containers
def test_a_deadline_is_a_timeout(place: Place):
    assert place.runner.run(place.start("sleep 600", activeDeadlineSeconds=1)) == "Failed"
    assert [body["payload"]["outcome"] for body in place.told()] == ["timeout"]


@needs_containers
@pytest.mark.parametrize(("strategy", "outcomes"), [("Stop", ["aborted"]), ("Terminate", [])])
def test_stopped_on_purpose(place: Place, strategy: str, outcomes: list[str]):
    workflow = place.start("touch running; sleep 600", retries=5)
    phases: list[str] = []
    thread = threading.Thread(target=lambda: phases.append(place.runner.run(workflow)))
    thread.start()
    while not list(place.runner.folder.glob("one/*/*/running")):
        assert thread.is_alive()
        thread.join(0.05)
    place.change(shutdown=strategy)
    thread.join()
    assert phases == ["Failed"]
    assert [body["payload"]["outcome"] for body in place.told()] == outcomes
    assert ("start(1)", "Failed") not in place.displays()


@needs_containers
def test_a_lost_outcome_does_not_fail_the_run(place: Place):
    place.webhook.answers = [(500, b"")]
    assert place.runner.run(place.start("true")) == "Succeeded"
    (log,) = place.runner.folder.glob("one/*outcome*/output")
    assert "outcome lost" in log.read_text()


@needs_containers
@pytest.mark.stand_in("a kubelet lets such a pod wait, and the node of the tests does not")
def test_without_its_secret_a_container_does_not_start(place: Place):
    workflow = place.start("true")
    place.server.store.faults.append(Fault("GET", "secrets/metaflow-triggers-token", 404, times=100))
    assert place.runner.run(workflow) == "Error"
    assert not list(place.runner.folder.glob("one/*start*/output"))


@needs_containers
def test_a_containers_paths_are_its_own(place: Place, tmp_path: Path):
    mark = tmp_path.name + "-in-tmp"
    workflow = place.start(f"touch /tmp/{mark}; test $$ -lt 10; test ! -e '{tmp_path}/../other'")
    assert place.runner.run(workflow) == "Succeeded", place.runner.output("one")
    assert not Path("/tmp", mark).exists()
    assert [path.name for path in place.runner.folder.glob(f"one/*/tmp/{mark}")] == [mark]


def test_a_text_is_filled_in_once():
    scope = {"workflow.name": "{{workflow.uid}}", "workflow.uid": "7", "workflow.parameters.a b": "é{{x}}"}
    text = "{{workflow.name}} {{ workflow.uid }} {{unknown}} {{=toBase64(workflow.parameters['a b'])}}"
    encoded = base64.b64encode("é{{x}}".encode()).decode()
    assert substituted([{"k{{workflow.uid}}": text}], scope) == [
        {"k{{workflow.uid}}": "{{workflow.uid}} 7 {{unknown}} " + encoded}
    ]
    with pytest.raises(Unknown):
        substituted("{{=1 + 1}}", scope)


def test_go_quotes():
    assert go_quoted('a"\\ \n\x07\x7f é\u2028\U0001f600\ue000') == '"a\\"\\\\ \\n\\a\\x7f é\\u2028\U0001f600\\ue000"'


def test_conditions():
    assert is_true("Failed != Succeeded") and not is_true("'a b' == \"a\"") and is_true("(true) || (false && false)")
    results = {"a": {"Succeeded"}, "b-c": {"Omitted"}, "d": {"Skipped"}}
    assert is_met("a.Succeeded && (b-c.Failed || d)", results) and is_met("", results)
    assert not is_met("b-c", results) and is_met("!b-c.Failed && b-c.Omitted", results)
