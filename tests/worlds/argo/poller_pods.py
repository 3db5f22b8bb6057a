"""Poller pods: the deployed poller's container, run as a process of this machine.

In:   a cluster (`created_workflows`) in which a flow with poll triggers is deployed.
Out:  the container, which can be killed, stopped and started anew; what its ConfigMaps say.

Not here: assertions; running what it starts (`workflow_runner`).
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

from .created_workflows import Cluster
from .workflow_pods import Ended, run_pod


class PollerPod:
    """One pod of a flow's poller."""

    def __init__(self, cluster: Cluster, deployed: str, name: str = "pod-1") -> None:
        self.cluster, self.name = cluster, name
        (self.deployment,) = (
            item
            for item in cluster.kubernetes.objects("deployments").values()
            if item["metadata"]["labels"]["metaflow-triggers/deployed-name"] == deployed
        )
        pod = self.deployment["spec"]["template"]
        account = pod["spec"]["serviceAccountName"]
        token = f"token-of-{account}"
        cluster.runner.machine.tokens["default", account] = token  # type: ignore[index]
        cluster.kubernetes.store.accounts[token] = ("default", account)
        self._pod, self._account, self._count = pod, account, 0
        self._stop: str | None = None
        self._thread: threading.Thread | None = None
        self.ended: Ended | None = None

    @property
    def folder(self) -> Any:
        return self.cluster.folder / "pods" / self.name / str(self._count)

    def start(self, **environment: str) -> None:
        """Start the container, or start it anew in the same pod."""
        self._count += 1
        self._stop, self.ended = None, None
        metadata = {
            **self._pod["metadata"],
            "name": self.name,
            "namespace": "default",
            "uid": f"uid-of-{self.name}",
            "labels": {},
        }
        container = dict(self._pod["spec"]["containers"][0])
        container["env"] = [*container["env"], *({"name": key, "value": value} for key, value in environment.items())]

        def work() -> None:
            machine = self.cluster.runner.machine
            self.ended = run_pod(
                {"container": container}, metadata, self._account, self.folder, machine, lambda: self._stop
            )

        self._thread = threading.Thread(target=work, daemon=True)
        self._thread.start()

    def kill(self) -> None:
        """As when its node loses power."""
        self._stop = "killed"
        assert self._thread is not None
        self._thread.join()

    def output(self) -> str:
        return str((self.folder / "output").read_text(errors="replace"))


def records(cluster: Cluster) -> dict[str, dict[str, Any]]:
    """Name of a trigger -> the poller's state."""
    found = {}
    for item in cluster.kubernetes.objects("configmaps").values():
        data = item.get("data", {})
        if "declaration" in data:
            found[json.loads(data["declaration"])["name"]] = json.loads(data.get("state", "null"))
    return found


def until(what: Callable[[], Any], seconds: float = 60.0, told: Callable[[], str] = lambda: "") -> Any:
    """The first true answer. Fails after a while, with what is told then."""
    end = time.monotonic() + seconds
    while True:
        answer = what()
        if answer:
            return answer
        assert time.monotonic() < end, told()
        time.sleep(0.1)
