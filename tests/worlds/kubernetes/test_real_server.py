"""`create` and `delete` on Kubernetes' own API server: a short form of the suite, and what no stand-in can tell."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from metaflow_triggers.backends.argo.deploy import converge

from ...unit.backends.argo.argo_flows import EVERYTHING, SETTINGS
from ..argo import (
    test_delete_shared,
    test_deploy,
    test_deploy_adoption,
    test_deploy_interrupted,
    test_deploy_limits,
    test_kustomization,
)
from ..argo.conftest import client, server, which_cluster
from ..argo.deployments import about, change, connect, create, files, state, verbs
from ..argo.kubernetes_stand_in import KubernetesStandIn
from ..argo.test_deploy_adoption import DAILY, refused
from ..argo.test_deploy_limits import ONE, accounts, many
from . import control_plane
from .both import asked_of_both, cluster
from .gateway import RealKubernetes

__all__ = ["accounts", "client", "server", "which_cluster"]
pytest_generate_tests = asked_of_both

SHORT_FORM: dict[Any, tuple[str, ...]] = {
    test_deploy: (
        "test_create_makes_every_object",
        "test_repeating_changes_nothing",
        "test_a_change_updates_one_object_and_keeps_foreign_fields",
        "test_delete_removes_what_create_made_and_nothing_else",
        "test_a_refusal_by_the_dry_run_leaves_nothing_behind",
        "test_a_schedule_comes_and_goes",
        "test_credentials",
        "test_denied",
    ),
    test_deploy_adoption: (
        "test_a_conflict_is_named_by_its_manager_and_fields",
        "test_upstreams_deployment_becomes_ours_and_nothing_of_it_stays",
    ),
    test_deploy_interrupted: (
        "test_a_token_that_a_killed_create_left_is_taken_up",
        "test_two_at_once_leave_one_deployment",
    ),
    test_deploy_limits: (
        "test_every_character_arrives",
        "test_no_account_of_ours_may_read_a_secret",
        "test_who_is_no_cluster_admin_may_deploy",
        "test_the_runs_role_suffices_for_what_a_run_does",
        "test_the_sensors_role_suffices_for_what_a_sensor_does",
    ),
    test_delete_shared: ("test_it_is_refused_with_the_flows_that_are_left_and_leaves_nothing_of_the_last_one",),
    test_kustomization: ("test_create_goes_on_from_what_kubectl_applied",),
}
for suite, names in SHORT_FORM.items():
    globals().update({name: getattr(suite, name) for name in names})

ADMISSION = "/apis/admissionregistration.k8s.io/v1"


@contextmanager
def policy(plane: control_plane.ControlPlane, plural: str, expression: str, **validation: str) -> Iterator[None]:
    """A ValidatingAdmissionPolicy for a kind of Argo's, from when the server obeys it."""
    rule = {"apiGroups": ["argoproj.io"], "apiVersions": ["*"], "operations": ["*"], "resources": [plural]}
    version = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": "teams"}}
    spec: dict[str, Any] = {"failurePolicy": "Fail", "matchConstraints": {"resourceRules": [rule]}}
    spec["validations"] = [{"expression": expression, **validation}]
    made = {**version, "kind": "ValidatingAdmissionPolicy", "spec": spec}
    binding = {"policyName": "teams", "validationActions": ["Deny"]}
    plane.ask("POST", f"{ADMISSION}/validatingadmissionpolicies", made)
    plane.ask(
        "POST",
        f"{ADMISSION}/validatingadmissionpolicybindings",
        {**version, "kind": "ValidatingAdmissionPolicyBinding", "spec": binding},
    )
    try:
        probe = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Sensor", "metadata": {"name": "probe"}, "spec": {}}
        place = f"/apis/argoproj.io/v1alpha1/namespaces/argo/{plural}?dryRun=All"
        _until(lambda: plane.request("POST", place, probe)[0] >= 400)
        yield
        plane.ask("DELETE", f"{ADMISSION}/validatingadmissionpolicybindings/teams")
        _until(lambda: plane.request("POST", place, probe)[0] < 400)
    finally:
        plane.request("DELETE", f"{ADMISSION}/validatingadmissionpolicybindings/teams")
        plane.request("DELETE", f"{ADMISSION}/validatingadmissionpolicies/teams")


def _until(true: Callable[[], bool]) -> None:
    ends = time.monotonic() + 30
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.02)


