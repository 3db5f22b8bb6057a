"""Whole: a cluster in which nothing but the node is ours.

In:   what `make cluster` has built; an address of an emulated AWS, which stands for the object store of a cluster.
Out:  Kubernetes' API server with the controllers that make pods and remove what nobody owns; Argo Events as its own
      install.yaml has it; Argo Workflows' controller; every pod a process in a network of its own.

Not here: what is deployed. The bus is the StatefulSet of an EventBus, with as many servers as it says, their version
that of `events/go.mod`; what reloads its configuration and counts beside it is taken as running.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..argo.kubernetes_access import ARGO
from .control_plane import ControlPlane
from .installation import argo_events
from .network import GATEWAY, Network
from .service_pods import ServicePods, token
from .workflow_controller import RealWorkflows

CONTROLLERS = (
    "deployment-controller",
    "replicaset-controller",
    "statefulset-controller",
    "endpoints-controller",
    "endpointslice-controller",
    "garbage-collector-controller",
    "serviceaccount-controller",
    "root-ca-certificate-publisher-controller",
)
"""The last two because a pod has an account, and of it a token and the certificate of who signs."""

_PATIENCE = 900.0
"""Seconds after which something that must come has not come: a limit for hanging tests, not a measure."""


class _Tokens(Mapping[tuple[str, str], str]):
    """(namespace, account) -> a token of the API server."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    def __getitem__(self, key: tuple[str, str]) -> str:
        return token(self._plane, *key)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(())

    def __len__(self) -> int:
        return 0


class Whole:
    """`with Whole(folder, environment, store) as cluster:` Raises NotBuilt.

    `environment`: of the containers of runs; `store`: the URL on 127.0.0.1 of what stands for an object store."""

    def __init__(self, folder: Path, environment: Mapping[str, str], store: str) -> None:
        self._installed = argo_events()
        self.folder, self._environment, self._store = folder, environment, store
        self._stack = ExitStack()

    def __enter__(self) -> Whole:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _start(self) -> None:
        enter = self._stack.enter_context
        self.plane = enter(ControlPlane(accounts=True))
        self.plane.control(*CONTROLLERS)
        names = self.folder / "names"
        names.mkdir(parents=True)
        self.network = enter(Network(names))
        self.network.door_out(443, self.plane.port)
        port = urlsplit(self._store).port or 80
        self.network.door_out(port, port)
        program = str(self._installed / "events")
        programs = {
            "argoproj/argo-events": (program, "argo-events"),
            "nats": (program, "nats-server"),
            "nats-server-config-reloader": None,
            "prometheus-nats-exporter": None,
        }
        self.services = enter(ServicePods(self.plane, self.network, self.folder / "services", programs))
        inside = {"KUBERNETES_SERVICE_HOST": GATEWAY, "KUBERNETES_SERVICE_PORT": "443"}
        redirects = {self._store: f"http://{GATEWAY}:{port}"}
        self.workflows = enter(
            RealWorkflows(
                self.plane,
                "",
                self.folder / "pods",
                {**self._environment, **inside},
                redirects,
                _Tokens(self.plane),
                self.network,
            )
        )
        self.install()

    def install(self) -> None:
        """Argo Events, as its project has it installed; the definitions of its kinds are there."""
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "argo-events"}}
        self.plane.ask("POST", "/api/v1/namespaces", namespace)
        for item in json.loads((self._installed / "install.json").read_text("utf-8")):
            if item["kind"] != "CustomResourceDefinition":
                self.apply(item)

    def apply(self, item: Any) -> Any:
        place = path_of(item)
        content = "application/apply-patch+yaml"
        status, answer = self.plane.request("PATCH", f"{place}?fieldManager=kubectl&force=true", item, content)
        assert status < 400, (place, status, answer.get("message"))
        return answer

    def until(self, what: str, true: Callable[[], Any]) -> Any:
        """What is true at last."""
        ends = time.monotonic() + _PATIENCE
        while not (found := true()):
            assert not self.services.broken, self.services.broken
            assert time.monotonic() < ends, f"no {what}: {self.told()}"
            time.sleep(0.1)
        return found

    def told(self) -> str:
        """For the message of a failed assertion."""
        return f"{self.plane.pids} {self.services.running()}\n{self.services.log('')[-6000:]}"

    def listed(self, plural: str, namespace: str = "default") -> dict[str, Any]:
        """Name -> object, of a plural of any group that is used here."""
        root = next(root for root, kinds in ROOTS.items() if plural in kinds.values())
        items = self.plane.ask("GET", f"{root}/namespaces/{namespace}/{plural}")["items"]
        return {item["metadata"]["name"]: item for item in items}

    def conditions(self, plural: str, name: str, namespace: str = "default") -> dict[str, tuple[str, str]]:
        """Of an object of Argo Events what its controller says: condition -> (status, reason)."""
        found = self.plane.ask("GET", f"{ARGO}/namespaces/{namespace}/{plural}/{name}")
        several = found.get("status", {}).get("conditions", [])
        return {one["type"]: (one["status"], one.get("reason", "")) for one in several}

    def consumers(self, server: str) -> list[Any]:
        """Of the event bus: who listens, as one of its servers says it (`namespace/pod`)."""
        with self.network.connect(self.services.address(server), 8222) as connection:
            connection.sendall(b"GET /jsz?consumers=true&accounts=true HTTP/1.0\r\n\r\n")
            answer = b""
            while data := connection.recv(1 << 16):
                answer += data
        told = json.loads(answer.partition(b"\r\n\r\n")[2])
        streams = [one for account in told.get("account_details") or [] for one in account.get("stream_detail") or []]
        return [one for stream in streams for one in stream.get("consumer_detail") or []]


ROOTS = {
    "/api/v1": {
        "ServiceAccount": "serviceaccounts",
        "ConfigMap": "configmaps",
        "Service": "services",
        "Secret": "secrets",
        "Pod": "pods",
        "Endpoints": "endpoints",
    },
    "/apis/apps/v1": {"Deployment": "deployments", "ReplicaSet": "replicasets", "StatefulSet": "statefulsets"},
    "/apis/discovery.k8s.io/v1": {"EndpointSlice": "endpointslices"},
    "/apis/networking.k8s.io/v1": {"NetworkPolicy": "networkpolicies"},
    "/apis/rbac.authorization.k8s.io/v1": {
        "Role": "roles",
        "RoleBinding": "rolebindings",
        "ClusterRole": "clusterroles",
        "ClusterRoleBinding": "clusterrolebindings",
    },
    ARGO: {
        "EventBus": "eventbus",
        "EventSource": "eventsources",
        "Sensor": "sensors",
        "Workflow": "workflows",
        "WorkflowTemplate": "workflowtemplates",
    },
}


def path_of(item: Any) -> str:
    root, plural = next((root, kinds[item["kind"]]) for root, kinds in ROOTS.items() if item["kind"] in kinds)
    namespace = item["metadata"].get("namespace")
    within = f"/namespaces/{namespace}" if namespace else ""
    return f"{root}{within}/{plural}/{item['metadata']['name']}"
