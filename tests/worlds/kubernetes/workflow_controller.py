"""Workflow controller: Argo Workflows' own beside the real API server, its pods as processes of this machine.

In:   the control plane, a Workflow that was created there.
Out:  what `workflow_runner.WorkflowRunner` gives: the phase, the nodes, the folders of the pods.

Not here: what the pods do (`node`).
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..argo.kubernetes_access import ARGO
from ..argo.workflow_runner import Node as Entry
from .control_plane import ControlPlane
from .installation import workflow_controller
from .network import Network
from .node import Node

_FINAL = ("Succeeded", "Failed", "Error")
_PATIENCE = 900.0


class RealWorkflows:
    """`with RealWorkflows(plane, folder, environment, redirects) as runner:` `runner.run(workflow)`."""

    def __init__(
        self,
        plane: ControlPlane,
        url: str,
        folder: Path,
        environment: Mapping[str, str],
        redirects: Mapping[str, str],
        tokens: Mapping[tuple[str, str], str] | None = None,
        network: Network | None = None,
    ) -> None:
        """`url`: where containers find the API server; empty: where a cluster says it, which asks for a `network`. The
        rest as `WorkflowRunner` has it."""
        self.plane, self.folder = plane, folder
        base = {"METAFLOW_TRIGGERS_KUBERNETES_URL": url, **environment} if url else environment
        self.node = Node(plane, folder, base, redirects, {} if tokens is None else tokens, network)
        self.machine = self.node.machine
        self.nodes: dict[str, list[Entry]] = {}

    def __enter__(self) -> RealWorkflows:
        plane = self.plane
        settings = {"metadata": {"name": "workflow-controller-configmap"}, "apiVersion": "v1", "kind": "ConfigMap"}
        plane.request("POST", "/api/v1/namespaces/argo/configmaps", settings)
        self.log = plane.place / "workflows.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [str(workflow_controller()), f"{plane.place}/kubeconfig"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=plane.place,
                env={"GOMAXPROCS": "2", "HOME": str(plane.place), "DEFAULT_REQUEUE_TIME": "1s"},
            )
        self.node.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.node.__exit__()
        self._process.kill()  # it takes a SIGTERM for the end of its lease, and stays
        self._process.wait()

    def run(self, workflow: dict[str, Any]) -> str:
        """Wait for its end; its phase."""
        metadata = workflow["metadata"]
        place = f"{ARGO}/namespaces/{metadata['namespace']}/workflows/{metadata['name']}"
        ends = time.monotonic() + _PATIENCE
        while True:
            found = self.plane.ask("GET", place)
            status = found.get("status", {})
            if status.get("phase") in _FINAL:
                break
            assert self._process.poll() is None, self.log.read_text("utf-8", "replace")[-2000:]
            assert time.monotonic() < ends, (status, self.log.read_text("utf-8", "replace")[-3000:])
            time.sleep(0.2)
        assert not self.node.broken, self.node.broken
        # Its times have seconds; a node ends after those below it.
        entries = sorted(
            status.get("nodes", {}).values(), key=lambda one: (one.get("finishedAt") or "", -len(one["name"]))
        )
        self.nodes[metadata["name"]] = [
            Entry(one["name"], one["displayName"], one.get("templateName", ""), one["phase"], one.get("message", ""))
            for one in entries
        ]
        return str(status["phase"])

    def output(self, workflow: str) -> str:
        """What the containers of a Workflow printed."""
        paths = sorted((self.folder / workflow).glob("*/output"))
        return "\n".join(f"== {path.parent.name}\n{path.read_text(errors='replace')[-4000:]}" for path in paths)