@pytest.mark.parametrize("reason", ["Invalid", "Forbidden"])
def test_an_admission_policy_that_refuses_us_is_named(server: RealKubernetes, client: Any, reason: str) -> None:
    """Whatever status it chooses, it is not a right that is lacking."""
    team = "has(object.metadata.labels) && 'team' in object.metadata.labels"
    with policy(server.plane, "sensors", team, message="label team is missing", reason=reason):
        found = refused(lambda: create(client, ONE))
        assert found.code == "FT704"
        assert found.message.startswith("the admission policy `teams` refused to patch sensors `events/demoflow-")
        assert found.message.endswith("label team is missing")
        assert not server.store.objects
    assert verbs(create(client, ONE)) == {"created"}


def test_a_quota_that_refuses_us_is_named_and_nothing_is_written(server: RealKubernetes, client: Any) -> None:
    """Until the controller of quotas has counted, the server refuses as well, and no right is lacking then either."""
    plane = server.plane
    hard = {"count/sensors.argoproj.io": "0"}
    quotas = "/api/v1/namespaces/events/resourcequotas"
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few"}, "spec": {"hard": hard}}
    made = plane.ask("POST", quotas, quota)
    made = plane.ask("PUT", f"{quotas}/few/status", {**made, "status": {"hard": hard}})  # as its controller writes it
    try:
        _until(lambda: plane.request("POST", f"{_SENSORS}?dryRun=All", _PROBE)[0] == 403)
        uncounted = refused(lambda: create(client, ONE))
        assert uncounted.code == "FT704" and not server.store.objects
        assert uncounted.message.startswith("a new quota of the cluster refused to patch sensors `events/demoflow-")
        plane.ask("PUT", f"{quotas}/few/status", {**made, "status": {"hard": hard, "used": hard}})
        _until(lambda: "exceeded" in plane.request("POST", f"{_SENSORS}?dryRun=All", _PROBE)[1].get("message", ""))
        found = refused(lambda: create(client, ONE))
        assert found.code == "FT704" and not server.store.objects
        assert found.message.startswith("a quota of the cluster refused to patch sensors `events/demoflow-")
        assert "few" in found.message and any("quota" in text for text in found.helps)
    finally:
        plane.request("DELETE", f"{quotas}/few")
    _until(lambda: plane.request("POST", f"{_SENSORS}?dryRun=All", _PROBE)[0] == 201)
    assert verbs(create(client, ONE)) == {"created"}


@pytest.mark.parametrize("first", ["create", "argocd-controller"])
def test_argo_cd_and_create_take_turns(server: RealKubernetes, client: Any, tmp_path: Path, first: str) -> None:
    """It applies our folder server-side, by force, and marks what it tracks; neither undoes what the other has done."""
    folder = [item for _, item in test_kustomization.built(test_kustomization.written(tmp_path))]
    if first == "create":
        assert verbs(create(client, EVERYTHING)) == {"created"}
    sync(server, folder)
    assert verbs(create(client, EVERYTHING)) <= {"created", "updated", "unchanged"}
    ours = state(server)
    sync(server, folder)
    assert state(server) == ours and verbs(create(client, EVERYTHING)) == {"unchanged"}
    tracked = [item for item in server.store.objects.values() if _TRACKED in item["metadata"].get("annotations", {})]
    assert len(tracked) == len(folder)

    # What it applies of a newer folder is its own, and is not overwritten unseen.
    (sensor,) = (item for item in folder if item["kind"] == "Sensor")
    sensor["spec"]["triggers"].pop()
    sync(server, folder)
    found = refused(lambda: create(client, EVERYTHING))
    assert found.code == "FT704" and "`argocd-controller`" in found.message
    converge.delete("demoflow", SETTINGS, client=client, shared=True)
    assert not server.store.objects


_TRACKED = "argocd.argoproj.io/tracking-id"
_SENSORS = "/apis/argoproj.io/v1alpha1/namespaces/events/sensors"
_PROBE = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Sensor", "metadata": {"name": "probe"}, "spec": {}}


def sync(server: RealKubernetes, folder: list[Any]) -> None:
    for item in folder:
        root, plural = test_kustomization.PLURALS[item["kind"]]
        metadata = item["metadata"]
        annotations = {**metadata.get("annotations", {}), _TRACKED: f"shop:{item['kind']}/{metadata['name']}"}
        marked = {**item, "metadata": {**metadata, "annotations": annotations}}
        key = (root, metadata["namespace"], plural, metadata["name"])
        server.store.apply(key, marked, "argocd-controller", force=True, dry=False)


