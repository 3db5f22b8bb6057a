"""Created Workflows: flows that `argo-workflows create` deployed to the stand-in, started and run there.

In:   a cluster with what is deployed.
Out:  Workflows as a Sensor makes them, run; what Metaflow's client reads of the runs.

Not here: assertions. The real Sensor's part is what `parameters` of its object say for one event: name and arguments.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from tests.unit.commands.conftest import clean
from tests.unit.runtime.conftest import Server
from tests.worlds.upstream.emulated_aws import Aws

from .kubernetes_stand_in import KubernetesStandIn
from .workflow_runner import WorkflowRunner, pod_environment

ARGO = "/apis/argoproj.io/v1alpha1"
WEBHOOK = "http://metaflow-triggers-eventsource-svc.default.svc:12000"
OUTCOMES = "http://metaflow-triggers-outcomes-eventsource-svc.default.svc:12000"


class Cluster:
    """The stand-in, a webhook that keeps what is posted, an emulated AWS, and a runner."""

    def __init__(self, kubernetes: KubernetesStandIn, aws: Aws, folder: Path, webhook: Server) -> None:
        self.kubernetes, self.aws, self.folder, self.webhook = kubernetes, aws, folder, webhook
        self.runner: Any = runner(
            kubernetes,
            folder / "pods",
            pod_environment(aws.environment, folder / "pods"),
            redirects={WEBHOOK: webhook.url, OUTCOMES: webhook.url},
            tokens={("default", "default"): "token-of-pods"},
        )
        # The server grants the pods what the deployed Role says, and no more.
        kubernetes.store.accounts["token-of-pods"] = ("default", "default")

    @property
    def settings(self) -> dict[str, str]:
        """With which somebody deploys here, and reads the runs."""
        return {
            **self.aws.environment,
            **self.kubernetes.settings,
            "METAFLOW_USER": "tester",
            "METAFLOW_KUBERNETES_SERVICE_ACCOUNT": "default",  # named, so that runs are given their rights
            "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(self.folder / "pods" / "metadata"),
        }

    def command(self, *arguments: str, **settings: str) -> str:
        """Output of a command in the folder, which must succeed."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=clean(self.folder, **{**self.settings, **settings}),
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def create(self, file: str, text: str, *options: str) -> str:
        """Deploy a flow by `argo-workflows create`; `options` stand before that command."""
        (self.folder / file).write_text(text, "utf-8")
        return self.command(file, "--no-pylint", *options, "argo-workflows", "create")

    def start(self, deployed: str, body: dict[str, Any]) -> dict[str, Any]:
        """The Workflow that the Sensor of a flow makes of one webhook body."""
        (sensor,) = (
            item
            for item in self.kubernetes.objects("sensors").values()
            if item["metadata"]["labels"]["metaflow-triggers/deployed-name"] == deployed
        )
        workflow = started_by(sensor, body)
        return self.post(workflow)

    def post(self, workflow: dict[str, Any]) -> dict[str, Any]:
        """Create a Workflow; the object as the server has it."""
        place = f"{self.kubernetes.url}{ARGO}/namespaces/{workflow['metadata'].get('namespace', 'default')}/workflows"
        request = urllib.request.Request(place, json.dumps(workflow).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            made: dict[str, Any] = json.load(answer)
        return made

    def read(self, code: str, *arguments: str) -> Any:
        """What a program that uses Metaflow's client gives to `tell`."""
        program = (
            "import json, sys\nfrom metaflow import *\n"
            "def tell(value): print('TOLD' + json.dumps(value, default=str))\n" + code
        )
        output = self.command("-c", program, *arguments, METAFLOW_DEFAULT_METADATA="local")
        return json.loads(output.partition("TOLD")[2].splitlines()[0])

    def secret(self, name: str, namespace: str = "default") -> str:
        """The token that a Secret holds."""
        item = self.kubernetes.objects("secrets")[f"{namespace}/{name}"]
        return base64.b64decode(item["data"]["token"]).decode()

    def posted(self) -> list[dict[str, Any]]:
        """The bodies that arrived where all events are published."""
        return [json.loads(body) for _, path, _, body in self.webhook.requests if path == "/events"]


def runner(kubernetes: KubernetesStandIn, folder: Path, environment: Any, redirects: Any, tokens: Any) -> Any:
    """Argo's own controller where the server is Kubernetes' own, else ours."""
    if type(kubernetes) is KubernetesStandIn:
        return WorkflowRunner(kubernetes.url, folder, environment, redirects=redirects, tokens=tokens)
    from ..kubernetes.workflow_controller import RealWorkflows

    plane = kubernetes.plane  # type: ignore[attr-defined]
    return RealWorkflows(plane, kubernetes.url, folder, environment, redirects, tokens)


@contextmanager
def cluster(kubernetes: KubernetesStandIn, aws: Aws, folder: Path) -> Iterator[Cluster]:
    webhook = Server()
    try:
        made = Cluster(kubernetes, aws, folder, webhook)
        with nullcontext() if isinstance(made.runner, WorkflowRunner) else made.runner:
            yield made
    finally:
        webhook.close()


def started_by(sensor: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """The object of the Sensor's first trigger with the parameters of its first dependency filled in."""
    trigger = sensor["spec"]["triggers"][0]["template"]["k8s"]
    workflow: dict[str, Any] = copy.deepcopy(trigger["source"]["resource"])
    named = trigger["parameters"][0]
    assert named["dest"] == "metadata.name"
    said = re.fullmatch(r'(.*)\{\{ printf "%s %s" "(.*)" \.Input\.body\.id .*', named["src"]["dataTemplate"])
    assert said is not None, named
    digest = hashlib.sha256(f"{said[2]} {body['id']}".encode()).hexdigest()
    workflow["metadata"]["name"] = said[1] + digest[:40]
    for place, value in enumerate(({key: body[key] for key in body if key != "payload"}, body["payload"])):
        text = base64.b64encode(json.dumps(value).encode()).decode()
        workflow["spec"]["arguments"]["parameters"][place]["value"] = text
    return workflow
