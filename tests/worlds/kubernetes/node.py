"""Node: runs the pods of Workflows as processes, and says of them what a kubelet and Argo's executor say.

In:   pods that a controller made on the real API server.
Out:  their status, exit codes and messages; WorkflowTaskResults with what their templates put out; a signal that comes
      by `exec` ends the container.

Not here: choosing pods. The executor is not Argo's own: the init and wait containers are taken as run, and of the main
one the command behind `argoexec emissary --` is run (`workflow_pods`). What the results report is written by the pod's
account where pods have networks, else by somebody who may do everything. No images, no resources; pods that stay, as
those of Deployments, are for `service_pods`.
"""

from __future__ import annotations

import itertools
import json
import os
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from ..argo import workflow_pods
from ..argo.kubernetes_access import ARGO
from ..argo.workflow_pods import HERE, Api, Ended, Machine
from .control_plane import ControlPlane
from .network import Network, PodNetwork

NAME = "here"
_WORKFLOW = "workflows.argoproj.io/workflow"
_PAUSE, _TURNS = 0.1, 5
_MINE = "/var/run/argo"
_ACCOUNT = "/var/run/secrets/kubernetes.io"
AT_ONCE = 1 + (os.cpu_count() or 2)
"""Containers: most of a task is thinking."""


class _Secrets(Api):
    """Secrets of the real server."""

    def __init__(self, plane: ControlPlane) -> None:
        super().__init__(plane.url)
        self._plane = plane

    def get(self, path: str) -> Any:
        return self._plane.ask("GET", path, or_none=True)


