"""From where a child takes the outcomes of a parent that is deployed apart from it: by what the cluster has."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from metaflow_triggers.backends.argo import backend as argo
from metaflow_triggers.backends.argo.compile import names
from metaflow_triggers.backends.argo.deploy import converge, drift
from metaflow_triggers.backends.shape import About
from metaflow_triggers.diagnostics import Diagnostic, DiagnosticError
from metaflow_triggers.graph.link import link

from ...unit.backends.argo.argo_flows import SETTINGS, finish, flow, trigger, upstream
from .deployments import ARGO, change, put, verbs
from .kubernetes_stand_in import KubernetesStandIn

PARENT = replace(flow(), name="Parent")
CHILD = flow(trigger(finish("Parent", "success", "failure")), name="Child")
SHARED, PROVEN = "metaflow-triggers", "metaflow-triggers-outcomes"
TEMPLATE = (ARGO, "flows", "workflowtemplates", "parent")


def single(chosen: Any, **settings: Any) -> tuple[list[Any], Any]:
    """What `python flow.py argo-workflows compile` gives: the flow sees itself alone."""
    configured = replace(SETTINGS, workflow_service_account="runner", **settings)  # without one FT508 is said, too
    made = argo.manifests(chosen, link([chosen]), upstream(names.own_name(chosen)), configured)
    return [*made, *argo.shared_manifests(configured)], configured


def about(chosen: Any, said: list[str]) -> About:
    return About(chosen, {}, lambda model: [], list, lambda found: said.extend(item.code for item in found))


def create(client: Any, chosen: Any, **settings: Any) -> tuple[converge.Report, list[str]]:
    """The report, and the codes of what was said of the cluster, each once."""
    files, configured = single(chosen, **settings)
    said: list[str] = []
    report = converge.create(
        files,
        configured,
        deployed_name=names.own_name(chosen),
        production_token="t",
        client=client,
        about=about(chosen, said),
    )
    return report, sorted(set(said))


def sources(server: KubernetesStandIn, deployed: str = "child") -> set[str]:
    sensor = server.store.objects[ARGO, "events", "sensors", names.sensor_name(deployed)]
    return {item["eventSourceName"] for item in sensor["spec"]["dependencies"]}


def difference(client: Any, chosen: Any) -> str | None:
    """What `diff --live` says, or None."""
    files, settings = single(chosen)
    told = about(chosen, [])
    wanted = converge.deployment(files, names.own_name(chosen), "t", about=told)
    found = converge.plan(wanted, settings, client=client)
    return None if found.same else drift.words(found, told, [])


def test_of_a_parent_that_this_version_deployed_the_exit_handler_alone(server: KubernetesStandIn, client: Any) -> None:
    create(client, PARENT)
    _, said = create(client, CHILD)
    assert (sources(server), said) == ({PROVEN}, [])
    assert difference(client, CHILD) is None
    assert verbs(create(client, CHILD)[0]) == {"unchanged"}


def test_a_child_that_came_first_moves_over_with_its_next_create(server: KubernetesStandIn, client: Any) -> None:
    _, said = create(client, CHILD)
    assert (sources(server), said) == ({SHARED}, ["FT507"])
    assert difference(client, CHILD) is None
    create(client, PARENT)
    assert sources(server) == {SHARED}
    told = difference(client, CHILD)
    assert told is not None
    assert f"it listens to `{SHARED}`; it would listen to `{PROVEN}`" in told
    assert f"Sensor events/{names.sensor_name('child')} differs" in told and told.count(" differs") == 1
    report, said = create(client, CHILD)
    assert [str(item) for item in report.actions if item.verb != "unchanged"] == [
        f"updated Sensor events/{names.sensor_name('child')}"
    ]
    assert (sources(server), said) == ({PROVEN}, [])


def without_annotation(server: KubernetesStandIn) -> None:
    change(server, TEMPLATE, lambda item: item["metadata"]["annotations"].pop("metaflow-triggers/outcomes"))


def elsewhere(server: KubernetesStandIn) -> None:
    told = {"metaflow-triggers/outcomes": "events/company/outcome"}
    change(server, TEMPLATE, lambda item: item["metadata"]["annotations"].update(told))


def of_somebody_else(server: KubernetesStandIn) -> None:
    change(server, TEMPLATE, lambda item: item["metadata"]["labels"].pop("app.kubernetes.io/managed-by"))


def by_metaflow_alone(server: KubernetesStandIn) -> None:
    made = upstream("parent")["workflow_template"]
    del server.store.objects[TEMPLATE]
    put(server, "workflowtemplates", made)


@pytest.mark.parametrize("happens", [without_annotation, elsewhere, of_somebody_else, by_metaflow_alone])
def test_of_any_other_parent_where_all_events_go(server: KubernetesStandIn, client: Any, happens: Any) -> None:
    """Also when that is how it was deployed last: the child's next `create` goes back."""
    create(client, PARENT)
    create(client, CHILD)
    happens(server)
    _, said = create(client, CHILD)
    assert (sources(server), said) == ({SHARED}, ["FT507"])


