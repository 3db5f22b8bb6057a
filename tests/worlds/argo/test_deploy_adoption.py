"""`create` over what others deployed: upstream's is taken over once its starts stay, or are accepted; the rest is not
touched, and conflicts are named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from metaflow_triggers.backends.argo.compile import names
from metaflow_triggers.backends.argo.deploy import converge
from metaflow_triggers.diagnostics import Diagnostic, DiagnosticError
from metaflow_triggers.model.flows import Schedule

from ...unit.backends.argo.argo_flows import SETTINGS, SPAN, event, flow, trigger
from ..kubernetes.both import cluster
from .deployments import (
    ARGO,
    about,
    change,
    connect,
    create,
    put,
    put_upstreams,
    state,
    upstreams_schedule,
    upstreams_sensor,
    verbs,
)
from .kubernetes_stand_in import KubernetesStandIn

ONE = flow(trigger(event("data-ready")))
DAILY = replace(ONE, schedule=Schedule("0 9 * * ? *", None, SPAN))


def refused(work: Any) -> Diagnostic:
    with pytest.raises(DiagnosticError) as raised:
        work()
    (found,) = raised.value.diagnostics
    return found


def test_upstreams_deployment_becomes_ours_and_nothing_of_it_stays(server: KubernetesStandIn, client: Any) -> None:
    with cluster() as fresh, connect(fresh.url) as other:
        create(other, DAILY, about=about(DAILY))
        wanted = state(fresh)
    put_upstreams(server)
    create(client, DAILY, about=about(DAILY))
    assert list(server.objects("sensors")) == ["events/" + names.sensor_name("demoflow")]
    schedule = server.objects("cronworkflows")["flows/demoflow"]
    assert schedule["spec"]["schedules"] == ["0 9 * * *"] and "schedule" not in schedule["spec"]
    template = server.objects("workflowtemplates")["flows/demoflow"]
    assert "ttlStrategy" not in template["spec"] and "metaflow/triggers" not in template["metadata"]["annotations"]
    assert {entry["manager"] for entry in template["metadata"]["managedFields"]} == {"metaflow-triggers"}
    assert state(server) == wanted
    assert verbs(create(client, DAILY, about=about(DAILY))) == {"unchanged"}


def test_ours_is_there_before_upstreams_sensor_goes(server: KubernetesStandIn, client: Any) -> None:
    put_upstreams(server)
    create(client, ONE, about=about(ONE))
    writes = [line.split("?")[0] for line in server.store.writes]
    ours = writes.index(f"PATCH {ARGO}/namespaces/events/sensors/{names.sensor_name('demoflow')}")
    theirs = writes.index(f"DELETE {ARGO}/namespaces/argo/sensors/demoflow")
    assert ours < theirs


def test_a_start_that_would_change_stops_create(server: KubernetesStandIn, client: Any) -> None:
    put_upstreams(server)
    before = state(server)
    told = about(ONE, "DemoFlow now starts on any of A or B")
    found = refused(lambda: create(client, ONE, about=told))
    assert found.code == "FT705" and found.notes == ("DemoFlow now starts on any of A or B",)
    assert any("--accept-changes" in line for line in found.helps)
    assert state(server) == before and not server.store.writes
    create(client, ONE, about=told, accept_changes=True)
    assert verbs(create(client, ONE, about=told)) == {"unchanged"}


def test_the_start_by_a_prefixed_event_is_named(server: KubernetesStandIn, client: Any) -> None:
    put_upstreams(server, "mfns.shop.prod.x", "data-ready")
    chosen = flow(trigger(event("shop.production.x"), event("data-ready")))
    found = refused(lambda: create(client, chosen, about=about(chosen)))
    assert found.notes == ("DemoFlow starts on shop.production.x instead of mfns.shop.prod.x",)
    said = flow(trigger(event("mfns.shop.prod.x"), event("data-ready")))
    create(client, said, about=about(said))


@pytest.mark.stand_in("Argo Workflows 4 knows no `schedule`, and its server drops it from what it reads")
@pytest.mark.parametrize(
    ("deployed", "written", "changes"),
    [
        ("0 9 * * *", "0 9 * * ? *", False),
        ("0 9 ? * MON", "0 9 ? * MON *", False),
        ("0 9 ? * 2", "0 9 ? * 2 *", True),  # Monday on AWS, Tuesday in a crontab
        ("0 7 * * *", "0 9 * * ? *", False),  # the flow itself says another time
    ],
)
def test_a_schedule_that_means_another_time_stops_create(
    server: KubernetesStandIn, client: Any, deployed: str, written: str, changes: bool
) -> None:
    put_upstreams(server, schedule=False)
    put(server, "cronworkflows", upstreams_schedule("demoflow", cron=deployed))
    chosen = replace(ONE, schedule=Schedule(written, None, SPAN))
    if changes:
        found = refused(lambda: create(client, chosen, about=about(chosen)))
        assert found.code == "FT705" and "instead of 0 9 ? * 2 (UTC)" in found.notes[0]
    else:
        create(client, chosen, about=about(chosen))


def test_what_never_had_a_start_has_none_that_changes(server: KubernetesStandIn, client: Any) -> None:
    put_upstreams(server, schedule=False)
    server.store.objects.pop((ARGO, "argo", "sensors", "demoflow"))
    create(client, ONE, about=about(ONE, "would change"))


def test_foreign_objects_with_confusable_names_stay(server: KubernetesStandIn, client: Any) -> None:
    put_upstreams(server)
    sensor = names.sensor_name("demoflow")
    for name in ("demoflow-", "demoflow2", f"{sensor}x", "demo-flow", "metaflow-triggers"):
        put(server, "sensors", upstreams_sensor(name.strip("-"), "another"), "events")
    put(server, "sensors", upstreams_sensor("demoflow", "another"), "flows")
    labelled = upstreams_sensor("labelled", "another")
    labelled["metadata"]["labels"] = {"metaflow-triggers/deployed-name": "demoflow"}
    put(server, "sensors", labelled, "events")
    prefixed = upstreams_sensor("prefixed", "another")
    prefixed["metadata"]["labels"] = {
        "app.kubernetes.io/managed-by": "metaflow-triggers",
        "metaflow-triggers/deployed-name": "demoflow2",
    }
    put(server, "sensors", prefixed, "events")
    foreign = {name: item for name, item in state(server).items() if "/sensors/" in name and "argo/" not in name}
    create(client, ONE, about=about(ONE))
    create(client, flow(), about=about(flow()))
    converge.delete("demoflow", SETTINGS, client=client)
    assert {name: item for name, item in state(server).items() if "/sensors/" in name} == foreign


def test_a_sensor_that_starts_something_else_as_well_is_not_upstreams(server: KubernetesStandIn, client: Any) -> None:
    put_upstreams(server)
    key = (ARGO, "argo", "sensors", "demoflow")
    more = upstreams_sensor("demoflow", "another")["spec"]["triggers"]
    change(server, key, lambda item: item["spec"]["triggers"].extend(more))
    create(client, ONE, about=about(ONE))
    assert key in server.store.objects


def test_the_long_name_that_metaflow_gave_before_2_17_goes(server: KubernetesStandIn, client: Any) -> None:
    long = flow(trigger(event("a")), name="AVeryLongNameOfAFlow", project="a_project_with_a_name", branch="prod.canary")
    (former,) = names.former_names(long)
    assert former == "aprojectwithaname.prod.canary.averylongnameofaflow"
    put_upstreams(server, name=former)
    create(client, long, about=about(long))
    assert list(server.objects("workflowtemplates")) == [f"flows/{names.own_name(long)}"]
    assert [name.partition("/")[0] for name in server.objects("sensors")] == ["events"]
    assert not server.objects("cronworkflows")


def test_another_flows_template_of_the_former_name_stays(server: KubernetesStandIn, client: Any) -> None:
    long = flow(trigger(event("a")), name="AVeryLongNameOfAFlow", project="a_project_with_a_name", branch="prod.canary")
    put_upstreams(server, name=names.former_names(long)[0], **{"metaflow/flow_name": "Another"})
    before = state(server)
    create(client, long, about=about(long))
    assert {name: item for name, item in state(server).items() if name in before} == before


def test_a_conflict_is_named_by_its_manager_and_fields(server: KubernetesStandIn, client: Any) -> None:
    create(client, ONE)
    (key,) = (key for key in server.store.objects if key[2] == "sensors")
    item = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Sensor", "metadata": {}, "spec": {"replicas": 2}}
    server.store.apply(key, item, "gitops", True, False)
    before = state(server)
    found = refused(lambda: create(client, ONE))
    assert found.code == "FT704" and "`gitops`" in found.message and key[3] in found.message
    assert found.notes == ("`gitops` manages .spec.replicas",)
    assert state(server) == before


def test_a_foreign_object_is_named_with_its_manager(server: KubernetesStandIn, client: Any) -> None:
    name = names.sensor_name("demoflow")
    foreign = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Sensor",
        "metadata": {"name": name},
        "spec": {"replicas": 1},
    }
    server.store.create((ARGO, "events", "sensors", name), foreign, "helm")
    found = refused(lambda: create(client, ONE))
    assert found.code == "FT703" and any("`helm`" in note for note in found.notes)
    assert len(server.store.objects) == 1


def test_a_renamed_flow_takes_the_old_ones_place(server: KubernetesStandIn, client: Any) -> None:
    renamed = replace(DAILY, name="Renamed")
    with cluster() as fresh, connect(fresh.url) as other:
        create(other, renamed, about=about(renamed))
        wanted = state(fresh)
    create(client, DAILY, about=about(DAILY))
    create(client, renamed, about=about(renamed), replaces=("demoflow",))
    assert state(server) == wanted
    writes = [line.split("?")[0] for line in server.store.writes]
    old, new = (f"{ARGO}/namespaces/events/sensors/{names.sensor_name(name)}" for name in ("demoflow", "renamed"))
    assert writes.index(f"PATCH {new}") < writes.index(f"DELETE {old}")


def test_a_flow_that_metaflow_deployed_may_be_renamed_as_well(server: KubernetesStandIn, client: Any) -> None:
    put_upstreams(server)
    renamed = replace(DAILY, name="Renamed")
    create(client, renamed, about=about(renamed), replaces=("demoflow",))
    for plural in ("sensors", "workflowtemplates", "cronworkflows"):
        assert [name for name in server.objects(plural) if "renamed" not in name] == []


def test_another_flow_stays_where_nobody_says_that_it_is_replaced(server: KubernetesStandIn, client: Any) -> None:
    create(client, DAILY, about=about(DAILY))
    before = state(server)
    renamed = replace(DAILY, name="Renamed")
    create(client, renamed, about=about(renamed))
    assert {name: item for name, item in state(server).items() if name in before} == before
