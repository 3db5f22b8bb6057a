"""What `create` costs, what it needs, and what it says when the cluster does not go along."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from metaflow_triggers.backends.argo.deploy import converge, execute
from metaflow_triggers.backends.argo.deploy.cluster import Cluster
from metaflow_triggers.diagnostics import Diagnostic, DiagnosticError

from ...unit.backends.argo.argo_flows import EVERYTHING, SETTINGS, event, flow, trigger
from ..kubernetes.both import cluster
from .deployments import about, connect, create, files, state, verbs
from .kubernetes_stand_in import Fault, KubernetesStandIn

ONE = flow(trigger(event("data-ready")))


def refused(work: Any) -> Diagnostic:
    with pytest.raises(DiagnosticError) as raised:
        work()
    (found,) = raised.value.diagnostics
    return found


def lists(lines: list[str]) -> Counter[str]:
    return Counter(line.split("?")[0] for line in lines if line.startswith("GET "))


# --- what it costs ----------------------------------------------------------------------------------


def test_an_unchanged_create_only_reads(server: KubernetesStandIn, client: Any) -> None:
    create(client, EVERYTHING)
    server.store.requests.clear()
    assert verbs(create(client, EVERYTHING)) == {"unchanged"}
    assert {line.split()[0] for line in server.store.requests} == {"GET"}
    assert max(lists(server.store.requests).values()) == 1


def test_a_changed_trigger_writes_only_its_sensor(server: KubernetesStandIn, client: Any) -> None:
    create(client, ONE, about=about(ONE))
    before = len(server.store.writes)
    create(client, flow(trigger(event("other"))), about=about(ONE))
    written = {line.split()[1].split("?")[0].rsplit("/", 2)[1] for line in server.store.writes[before:]}
    assert written == {"sensors"}


def test_what_an_earlier_version_set_and_this_one_does_not_goes(server: KubernetesStandIn, client: Any) -> None:
    made = files(ONE)
    sensor = next(item for item in made if item.path.endswith("/sensor.yaml"))
    sensor.content["spec"]["revisionHistoryLimit"] = 3
    converge.create(made, SETTINGS, deployed_name="demoflow", production_token="token-1", client=client)
    (key,) = (key for key in server.store.objects if key[2] == "sensors")
    assert server.store.objects[key]["spec"]["revisionHistoryLimit"] == 3
    assert "updated" in verbs(create(client, ONE))
    assert "revisionHistoryLimit" not in server.store.objects[key]["spec"]


def many(count: int) -> list[converge.Deployment]:
    chosen = [flow(trigger(event("data-ready")), name=f"Flow{place}") for place in range(count)]
    return [converge.deployment(files(each), each.name.lower(), "t", about=about(each)) for each in chosen]


def test_fifty_flows_are_listed_once_for_each_kind(server: KubernetesStandIn, client: Any) -> None:
    wanted = many(50)
    converge.create_all(wanted, SETTINGS, client=client)
    assert len(server.objects("sensors")) == len(server.objects("workflowtemplates")) == 50
    server.store.requests.clear()
    assert verbs(converge.create_all(wanted, SETTINGS, client=client)) == {"unchanged"}
    read = lists(server.store.requests)
    assert len(server.store.requests) == sum(read.values()) == len(read)  # each address once
    kinds = Counter(line.rsplit("/", 1)[1] for line in read)
    assert set(kinds) == {
        "sensors",
        "workflowtemplates",
        "cronworkflows",
        "secrets",
        "roles",
        "rolebindings",
        "serviceaccounts",
        "eventsources",
        "networkpolicies",
    }
    assert max(kinds.values()) <= 2  # a namespace of runs, one of Sensors


def test_one_flow_among_fifty_asks_no_more_than_one_alone(server: KubernetesStandIn, client: Any) -> None:
    converge.create_all(many(1), SETTINGS, client=client)
    server.store.requests.clear()
    converge.create_all(many(1), SETTINGS, client=client)
    alone = len(server.store.requests)
    converge.create_all(many(50), SETTINGS, client=client)
    server.store.requests.clear()
    converge.create_all(many(1), SETTINGS, client=client)
    assert len(server.store.requests) == alone


# --- what goes wrong --------------------------------------------------------------------------------

FAULTS = {
    "a 500 before it takes effect": {"status": 500},
    "a 500 after it took effect": {"status": 500, "after": True},
    "no answer, before it takes effect": {"status": 0},
    "no answer, after it took effect": {"status": 0, "after": True},
    "too many requests": {"status": 429},
    "a gateway's time-out": {"status": 504, "after": True},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_passes_by_is_repeated(server: KubernetesStandIn, client: Any, fault: str) -> None:
    with cluster() as calm, connect(calm.url) as other:
        create(other, ONE)
        wanted = state(calm)
    for method, plural in (("POST", "secrets"), ("PATCH", "sensors"), ("GET", "roles")):
        server.store.faults.append(Fault(method, plural, times=3, **FAULTS[fault]))
    create(client, ONE)
    assert not any(item.times for item in server.store.faults)
    assert state(server) == wanted


def test_a_conflict_that_passes_by_is_planned_anew(server: KubernetesStandIn, client: Any) -> None:
    server.store.faults.append(Fault("PATCH", "sensors", 409, "the object has been modified", times=3))
    uploads = []
    assert "created" in verbs(create(client, ONE, before=lambda: uploads.append(len(server.store.writes))))
    assert server.objects("sensors")
    assert uploads == [0]  # once, before anything is written


REFUSALS = [
    (
        "exceeded quota: objects, requested: count/sensors.argoproj.io=1, used: 5, limited: 5",
        "FT704",
        "a quota of the cluster refused to patch sensors",
    ),
    (
        'sensors.argoproj.io "x" is forbidden: status unknown for quota: few, resources: count/sensors.argoproj.io',
        "FT704",
        "a new quota of the cluster refused to patch sensors",
    ),
    (
        'admission webhook "policy.example.org" denied the request: label team is missing',
        "FT704",
        "the admission webhook `policy.example.org` refused to patch sensors",
    ),
    (
        "sensors.argoproj.io \"x\" is forbidden: ValidatingAdmissionPolicy 'teams' with binding 'all' "
        "denied request: no team",
        "FT704",
        "the admission policy `teams` refused to patch sensors",
    ),
    (
        'sensors.argoproj.io "x" is forbidden: unable to create new content in namespace events because it is being '
        "terminated",
        "FT704",
        "the cluster refused to patch sensors",
    ),
    (
        'sensors.argoproj.io is forbidden: User "u" cannot patch resource "sensors"',
        "FT702",
        "not allowed to patch sensors",
    ),
]


@pytest.mark.parametrize(("message", "code", "words"), REFUSALS)
def test_a_refusal_is_one_message_and_the_next_create_goes_on(
    server: KubernetesStandIn, client: Any, message: str, code: str, words: str
) -> None:
    with cluster() as calm, connect(calm.url) as other:
        create(other, ONE)
        wanted = state(calm)
    server.store.faults.append(Fault("PATCH", "sensors", 403, message, times=1))
    found = refused(lambda: create(client, ONE))
    assert found.code == code and found.message.startswith(words) and "events/demoflow-" in found.message
    assert message.split(": ")[-1] in " ".join((found.message, *found.notes))
    assert server.store.writes == []
    # And when it comes only after the dry run.
    passed = {"PATCH": 0}

    def watch(at: str, method: str, path: str) -> None:
        if at == "before" and "/sensors/" in path and "dryRun" not in path and not passed["PATCH"]:
            passed["PATCH"] = 1
            server.store.faults.append(Fault("PATCH", "sensors", 403, message, times=1))

    server.store.watch = watch
    assert refused(lambda: create(client, ONE)).code == code
    assert server.objects("workflowtemplates") and not server.objects("sensors")
    server.store.watch = None
    create(client, ONE)
    assert state(server) == wanted


def test_every_character_arrives(server: KubernetesStandIn, client: Any) -> None:
    """What is applied is read as YAML, which knows no surrogates and no U+007F as it is."""
    text = "\U0001f600 \x7f \u2028 \x85 \ufeff \x07 \\ud83d\\ude00 \\\\ud83d é"
    made = files(ONE)
    (template,) = (item.content for item in made if item.content["kind"] == "WorkflowTemplate")
    template["metadata"]["annotations"]["said"] = text
    for _ in range(2):
        converge.create(made, SETTINGS, deployed_name="demoflow", production_token="t", client=client)
        assert server.objects("workflowtemplates")["flows/demoflow"]["metadata"]["annotations"]["said"] == text


def test_who_is_no_cluster_admin_may_deploy(server: KubernetesStandIn, client: Any) -> None:
    """The server looks at the Role that a RoleBinding names, which is not there in a dry run."""
    server.store.access.cluster_admin = False
    assert verbs(create(client, EVERYTHING)) == {"created"}
    assert verbs(create(client, EVERYTHING)) == {"unchanged"}
    assert server.objects("rolebindings").keys() <= server.objects("roles").keys()


def test_a_role_that_the_server_does_not_see_yet_is_waited_for(
    server: KubernetesStandIn, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rights are read from a view that is behind what was just written."""
    monkeypatch.setattr(execute, "_SEEN", (0.0, 0.0, 0.0))
    gone = 'rolebindings.rbac.authorization.k8s.io "metaflow-triggers-sensor" not found'

    def after_the_dry_run(at: str, method: str, path: str) -> None:
        if at == "after" and "/roles/" in path and "dryRun" not in path and not server.store.faults:
            server.store.faults.append(Fault("PATCH", "rolebindings", 404, gone, times=3))

    server.store.watch = after_the_dry_run
    assert verbs(create(client, ONE)) == {"created"}
    server.store.watch = None
    converge.delete("demoflow", SETTINGS, client=client, shared=True)
    server.store.faults[:] = [Fault("PATCH", "rolebindings", 404, gone, times=9)]
    found = refused(lambda: create(client, ONE))
    assert found.code == "FT704" and "metaflow-triggers-sensor" in found.message