@pytest.mark.parametrize(
    ("said", "there", "absent"),
    [("refuse", PROVEN, PROVEN), ("all", SHARED, SHARED), ("Parent", SHARED, SHARED), ("Other", PROVEN, PROVEN)],
)
def test_what_the_setting_says_counts(
    server: KubernetesStandIn, client: Any, said: str, there: str, absent: str
) -> None:
    create(client, CHILD, argo_unproven_parents=said)
    assert sources(server) == {absent}
    create(client, PARENT)
    _, codes = create(client, CHILD, argo_unproven_parents=said)
    assert (sources(server), codes) == ({there}, ["FT507"] if there == SHARED else [])


def test_a_flow_that_waits_for_itself_believes_itself(server: KubernetesStandIn, client: Any) -> None:
    _, said = create(client, flow(trigger(finish("Parent", "failure")), name="Parent"))
    assert (sources(server, "parent"), said) == ({PROVEN}, [])


def test_a_set_takes_each_member_from_where_it_is(server: KubernetesStandIn, client: Any) -> None:
    create(client, PARENT)
    both = flow(trigger(finish("Parent"), finish("Other"), join="all"), name="Both")
    _, said = create(client, both)
    found = server.store.objects[ARGO, "events", "sensors", names.sensor_name("both")]["spec"]["dependencies"]
    assert {(item["filters"]["data"][0]["value"][0], item["eventSourceName"]) for item in found} == {
        (r"^metaflow\.outcome\.parent\.success$", PROVEN),
        (r"^metaflow\.outcome\.other\.success$", SHARED),
    }
    assert said == ["FT507"]


def test_it_takes_no_request_more(server: KubernetesStandIn, client: Any) -> None:
    def requests(chosen: Any) -> list[str]:
        create(client, chosen)
        before = len(server.store.requests)
        create(client, chosen)
        return [line.partition("?")[0] for line in server.store.requests[before:]]

    create(client, PARENT)
    alone = [line.replace("parent", "child") for line in requests(PARENT)]
    assert sorted(requests(CHILD)) == sorted(alone)


def test_what_is_refused_for_it_is_refused_before_anything_is_written(server: KubernetesStandIn, client: Any) -> None:
    def refuse(found: Sequence[Diagnostic]) -> None:
        raise DiagnosticError(list(found))

    files, settings = single(CHILD)
    strict = replace(about(CHILD, []), remark=refuse)
    with pytest.raises(DiagnosticError) as raised:
        converge.create(files, settings, deployed_name="child", production_token="t", client=client, about=strict)
    assert [item.code for item in raised.value.diagnostics] == ["FT507"]
    assert not server.store.objects


def test_flows_that_are_deployed_at_once_believe_each_other(server: KubernetesStandIn, client: Any) -> None:
    wanted = [
        converge.deployment(single(each)[0], names.own_name(each), "t", about=about(each, []))
        for each in (CHILD, PARENT)
    ]
    converge.create_all(wanted, SETTINGS, client=client)
    assert sources(server) == {PROVEN}


def test_a_template_says_where_its_outcomes_are_proven() -> None:
    made = single(PARENT)[0]
    (template,) = (item.content for item in made if item.content["kind"] == "WorkflowTemplate")
    told = template["metadata"]["annotations"]["metaflow-triggers/outcomes"]
    assert told == "events/metaflow-triggers-outcomes/metaflow-outcome"
    assert json.dumps(template).count(told) == 1


def test_files_that_are_deployed_as_they_are_stay_so_whatever_the_cluster_has(
    server: KubernetesStandIn, client: Any
) -> None:
    create(client, PARENT)
    files, settings = single(CHILD)
    as_written = replace(about(CHILD, []), as_written=True)
    converge.create(files, settings, deployed_name="child", production_token="t", client=client, about=as_written)
    (wanted,) = [item.content for item in files if item.content["kind"] == "Sensor"]
    sensor = server.store.objects[ARGO, "events", "sensors", names.sensor_name("child")]
    assert sensor["spec"] == wanted["spec"] and sources(server) == {SHARED}
