"""`doctor` about pollers that are deployed: each fault is one line that is lacking, with what mends it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from metaflow_triggers.backends.argo.compile.poller import poller_name
from metaflow_triggers.backends.argo.deploy.cluster import Cluster
from metaflow_triggers.backends.argo.doctor.asking import Asked
from metaflow_triggers.backends.argo.doctor.pollers import pollers
from metaflow_triggers.backends.argo.doctor.rights import rights
from metaflow_triggers.doctor.findings import FINE, LACKING, NOT_ASKED, Finding
from metaflow_triggers.polling.argo import store

from ...unit.backends.argo.argo_flows import SETTINGS, flow
from .kubernetes_stand_in import KubernetesStandIn
from .poll_world import poll
from .trail_world import World

LOOKS = flow()
POLL = replace(poll("looks", LOOKS.name), file=LOOKS.file)
NAME = poller_name("demoflow")
FRESH = {"version": 1, "epoch": 1, "generation": 0, "claims": [], "once": [], "suppressed_count": 0}


@pytest.fixture
def world(server: KubernetesStandIn, client: Any) -> World:
    """A poller at work: its pod is ready, and its last poll said that there is nothing to start."""
    made = World(server, client)
    made.deploy_polled(LOOKS, POLL)
    deployment(made)["status"] = {"replicas": 1, "readyReplicas": 1}
    made.polled(made.record("looks"), dict(FRESH), "skip")
    return made


def deployment(world: World) -> Any:
    (item,) = world.server.objects("deployments").values()
    return item


def asked(world: World) -> list[Finding]:
    before = json.dumps({str(key): item for key, item in world.server.store.objects.items()})
    found = list(pollers(SETTINGS, [LOOKS], Asked(Cluster.of(world.client))))
    assert json.dumps({str(key): item for key, item in world.server.store.objects.items()}) == before
    assert len({item.thing for item in found}) == len(found)
    return found


def test_a_poller_at_work_lacks_nothing(world: World) -> None:
    found = asked(world)
    assert [(item.thing, item.state) for item in found] == [
        ("poller of demoflow", FINE),
        ("poll triggers of demoflow", FINE),
        ("rights of the poller of demoflow", FINE),
        ("poll trigger demoflow/looks", FINE),
    ]
    assert found[1].found == "1 of 1 that are remembered are polled"


def test_before_create_nothing_of_it_is_lacking(server: KubernetesStandIn, client: Any) -> None:
    (item,) = asked(World(server, client))
    assert (item.state, item.found) == (FINE, "not deployed yet: `create` makes it")


def not_ready(world: World) -> None:
    deployment(world)["status"] = {"conditions": [{"status": "False", "message": "has no minimum availability"}]}
    waits = {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "labels": {"metaflow-triggers/poller": NAME}},
        "status": {"containerStatuses": [waits]},
    }
    world.put("flows", "pods", pod, "/api/v1")


def no_pod(world: World) -> None:
    message = 'pods "x" is forbidden: exceeded quota: pods'
    deployment(world)["status"] = {"conditions": [{"type": "Progressing", "status": "False", "message": message}]}


def unbound(world: World) -> None:
    world.server.store.objects.pop(("/apis/rbac.authorization.k8s.io/v1", "flows", "rolebindings", NAME))


def silent(world: World) -> None:
    for lease in world.server.objects("leases").values():
        lease["spec"]["renewTime"] = "2026-01-01T00:00:00.000000Z"


def state(last: str = "skip", **more: Any) -> Callable[[World], None]:
    return lambda world: world.polled(world.record("looks"), {**FRESH, **more}, last)


def refused(world: World) -> None:
    world.fired("looks", {"a": 1}, error="the Workflow could not be made: HTTP 403: exceeded quota")


FULL = ["0" * 32] * (store.LARGEST // 36)
ROWS: dict[str, tuple[Callable[[World], Any], str, str, str]] = {
    # what is wrong -> the thing, what is said of it, a part of what mends it
    "an image that cannot be had": (
        not_ready,
        "poller of",
        "ImagePullBackOff: Back-off pulling",
        "kubectl describe pods",
    ),
    "no pod": (no_pod, "poller of", "exceeded quota: pods", "kubectl logs --namespace flows deployment/"),
    "scaled to nothing": (
        lambda world: deployment(world)["spec"].update(replicas=0),
        "poller of",
        "no replicas",
        "--replicas 1",
    ),
    "no rights": (
        unbound,
        "rights of",
        "may not get workflows, create workflows, get configmaps demoflow-poll",
        "create",
    ),
    "it stands still": (silent, "poll trigger", "was last heard of at 2026-01-01", "kubectl logs"),
    "its file cannot be read": (state(down="polls.py: no module named x"), "poll trigger", "no module named x", "logs"),
    "its polls fail": (
        state("error", last_error="ModuleNotFoundError: No module named 'boto3'", consecutive_errors=7),
        "poll trigger",
        "its last 7 polls failed: ModuleNotFoundError",
        "kubectl logs",
    ),
    "its record is full": (state(once=FULL), "poll trigger", f"{len(FULL)} contexts", "dedup_keys"),
    "its record is broken": (
        lambda world: world.record("looks", state="x"),
        "poll trigger",
        "cannot be read",
        "delete configmap",
    ),
    "a start is refused": (
        refused,
        "poll trigger",
        "a start is refused: the Workflow could not be made",
        "kubectl logs",
    ),
}


@pytest.mark.parametrize("row", ROWS)
def test_what_is_wrong_is_one_line(world: World, row: str) -> None:
    made, thing, said, mend = ROWS[row]
    made(world)
    (found,) = [item for item in asked(world) if item.state == LACKING]
    assert found.thing.startswith(thing) and said in found.found, found
    assert any(mend in line for line in found.mends), found.mends


def test_what_may_not_be_asked_is_said_with_the_right(world: World) -> None:
    for plural, says in (
        ("deployments", "`get deployments` in `flows`"),
        ("configmaps", "`list configmaps` in `flows`"),
        ("leases", "`get leases` in `flows`"),
        ("localsubjectaccessreviews", "`create localsubjectaccessreviews.authorization.k8s.io` in `flows`"),
    ):
        world.server.store.forbidden = {f"{'POST' if 'review' in plural else 'GET'} {plural}"}
        missing = [item for item in asked(world) if item.state == NOT_ASKED]
        assert [item.needs for item in missing] == [says]


def test_who_deploys_pollers_needs_more_rights(world: World) -> None:
    def things(**more: Any) -> set[str]:
        return {item.thing for item in rights(SETTINGS, Asked(Cluster.of(world.client)), (), **more)}

    more = things(is_polled=True) - things()
    assert more == {f"rights: {kind} in flows" for kind in ("deployments", "configmaps", "leases", "serviceaccounts")}