def test_a_namespace_that_is_being_deleted_is_no_lack_of_rights(server: RealKubernetes, client: Any) -> None:
    """Argo's Sensors are somewhere else."""
    plane = server.plane
    leaving = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "leaving"}}
    plane.request("POST", "/api/v1/namespaces", leaving)
    plane.request("DELETE", "/api/v1/namespaces/leaving")  # no controller brings it to an end here
    found = refused(lambda: create(client, ONE, replace(SETTINGS, argo_sensor_namespace="leaving")))
    assert found.code == "FT704" and "being terminated" in found.message


def test_a_namespace_that_is_not_there_is_said(server: RealKubernetes, client: Any) -> None:
    found = refused(lambda: create(client, ONE, replace(SETTINGS, argo_sensor_namespace="nowhere")))
    assert found.code == "FT704" and "nowhere" in found.message
    assert any("namespace exists" in text for text in found.helps)


def test_what_the_definitions_refuse_is_told_before_anything_is_written(server: RealKubernetes, client: Any) -> None:
    """Argo's definitions in full, as no schema of ours knows them: two kinds of template in one."""
    made = files(ONE)
    (template,) = (item.content for item in made if item.content["kind"] == "WorkflowTemplate")
    template["spec"]["templates"][1]["suspend"] = {}
    found = refused(
        lambda: converge.create(made, SETTINGS, deployed_name="demoflow", production_token="t", client=client)
    )
    assert found.code == "FT704" and "workflowtemplates" in found.message
    assert not server.store.objects


def test_somebody_with_the_rights_of_the_page_and_no_more(server: RealKubernetes, client: Any) -> None:
    """Forbidden is what no command of ours asks for; the rest suffices, also to grant what our Roles grant."""
    server.store.access.cluster_admin = False
    server.store.forbidden = {f"PUT {plural}" for plural in ("sensors", "workflowtemplates", "secrets", "roles")}
    server.store.forbidden |= {f"{verb} pods" for verb in ("GET", "POST", "PATCH", "DELETE", "PUT")}
    assert verbs(create(client, DAILY, about=about(DAILY))) == {"created"}
    assert verbs(create(client, DAILY, about=about(DAILY))) == {"unchanged"}
    converge.delete("demoflow", SETTINGS, client=client, shared=True)
    assert not server.store.objects


def test_what_another_manager_changed_is_found_and_mended(server: RealKubernetes, client: Any) -> None:
    """As `kubectl edit` does it: it owns the field then, so it is a conflict, which is named."""
    create(client, EVERYTHING)
    before = state(server)
    (key,) = (key for key in server.store.objects if key[2] == "sensors")
    change(server, key, lambda item: item["spec"]["triggers"].pop())
    found = refused(lambda: create(client, EVERYTHING))
    assert found.code == "FT704" and "`somebody`" in found.message
    assert before != state(server)


@pytest.mark.long
def test_fifty_flows_cost_what_they_cost_on_the_stand_in() -> None:
    """It prints its seconds (`-s`): they are this machine's, and no promise of a test."""
    counted = []
    for made in (KubernetesStandIn, cluster):
        with made() as server, connect(server.url) as client:
            started = time.monotonic()
            converge.create_all(many(50), SETTINGS, client=client)
            first = len(server.store.requests)
            again = converge.create_all(many(50), SETTINGS, client=client)
            assert verbs(again) == {"unchanged"}
            counted.append((first, len(server.store.requests)))
            took = time.monotonic() - started
            print(f"{type(server).__name__}: {counted[-1]} requests, {took:.1f} s, twice 50 flows")
            assert len(server.objects("sensors")) == 50
    assert counted[0] == counted[1]


def test_a_port_in_use_is_one_line_and_nothing_is_left_running() -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.listen()
        plane = control_plane.ControlPlane(port=one.getsockname()[1])
        with pytest.raises(control_plane.CannotStart) as raised:
            plane.__enter__()
    assert "apiserver finds its port in use" in str(raised.value) and "\n" not in str(raised.value)
    assert plane.pids == {} and not plane.place.exists()


def test_it_ends_with_who_started_it(server: RealKubernetes) -> None:
    """What holds its standard input open is this process, and nothing else."""
    for pid in server.plane.pids.values():
        listed = subprocess.run(["ls", "-l", f"/proc/{pid}/fd/0"], capture_output=True, text=True, check=True)
        assert "pipe:" in listed.stdout
