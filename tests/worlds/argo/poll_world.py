"""Poll world: a poller's real process against the Kubernetes stand-in, and runs that end when a test says so.

In:   Python text that declares poll triggers; the stand-in.
Out:  the objects that `compile` gives for them, a process, Workflows, records.

Not here: containers and code packages (`poller_pods`), assertions.
"""

from __future__ import annotations

import contextlib
import copy
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from metaflow_extensions.triggers.plugins.argo_source import document_of
from metaflow_triggers.backends.argo.compile import poller as compiled
from metaflow_triggers.backends.argo.compile.names import own_name
from metaflow_triggers.model.flows import Flow, Parameter, PollTrigger, Span

from ...unit.backends.argo.argo_flows import SETTINGS
from .kubernetes_stand_in import KubernetesStandIn

NAMESPACE = SETTINGS.kubernetes_namespace
_SPAN = Span("polls.py", 1, 1, 1, 1)
_CODE = "import sys; from metaflow_triggers.polling.argo import serve; serve.main(sys.argv[1:])"
_CORE, _ARGO = f"/api/v1/namespaces/{NAMESPACE}", f"/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}"


def flow(name: str = "Polled", parameters: tuple[Parameter, ...] = ()) -> Flow:
    return Flow(name, "polls.py", None, None, parameters, (), None, (), (), _SPAN)


def poll(name: str, workflow: str = "Polled", interval: int = 1000, **more: Any) -> PollTrigger:
    return PollTrigger(
        name=name,
        flow=workflow,
        interval_milliseconds=interval,
        allow_concurrent=more.pop("allow_concurrent", False),
        span=_SPAN,
        file="polls.py",
        interval=f"{interval}ms",
        **more,
    )


class PollWorld:
    """One flow, its triggers, at most a few processes that poll them."""

    def __init__(self, server: KubernetesStandIn, folder: Path, text: str, of: Flow, polls: list[PollTrigger]) -> None:
        self.server, self.folder, self.flow = server, folder, of
        (folder / "polls.py").write_text(text)
        self.processes: list[subprocess.Popen[bytes]] = []
        self.apply(polls)

    def apply(self, polls: list[PollTrigger]) -> None:
        """What `create` makes, but for the Deployment; what is there keeps what is remembered."""
        self.polls = polls
        for manifest in compiled.manifests("folder", self.flow, polls, None, SETTINGS):
            item = copy.deepcopy(manifest.content)
            kind = {"ConfigMap": "configmaps", "Lease": "leases"}.get(item["kind"])
            if kind is None:
                continue
            root = "/api/v1" if kind == "configmaps" else "/apis/coordination.k8s.io/v1"
            key = (root, NAMESPACE, kind, item["metadata"]["name"])
            with self.server.store.lock:
                if key in self.server.store.objects:
                    found = copy.deepcopy(self.server.store.objects[key])
                    found["data"] = {**found.get("data", {}), **item.get("data", {})}
                    self.server.store.save(key, found)
                else:
                    self.server.store.create(key, item)

    def start(self, holder: str = "one", lease_seconds: float = 3.0, **environment: str) -> subprocess.Popen[bytes]:
        """A process that polls."""
        names = [compiled.config_map_name(own_name(self.flow), item.name) for item in self.polls]
        log = (self.folder / f"log-{len(self.processes)}").open("wb")
        process = subprocess.Popen(
            [
                *(sys.executable, "-c", _CODE, "--namespace", NAMESPACE, "--service-account", str(self.folder)),
                *("--lease", compiled.poller_name(own_name(self.flow)), "--lease-seconds", str(lease_seconds)),
                *("--stop-seconds", "1", *names),
            ],
            cwd=self.folder,
            env={
                **os.environ,
                "METAFLOW_TRIGGERS_KUBERNETES_URL": self.server.url,
                "METAFLOW_TRIGGERS_POLLER": holder,
                **environment,
            },
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        log.close()
        self.processes.append(process)
        return process

    def logs(self) -> str:
        return "\n".join(path.read_text(errors="replace")[-3000:] for path in sorted(self.folder.glob("log-*")))

    def close(self) -> None:
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()

    # what is there -----------------------------------------------------------------------------------------------

    def data(self, name: str) -> dict[str, str]:
        found = self.server.objects("configmaps")
        item = found[f"{NAMESPACE}/{compiled.config_map_name(own_name(self.flow), name)}"]
        return dict(item["data"])

    def state(self, name: str) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.data(name).get("state", "{}"))
        return told

    def claims(self, name: str) -> list[dict[str, Any]]:
        return list(self.state(name).get("claims", []))

    def workflows(self) -> list[dict[str, Any]]:
        """In the order in which they were made."""
        found = self.server.objects("workflows").values()
        return sorted(found, key=lambda item: int(item["metadata"]["uid"].rpartition("-")[2]))

    def contexts(self) -> list[dict[str, Any]]:
        """What the Workflows were given."""
        out = []
        for item in self.workflows():
            told = document_of(item)
            assert told is not None
            out.append(told["events"][0]["event"]["payload"])
        return out

    def end_run(self, name: str, phase: str = "Succeeded") -> None:
        """As the controller tells it."""
        body = json.dumps({"status": {"phase": phase}}).encode()
        request = urllib.request.Request(
            f"{self.server.url}{_ARGO}/workflows/{name}",
            body,
            {"Content-Type": "application/merge-patch+json"},
            method="PATCH",
        )
        urllib.request.urlopen(request, timeout=30).close()

    def set_flag(self, name: str, key: str, value: str) -> None:
        """As `disable` and its like do."""
        key_ = ("/api/v1", NAMESPACE, "configmaps", compiled.config_map_name(own_name(self.flow), name))
        with self.server.store.lock:
            item = copy.deepcopy(self.server.store.objects[key_])
            item["data"][key] = value
            self.server.store.save(key_, item)

    def until(self, what: Callable[[], Any], seconds: float = 40.0) -> Any:
        end = time.monotonic() + seconds
        while True:
            answer = what()
            if answer:
                return answer
            if time.monotonic() > end:
                states = {item.name: self.state(item.name) for item in self.polls}
                raise AssertionError(f"{states}\n{self.logs()}")
            time.sleep(0.05)


@contextlib.contextmanager
def world(
    server: KubernetesStandIn, folder: Path, text: str, polls: list[PollTrigger], of: Flow | None = None
) -> Iterator[PollWorld]:
    made = PollWorld(server, folder, text, of or flow(), polls)
    try:
        yield made
    finally:
        made.close()


class Ending(threading.Thread):
    """Ends runs a while after they were made. `began` does what a flow acknowledges.

    `ended` has, of each run, the number of the last write of the API server before it was told to have ended.
    """

    def __init__(
        self, of: PollWorld, seconds: Callable[[], float], began: Callable[[dict[str, Any]], None] = lambda item: None
    ) -> None:
        super().__init__(daemon=True)
        self._of, self._seconds, self._stop_it, self._began = of, seconds, threading.Event(), began
        self.ends: dict[str, float] = {}
        self.ended: dict[str, int] = {}

    def run(self) -> None:
        while not self._stop_it.wait(0.02):
            now = time.monotonic()
            for item in self._of.workflows():
                name = item["metadata"]["name"]
                if name not in self.ends:
                    self._began(item)
                    self.ends[name] = time.monotonic() + self._seconds()
                elif name not in self.ended and now >= self.ends[name]:
                    self.ended[name] = self._of.server.store.version
                    self._of.end_run(name)

    def stop(self) -> None:
        self._stop_it.set()
        self.join()