def test_old_definitions_are_named(server: KubernetesStandIn, client: Any) -> None:
    message = 'strict decoding error: unknown field "spec.triggers[0].atLeastOnce"'
    server.store.faults.append(Fault("PATCH", "sensors", 400, message))
    found = refused(lambda: create(client, ONE))
    assert found.code == "FT704" and "unknown field" in found.message
    assert any("newer CRDs" in text for text in found.helps)


def test_missing_definitions_are_named(server: KubernetesStandIn, client: Any) -> None:
    server.store.faults.append(Fault("", "sensors", 404, "the server could not find the requested resource", times=9))
    found = refused(lambda: create(client, ONE))
    assert found.code == "FT704" and "sensors" in found.message
    assert any("Argo Events are installed" in text for text in found.helps)
    assert server.store.writes == []


def test_a_server_that_does_not_answer_is_one_message(server: KubernetesStandIn) -> None:
    server.store.faults.append(Fault("", "", 0, times=99))
    with connect(server.url) as client:
        found = refused(lambda: create(client, ONE))
    assert found.code == "FT701" and server.url in found.message


# --- what the accounts may do -----------------------------------------------------------------------

SENSOR, RUN = "sensor-token", "run-token"


@pytest.fixture
def accounts(server: KubernetesStandIn, client: Any) -> dict[str, Cluster]:
    settings = replace(SETTINGS, workflow_service_account="runner")
    create(client, EVERYTHING, settings)
    server.store.accounts = {SENSOR: ("events", "metaflow-triggers-sensor"), RUN: ("flows", "runner")}
    return {"sensor": Cluster(connect(server.url, SENSOR)), "run": Cluster(connect(server.url, RUN))}


