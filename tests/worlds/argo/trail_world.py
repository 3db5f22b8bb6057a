"""A cluster in which all is in order, for asking what became of an event: it has what Argo's controllers would write.

In:   a running stand-in, flows of the model.
Out:  deployed flows, Workflows as their Sensors make them, faults; answers.

Not here: assertions.
"""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from metaflow_triggers.backends.argo.compile import names
from metaflow_triggers.backends.argo.deploy.cluster import Cluster
from metaflow_triggers.backends.argo.trail import start_names
from metaflow_triggers.backends.argo.trail.target import asked_of
from metaflow_triggers.backends.shape import About
from metaflow_triggers.graph.differences import recorded
from metaflow_triggers.model.facts import qualified_name
from metaflow_triggers.model.flows import Flow, PollTrigger
from metaflow_triggers.polling import record
from metaflow_triggers.polling.argo import starting, store
from metaflow_triggers.polling.fires import run_name
from metaflow_triggers.trail.answer import Answer
from metaflow_triggers.trail.question import Asked, Question

from ...unit.backends.argo.argo_flows import SETTINGS
from . import deployments
from .kubernetes_stand_in import KubernetesStandIn

ARGO = "/apis/argoproj.io/v1alpha1"
READY = {"conditions": [{"type": "Deployed", "status": "True"}]}
GOOD = {"phase": "Succeeded", "startedAt": "2026-01-01T00:00:01Z", "finishedAt": "2026-01-01T00:01:00Z"}

_DEPLOYED: dict[Any, Any] = {}
"""What a first deployment leaves, so that it is made once for many situations."""


class World:
    """`flows` and `events` are the namespaces of the runs and of the Sensors."""

    def __init__(self, server: KubernetesStandIn, client: Any) -> None:
        self.server, self.client = server, client
        self.reset()

    def reset(self) -> None:
        """Nothing is there but an event bus."""
        self.server.store.objects.clear()
        bus = {"apiVersion": "argoproj.io/v1alpha1", "kind": "EventBus", "metadata": {"name": "default"}, "spec": {}}
        self.put("events", "eventbus", {**bus, "status": copy.deepcopy(READY)})

    def put(self, namespace: str, plural: str, item: Any, root: str = ARGO) -> Any:
        return self.server.store.create((root, namespace, plural, item["metadata"]["name"]), item, "somebody")

    def deploy(self, flow: Flow, as_written: Flow | None = None, settings: Any = SETTINGS) -> None:
        """`as_written`: what `create` recorded, if it is another version."""
        key = flow, as_written, settings
        if key in _DEPLOYED and len(self.server.store.objects) == 1:
            self.server.store.objects.update(copy.deepcopy(_DEPLOYED[key]))
            return
        is_first = len(self.server.store.objects) == 1
        told = About(flow, recorded(as_written or flow), lambda model: [], list)
        deployments.create(self.client, flow, settings, about=told)
        for plural in ("sensors", "eventsources"):
            for item in self.server.objects(plural).values():
                item.setdefault("status", copy.deepcopy(READY))
        if is_first:
            _DEPLOYED[key] = copy.deepcopy(self.server.store.objects)

    def deploy_polled(self, flow: Flow, *polls: PollTrigger) -> None:
        """With a poller that is at work, as its Lease says."""
        told = About(flow, recorded(flow, polls), lambda model: [], list, polls=polls)
        deployments.create(self.client, flow, polls=polls, about=told)
        now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        for item in self.server.objects("leases").values():
            item["spec"] = {**(item.get("spec") or {}), "holderIdentity": "pod", "renewTime": now}

    def record(self, name: str, **changes: Any) -> Any:
        """The ConfigMap of a trigger; `changes` are of its data."""
        (item,) = (
            item
            for item in self.server.objects("configmaps").values()
            if json.loads((item.get("data") or {}).get("declaration", "{}")).get("name") == name
        )
        item["data"].update(changes)
        return item

    def fired(self, name: str, context: Any, last: str = "fire", status: Any = None, **changes: Any) -> Any:
        """The claim of a fire as a poller leaves it, started where there is a status, with its Workflow."""
        item = self.record(name)
        declared = record.declaration(item["data"]["declaration"])
        state = record.state_of(item["data"].get(store.STATE))
        now, tick = datetime(2026, 1, 1, tzinfo=timezone.utc), f"1.{state['generation']}"
        claim = record.add(
            state, declared.target, context, tick, now, now, lambda digest, number: run_name(name, digest, number)
        )
        made = starting.workflow(declared, claim, item["metadata"]["name"], "uid-1")
        if status is not None:
            self.put("flows", "workflows", {**made, "status": status})
            record.started(claim, now)
        claim.update(changes)
        self.polled(item, state, last)
        return claim

    def polled(self, item: Any, state: Any, last: str, **more: Any) -> None:
        """What the last poll gave."""
        state.update(last_poll_at="2026-01-01T00:00:00+00:00", last_result=last, **more)
        item["data"]["state"] = record.state_text(state, store.LARGEST)

    def sensor(self) -> Any:
        (item,) = self.server.objects("sensors").values()
        return item

    def source(self) -> Any:
        return self.server.objects("eventsources")["events/metaflow-triggers"]

    def template(self, deployed: str = "demoflow") -> Any:
        return self.server.objects("workflowtemplates")[f"flows/{deployed}"]

    def remove(self, namespace: str, plural: str, name: str) -> None:
        self.server.store.objects.pop((ARGO, namespace, plural, name))

    def start(self, flow: Flow, name: str, identity: str, payload: Any, status: Any, **changes: Any) -> str:
        """The Workflow that the Sensor makes of an event; its name."""
        (made,) = start_names.of_event(flow, name, identity)
        assert made.name is not None
        self.workflow(flow, made.name, [({"name": name, "id": identity, "timestamp": 1}, payload)], status, **changes)
        return made.name

    def workflow(self, flow: Flow, name: str, events: list[tuple[Any, Any]], status: Any, **changes: Any) -> None:
        """With the object that stands in the Sensor, and its arguments as Argo Events fills them in."""
        triggers = self.sensor()["spec"]["triggers"] if flow.triggers else []
        resource = copy.deepcopy(triggers[0]["template"]["k8s"]["source"]["resource"])
        resource["metadata"]["name"] = name
        values = [base64.b64encode(json.dumps(value).encode()).decode() for event in events for value in event]
        for argument, value in zip(resource["spec"]["arguments"]["parameters"], values, strict=True):
            argument["value"] = value
        resource["spec"].update(changes)
        self.put("flows", "workflows", {**resource, "status": status})

    def sensor_log(self, *lines: Any) -> None:
        """The one pod of the flow's Sensor, and what it has printed."""
        name = self.sensor()["metadata"]["name"]
        metadata = {"name": f"{name}-pod", "labels": {"sensor-name": name, "controller": "sensor-controller"}}
        log = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
        self.put("events", "pods", {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "log": log}, "/api/v1")

    def given_up(self, name: str, event: str, identity: str, *others: str) -> None:
        """The record of a start; `others` are the other events of a set."""
        labels = {"metaflow-triggers/start": "given-up", "metaflow-triggers/deployed-name": "demoflow"}
        record = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, "labels": labels},
            "data": {
                f"event-{place}": json.dumps({"name": name, "id": identity})
                for place, name in enumerate((event, *others))
            },
        }
        self.put("flows", "configmaps", record, "/api/v1")

    def ask(
        self,
        *flows: Flow,
        identity: str = "17",
        event: str | None = None,
        payload: Any = None,
        settings: Any = SETTINGS,
        polls: tuple[PollTrigger, ...] = (),
    ) -> list[Answer]:
        """`polls` start the flows that have their names."""
        asked = tuple(
            Asked(
                qualified_name((item.project or "", item.branch or "", item.name)),
                names.own_name(item),
                item,
                tuple(poll for poll in polls if poll.flow == item.name),
            )
            for item in flows
        )
        return asked_of(Cluster.of(self.client), Question(identity, event, payload, asked), settings)


