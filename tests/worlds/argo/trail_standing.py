"""Situations in which something in the cluster keeps an event from starting a flow: rows of `test_trail`.

In:   a cluster in which all is in order (`trail_world`).
Out:  `STANDING`, as `trail_rows.RUNS`.

Not here: asking, what a start has left behind.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.flows import filtered

from ...unit.backends.argo.argo_flows import event, flow, mapping, trigger
from . import deployments
from .trail_rows import AMOUNT, PAID, PAYLOAD, Row, unbound, void
from .trail_world import Situation, World


def conditions(world: World, which: str, *found: tuple[str, str, str, str]) -> None:
    item = world.sensor() if which == "sensor" else world.source()
    item["status"] = {
        "conditions": [
            {"type": kind, "status": status, "reason": reason, "message": message}
            for kind, status, reason, message in found
        ]
    }


def only_starts(world: World) -> None:
    """The event came once; to patch what is there is not what a first start needs."""
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    (rule, *_) = world.server.store.objects[rbac, "flows", "roles", "metaflow-triggers-sensor"]["rules"]
    rule["verbs"] = ["get", "create"]


def cleaned_up(world: World) -> None:
    world.template()["spec"]["ttlStrategy"] = {"secondsAfterCompletion": 60}


def set_bus(item: Any, name: str) -> None:
    item["spec"]["eventBusName"] = name


def upstreams(world: World) -> None:
    world.server.store.objects.pop(("/apis/argoproj.io/v1alpha1", "flows", "workflowtemplates", "demoflow"))
    deployments.put_upstreams(world.server, "paid", schedule=False)


def endpoint(world: World) -> None:
    world.source()["spec"]["webhook"]["metaflow-event"]["endpoint"] = "/other"


def other_event(world: World) -> None:
    world.source()["spec"]["webhook"] = {"another": world.source()["spec"]["webhook"]["metaflow-event"]}


def forbid(request: str) -> Situation:
    return lambda world: world.server.store.forbidden.add(request)


STANDING = [
    Row(
        "Sensor paused",
        ["paused"],
        lambda world: world.sensor()["spec"].update(replicas=0),
        words=("Sensor events/demoflow-",),
        commands=("kubectl patch sensor --namespace events demoflow-",),
    ),
    Row(
        "Sensor deleted",
        ["gone"],
        lambda world: world.remove("events", "sensors", world.sensor()["metadata"]["name"]),
        words=("Sensor events/demoflow-", "is not there"),
        commands=("metaflow-triggers create flow.py --backend argo-workflows",),
    ),
    Row(
        "Sensor not ready",
        ["not-ready"],
        lambda world: conditions(
            world,
            "sensor",
            ("DependenciesProvided", "True", "", ""),
            ("Deployed", "False", "CreateDeploymentFailed", "Failed to create a deployment"),
        ),
        words=("Deployed: CreateDeploymentFailed: Failed to create a deployment",),
        commands=("kubectl describe sensor --namespace events",),
    ),
    Row(
        "no controller",
        ["not-ready"],
        lambda world: void(world.sensor().pop("status")),
        words=("Argo Events' controller has not taken it up",),
    ),
    Row(
        "EventSource not ready",
        ["not-ready"],
        lambda world: conditions(world, "source", ("Deployed", "Unknown", "", "")),
        words=("EventSource events/metaflow-triggers is not ready: Deployed: not looked at yet",),
    ),
    Row(
        "EventSource deleted",
        ["gone"],
        lambda world: world.remove("events", "eventsources", "metaflow-triggers"),
        words=("EventSource events/metaflow-triggers is not there",),
    ),
    Row(
        "event source without the event",
        ["not-ready"],
        other_event,
        words=("EventSource events/metaflow-triggers is not ready: it has no event `metaflow-event`",),
    ),
    Row(
        "wrong endpoint", ["wrong-endpoint"], endpoint, words=("posted to /events", "listens at /other of EventSource")
    ),
    Row(
        "wrong bus",
        ["wrong-bus"],
        lambda world: set_bus(world.source(), "other"),
        words=("sent to the bus other; the flow listens on default",),
    ),
    Row(
        "no such bus",
        ["not-ready"],
        lambda world: (
            world.remove("events", "eventbus", "default"),
            conditions(world, "sensor", ("Deployed", "False", "EventBusNotFound", "EventBus not found.")),
        )[1],
        words=("EventBus events/default is not ready: there is none",),
    ),
    Row(
        "no right",
        ["no-right"],
        unbound,
        words=("ServiceAccount events/metaflow-triggers-sensor lacks the right get, create workflows.argoproj.io",),
        commands=("kubectl logs --namespace events --selector sensor-name=demoflow-",),
    ),
    Row("no right but to start", ["not-kept"], only_starts),
    Row("deleted by its time to live", ["may-be-deleted"], cleaned_up, words=("secondsAfterCompletion 60",)),
    Row(
        "not deployed",
        ["gone"],
        lambda world: world.server.store.objects.clear(),
        words=("WorkflowTemplate flows/demoflow is not there",),
        commands=("metaflow-triggers create flow.py --backend argo-workflows",),
    ),
    Row(
        "an older version that does not wait for it",
        ["other-version"],
        lambda world: None,
        as_written=flow(trigger(event("paid-before")), parameters=(AMOUNT,)),
        words=("DemoFlow no longer starts",),
        commands=("metaflow-triggers create flow.py --backend argo-workflows",),
    ),
    Row(
        "an older version, whose filter counts",
        ["filter", "other-version"],
        lambda world: None,
        payload=PAYLOAD,
        as_written=replace(
            PAID, triggers=(trigger(filtered(event("paid", mapping("amount", "order.amount")), {"a": [1]})),)
        ),
        words=("`a` has to be 1; found nothing",),
    ),
    Row("by Metaflow alone", ["not-ours"], upstreams, words=("WorkflowTemplate flows/demoflow was deployed without",)),
    Row("nothing is known", ["not-kept"], lambda world: None, words=("the bus keeps no events",)),
    Row("it did not come", ["not-arrived"], lambda world: None, payload=PAYLOAD),
    Row(
        "Workflows may not be read",
        ["could-not-ask"],
        forbid("GET workflows"),
        words=("could not be asked: Workflow flows/demoflow-", "get workflows.argoproj.io in namespace flows"),
    ),
    Row(
        "Sensors may not be read",
        ["filter", "could-not-ask"],
        forbid("GET sensors"),
        payload={},
        words=("the right get sensors.argoproj.io in namespace events is missing",),
    ),
]