class Node:
    """`with Node(plane, folder, environment, redirects):` pods of all namespaces run, each in a folder of its own."""

    def __init__(
        self,
        plane: ControlPlane,
        folder: Path,
        environment: Mapping[str, str],
        redirects: Mapping[str, str],
        tokens: Mapping[tuple[str, str], str],
        network: Network | None = None,
    ) -> None:
        """`network`: pods have one each, and of an account what the server has them mount; without it they are in that
        of this machine."""
        self.plane, self.folder, self.network = plane, folder, network
        self.machine = Machine(_Secrets(plane), environment, redirects, tokens, plane.authority if network else "")
        self._known: set[str] = set()
        self._signals: dict[str, str] = {}
        self._threads: list[threading.Thread] = []
        self._ending = threading.Event()
        self._room = threading.BoundedSemaphore(AT_ONCE)
        self.held = False
        """While it is, no pod begins."""
        self.broken: list[str] = []
        """What this node could not do: a test that ends well must find none."""

    def __enter__(self) -> Node:
        signals = self._signals

        class Kubelet(BaseHTTPRequestHandler):
            """Of what a kubelet answers, `exec` of a signal: it is passed on, and the connection is not taken over."""

            def do_POST(self) -> None:
                pieces = self.path.partition("?")[0].split("/")
                if pieces[1] == "exec" and pieces[4] == "main" and "kill" in self.path:
                    signals["/".join(pieces[2:4])] = self.path
                self.send_response(501)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST

            def log_message(self, *_: Any) -> None:
                return None

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Kubelet)
        self._server.daemon_threads = True
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(self.plane.place / "server.crt", self.plane.place / "server.key")
        self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._run(self._server.serve_forever)
        item = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NAME}}
        self.plane.request("DELETE", f"/api/v1/nodes/{NAME}")
        made = self.plane.ask("POST", "/api/v1/nodes", item)
        made["status"] = {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self._server.server_port}},
            "conditions": [{"type": "Ready", "status": "True"}],
        }
        self.plane.ask("PUT", f"/api/v1/nodes/{NAME}/status", made)
        self._run(self._watch)
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._server.shutdown()
        self._server.server_close()
        for thread in self._threads:
            thread.join(20)

    def _run(self, work: Any, *arguments: Any) -> None:
        def whole() -> None:
            try:
                work(*arguments)
            except Exception as problem:  # in a thread, which nobody waits for
                if not self._ending.is_set():
                    self.broken.append(f"{type(problem).__name__}: {problem}")

        thread = threading.Thread(target=whole, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _watch(self) -> None:
        """Pods that nobody runs yet are few; those that are being deleted may be any, and are looked for less often."""
        for turn in itertools.count():
            if self._ending.wait(_PAUSE):
                return
            if turn % _TURNS == 0:
                for pod in self.plane.ask("GET", "/api/v1/pods")["items"]:
                    if "deletionTimestamp" in pod["metadata"]:
                        self._gone(pod)
            if self.held:
                continue
            for pod in self.plane.ask("GET", "/api/v1/pods?fieldSelector=status.phase%3DPending")["items"]:
                metadata = pod["metadata"]
                if metadata["uid"] not in self._known and _WORKFLOW in metadata.get("labels", {}):
                    self._known.add(metadata["uid"])
                    self._run(self._pod, pod)

    def _gone(self, pod: Any) -> None:
        """A pod that is being deleted is signalled, and leaves."""
        namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        self._signals.setdefault(f"{namespace}/{name}", "deleted")
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0}
        self.plane.request("DELETE", f"/api/v1/namespaces/{namespace}/pods/{name}", options)

    def _pod(self, pod: Any) -> None:
        with self._room:
            if not self._ending.is_set():
                self._begun(pod)

    def _begun(self, pod: Any) -> None:
        metadata = pod["metadata"]
        place = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
        binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": metadata["name"]}}
        binding["target"] = {"apiVersion": "v1", "kind": "Node", "name": NAME}
        if self.plane.request("POST", f"{place}/binding", binding)[0] == 404:
            return  # gone before it began
        containers = [one["name"] for one in pod["spec"]["containers"]]
        running = {"running": {"startedAt": workflow_pods.now()}}
        self._status(place, "Running", [_container(name, running) for name in containers])
        (main,) = [one for one in pod["spec"]["containers"] if one["name"] == "main"]
        template = _template(pod)
        ended, code, message = self._main(pod, main, template)
        self._result(pod, template, ended)
        states = []
        for name in containers:
            of_main = name == "main"
            told: dict[str, Any] = {"exitCode": code if of_main else 0, "finishedAt": workflow_pods.now()}
            told |= {
                "reason": "Error" if of_main and code else "Completed",
                "startedAt": running["running"]["startedAt"],
            }
            told |= {"message": message} if of_main and message else {}
            states.append(_container(name, {"terminated": told}))
        phase = "Succeeded" if code == 0 and ended.phase == "Succeeded" else "Failed"
        self._status(place, phase, states)

    def _main(self, pod: Any, main: Any, template: Any) -> tuple[Ended, int, str]:
        """How the main container ended, its exit code and its termination message."""
        metadata = pod["metadata"]
        where = f"{metadata['namespace']}/{metadata['name']}"
        begin = main["command"].index("--") + 1
        mounts = [one for one in main.get("volumeMounts", []) if not one["mountPath"].startswith((_MINE, _ACCOUNT))]
        container = {**main, "command": main["command"][begin:], "volumeMounts": mounts}
        limit = pod["spec"].get("activeDeadlineSeconds")
        end = time.monotonic() + float(limit) if limit is not None else None

        def stopped() -> str | None:
            if where in self._signals or self._ending.is_set():
                return "signalled"
            return "DeadlineExceeded" if end is not None and time.monotonic() > end else None

        workflow = metadata["labels"][_WORKFLOW]
        display = metadata["annotations"]["workflows.argoproj.io/node-name"].removeprefix(f"{workflow}.")
        folder = self.folder / workflow / f"{len(self._known):03}-{display.replace('/', '_')}"
        account = pod["spec"].get("serviceAccountName", "default")
        mounted = any(one["mountPath"].startswith(_ACCOUNT) for one in main.get("volumeMounts", []))
        machine = self.machine if mounted or self.network is None else replace(self.machine, tokens={})
        place = self.network.pod() if self.network else HERE
        try:
            ended = workflow_pods.run_pod(
                {"container": container, "outputs": template.get("outputs", {})},
                {"annotations": {}, "labels": {}, **metadata},
                account,
                folder,
                machine,
                stopped,
                place,
            )
        finally:
            if isinstance(place, PodNetwork):
                place.end()
        if ended.message == "signalled":
            return ended, 143, ""
        code = 0
        if ended.phase == "Failed" and "exit code" in ended.message:
            code = int(ended.message.partition("exit code ")[2].partition(")")[0])
        elif ended.phase != "Succeeded":
            code = 64
        return ended, code, ended.message.partition("): ")[2]

    def _result(self, pod: Any, template: Any, ended: Ended) -> None:
        metadata = pod["metadata"]
        labels = {_WORKFLOW: metadata["labels"][_WORKFLOW], "workflows.argoproj.io/report-outputs-completed": "true"}
        item = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "WorkflowTaskResult",
            "metadata": {"name": metadata["annotations"]["workflows.argoproj.io/node-id"], "labels": labels},
        }
        found = [
            {**one, "value": ended.outputs[one["name"]]}
            for one in template.get("outputs", {}).get("parameters", [])
            if one["name"] in ended.outputs
        ]
        if found:
            item["outputs"] = {"parameters": found}
        place = f"{ARGO}/namespaces/{metadata['namespace']}/workflowtaskresults"
        account = (metadata["namespace"], pod["spec"].get("serviceAccountName", "default")) if self.network else None
        status, answer = self.plane.request("POST", place, item, account=account)
        assert status in (201, 409), answer

    def _status(self, place: str, phase: str, containers: list[Any]) -> None:
        status = {"phase": phase, "containerStatuses": containers, "startTime": workflow_pods.now()}
        self.plane.request("PATCH", f"{place}/status", {"status": status}, "application/merge-patch+json")


def _container(name: str, state: Any) -> Any:
    ready = "running" in state
    return {"name": name, "state": state, "ready": ready, "restartCount": 0, "image": "", "imageID": ""}


def _template(pod: Any) -> Any:
    for container in [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]:
        for entry in container.get("env", []):
            if entry["name"] == "ARGO_TEMPLATE" and entry.get("value", "").startswith("{"):
                return json.loads(entry["value"])
    return {}
