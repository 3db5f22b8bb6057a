"""Service pods: runs the pods of Deployments and StatefulSets as processes, each in a network of its own.

In:   pods that Kubernetes' controllers made on the real API server; the programs that stand for their images.
Out:  their status as a kubelet says it: addresses, readiness by their probes, restarts; their logs; names of Services,
      which lead to the pods that the controller of EndpointSlices has put behind them.

Not here: pods of Workflows (`node`), choosing a node, pulling images. Of a pod: volumes (emptyDir, Secret, ConfigMap,
projected with tokens), variables, users; no limits, no claims, no hooks; delays of probes are not kept. An image is one
program that is linked statically, in a root folder that has nothing else.
"""

from __future__ import annotations

import base64
import itertools
import os
import shlex
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from ..argo.kubernetes_variables import expanded
from ..argo.workflow_pods import now, unshare
from .control_plane import ControlPlane
from .network import GATEWAY, Network, PodNetwork

NAME = "services"
"""Of the node."""

WORKFLOW = "workflows.argoproj.io/workflow"
_PAUSE = 0.2
_AGAIN = 1.0  # seconds until a container that has ended is started again
_ENDS_WITH_US = ["setpriv", "--pdeathsig", "KILL"]
_SLICES = "/apis/discovery.k8s.io/v1/endpointslices"

Programs = Mapping[str, Sequence[str] | None]
"""What an image's name ends with, without its tag -> the words before a container's arguments, the first of them a
path; None: a companion, which is taken as running."""


@dataclass
class _Pod:
    item: Any
    folder: Path
    network: PodNetwork | None = None
    processes: dict[str, subprocess.Popen[bytes] | None] = field(default_factory=dict)
    restarts: dict[str, int] = field(default_factory=dict)
    gone: threading.Event = field(default_factory=threading.Event)

    @property
    def key(self) -> str:
        return f"{self.item['metadata']['namespace']}/{self.item['metadata']['name']}"


