"""What became of a poll trigger's fires on a cluster: each cause by its facts, the same words as on this machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from metaflow_triggers.backends.argo.deploy.cluster import Cluster
from metaflow_triggers.backends.argo.polls import records
from metaflow_triggers.backends.argo.trail.looks import RIGHTS_OF_POLLS
from metaflow_triggers.backends.argo.trail.target import asked_of
from metaflow_triggers.manifests.schemas import findings
from metaflow_triggers.trail.answer import Answer, Poll
from metaflow_triggers.trail.json import as_value
from metaflow_triggers.trail.question import Asked, Question
from metaflow_triggers.trail.text import text

from ...unit.backends.argo.argo_flows import SETTINGS, event, flow, optional, trigger
from .kubernetes_stand_in import KubernetesStandIn
from .poll_world import poll
from .trail_world import GOOD, World, codes, ended, pod

LOOKS = flow(parameters=(optional("file"), optional("other")))
POLL = replace(poll("looks", LOOKS.name), file=LOOKS.file)
WAITS = flow(trigger(event("paid")), name="Waits")
CONTEXT = {"file": "a b.csv", "n": 10**30}
FORBIDDEN = (
    'workflows.argoproj.io is forbidden: User "system:serviceaccount:flows:demoflow-poller" cannot create resource '
    '"workflows" in API group "argoproj.io" in the namespace "flows"'
)
FIRE = "looks-"


@pytest.fixture
def world(server: KubernetesStandIn, client: Any) -> World:
    made = World(server, client)
    made.deploy_polled(LOOKS, POLL)
    return made


def ask(world: World, identity: str = "looks", **more: Any) -> Answer:
    (found,) = world.ask(LOOKS, identity=identity, polls=(POLL,), **more)
    assert findings(as_value(Question(identity, None, None, ()), ["argo-workflows"], [found]), "trail/answers") == []
    return found


def test_a_run_its_fire_and_its_trigger_are_one_answer(world: World) -> None:
    claim = world.fired("looks", CONTEXT, status=GOOD)
    found = ask(world, f"argo-{claim['name']}")
    assert codes(found) == ["run"] and found.poll == Poll("looks", claim["name"], CONTEXT)
    assert found.poll.context == CONTEXT and found.run is not None
    assert (found.run.state, found.run.parameters) == ("succeeded", {"file": "a b.csv"})
    lines = text([found]).splitlines()
    assert lines[0] == "argo-workflows: DemoFlow: started by poll trigger looks"
    assert f'  fire {claim["name"]} with {{"file":"a b.csv","n":{10**30}}}' in lines
    assert ask(world, claim["name"]) == found == ask(world, "looks")
    world.server.objects("workflows").clear()
    world.remove("flows", "workflows", claim["name"])
    gone = ask(world, f"argo-{claim['name']}")
    assert codes(gone) == ["run"] and gone.run is not None and gone.poll == found.poll, "the record has it"
    assert gone.poll.context == CONTEXT and gone.run.id == found.run.id


def waits(**changes: Any) -> Callable[[World], Any]:
    return lambda world: world.fired("looks", CONTEXT, **changes)


def paused(world: World) -> None:
    world.fired("looks", CONTEXT)
    world.record("looks", paused="true")


def said(last: str, **more: Any) -> Callable[[World], Any]:
    state = {"version": 1, "epoch": 1, "generation": 0, "claims": [], "once": [], "suppressed_count": 0}
    return lambda world: world.polled(world.record("looks"), dict(state), last, **more)


def no_poller(world: World) -> None:
    said("skip")(world)
    world.server.store.objects.pop(("/apis/apps/v1", "flows", "deployments", "demoflow-poller-" + suffix(world)))


def suffix(world: World) -> str:
    ((_, name),) = (key.split("/") for key in world.server.objects("deployments"))
    return str(name.rpartition("-")[2])


def silent(world: World) -> None:
    said("skip")(world)
    for lease in world.server.objects("leases").values():
        lease["spec"]["renewTime"] = "2026-01-01T00:00:00.000000Z"


def declared_no_more(world: World) -> None:
    other = replace(POLL, name="other")
    world.deploy_polled(LOOKS, other)


def suppressed(world: World) -> None:
    world.fired("looks", CONTEXT, "suppressed", ended("Running", pod("start", "Running")))


Row = tuple[Callable[[World], Any], str, tuple[str, ...], str]
MISSING = "ServiceAccount flows/demoflow-poller lacks the right create workflows.argoproj.io in namespace flows"
BEGAN = "2026-01-01T00:00:01+00:00"
ROWS: dict[str, Row] = {
    "its Workflow is not made yet": (
        waits(),
        "queued",
        ("has not started it yet", "fire looks-"),
        "waiting",
    ),
    "the API is away": (waits(error="no answer"), "queued", ("no answer",), "waiting"),
    "the poller lacks a right": (waits(error=f"HTTP 403: {FORBIDDEN}"), "no-right", (MISSING,), "waiting"),
    "refused": (waits(state="failed", error="it is too large"), "refused", ("refused: it is too large",), "refused"),
    "its Workflow was deleted": (waits(state="lost", error="gone", run_started_at=BEGAN), "lost", ("gone",), "lost"),
    "paused": (paused, "paused", ("DemoFlow is paused", "= metaflow-triggers resume DemoFlow --backend"), "waiting"),
    "suppressed": (suppressed, "suppressed-poll", ("equal to that of run argo-looks-", "a b.csv"), "running"),
    "it skips": (said("skip"), "poll-skips", ("said at 2026-01-01T00:00:00+00:00 that there is nothing",), ""),
    "it fails": (said("error", last_error="KeyError: 'X'"), "poll-fails", ("failed at 2026", "KeyError: 'X'"), ""),
    "its file cannot be read": (said("skip", down="polls.py: no module"), "not-polled", ("no module",), ""),
    "not polled yet": (lambda world: None, "not-polled", ("has not polled it yet",), ""),
    "no poller": (no_poller, "not-polled", ("its flow has no poller", "kubectl logs --namespace flows depl"), ""),
    "its poller stands still": (silent, "not-polled", ("was last heard of at 2026-01-01",), ""),
    "declared no more": (declared_no_more, "not-polled", ("the deployed flow declares it no more",), ""),
    "disabled": (
        lambda world: world.record("looks", enabled="false"),
        "disabled",
        ("= metaflow-triggers enable demoflow/looks --backend argo-workflows",),
        "",
    ),
}


@pytest.mark.parametrize("row", ROWS)
def test_the_true_cause(world: World, row: str) -> None:
    made, expected, words, state = ROWS[row]
    made(world)
    found = ask(world)
    assert [code for code in codes(found) if code != "other-version"] == [expected]
    told = text([found])
    for word in words:
        assert word in told
    assert (found.run.state if found.run else "") == state
    assert "by poll trigger looks" in told.splitlines()[0]


def test_the_context_that_is_asked_about_says_which_run_suppressed_it(world: World) -> None:
    first = world.fired("looks", {"file": "1"}, status=GOOD)
    world.fired("looks", {"file": "2"}, "suppressed", GOOD)
    assert ask(world, payload={"file": "1"}).cause.facts == {"by": f"run argo-{first['name']}"}
    assert "a run that is active" in ask(world).cause.words


def test_flows_that_wait_for_events_are_not_told_of(world: World) -> None:
    world.deploy_polled(WAITS)
    claim = world.fired("looks", CONTEXT, status=GOOD)
    for identity in ("looks", claim["name"], f"argo-{claim['name']}"):
        assert [item.flow for item in world.ask(LOOKS, WAITS, identity=identity, polls=(POLL,))] == ["DemoFlow"]


def test_an_event_id_asks_no_poll(world: World) -> None:
    """Not even where the flow has polls, if the id is neither a trigger's name nor a fire's."""
    world.fired("looks", CONTEXT, status=GOOD)
    assert world.ask(LOOKS, identity="17", polls=(POLL,))[0].cause.code == "not-accepted"
    before = len(world.server.store.requests)
    world.ask(WAITS, identity="17")
    assert not [line for line in world.server.store.requests[before:] if "/configmaps?" in line]


def test_what_is_deployed_is_asked_about_without_a_file(world: World) -> None:
    world.fired("looks", CONTEXT, status=GOOD)
    asked = (Asked("DemoFlow", "demoflow", None),)
    (found,) = asked_of(Cluster.of(world.client), Question("looks", None, None, asked), SETTINGS)
    assert codes(found) == ["run"] and found.poll is not None


def test_what_may_not_be_read_is_said(world: World) -> None:
    said("skip")(world)
    for plural, resource in (("deployments", "deployments.apps"), ("leases", "leases.coordination.k8s.io")):
        world.server.store.forbidden = {f"GET {plural}"}
        found = ask(world)
        assert codes(found) == ["poll-skips", "could-not-ask"]
        assert found.also[0].facts["right"] == f"get {resource} in namespace flows"
        assert resource in RIGHTS_OF_POLLS
    world.server.store.forbidden = {"GET configmaps"}
    (found,) = world.ask(LOOKS, identity="looks", polls=(POLL,))
    assert found.cause.code == "could-not-ask" and "list configmaps" in found.cause.facts["right"]


def test_a_record_that_somebody_has_broken_is_said(world: World) -> None:
    world.record("looks", state="no state")
    assert "what is remembered of it cannot be read" in ask(world).cause.facts["why"]
    with records.opened("flows", cluster=Cluster.of(world.client)) as at:
        assert "cannot be read" in str(records.schedules(at)[0]["down"]) and records.history(at, "looks") == []
    world.record("looks", declaration='{"name": "looks"}')
    assert world.ask(LOOKS, identity="looks", polls=(POLL,))[0].cause.code == "not-accepted"
