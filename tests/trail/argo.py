"""The column of Argo Workflows: how each situation is made on a stand-in for a cluster.

In:   a folder, which is not used: the cluster is in memory.
Out:  `MADE`, `CANNOT`, as in `local.py`.

Not here: what is expected (`situations`); what this target alone can have (tests/worlds/argo/trail_rows.py). What
Argo's controllers and Sensors leave is put here as they leave it: `tests/unit/backends/argo/test_start_names.py` holds
the names of Workflows against what Argo Events made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from metaflow_triggers.backends.argo.trail import start_names
from metaflow_triggers.model.flows import Flow, Parameter
from metaflow_triggers.trail.answer import Answer

from tests.flows import filtered
from tests.unit.backends.argo.argo_flows import SPAN, event, flow, mapping, trigger
from tests.worlds.argo.deployments import connect
from tests.worlds.argo.kubernetes_stand_in import KubernetesStandIn
from tests.worlds.argo.poll_world import poll
from tests.worlds.argo.trail_world import GOOD, ended, pod
from tests.worlds.argo.trail_world import World as Cluster

_NOT_SEEN = "events are on the bus, which nobody may look at"

CANNOT = {
    "same-id-two-names": "one event leaves nothing by its id alone: told where one flow waits for both (trail_rows)",
    "no-engine": f"{_NOT_SEEN}: a Sensor that is not ready is `not-ready` (trail_rows)",
    "listened-later": f"{_NOT_SEEN}: a Sensor takes what comes after it, and it is never-came-unknown",
}


class World(Cluster):
    """A cluster; `DemoFlow` is the flow in question."""

    def __init__(self, folder: Path) -> None:
        self.running = KubernetesStandIn()
        self.running.__enter__()
        super().__init__(self.running, connect(self.running.url))

    def close(self) -> None:
        self.client.close()
        self.running.__exit__()


LACKS = Parameter("n", "int", True, False, False, SPAN)
PAID = flow(trigger(event("paid")))
DEEP = {"order": {"customer": {"tier": ["gold", {"prefix": "plat"}]}}}
FILTERED = flow(trigger(filtered(event("paid"), DEEP)))
LIST = flow(trigger(filtered(event("paid"), {"items": {"kind": ["a"], "size": [2]}})))
TWO = flow(trigger(filtered(event("paid"), {"kind": ["a"]}), filtered(event("paid"), {"kind": ["b"]})))
NUMBER = flow(trigger(filtered(event("paid"), {"n": [{"numeric": [">", 5]}], "kind": ["a"]})))
FIELD = flow(trigger(event("paid", mapping("n", "deep.n"))), parameters=(LACKS,))
SET_FIELD = flow(trigger(event("paid", mapping("n", "deep.n")), event("sent"), join="all"), parameters=(LACKS,))
BOTH = flow(trigger(event("paid"), event("sent"), join="all"))
DAILY = flow(trigger(event("paid"), event("sent"), join="all", options='{"reset_at": {"cron": "0 0 * * *"}}'))
OF_A_PROJECT = flow(trigger(event("shop.user.me.paid")), project="shop", branch="user.me")

EXIT = "main: Error (exit code 1)"
NO_IMAGE = "Pod failed before main container starts due to ErrImagePull: not found"
POSTPONED = "Workflow processing has been postponed because too many workflows are already running"
LOCKED = "Waiting for flows/Mutex/demoflow lock. Lock status: 0/1"


def nothing(
    subject: Flow = PAID, payload: Any = None, name: str | None = "paid", first: Callable[[World], Any] | None = None
) -> Callable[[World], list[Answer]]:
    """Nothing is left of the event; `first` is done to the cluster."""

    def made(world: World) -> list[Answer]:
        world.deploy(subject)
        if first is not None:
            first(world)
        return world.ask(subject, event=name, payload=payload)

    return made


def started(
    status: Any, payload: Any = None, subject: Flow = PAID, asked: Any = None
) -> Callable[[World], list[Answer]]:
    """Its Workflow is there, with this status. `asked`: the payload that is asked about."""

    def made(world: World) -> list[Answer]:
        world.deploy(subject)
        world.start(subject, "paid", "17", payload or {}, status)
        return world.ask(subject, payload=asked)

    return made


def whole_set(world: World) -> list[Answer]:
    """Of one id: then its name follows from it."""
    world.deploy(BOTH)
    (made,) = start_names.of_event(BOTH, "paid", "17")
    events = [({"name": name, "id": "17"}, {}) for name in ("paid", "sent")]
    world.workflow(BOTH, str(made.name), events, GOOD)
    return world.ask(BOTH, event="paid")


def duplicate(world: World) -> list[Answer]:
    """A Sensor patches the Workflow that there is, with what it has."""
    world.deploy(PAID)
    name = world.start(PAID, "paid", "17", {}, GOOD)
    before = dict(world.server.objects("workflows"))
    kept = world.server.objects("workflows")[f"flows/{name}"]
    world.server.store.apply(("/apis/argoproj.io/v1alpha1", "flows", "workflows", name), kept, "sensor", True, False)
    assert world.server.objects("workflows").keys() == before.keys()
    return world.ask(PAID)


def dead_letter(world: World) -> list[Answer]:
    world.deploy(PAID)
    (made,) = start_names.of_event(PAID, "paid", "17")
    world.given_up(str(made.name), "paid", "17")
    return world.ask(PAID)


def pruned(world: World) -> None:
    world.template()["spec"]["ttlStrategy"] = {"secondsAfterCompletion": 60}


LOOKS = flow(parameters=(LACKS,))
POLL = replace(poll("looks", "DemoFlow"), file=LOOKS.file)


def polled(first: Callable[[World], Any]) -> Callable[[World], list[Answer]]:
    """A flow that a poll trigger starts; `first` is done to the cluster."""

    def made(world: World) -> list[Answer]:
        world.deploy_polled(LOOKS, POLL)
        first(world)
        return world.ask(LOOKS, identity="looks", polls=(POLL,))

    return made


def suppressed(world: World) -> None:
    world.fired("looks", {"n": 1}, "suppressed", {"phase": "Running"})


def sensor_deleted(world: World) -> None:
    world.remove("events", "sensors", world.sensor()["metadata"]["name"])


def unbound(world: World) -> None:
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    world.server.store.objects.pop((rbac, "flows", "rolebindings", "metaflow-triggers-sensor"))


MADE: dict[str, Callable[[World], list[Answer]]] = {
    "right-start": started(GOOD),
    "whole-set": whole_set,
    "duplicate": duplicate,
    "failed-in-a-step": started(ended("Failed", pod("start", "Succeeded"), pod("end", "Failed", EXIT))),
    "filter-at-depth": nothing(FILTERED, {"order": {"customer": {"tier": "tin"}}}),
    "filter-in-a-list": nothing(LIST, {"items": [{"kind": "a", "size": 1}, {"kind": "b", "size": 2}]}),
    "two-filters": nothing(TWO, {"kind": "c"}),
    "long-number": nothing(NUMBER, {"n": 12345678901234567890, "kind": "b"}),
    "missing-field": nothing(FIELD, {"deep": {}}),
    "missing-field-in-set": nothing(SET_FIELD, {"deep": {}}),
    "wrong-type": started(ended("Failed", pod("start", "Failed", EXIT)), {"deep": {"n": "many"}}, FIELD),
    "half-a-set": nothing(BOTH),
    "set-reset": nothing(DAILY),
    "set-replaced": nothing(BOTH),
    "other-payload": started(GOOD, {"n": 1}, asked={"n": 2}),
    "paused": nothing(first=lambda world: world.sensor()["spec"].update(replicas=0)),
    "disabled": polled(lambda world: world.record("looks", enabled="false")),
    "suppressed-poll": polled(suppressed),
    "gone": nothing(first=sensor_deleted),
    "wrong-bus": nothing(first=lambda world: world.source()["spec"].update(eventBusName="other")),
    "no-right": nothing(first=unbound),
    "throttled": started({"phase": "Pending", "message": POSTPONED}),
    "dead-letter": dead_letter,
    "busy": started({"phase": "Pending", "message": LOCKED}),
    "before-user-code": started(ended("Error", pod("start", "Error", NO_IMAGE))),
    "lost": started(ended("Error", pod("start", "Error", "pod deleted"))),
    "other-branch": nothing(OF_A_PROJECT, name="shop.test.x.paid"),
    "other-project": nothing(OF_A_PROJECT, name="store.user.me.paid"),
    "misspelt": nothing(name="payd"),
    "pruned": nothing(first=pruned),
    "never-came": nothing(FILTERED, {"order": {"customer": {"tier": "gold"}}}),
    "never-came-and-no": nothing(FILTERED, {"order": {}}),
    "never-came-unknown": nothing(FILTERED, name=None),
    "cannot-be-asked": nothing(first=lambda world: world.server.store.forbidden.add("GET workflows")),
}
