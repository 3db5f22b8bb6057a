"""Deploying over real HTTP: make, repeat, change, remove, and say what went wrong."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from metaflow_triggers.backends.argo.compile import names
from metaflow_triggers.backends.argo.deploy import converge
from metaflow_triggers.diagnostics import DiagnosticError
from metaflow_triggers.model.flows import Schedule

from ...unit.backends.argo.argo_flows import EVERYTHING, SETTINGS, SPAN, event, flow, trigger, upstream
from ..kubernetes.both import cluster
from .deployments import connect, create, files, upstreams_schedule, verbs
from .deployments import put as put_object
from .kubernetes_stand_in import KubernetesStandIn

ONE = flow(trigger(event("data-ready")))


def code_of(work: Any) -> tuple[str, str]:
    with pytest.raises(DiagnosticError) as raised:
        work()
    (found,) = raised.value.diagnostics
    return found.code, found.message


def test_create_makes_every_object(server: KubernetesStandIn, client: Any) -> None:
    report = create(client, EVERYTHING)
    assert verbs(report) == {"created"}
    kinds = [action.kind for action in report.actions]
    assert kinds[-2:] == ["WorkflowTemplate", "Sensor"]
    made = {(item["kind"], item["metadata"]["namespace"]) for item in server.store.objects.values()}
    assert made == {
        ("ServiceAccount", "events"),
        ("Role", "flows"),
        ("RoleBinding", "flows"),
        ("Secret", "flows"),
        ("Secret", "events"),
        ("NetworkPolicy", "events"),
        ("EventSource", "events"),
        ("WorkflowTemplate", "flows"),
        ("Sensor", "events"),
    }
    for item in server.store.objects.values():
        assert item["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "metaflow-triggers"
    assert all("fieldValidation=Strict" in line for line in server.store.requests if line.startswith("PATCH"))


def test_runs_keep_the_rights_that_an_earlier_version_gave(server: KubernetesStandIn, client: Any) -> None:
    """The `default` account is bound where a setting names it; what was bound stays, and is then no news."""

    def remarks() -> list[str]:
        wanted = converge.deployment(files(ONE), "demoflow", "t")
        return [item.code for item in converge.plan(wanted, SETTINGS, client=client).remarks]

    create(client, ONE)
    assert list(server.objects("rolebindings")) == ["flows/metaflow-triggers-sensor"]
    assert remarks() == ["FT508"]
    create(client, ONE, replace(SETTINGS, workflow_service_account="default"))  # as earlier versions always did
    before = server.objects("rolebindings")["flows/metaflow-triggers-run"]
    assert before["subjects"] == [{"kind": "ServiceAccount", "name": "default", "namespace": "flows"}]
    create(client, ONE)
    assert server.objects("rolebindings")["flows/metaflow-triggers-run"] == before
    assert remarks() == []


def test_the_token_is_in_the_cluster_only(server: KubernetesStandIn, client: Any) -> None:
    create(client, ONE, token="secret-token")
    secret = server.objects("secrets")["flows/" + names.token_secret("demoflow")]
    assert base64.b64decode(secret["data"]["token"]) == b"secret-token"
    assert "secret-token" not in str([item.content for item in files(ONE)])
    assert converge.production_token("demoflow", SETTINGS, client=client) == "secret-token"
    assert converge.production_token("another", SETTINGS, client=client) is None


def test_one_webhook_secret_in_both_namespaces(server: KubernetesStandIn, client: Any) -> None:
    create(client, ONE)
    secrets = server.objects("secrets")
    first = secrets["events/metaflow-triggers-webhook"]["data"]["token"]
    assert len(base64.b64decode(first)) >= 32
    assert secrets["flows/metaflow-triggers-webhook"]["data"]["token"] == first
    del server.store.objects["/api/v1", "flows", "secrets", "metaflow-triggers-webhook"]
    create(client, ONE)
    assert server.objects("secrets")["flows/metaflow-triggers-webhook"]["data"]["token"] == first


def test_repeating_changes_nothing(server: KubernetesStandIn, client: Any) -> None:
    create(client, EVERYTHING)
    before = str(server.store.objects)
    assert verbs(create(client, EVERYTHING)) == {"unchanged"}
    assert str(server.store.objects) == before


def test_a_change_updates_one_object_and_keeps_foreign_fields(server: KubernetesStandIn, client: Any) -> None:
    create(client, EVERYTHING)
    key = ("/apis/argoproj.io/v1alpha1", "events", "sensors", names.sensor_name("demoflow"))
    item = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Sensor", "metadata": {"annotations": {"team": "blue"}}}
    server.store.apply(key, item, "someone", False, False)
    report = create(client, ONE)
    assert {action.kind for action in report.actions if action.verb == "updated"} == {"Sensor"}
    assert server.store.objects[key]["metadata"]["annotations"]["team"] == "blue"
    assert len(server.store.objects[key]["spec"]["triggers"]) == 1


def test_what_is_no_longer_mentioned_is_deleted(server: KubernetesStandIn, client: Any) -> None:
    create(client, EVERYTHING)
    report = create(client, flow())
    assert [str(action) for action in report.actions if action.verb == "deleted"] == [
        "deleted Sensor events/" + names.sensor_name("demoflow")
    ]
    assert not server.objects("sensors")


def test_delete_removes_what_create_made_and_nothing_else(server: KubernetesStandIn, client: Any) -> None:
    create(client, EVERYTHING)
    foreign = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Sensor", "metadata": {"name": "foreign"}, "spec": {}}
    server.store.create(("/apis/argoproj.io/v1alpha1", "events", "sensors", "foreign"), foreign)
    report = converge.delete("demoflow", SETTINGS, client=client)
    assert [action.kind for action in report.actions] == ["Sensor", "WorkflowTemplate", "Secret"]
    assert list(server.objects("sensors")) == ["events/foreign"]
    assert not server.objects("workflowtemplates")
    assert set(server.objects("secrets")) == {
        f"{namespace}/metaflow-triggers-{what}" for namespace in ("events", "flows") for what in ("outcomes", "webhook")
    }
    assert server.objects("eventsources")
    assert converge.delete("demoflow", SETTINGS, client=client).actions == ()
    assert str(converge.delete("demoflow", SETTINGS, client=client)) == "nothing to do"


def test_a_foreign_object_is_not_touched(server: KubernetesStandIn, client: Any) -> None:
    name = names.sensor_name("demoflow")
    foreign = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Sensor", "metadata": {"name": name}, "spec": {}}
    server.store.create(("/apis/argoproj.io/v1alpha1", "events", "sensors", name), foreign)
    assert code_of(lambda: create(client, ONE)) == (
        "FT703",
        f"Sensor `events/{name}` exists and was not made by this deployment",
    )
    assert len(server.store.objects) == 1


def upstreams_deployment(server: KubernetesStandIn, **annotations: str) -> None:
    made = upstream()["workflow_template"]
    made["metadata"]["annotations"].update(annotations)
    made["spec"]["parallelism"] = 7
    server.store.create(("/apis/argoproj.io/v1alpha1", "flows", "workflowtemplates", "demoflow"), made)


def test_metaflows_own_deployment_of_the_flow_is_adopted(server: KubernetesStandIn, client: Any) -> None:
    upstreams_deployment(server)
    report = create(client, ONE)
    assert "updated WorkflowTemplate flows/demoflow" in str(report)
    template = server.objects("workflowtemplates")["flows/demoflow"]
    assert template["spec"]["parallelism"] == 100
    assert verbs(create(client, ONE)) == {"unchanged"}


def test_metaflows_own_deployment_of_another_flow_is_not(server: KubernetesStandIn, client: Any) -> None:
    upstreams_deployment(server, **{"metaflow/flow_name": "Another"})
    assert code_of(lambda: create(client, ONE))[0] == "FT703"


def test_open_settings_are_named(server: KubernetesStandIn, client: Any) -> None:
    settings = replace(SETTINGS, argo_event_source_is_ours=False, argo_event_source="company")
    code, message = code_of(lambda: create(client, ONE, settings))
    assert code == "FT002"
    assert "METAFLOW_ARGO_EVENTS_INTERNAL_WEBHOOK_URL" in message
    assert server.store.requests == []
    both = converge.missing_settings(replace(settings, datastore_s3=None))
    assert [item.code for item in both] == ["FT002", "FT002"]
    assert converge.missing_settings(SETTINGS) == []


def test_objects_without_a_code_package_are_not_deployed(server: KubernetesStandIn, client: Any) -> None:
    made = files(ONE)
    template = next(item for item in made if not item.ours)
    environment = template.content["spec"]["templates"][1]["container"]["env"]
    environment += [{"name": "A", "value": f"x/OPEN.{name}.SETTING"} for name in ("CodePackagePath", "CodePackageSha")]
    code, message = code_of(
        lambda: converge.create(made, SETTINGS, deployed_name="demoflow", production_token="t", client=client)
    )
    assert code == "FT002"
    assert "code package" in message
    assert server.store.requests == []


def test_a_refusal_by_the_dry_run_leaves_nothing_behind(server: KubernetesStandIn, client: Any) -> None:
    made = files(ONE)
    sensor = next(item for item in made if item.path.endswith("sensor.yaml"))
    sensor.content["metadata"]["labels"]["metaflow-triggers/deployed-name"] = "not a label"
    code, message = code_of(
        lambda: converge.create(made, SETTINGS, deployed_name="demoflow", production_token="t", client=client)
    )
    assert code == "FT704"
    assert "not a label" in message
    assert server.store.objects == {}


def test_denied(server: KubernetesStandIn, client: Any) -> None:
    server.store.forbidden.add("PATCH sensors")
    code, message = code_of(lambda: create(client, ONE))
    assert code == "FT702"
    assert message == f"not allowed to patch sensors `events/{names.sensor_name('demoflow')}`"


def test_credentials(server: KubernetesStandIn) -> None:
    server.store.token = "right"
    with connect(server.url, "wrong") as wrong:
        assert code_of(lambda: create(wrong, ONE))[0] == "FT701"
    with connect(server.url, "right") as right:
        assert verbs(create(right, ONE)) == {"created"}


def test_nobody_answers() -> None:
    with cluster() as gone:
        url = gone.url
    with connect(url) as client:
        code, message = code_of(lambda: create(client, ONE))
    assert code == "FT701"
    assert url in message


def test_argo_is_not_installed(server: KubernetesStandIn, client: Any) -> None:
    settings = replace(SETTINGS, argo_sensor_namespace="events", kubernetes_namespace="flows")
    made = files(ONE, settings)
    made[0].content["metadata"]["namespace"] = "no/where"
    code, _ = code_of(
        lambda: converge.create(made, settings, deployed_name="demoflow", production_token="t", client=client)
    )
    assert code == "FT704"


def test_transient_failures_are_retried(server: KubernetesStandIn, client: Any) -> None:
    server.store.failing = 2
    assert verbs(create(client, ONE)) == {"created"}


def test_one_document() -> None:
    document = json.loads(converge.one_document(files(ONE)))
    assert document["kind"] == "List"
    assert {item["kind"] for item in document["items"]} >= {"Sensor", "WorkflowTemplate", "EventSource"}
    assert "Kustomization" not in {item["kind"] for item in document["items"]}


SCHEDULED = flow(schedule=Schedule("0 9 * * ? *", None, SPAN))


def put(server: KubernetesStandIn, item: Any) -> None:
    put_object(server, "cronworkflows", item)


def test_a_schedule_comes_and_goes(server: KubernetesStandIn, client: Any) -> None:
    create(client, SCHEDULED)
    assert server.objects("cronworkflows")["flows/demoflow"]["spec"]["schedules"] == ["0 9 * * *"]
    assert "CronWorkflow" in {action.kind for action in create(client, ONE).actions if action.verb == "deleted"}
    assert server.objects("cronworkflows") == {}


def test_metaflows_own_schedule_of_the_flow_is_taken_over_or_goes(server: KubernetesStandIn, client: Any) -> None:
    put(server, upstreams_schedule("demoflow"))
    create(client, SCHEDULED)
    made = server.objects("cronworkflows")["flows/demoflow"]
    assert made["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "metaflow-triggers"
    assert "schedule" not in made["spec"]
    create(client, ONE)
    put(server, upstreams_schedule("demoflow"))
    put(server, upstreams_schedule("another", "another"))
    create(client, ONE)
    assert list(server.objects("cronworkflows")) == ["flows/another"]


def test_a_schedule_that_starts_something_else_is_not_touched(server: KubernetesStandIn, client: Any) -> None:
    put(server, upstreams_schedule("demoflow", "another"))
    assert code_of(lambda: create(client, SCHEDULED))[0] == "FT703"
    create(client, ONE)
    assert list(server.objects("cronworkflows")) == ["flows/demoflow"]


def test_a_sensor_in_a_namespace_of_its_own_is_deleted_too(server: KubernetesStandIn, client: Any) -> None:
    elsewhere = flow(trigger(event("a"), options='{"argo-workflows": {"sensor-namespace": "elsewhere"}}'))
    create(client, elsewhere)
    assert [name.partition("/")[0] for name in server.objects("sensors")] == ["elsewhere"]
    create(client, ONE)
    assert [name.partition("/")[0] for name in server.objects("sensors")] == ["events"]
    create(client, elsewhere)
    converge.delete("demoflow", SETTINGS, client=client)
    assert server.objects("sensors") == {}
