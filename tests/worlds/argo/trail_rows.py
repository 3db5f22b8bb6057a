"""Situations of one event on a cluster, and what is said of each: rows of `test_trail`.

In:   a cluster in which all is in order (`trail_world`).
Out:  `RUNS`: what is done to it, what is asked, which codes are said and no other.

Not here: asking; what stands in the cluster and keeps events from starting anything (`trail_standing`). Fires of polls
are in `test_poller`; a misspelt name and another branch are in `test_trail`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from metaflow_triggers.backends.argo.trail import start_names
from metaflow_triggers.model.flows import Flow, Parameter

from tests.flows import filtered

from ...unit.backends.argo.argo_flows import SPAN, event, flow, mapping, trigger
from .trail_world import GOOD, Situation, World, ended, failed, pod, recorded_at

AMOUNT = Parameter("amount", "int", True, False, False, SPAN)
PAID = flow(
    trigger(filtered(event("paid", mapping("amount", "order.amount")), {"order": {"kind": ["new"]}})),
    parameters=(AMOUNT,),
)
PAYLOAD = {"order": {"kind": "new", "amount": 5}}
SET = flow(trigger(event("left"), event("right"), join="all"))
RESET = flow(
    trigger(
        event("left"),
        event("right"),
        join="all",
        options='{"reset_at": {"cron": "0 6 * * *", "timezone": "Europe/Rome"}}',
    )
)
TWO = flow(trigger(event("left"), event("right")))
NAME = "demoflow-"
IMAGE = "Pod failed before main container starts due to ImagePullBackOff: Back-off pulling image"
FULL = "Workflow processing has been postponed because too many workflows are already running"
LOCK = "Waiting for flows/Mutex/demoflow lock. Lock status: 0/1"


@dataclass
class Row:
    """`said` are the codes, the cause first, and no other is said; `words` stand in the text."""

    title: str
    said: list[str]
    situation: Situation
    flow: Flow = PAID
    event: str | None = "paid"
    payload: Any = None
    state: str | None = None
    words: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    as_written: Flow | None = None


def starts(status: Any, payload: Any = None, **spec: Any) -> Situation:
    return lambda world: void(world.start(PAID, "paid", "17", PAYLOAD if payload is None else payload, status, **spec))


def void(_: Any) -> None:
    return None


def suspended(world: World) -> None:
    world.template()["spec"]["suspend"] = True
    status = {"phase": "Running", "storedWorkflowTemplateSpec": {"suspend": True}}
    world.start(PAID, "paid", "17", PAYLOAD, status)


def unbound(world: World) -> None:
    world.server.store.objects.pop(
        ("/apis/rbac.authorization.k8s.io/v1", "flows", "rolebindings", "metaflow-triggers-sensor")
    )


def given_up(world: World) -> None:
    (made,) = start_names.of_event(PAID, "paid", "17")
    world.given_up(str(made.name), "paid", "17")


def given_up_without_right(world: World) -> None:
    given_up(world)
    unbound(world)


GIVEN_UP = start_names.of_event(PAID, "paid", "17")[0].name


def set_given_up(world: World) -> None:
    world.given_up("demoflow-of-others", "left", "16")
    world.given_up("demoflow-of-these", "left", "17", "right")


def set_given_up_and_started(world: World) -> None:
    set_given_up(world)
    events = [({"name": name, "id": identity}, {}) for name, identity in (("left", "17"), ("right", "18"))]
    world.workflow(SET, "demoflow-of-these", events, GOOD)


DENIED = 'admission webhook "guard" denied the request: no more runs today'
NO_RIGHT = (
    'workflows.argoproj.io is forbidden: User "system:serviceaccount:events:metaflow-triggers-sensor" cannot create '
    'resource "workflows" in API group "argoproj.io" in the namespace "flows"'
)


def told_by(*lines: Any) -> Situation:
    """A start that was given up in the first second of the stand-in's time; what the Sensor's log has."""

    def made(world: World) -> None:
        given_up(world)
        world.sensor_log("not JSON", failed("of another event", "e0", 1), recorded_at(1, "e0"), *lines)

    return made


def still_tried(reason: str) -> Situation:
    name = start_names.of_event(PAID, "paid", "17")[0].name
    return lambda world: world.sensor_log(failed("of another", "e0"), failed(reason.format(name), "e1", 2))


def both(world: World) -> None:
    for name in ("left", "right"):
        world.start(TWO, name, "17", {}, GOOD)


def one_id(world: World) -> None:
    (made,) = start_names.of_event(SET, "left", "17")
    events = [({"name": name, "id": "17"}, {}) for name in ("left", "right")]
    world.workflow(SET, str(made.name), events, GOOD)


RUNS = [
    Row("right start", ["run"], starts(GOOD), state="succeeded", words=("amount = 5", "started as run argo-demoflow-")),
    Row("without a name", ["run"], starts(GOOD), event=None, state="succeeded"),
    Row("it runs", ["run"], starts(ended("Running", pod("start", "Running"))), state="running"),
    Row(
        "user code failed",
        ["run"],
        starts(ended("Failed", pod("start", "Succeeded"), pod("end", "Failed", "main: Error (exit code 1)"))),
        state="failed",
        words=("in step end", "error: main: Error (exit code 1)"),
    ),
    Row(
        "stopped",
        ["run"],
        starts(ended("Failed", pod("start", "Failed", "workflow shutdown with strategy:  Stop"))),
        state="aborted",
    ),
    Row(
        "its deadline passed",
        ["run"],
        starts(ended("Failed", pod("start", "Failed", "Step exceeded its deadline"))),
        state="timed out",
    ),
    Row(
        "filter said no at depth",
        ["filter"],
        lambda world: None,
        payload={"order": {"kind": "old", "amount": 5}},
        words=('`order.kind` has to be "new"; found "old"',),
    ),
    Row(
        "missing field",
        ["missing-field"],
        lambda world: None,
        payload={"order": {"kind": "new"}},
        words=("no field `order.amount`",),
    ),
    Row(
        "wrong type",
        ["wrong-type"],
        starts(
            ended("Failed", pod("start", "Failed", "main: Error (exit code 1)")),
            {"order": {"kind": "new", "amount": "many"}},
        ),
        state="failed",
        words=("does not fit parameter 'amount' of type int", 'amount = "many"'),
    ),
    Row(
        "set half full",
        ["set-not-kept"],
        lambda world: None,
        flow=SET,
        event="left",
        words=("not kept by this backend", "with event right;"),
        commands=("kubectl get workflows --namespace flows --selector",),
    ),
    Row(
        "set reset",
        ["set-not-kept"],
        lambda world: None,
        flow=RESET,
        event="right",
        words=("it is reset at 0 6 * * * (Europe/Rome)", "with event left;"),
    ),
    Row(
        "set given up",
        ["dead-letter"],
        set_given_up,
        flow=SET,
        event="left",
        words=("lies in ConfigMap flows/demoflow-of-these",),
        commands=("metaflow-triggers dead-letters show demoflow-of-these", "metaflow-triggers emit left --id 17"),
    ),
    Row(
        "set given up, and started since",
        ["run"],
        set_given_up_and_started,
        flow=SET,
        event="left",
        words=("together with right (18)",),
    ),
    Row("a set whose events have one id", ["run"], one_id, flow=SET, event="left", words=("together with right (17)",)),
    Row("same id under two names", ["run", "same-id"], both, flow=TWO, event=None, words=("that of event right",)),
    Row("same id, one name asked for", ["run"], both, flow=TWO, event="left"),
    Row(
        "suspended template",
        ["paused"],
        suspended,
        state="waiting",
        words=("WorkflowTemplate flows/demoflow is paused",),
        commands=("kubectl describe workflow --namespace flows demoflow-",),
    ),
    Row(
        "suspended by hand",
        ["paused"],
        starts({"phase": "Running"}, suspend=True),
        state="waiting",
        words=("Workflow flows/demoflow-",),
    ),
    Row("throttled", ["throttled"], starts({"phase": "Pending", "message": FULL}), state="waiting", words=(FULL,)),
    Row("waits for a lock", ["queued"], starts({"phase": "Pending", "message": LOCK}), state="waiting", words=(LOCK,)),
    Row(
        "not looked at", ["queued"], starts({}), state="waiting", words=("Argo's controller has not looked at it yet",)
    ),
    Row(
        "no node for its pod",
        ["queued"],
        starts(ended("Running", pod("start", "Pending", "Unschedulable: 0/3 nodes are available"))),
        state="running",
        words=("0/3 nodes",),
    ),
    Row(
        "start given up",
        ["dead-letter"],
        given_up,
        words=("lies in ConfigMap flows/demoflow-", "kubectl logs --namespace events --selector sensor-name=demoflow-"),
        commands=(
            "metaflow-triggers dead-letters show demoflow-",
            f"metaflow-triggers dead-letters send-again {GIVEN_UP} --backend argo-workflows --flow demoflow --",
        ),
    ),
    Row(
        "start given up, and the log says why",
        ["dead-letter"],
        told_by(failed("first"), failed(DENIED, second=0), recorded_at(0)),
        words=("no more runs today, since 2026-01-01T00:00:00Z",),
    ),
    Row(
        "start given up for a right that is there by now",
        ["no-right", "dead-letter"],
        told_by(failed(NO_RIGHT), recorded_at(0)),
        words=("metaflow-triggers-sensor lacks the right create workflows.argoproj.io in namespace flows",),
    ),
    Row(
        "two starts given up in one second",
        ["dead-letter"],
        told_by(failed(DENIED), failed("other", "e2"), recorded_at(0), recorded_at(0, "e2")),
        words=("only the Sensor's log says why",),
    ),
    Row(
        "start that is refused and tried again",
        ["refused"],
        still_tried('workflows.argoproj.io "{}" is forbidden: exceeded quota: runs, used: count=5'),
        words=("exceeded quota: runs", "tries again"),
    ),
    Row("refusals of other starts", ["not-kept"], still_tried('workflows.argoproj.io "demoflow-other" is forbidden')),
    Row(
        "start given up for want of a right",
        ["no-right", "dead-letter"],
        given_up_without_right,
        words=("lies in ConfigMap flows/demoflow-",),
    ),
    Row(
        "its pod was deleted",
        ["lost"],
        starts(ended("Error", pod("start", "Error", "pod deleted"))),
        state="lost",
        words=("which was lost: in step start: pod deleted",),
    ),
    Row("another payload than it was", ["other-payload", "run"], starts(GOOD), payload={"order": {"amount": 6}}),
    Row("the payload that it was", ["run"], starts(GOOD), payload={"order": {"amount": 5, "kind": "new"}}),
    Row(
        "image that cannot be had",
        ["failed-before-user-code"],
        starts(ended("Error", pod("start", "Error", IMAGE))),
        state="failed",
        words=("ImagePullBackOff",),
    ),
    Row(
        "workflow that Argo refuses",
        ["failed-before-user-code"],
        starts({**GOOD, "phase": "Error", "message": "invalid spec: templates.start: no such service account"}),
        state="failed",
        words=("invalid spec",),
    ),
]