class ServicePods:
    """`with ServicePods(plane, network, folder, programs) as services:`"""

    def __init__(self, plane: ControlPlane, network: Network, folder: Path, programs: Programs) -> None:
        self._plane, self._network, self._folder, self._programs = plane, network, folder, programs
        self._pods: dict[str, _Pod] = {}
        self._threads: list[threading.Thread] = []
        self._ending = threading.Event()
        self._numbers = itertools.count()
        self.broken: list[str] = []
        """What this node could not do: a test that ends well must find none."""

    def __enter__(self) -> ServicePods:
        # Of a node that is not there no pod stands behind a Service.
        self._kubelet = kubelet(self._plane, NAME, self._log_of)
        self._run(self._kubelet.serve_forever)
        self._run(self._watch)
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._kubelet.shutdown()
        self._kubelet.server_close()
        for pod in list(self._pods.values()):
            pod.gone.set()
        for thread in self._threads:
            thread.join(60)

    def log(self, prefix: str) -> str:
        """What the containers of pods have written whose `namespace/name` begins so, also of those that are gone."""
        paths = sorted(self._folder.glob("*/*.log"))
        name = prefix.replace("/", "_")
        return "\n".join(path.read_text("utf-8", "replace") for path in paths if path.parent.name.startswith(name))

    def _log_of(self, namespace: str, name: str, container: str) -> bytes | None:
        for pod in list(self._pods.values()):
            if pod.key == f"{namespace}/{name}":
                path = pod.folder / f"{container}.log"
                return path.read_bytes() if path.exists() else b""
        return None

    def running(self) -> dict[str, list[int]]:
        """`namespace/name` -> the pids of its containers that run now."""
        return {
            pod.key: [one.pid for one in pod.processes.values() if one is not None and one.poll() is None]
            for pod in list(self._pods.values())
        }

    def address(self, prefix: str) -> str:
        """Of the one pod that runs whose `namespace/name` begins so. Raises OSError."""
        found = [one.network.address for one in list(self._pods.values()) if one.key.startswith(prefix) and one.network]
        if len(found) != 1:
            raise OSError(f"{len(found)} pods {prefix}")
        return found[0]

    # Pods come and go ------------------------------------------------------------------------------------------------

    def _run(self, work: Callable[..., None], *arguments: Any) -> None:
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
        while not self._ending.wait(_PAUSE):
            there = {}
            for item in self._plane.ask("GET", "/api/v1/pods")["items"]:
                metadata = item["metadata"]
                if WORKFLOW in metadata.get("labels", {}):
                    continue
                there[metadata["uid"]] = item
                if metadata["uid"] not in self._pods and "deletionTimestamp" not in metadata:
                    name = f"{metadata['namespace']}_{metadata['name']}-{next(self._numbers)}"
                    self._pods[metadata["uid"]] = pod = _Pod(item, self._folder / name)
                    self._run(self._pod, pod)
                elif "deletionTimestamp" in metadata and metadata["uid"] not in self._pods:
                    self._delete(item)
            for uid, pod in list(self._pods.items()):
                if uid not in there or "deletionTimestamp" in there[uid]["metadata"]:
                    pod.gone.set()
            self._names()

    def _names(self) -> None:
        """`service.namespace.svc`, and of a pod that has a name in it `pod.service.namespace.svc`."""
        found: dict[str, list[str]] = {"kubernetes.default.svc": [GATEWAY]}
        for item in self._plane.ask("GET", _SLICES)["items"]:
            service = item["metadata"].get("labels", {}).get("kubernetes.io/service-name")
            for endpoint in item.get("endpoints") or []:
                if service is None or not endpoint.get("conditions", {}).get("ready"):
                    continue
                name = f"{service}.{item['metadata']['namespace']}.svc"
                for one in [name, *([f"{endpoint['hostname']}.{name}"] if endpoint.get("hostname") else [])]:
                    found.setdefault(one, []).extend(endpoint["addresses"])
        self._network.name({name: sorted(set(several)) for name, several in found.items()})

    def _pod(self, pod: _Pod) -> None:
        """From its binding until it is gone."""
        namespace, name = pod.item["metadata"]["namespace"], pod.item["metadata"]["name"]
        place = f"/api/v1/namespaces/{namespace}/pods/{name}"
        binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name}}
        binding["target"] = {"apiVersion": "v1", "kind": "Node", "name": NAME}  # type: ignore[assignment]
        if self._plane.request("POST", f"{place}/binding", binding)[0] == 404:
            return  # gone before it began
        pod.network = self._network.pod()
        try:
            volumes = self._volumes(pod)
            began: dict[str, float] = {}
            said = None
            while not pod.gone.wait(_PAUSE):
                for container in pod.item["spec"]["containers"]:
                    self._keep(pod, container, volumes, began)
                status = self._status(pod)
                if status != said:
                    said = status
                    body = {"status": {**status, "startTime": pod.item["metadata"]["creationTimestamp"]}}
                    self._plane.request("PATCH", f"{place}/status", body, "application/strategic-merge-patch+json")
        finally:
            for process in pod.processes.values():
                if process is not None:
                    process.kill()
                    process.wait()
            pod.network.end()
            pod.network = None
            if not self._ending.is_set():
                self._delete(pod.item)

    def _delete(self, item: Any) -> None:
        """What a kubelet says of a pod whose containers have ended; of another pod of this name it is not said."""
        metadata = item["metadata"]
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0}
        options["preconditions"] = {"uid": metadata["uid"]}
        self._plane.request("DELETE", f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}", options)

    # Containers ------------------------------------------------------------------------------------------------------

    def _keep(self, pod: _Pod, container: Any, volumes: Mapping[str, Path], began: dict[str, float]) -> None:
        """Start it, or start it again."""
        name = container["name"]
        process = pod.processes.get(name)
        if name in pod.processes and (process is None or process.poll() is None):
            return
        if process is not None:
            if time.monotonic() < began[name] + _AGAIN:
                return
            pod.restarts[name] = pod.restarts.get(name, 0) + 1
        began[name] = time.monotonic()
        image = container["image"].partition("@")[0].rpartition(":")[0] or container["image"]
        known = [words for end, words in self._programs.items() if image.endswith(end)]
        if not known:
            raise LookupError(f"no program stands for the image {container['image']}")
        pod.processes[name] = None if known[0] is None else self._process(pod, container, volumes, known[0])

    def _process(
        self, pod: _Pod, container: Any, volumes: Mapping[str, Path], program: Sequence[str]
    ) -> subprocess.Popen[bytes]:
        root = pod.folder / f"{container['name']}.root"
        for name in ("etc", "proc", "dev", "tmp"):
            (root / name).mkdir(parents=True, exist_ok=True)
        (root / "tmp").chmod(0o1777)
        for name in ("program", "etc/hosts", "etc/resolv.conf"):
            (root / name).touch()
        network = pod.network
        assert network is not None
        lines = [
            *network.mounts,
            f"mount --bind {shlex.quote(program[0])} {root}/program",
            f"mount --bind /etc/hosts {root}/etc/hosts",
            f"mount --bind /etc/resolv.conf {root}/etc/resolv.conf",
            f"mount -t proc proc {root}/proc",
            f"mount --rbind /dev {root}/dev",
        ]
        # What lies in another is mounted after it.
        for mount in sorted(container.get("volumeMounts", []), key=lambda one: str(one["mountPath"])):
            target = f"{root}{mount['mountPath']}"
            lines += [f"mkdir -p {target}", f"mount --bind {volumes[mount['name']]} {target}"]
        context = {**pod.item["spec"].get("securityContext", {}), **container.get("securityContext", {})}
        user = context.get("runAsUser")
        as_user = [] if user is None else [f"--userspec=+{user}:+{context.get('runAsGroup', 0)}"]
        words = [*program[1:], *container.get("command", [])[1:], *container.get("args", [])]
        command = ["chroot", *as_user, str(root), "/program", *words]
        with (pod.folder / f"{container['name']}.log").open("ab") as log:
            return subprocess.Popen(
                [
                    *_ENDS_WITH_US,
                    *network.enter,
                    *unshare(),
                    "sh",
                    "-ec",
                    "\n".join([*lines, 'exec "$@"']),
                    "sh",
                    *command,
                ],
                env=self._environment(pod, container),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=pod.folder,
                start_new_session=True,
            )

    def _environment(self, pod: _Pod, container: Any) -> dict[str, str]:
        own: dict[str, str] = {}
        for entry in container.get("env", []):
            source = entry.get("valueFrom")
            value: str | None
            if source is None:
                value = expanded(entry.get("value", ""), own)
            elif "fieldRef" in source:
                value = self._field(pod, source["fieldRef"]["fieldPath"])
            else:
                value = self._data(pod, "secrets", source["secretKeyRef"])[source["secretKeyRef"]["key"]].decode()
            own[entry["name"]] = value
        cluster = {"KUBERNETES_SERVICE_HOST": GATEWAY, "KUBERNETES_SERVICE_PORT": "443"}
        return {"PATH": os.environ["PATH"], "GOMAXPROCS": "2", **cluster, **own}

    def _field(self, pod: _Pod, path: str) -> str:
        metadata = pod.item["metadata"]
        assert pod.network is not None
        known = {"metadata.name": metadata["name"], "metadata.namespace": metadata["namespace"]}
        return {**known, "status.podIP": pod.network.address}[path]

    # Volumes ---------------------------------------------------------------------------------------------------------

    def _volumes(self, pod: _Pod) -> dict[str, Path]:
        made = {}
        for volume in pod.item["spec"].get("volumes", []):
            made[volume["name"]] = folder = pod.folder / "volumes" / volume["name"]
            folder.mkdir(parents=True)
            folder.chmod(0o777)
            if "emptyDir" in volume:
                continue
            sources = volume["projected"]["sources"] if "projected" in volume else [volume]
            for source in sources:
                for name, data in self._files(pod, source).items():
                    (folder / name).write_bytes(data)
        return made

    def _files(self, pod: _Pod, source: Any) -> dict[str, bytes]:
        metadata = pod.item["metadata"]
        if "serviceAccountToken" in source:
            wanted = source["serviceAccountToken"]
            account = pod.item["spec"].get("serviceAccountName", "default")
            return {wanted["path"]: token(self._plane, metadata["namespace"], account).encode()}
        if "downwardAPI" in source:
            items = source["downwardAPI"]["items"]
            return {one["path"]: self._field(pod, one["fieldRef"]["fieldPath"]).encode() for one in items}
        plural, reference = next(
            (plural, source[key])
            for key, plural in (("secret", "secrets"), ("configMap", "configmaps"))
            if key in source
        )
        data = self._data(pod, plural, reference)
        if "items" in reference:
            return {one["path"]: data[one["key"]] for one in reference["items"]}
        return data

    def _data(self, pod: _Pod, plural: str, reference: Any) -> dict[str, bytes]:
        """Of a Secret or ConfigMap, for which a pod waits."""
        name = reference.get("secretName") or reference["name"]
        place = f"/api/v1/namespaces/{pod.item['metadata']['namespace']}/{plural}/{name}"
        while (found := self._plane.ask("GET", place, or_none=True)) is None:
            if reference.get("optional") or pod.gone.wait(_PAUSE):
                return {}
        data = found.get("data") or {}
        if plural == "configmaps":
            return {key: value.encode() for key, value in data.items()}
        return {key: base64.b64decode(value) for key, value in data.items()}

    # What is said ----------------------------------------------------------------------------------------------------

    def _status(self, pod: _Pod) -> Any:
        network = pod.network
        assert network is not None
        told = []
        for container in pod.item["spec"]["containers"]:
            name = container["name"]
            process = pod.processes.get(name)
            alive = name in pod.processes and (process is None or process.poll() is None)
            ready = alive and (process is None or self._answers(network, container))
            started = pod.item["metadata"]["creationTimestamp"]
            waiting = {"waiting": {"reason": "CrashLoopBackOff"}}
            state = {"running": {"startedAt": started}} if alive else waiting
            count = pod.restarts.get(name, 0)
            told.append(
                {"name": name, "state": state, "ready": ready, "started": alive, "restartCount": count}
                | {"image": container["image"], "imageID": ""}
            )
        ready = all(one["ready"] for one in told)
        kinds = {"PodScheduled": True, "Initialized": True, "ContainersReady": ready, "Ready": ready}
        return {
            "phase": "Running",
            "hostIP": GATEWAY,
            "podIP": network.address,
            "podIPs": [{"ip": network.address}],
            "containerStatuses": told,
            "conditions": [
                {"type": kind, "status": str(true), "lastTransitionTime": self._since(pod, kind, true)}
                for kind, true in kinds.items()
            ],
        }

    def _since(self, pod: _Pod, kind: str, true: bool) -> str:
        known = pod.item.setdefault("_since", {})
        if known.get(kind, ("", None))[1] != true:
            known[kind] = (now(), true)
        return str(known[kind][0])

    def _answers(self, network: PodNetwork, container: Any) -> bool:
        """As its probe asks."""
        asked = container.get("readinessProbe", {}).get("httpGet")
        if asked is None:
            return True
        ports = {one.get("name"): one["containerPort"] for one in container.get("ports", [])}
        try:
            with self._network.connect(network.address, ports.get(asked["port"], asked["port"]), 2) as connection:
                connection.sendall(f"GET {asked['path']} HTTP/1.0\r\n\r\n".encode())
                return connection.recv(15).partition(b" ")[2][:1] in (b"2", b"3")
        except OSError:
            return False


def kubelet(plane: ControlPlane, node: str, log_of: Callable[[str, str, str], bytes | None]) -> ThreadingHTTPServer:
    """Make a node of this name; the server at which the API server asks it for logs, which is to be served.

    `log_of`: namespace, pod, container -> the whole log, or None. What is asked beside it is not obeyed.
    """

    class Kubelet(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            words = self.path.partition("?")[0].split("/")
            found = log_of(*words[2:5]) if words[1] == "containerLogs" else None
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Length", str(len(found or b"")))
            self.end_headers()
            self.wfile.write(found or b"")

        def log_message(self, *_: Any) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Kubelet)
    server.daemon_threads = True
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(plane.place / "server.crt", plane.place / "server.key")
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    made = plane.ask("POST", "/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": node}})
    made["status"] = {
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": server.server_port}},
        "conditions": [{"type": "Ready", "status": "True"}],
    }
    plane.ask("PUT", f"/api/v1/nodes/{node}/status", made)
    return server


def token(plane: ControlPlane, namespace: str, account: str) -> str:
    """What the API server gives to a pod of this account."""
    place = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    return str(plane.ask("POST", place, request)["status"]["token"])
