"""World: flows that `argo-workflows create` deployed, Argo Events' real services, and a runner of Workflows.

In:   an API server, the stand-in or Kubernetes' own; an emulated AWS; a running cluster.
Out:  commands as a user types them; runs until nothing more starts; what Metaflow's client reads.

Not here: assertions.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.worlds.argo import created_workflows
from tests.worlds.argo.created_workflows import OUTCOMES, WEBHOOK, runner
from tests.worlds.argo.kubernetes_stand_in import KubernetesStandIn
from tests.worlds.argo.workflow_runner import WorkflowRunner, pod_environment
from tests.worlds.upstream.emulated_aws import Aws

from .cluster import Cluster
from .table import workflows

UPSTREAMS_WEBHOOK = "http://argo-events-webhook-eventsource-svc.default.svc:12000"


class World(created_workflows.Cluster):
    """`with World(...) as world:` `settings` are added to those with which everything is deployed."""

    def __init__(self, kubernetes: KubernetesStandIn, aws: Aws, folder: Path, live: Cluster, **settings: str) -> None:
        address = live.webhook.rpartition("/")[0]
        super().__init__(kubernetes, aws, folder, SimpleNamespace(url=address))
        pods = folder / "pods"
        redirects = {WEBHOOK: address, UPSTREAMS_WEBHOOK: address, OUTCOMES: live.outcomes.rpartition("/")[0]}
        tokens = {("default", "default"): "token-of-pods"}
        self.runner = runner(kubernetes, pods, pod_environment(aws.environment, pods), redirects, tokens)
        self.live, self._more = live, settings
        self._ran: set[str] = set()

    def __enter__(self) -> World:
        if not isinstance(self.runner, WorkflowRunner):
            self.runner.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        if not isinstance(self.runner, WorkflowRunner):
            self.runner.__exit__(*error)

    @property
    def settings(self) -> dict[str, str]:
        return {**super().settings, **self._more}

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, "utf-8")

    def deploy(self, file: str, *options: str, **settings: str) -> None:
        """By `argo-workflows create`."""
        self.command(file, "--no-pylint", *options, "argo-workflows", "create", **settings)

    def trigger(self, file: str, *options: str, **settings: str) -> None:
        """A run by hand: Metaflow's own command."""
        self.command(file, "--no-pylint", *options, "argo-workflows", "trigger", **settings)

    def run_all(self) -> dict[str, str]:
        """Run Workflows until no more are made. Name -> phase, in the order in which they ran."""
        ran: dict[str, str] = {}
        while True:
            self.live.quiet()
            every = self.kubernetes.objects("workflows").values()
            waiting = [item for item in every if item["metadata"]["name"] not in self._ran]
            if not waiting:
                return ran
            for item in waiting:
                name = item["metadata"]["name"]
                self._ran.add(name)
                ran[name] = self.runner.run(item)
                assert ran[name] in ("Succeeded", "Failed"), self.runner.output(name)

    def workflows(self, deployed: str) -> list[Any]:
        return workflows(self.kubernetes, deployed)

    def output(self) -> str:
        """What all containers printed."""
        return "\n".join(map(self.runner.output, self.runner.nodes))