def codes(answer: Answer) -> list[str]:
    """The cause, then what is said beside it."""
    return [answer.cause.code, *(item.code for item in answer.also)]


def failed(error: str, event: str = "e1", second: int = 0) -> Any:
    """A line of a Sensor's log, as argo-events 1.9.11 writes it: a start was refused."""
    return {
        "level": "error",
        "ts": f"2026-01-01T00:00:{second:02}.25Z",
        "msg": "Failed to execute a trigger",
        "error": f"failed to execute trigger, {error}",
        "triggerName": "start",
        "triggeredByEvents": [event],
    }


def recorded_at(second: int, event: str = "e1") -> Any:
    """Another: the record of a start that was given up has been made."""
    return {
        "level": "info",
        "ts": f"2026-01-01T00:00:{second:02}.999999999Z",
        "msg": "Successfully processed trigger 'start-lost'",
        "triggerName": "start-lost",
        "triggeredByEvents": [event],
    }


def pod(display: str, phase: str, message: str = "") -> Any:
    """A node of a run, as Argo's controller writes it."""
    return {
        "displayName": display,
        "templateName": display.partition("(")[0],
        "type": "Pod",
        "phase": phase,
        "message": message,
        "finishedAt": "2026-01-01T00:00:30Z" if phase in ("Failed", "Error", "Succeeded") else None,
    }


def ended(phase: str, *nodes: Any, message: str = "") -> Any:
    """A Workflow's status."""
    found = {**GOOD, "phase": phase, "message": message, "nodes": {str(at): item for at, item in enumerate(nodes)}}
    return found if phase != "Running" else {name: value for name, value in found.items() if name != "finishedAt"}


Situation = Callable[[World], None]
