"""Cluster: Argo Events' real services beside the stand-in API server.

In:   the program of `installation`, a running stand-in, its EventSources and Sensors.
Out:  running services; the webhook's address; whether all events are dealt with.

Not here: deploying (`argo.deploy`), what is asserted. `Cluster` plays Argo's controllers, which make a pod of an
EventSource or Sensor: it gives a service its object, its secrets as files, and the token of its ServiceAccount.
"""

from __future__ import annotations

import base64
import copy
import json
import queue
import secrets
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.worlds.argo.kubernetes_stand_in import KubernetesStandIn

_PATIENCE = 300
"""Seconds after which something that must come has not come: a limit for hanging tests, not a measure."""
_SECRETS = "/api/v1"


class Cluster:
    """`with Cluster(program, stand_in, folder) as cluster:` `folder` is short: a socket's path has 107 characters."""

    def __init__(self, program: Path, kubernetes: KubernetesStandIn, folder: Path) -> None:
        self.kubernetes, self.folder = kubernetes, folder
        folder.mkdir(parents=True, exist_ok=True)
        self._errors = (folder / "errors").open("w")
        self._process = subprocess.Popen(
            [program, "outside", folder, kubernetes.url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self._told: queue.Queue[dict[str, Any]] = queue.Queue()
        self._ended: list[str] = []
        self.pids: dict[str, int] = {}
        self._subjects: dict[str, int] = {}

    def __enter__(self) -> Cluster:
        assert self._process.stdout is not None
        addresses = json.loads(self._process.stdout.readline())
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.webhook = f"http://{addresses['webhook']}/events"
        self.outcomes = f"http://{addresses['outcomes']}/outcomes"
        self._monitor = f"http://{addresses['monitor']}"
        self._wait_for("ready")
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(_PATIENCE)
        self._reader.join()
        self._errors.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._told.put(json.loads(line))
        self._told.put({})

    def _wait_for(self, key: str) -> dict[str, Any]:
        while True:
            told = self._told.get(timeout=_PATIENCE)
            if key in told:
                return told
            if "ended" in told:
                self._ended.append(told["ended"])
            assert told, (self.folder / "errors").read_text()

    def _tell(self, **command: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()

    # services ------------------------------------------------------------------------------------------------------

    def start_source(self, item: Any) -> str:
        """An EventSource's service, ready to take events. Returns the service's name."""
        name = f"source-{item['metadata']['name']}"
        item = copy.deepcopy(item)
        for events in item["spec"].get("webhook", {}).values():
            for secret in ("authSecret", "serverCertSecret", "serverKeySecret"):
                if secret in events:
                    self._mount(name, item["metadata"]["namespace"], events[secret])
            address = "outcomes" if events["endpoint"] == "/outcomes" else "webhook"
            if "serverCertSecret" in events:
                setattr(self, address, getattr(self, address).replace("http:", "https:"))
            if address == "outcomes":
                events["port"] = "12001"  # a pod has a network of its own, the services here share one
        self._start(name, "eventsource", item)
        self._until(lambda: self._healthy(name))
        return name

    def start_sensor(self, item: Any) -> str:
        """A Sensor's service. It is subscribed once `subscribed` returns. Returns the service's name."""
        namespace, name = item["metadata"]["namespace"], item["metadata"]["name"]
        token = secrets.token_hex(16)
        account = (item["spec"].get("template") or {}).get("serviceAccountName", "default")
        self.kubernetes.store.accounts[token] = (namespace, account)
        service = f"sensor-{namespace}-{name}"
        self._folder(service).joinpath("token").write_text(token)
        self._subjects[service] = subscriptions(item)
        self._start(service, "sensor", item)
        return service

    def kill(self, service: str) -> None:
        """Ends a service as the kernel does."""
        self._tell(kill=service)
        self._wait_for("killed")
        self._ended = [name for name in self._ended if name != service]

    def start_again(self, service: str) -> None:
        """What was killed, with the same object."""
        self._tell(start=service, kind="sensor" if service.startswith("sensor-") else "eventsource")
        self.pids[service] = self._wait_for("started")["pid"]
        if service.startswith("source-"):
            self._until(lambda: self._healthy(service))

    def change_sensor(self, item: Any) -> None:
        """What Argo's controller does when a Sensor that runs is changed so that all its dependencies are new ones."""
        before = {one["name"] for one in self._consumers()}
        self.kill(f"sensor-{item['metadata']['namespace']}-{item['metadata']['name']}")
        service = self.start_sensor(item)
        self._until(lambda: len({one["name"] for one in self._consumers()} - before) >= self._subjects[service])

    def start_all(self) -> list[str]:
        """A service for every EventSource and Sensor of the API server; all are ready."""
        names = [self.start_source(item) for item in self.kubernetes.objects("eventsources").values()]
        names += [self.start_sensor(item) for item in self.kubernetes.objects("sensors").values()]
        self.subscribed()
        return names

    def publish(self, source: str, subject: str, identity: str, data: str) -> None:
        """An event of an event source that has no service here. `data` is JSON text."""
        text = base64.b64encode(data.encode("utf-8")).decode("ascii")
        self._tell(publish=text, source=source, subject=subject, id=identity)
        self._wait_for("published")

    def log(self, service: str) -> str:
        """What a service has written."""
        return (self.folder / service / "log").read_text("utf-8", "replace")

    def _start(self, name: str, kind: str, item: Any) -> None:
        (self._folder(name) / "object.json").write_text(json.dumps(item), "utf-8")
        self._tell(start=name, kind=kind)
        self.pids[name] = self._wait_for("started")["pid"]

    def _folder(self, service: str) -> Path:
        folder = self.folder / service
        folder.mkdir(exist_ok=True)
        return folder

    def _mount(self, service: str, namespace: str, reference: dict[str, str]) -> None:
        secret = self.kubernetes.store.objects[_SECRETS, namespace, "secrets", reference["name"]]
        folder = self._folder(service) / "argo-events" / "secrets" / reference["name"]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / reference["key"]).write_bytes(base64.b64decode(secret["data"][reference["key"]]))

    # the bus -------------------------------------------------------------------------------------------------------

    def subscribed(self) -> None:
        """Returns when every Sensor's subscriptions stand: what is published from now on reaches them."""
        self._until(lambda: len(self._consumers()) >= sum(self._subjects.values()))

    def quiet(self) -> None:
        """Returns when every Sensor has acknowledged every event."""
        self._until(lambda: not any(one["num_pending"] or one["num_ack_pending"] for one in self._consumers()))

    def busy(self, events: int) -> bool:
        """Whether the bus has fewer than so many events, or a Sensor has not acknowledged one of them."""
        time.sleep(0.05)
        consumers = self._consumers()
        return self._stream()["state"]["messages"] < events or any(
            one["num_pending"] or one["num_ack_pending"] for one in consumers
        )

    def redeliveries(self) -> int:
        """How often an event was delivered to a Sensor once more."""
        events = self._stream()["state"]["messages"]
        return sum(one["delivered"]["consumer_seq"] - events for one in self._consumers())

    def gone(self) -> list[str]:
        """Services that have ended by themselves or by a signal, each told once."""
        while not self._told.empty():
            told = self._told.get()
            if "ended" in told:
                self._ended.append(told["ended"])
        found, self._ended = self._ended, []
        return found

    def _consumers(self) -> list[Any]:
        return self._stream().get("consumer_detail") or []

    def _stream(self) -> Any:
        """What the bus says of the stream of events."""
        with urllib.request.urlopen(f"{self._monitor}/jsz?consumers=true&accounts=true", timeout=30) as answer:
            told = json.load(answer)
        streams = [stream for account in told.get("account_details") or [] for stream in account["stream_detail"]]
        return next((stream for stream in streams if stream["name"] == "default"), {})

    def _healthy(self, service: str) -> bool:
        address = self.outcomes if service.endswith("-outcomes") else self.webhook
        try:
            trusting = ssl._create_unverified_context() if address.startswith("https:") else None
            with urllib.request.urlopen(address.rpartition("/")[0] + "/health", timeout=30, context=trusting):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def _until(self, condition: Any) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not condition():
            assert time.monotonic() < deadline, "nothing more happens"
            time.sleep(0.05)


def subscriptions(sensor: Any) -> int:
    """How many consumers a Sensor has: one for each trigger and subject that it listens to (trigger_conn.go)."""
    subjects = {one["name"]: (one["eventSourceName"], one["eventName"]) for one in sensor["spec"]["dependencies"]}
    found = 0
    for trigger in sensor["spec"]["triggers"]:
        conditions = trigger["template"].get("conditions")
        used = conditions.replace("&&", " ").replace("||", " ").split() if conditions else list(subjects)
        found += len({subjects[name.strip("()")] for name in used if name.strip("()")})
    return found
