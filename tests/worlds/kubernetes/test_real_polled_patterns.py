"""The document's poll patterns in a cluster: the real API server with its RBAC, Argo's own controller.

The poller's container is a process that this test starts, since the cluster has nobody who carries out Deployments.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from metaflow_extensions.triggers.plugins.argo_source import document_of

from tests.unit.commands.test_create_delete import aws  # noqa: F401 - a fixture
from tests.worlds import polled_patterns
from tests.worlds.upstream.emulated_aws import Aws

from ..argo.created_workflows import Cluster, cluster
from ..argo.poller_pods import PollerPod
from ..argo.workflow_runner import why_not
from .both import asked_of_both, which_cluster
from .both import cluster as kubernetes_cluster

__all__ = ["which_cluster"]
pytest_generate_tests = asked_of_both
pytestmark = [pytest.mark.long, pytest.mark.skipif(why_not() is not None, reason=str(why_not()))]

BACKEND = "argo-workflows"
COMMANDS = ("-m", "metaflow_triggers.commands.cli")


@dataclass
class Namespace:
    """`polled_patterns.Place` of a cluster."""

    cluster: Cluster
    pods: list[PollerPod] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        return self.cluster.folder

    def deploy(self) -> None:
        self.cluster.command(*COMMANDS, "create", ".", "--yes", "--backend", BACKEND)
        for flow in polled_patterns.EXPECTED:
            pod = PollerPod(self.cluster, flow.lower(), f"poller-{flow.lower()}")
            self.pods.append(pod)
            pod.start()

    def runs(self, flow: str) -> list[tuple[str, dict[str, Any]]]:
        found = []
        for item in self.cluster.kubernetes.objects("workflows").values():
            if item["spec"]["workflowTemplateRef"]["name"] == flow.lower():
                document = document_of(item)
                assert document is not None
                phase = item.get("status", {}).get("phase") or "Pending"
                found.append((phase.lower() if phase in ("Succeeded", "Failed", "Error") else "running", document))
        return found

    def client(self, code: str) -> Any:
        return self.cluster.read(f"namespace(None)\n{code}\ntell(found)")

    def polled(self) -> list[dict[str, Any]]:
        told = json.loads(self.cluster.command(*COMMANDS, "list", "--backend", BACKEND, "--format", "json"))
        return list(told["poll_triggers"])

    def told(self) -> str:
        log = self.cluster.runner.log.read_text("utf-8", "replace")[-3000:]
        return "\n".join([*(pod.output() for pod in self.pods), str(self.cluster.runner.node.broken), log])


def test_the_documents_patterns_start_the_runs_that_they_say(
    which_cluster: None,
    aws: Aws,  # noqa: F811
    tmp_path: Path,
) -> None:
    with kubernetes_cluster() as kubernetes, polled_patterns.sources() as looked_at:
        kubernetes.settings = kubernetes.kubeconfig(tmp_path)
        with cluster(kubernetes, aws, tmp_path) as made:
            place = Namespace(made)
            try:
                assert polled_patterns.play(place, looked_at) == []
            finally:
                for pod in place.pods:
                    pod.kill()
    assert not [path for path in tmp_path.rglob("*") if path.name == "pwned"]
