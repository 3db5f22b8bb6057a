"""Many flows in one `create` on a cluster: lists each kind once, writes what differs, goes on after a kill."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from metaflow_triggers import seams
from metaflow_triggers.backends.argo import SPEC
from metaflow_triggers.backends.argo.compile import names
from metaflow_triggers.backends.argo.deploy.many import Namespaces
from metaflow_triggers.backends.many import Wanted
from metaflow_triggers.deploying import run, words
from metaflow_triggers.deploying.run import Part

from ...unit.backends.argo.argo_flows import SETTINGS, event, finish, flow, trigger
from ..kubernetes.both import cluster
from .deployments import about, change, connect, files, killed_at, state
from .kubernetes_stand_in import Fault, KubernetesStandIn

FLOWS = [
    flow(trigger(finish("Train")), name="Report"),
    flow(trigger(finish("Ingest")), name="Train"),
    flow(trigger(event("order-placed")), name="Ingest"),
]
"""In the order in which they are deployed."""


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METAFLOW_TOKEN_HOME", str(tmp_path))


def part(client: Any, flows: Any) -> Part:
    wanted = [
        Wanted(
            names.own_name(item),
            item.name,
            tuple(files(item)),
            about(item),
            seams.click_state(SPEC.upstream, item, names.own_name(item), lambda text: None),
            lambda: None,
        )
        for item in flows
    ]
    many = Namespaces(SETTINGS, client)
    many.look(wanted)
    return Part("argo-workflows", many, tuple((one.flow, one) for one in wanted))


def deploy(client: Any, flows: Any = FLOWS) -> tuple[Any, Any]:
    parts = [part(client, flows)]
    whole = run.plan(parts, {})
    return whole, run.carry_out(whole, parts, {}, lambda row, number, of: None)


def verbs(plan: Any) -> dict[str, str]:
    return {row.name: row.verb for row in plan.rows}


def test_one_plan_lists_each_kind_once_and_an_unchanged_project_is_not_written(
    server: KubernetesStandIn, client: Any
) -> None:
    whole = run.plan([part(client, FLOWS)], {})
    assert server.store.writes == [] and not whole.same
    text = words.text(whole)
    assert text.startswith("What starts differently:\n  Report is new: it starts when Train succeeds\n")
    assert text.count("+ EventSource events/metaflow-triggers\n") == 1 and "  of all flows:\n" in text
    assert text.endswith("\nargo-workflows: 3 flows: 3 created\n")
    _, done = deploy(client)
    assert verbs(done) == dict.fromkeys(("report", "train", "ingest"), "created")
    server.store.requests.clear()
    again, done = deploy(client)
    assert again.same and verbs(done) == dict.fromkeys(("report", "train", "ingest"), "unchanged")
    assert {line.split()[0] for line in server.store.requests} == {"GET"}
    assert max(Counter(line.split("?")[0] for line in server.store.requests).values()) == 1
    # One flow of many asks for no more than that flow alone, whose second plan looks again.
    changed = [*FLOWS[:2], flow(trigger(event("paid")), name="Ingest")]
    server.store.requests.clear()
    before = len(server.store.writes)
    whole, _ = deploy(client, changed)
    assert verbs(whole) == {"report": "unchanged", "train": "unchanged", "ingest": "changed"}
    assert [line.split("?")[0].rsplit("/", 2)[1] for line in server.store.writes[before:]] == ["sensors"]
    together = list(server.store.requests)
    deploy(client)
    server.store.requests.clear()
    deploy(client, changed[2:])
    assert len(together) <= len(server.store.requests)


def test_what_all_flows_share_is_mended_though_no_flow_differs(server: KubernetesStandIn, client: Any) -> None:
    deploy(client)
    (place,) = (place for place in server.store.objects if place[2:] == ("eventsources", "metaflow-triggers"))
    del server.store.objects[place]
    before = len(server.store.writes)
    whole, done = deploy(client)
    assert set(verbs(whole).values()) == {"unchanged"} and whole.changes and not whole.same
    assert "of all flows:\n    + EventSource events/metaflow-triggers\n" in words.text(whole)
    assert place in server.store.objects and len(server.store.writes) == before + 1
    assert set(verbs(done).values()) == {"unchanged"} and deploy(client)[0].same


def test_a_parent_that_does_not_prove_itself_yet_goes_before_who_waits(server: KubernetesStandIn, client: Any) -> None:
    deploy(client)
    assert part(client, FLOWS).many.goes_before([]) == frozenset()
    # As an earlier version left it: it says nothing of where it proves its outcomes.
    (place,) = (place for place in server.store.objects if place[2:] == ("workflowtemplates", "ingest"))
    (proof,) = [name for name in server.store.objects[place]["metadata"]["annotations"] if "outcomes" in name]
    change(server, place, lambda item: item["metadata"]["annotations"].pop(proof))
    wanted = [one for _, one in part(client, FLOWS).flows]
    assert part(client, FLOWS).many.goes_before(wanted) == {"ingest"}
    assert deploy(client)[1].rows[2].verb == "changed"
    assert part(client, FLOWS).many.goes_before(wanted) == frozenset()


def test_what_the_cluster_refuses_of_one_flow_stops_no_other(server: KubernetesStandIn, client: Any) -> None:
    foreign = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "WorkflowTemplate",
        "metadata": {"name": "train", "namespace": "flows"},
        "spec": {},
    }
    server.store.create(("/apis/argoproj.io/v1alpha1", "flows", "workflowtemplates", "train"), foreign)
    server.store.faults.append(Fault("PATCH", "sensors", 403, "no sensors today"))
    whole, done = deploy(client)
    assert verbs(whole) == {"report": "created", "train": "refused", "ingest": "created"}
    assert verbs(done) == {"report": "refused", "train": "refused", "ingest": "created"}
    assert [row.refusal[0].code for row in done.refused] == ["FT702", "FT703"]
    assert deploy(client, [FLOWS[0]])[1].rows[0].verb == "created"


def test_what_was_killed_is_finished_by_the_next() -> None:
    with cluster() as untouched, connect(untouched.url) as client:
        deploy(client)
        wanted = state(untouched)
    killed_at_each(wanted, 9)


@pytest.mark.long
def test_what_was_killed_anywhere_is_finished_by_the_next() -> None:
    with cluster() as untouched, connect(untouched.url) as client:
        deploy(client)
        wanted = state(untouched)
    killed_at_each(wanted, 1)


def killed_at_each(wanted: Any, every: int) -> None:
    ends = [(number, when) for number in range(1, 100) for when in ("before", "after")]
    killed = True
    for write, when in ends[2::every]:
        with cluster() as server:

            def work(url: str = server.url) -> None:
                with connect(url) as client:
                    deploy(client)

            killed = killed_at(server, work, write, when)
            if killed:
                work()
            assert state(server) == wanted, (write, when)
            with connect(server.url) as client:
                assert deploy(client)[0].same
        if not killed:
            break
    assert not killed and write > 5