def request(cluster: Cluster, method: str, path: str, body: Any = None, content: str = "application/json") -> int:
    headers = {"Content-Type": content, **cluster._headers()}
    url = f"{cluster.client.configuration.host}{path}"
    data = json.dumps(body).encode() if body is not None else None
    status: int = cluster.client.rest_client.pool_manager.request(method, url, body=data, headers=headers).status
    return status


ARGO = "/apis/argoproj.io/v1alpha1/namespaces"


def triggers(server: KubernetesStandIn) -> Any:
    (sensor,) = server.objects("sensors").values()
    return sensor["spec"]["triggers"]


def workflow(server: KubernetesStandIn, name: str) -> Any:
    made = json.loads(json.dumps(triggers(server)[0]["template"]["k8s"]["source"]["resource"]))
    made["metadata"]["name"] = name
    return made


def test_the_sensors_role_suffices_for_what_a_sensor_does(
    server: KubernetesStandIn, accounts: dict[str, Cluster]
) -> None:
    """`operation: patch` gets, else creates, else patches (standard-k8s.go)."""
    one = workflow(server, "demoflow-1")
    assert request(accounts["sensor"], "GET", f"{ARGO}/flows/workflows/demoflow-1") == 404
    assert request(accounts["sensor"], "POST", f"{ARGO}/flows/workflows", one) == 201
    patch = (f"{ARGO}/flows/workflows/demoflow-1", one, "application/merge-patch+json")
    assert request(accounts["sensor"], "PATCH", *patch) == 200
    lost = json.loads(json.dumps(triggers(server)[0]["dlqTrigger"]["template"]["k8s"]["source"]["resource"]))
    lost["metadata"]["name"] = "demoflow-2"
    assert request(accounts["sensor"], "POST", "/api/v1/namespaces/flows/configmaps", lost) == 201


def test_the_runs_role_suffices_for_what_a_run_does(server: KubernetesStandIn, accounts: dict[str, Cluster]) -> None:
    server.store.create(("/apis/argoproj.io/v1alpha1", "flows", "workflows", "w"), workflow(server, "w"))
    assert request(accounts["run"], "GET", f"{ARGO}/flows/workflows/w") == 200
    result = {"apiVersion": "argoproj.io/v1alpha1", "kind": "WorkflowTaskResult", "metadata": {"name": "r"}}
    assert request(accounts["run"], "POST", f"{ARGO}/flows/workflowtaskresults", result) == 201
    patch = (f"{ARGO}/flows/workflowtaskresults/r", result, "application/merge-patch+json")
    assert request(accounts["run"], "PATCH", *patch) == 200


NEEDED = {
    "sensor": {("GET", "workflows"), ("POST", "workflows"), ("PATCH", "workflows"), ("POST", "configmaps")},
    "run": {("GET", "workflows"), ("POST", "workflowtaskresults"), ("PATCH", "workflowtaskresults")},
}


@pytest.mark.parametrize("account", NEEDED)
def test_no_role_is_wider_than_needed(server: KubernetesStandIn, accounts: dict[str, Cluster], account: str) -> None:
    from .kubernetes_stand_in import PLURALS

    allowed = set()
    for root, plurals in PLURALS.items():
        for plural, kind in plurals.items():
            for namespace in ("flows", "events", "elsewhere"):
                version = root.removeprefix("/apis/").removeprefix("/api/")
                item = {"apiVersion": version, "kind": kind, "metadata": {"name": "x"}}
                place = f"{root}/namespaces/{namespace}/{plural}"
                calls = [("GET", "", None), ("GET", "/x", None), ("POST", "", item), ("PUT", "/x", item)]
                for method, name, body in [*calls, ("PATCH", "/x", item), ("DELETE", "/x", None)]:
                    content = "application/merge-patch+json" if method == "PATCH" else "application/json"
                    if request(accounts[account], method, place + name, body, content) != 403:
                        assert namespace == "flows"
                        assert (method, name) != ("GET", "")  # no list
                        allowed.add((method, plural))
    assert allowed == NEEDED[account]


def test_no_account_of_ours_may_read_a_secret(server: KubernetesStandIn, accounts: dict[str, Cluster]) -> None:
    assert server.objects("secrets")
    for account in accounts.values():
        for name in server.objects("secrets"):
            namespace, _, secret = name.partition("/")
            assert request(account, "GET", f"/api/v1/namespaces/{namespace}/secrets/{secret}") == 403
