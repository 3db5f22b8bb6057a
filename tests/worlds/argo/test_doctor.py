"""`doctor` on a cluster: each broken set-up is one line that is lacking, a right one has none; nothing is written."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from metaflow_triggers.backends.argo.deploy import cluster as cluster_module
from metaflow_triggers.backends.argo.doctor.examine import examine
from metaflow_triggers.doctor.findings import FINE, LACKING, NOT_ASKED, Finding, Target
from metaflow_triggers.doctor.text import text

from ...settings import OPEN
from ...unit.backends.step_functions.samples import event, flow, trigger
from .deployments import connect
from .kubernetes_access import ARGO
from .kubernetes_stand_in import KubernetesStandIn, Store

RUNS, SENSORS = "runs", "sensors"
TOKEN = "a-token-that-nobody-may-see"
OTHER = "another-token-that-nobody-may-see"
RIGHT = dataclasses.replace(
    OPEN,
    datastore_s3="s3://flows/metaflow",
    kubernetes_namespace=RUNS,
    argo_sensor_namespace=SENSORS,
    workflow_service_account="flows",
    argo_webhook_tls_secret="certificate",
    argo_webhook_ca_secret="authority",
)
THEIRS = dataclasses.replace(
    RIGHT,
    argo_event_source="gateway",
    argo_event_source_is_ours=False,
    argo_webhook_url="https://gateway.example/events",
    argo_event="all",
)


def put(store: Store, root: str, plural: str, namespace: str, name: str, **content: Any) -> None:
    store.objects[root, namespace, plural, name] = {**content, "metadata": {"name": name, "namespace": namespace}}


def secret(store: Store, namespace: str, name: str, **data: str) -> None:
    encoded = {key.replace("_", "."): base64.b64encode(text.encode()).decode() for key, text in data.items()}
    put(store, "/api/v1", "secrets", namespace, name, data=encoded)


def fill(store: Store) -> None:
    """A cluster that has all."""
    store.access.namespaces = {RUNS, SENSORS}
    bus = {"conditions": [{"type": "Deployed", "status": "True"}, {"type": "Configured", "status": "True"}]}
    put(store, ARGO, "eventbus", SENSORS, "default", status=bus)
    put(store, "/api/v1", "serviceaccounts", RUNS, "flows")
    for namespace in (RUNS, SENSORS):
        secret(store, namespace, "metaflow-triggers-webhook", token=TOKEN)
        secret(store, namespace, "metaflow-triggers-outcomes", token=OTHER)
    secret(store, SENSORS, "certificate", tls_crt="c", tls_key="k")
    secret(store, RUNS, "authority", ca_crt="c")
    secret(store, RUNS, "registry", **{"_dockerconfigjson": "{}"})
    put(store, ARGO, "eventsources", SENSORS, "gateway", spec={"webhook": {"all": {"port": "1"}}, "eventBusName": "x"})
    spec = {"properties": {"schedules": {"type": "array"}}}
    kind = {"group": "argoproj.io", "version": "v1alpha1", "kind": "CronWorkflow"}
    store.access.schemas = {"x": {"x-kubernetes-group-version-kind": [kind], "properties": {"spec": spec}}}


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[KubernetesStandIn, Any, Any]]:
    import boto3
    from moto import mock_aws

    with KubernetesStandIn() as server, connect(server.url) as client, mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
        s3.create_bucket(Bucket="flows")
        yield server, client, s3


@pytest.fixture
def store(running: Any, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The cluster that has all, new."""
    monkeypatch.setattr(cluster_module, "_PAUSE", 0.0)
    store: Store = running[0].store
    store.__init__()  # type: ignore[misc]
    fill(store)
    return store


def found(running: Any, settings: Any = RIGHT, client: Any = None, flows: Any = ()) -> list[Finding]:
    return list(examine(settings, flows, client or running[1], lambda service: running[2]))


def told(running: Any, settings: Any = RIGHT) -> list[Finding]:
    return [item for item in found(running, settings) if item.state != FINE]


@pytest.mark.parametrize("settings", [RIGHT, THEIRS], ids=["ours", "theirs"])
def test_a_right_cluster_lacks_nothing_and_is_not_changed(running: Any, store: Store, settings: Any) -> None:
    before = json.dumps({str(key): item for key, item in store.objects.items()})
    items = found(running, settings)
    assert [item for item in items if item.state != FINE] == []
    assert len({item.thing for item in items}) == len(items)
    assert json.dumps({str(key): item for key, item in store.objects.items()}) == before
    assert {line.rpartition("/")[2] for line in store.writes} == {"selfsubjectaccessreviews", "selfsubjectreviews"}
    asked = sum("selfsubjectaccessreviews" in line for line in store.requests)
    assert asked > 50, "each verb is a question"
    said = text((Target("argo-workflows", tuple(items)),))
    assert TOKEN not in said and OTHER not in said and base64.b64encode(TOKEN.encode()).decode() not in said


def gone(plural: str, name: str) -> Callable[[Store], None]:
    def change(store: Store) -> None:
        for key in [key for key in store.objects if key[2:] == (plural, name)]:
            del store.objects[key]

    return change


def bus(status: Any) -> Callable[[Store], None]:
    return lambda store: put(store, ARGO, "eventbus", SENSORS, "default", status=status)


def old(store: Store) -> None:
    (schema,) = store.access.schemas.values()
    schema["properties"]["spec"] = {"properties": {"schedule": {"type": "string"}}}


def other_token(store: Store) -> None:
    secret(store, RUNS, "metaflow-triggers-webhook", token=OTHER)


def no_key(store: Store) -> None:
    secret(store, SENSORS, "metaflow-triggers-outcomes", tokn=TOKEN)


def denied(*words: str) -> Callable[[Store], None]:
    return lambda store: store.access.denied.update(words)


Row = tuple[Any, Callable[[Store], None], str, str, str]
WAITING = {"conditions": [{"type": "Deployed", "status": "False", "message": "no storage class"}]}
GRANT = denied("create workflowtaskresults", "escalate roles")


def nothing(store: Store) -> None:
    """The settings are what is wrong."""


def but(**changed: Any) -> Any:
    return dataclasses.replace(RIGHT, **changed)


def of_theirs(**changed: Any) -> Any:
    return dataclasses.replace(THEIRS, **changed)


BROKEN: dict[str, Row] = {
    # settings, what of the cluster is otherwise -> thing, code, a part of what mends it
    "no datastore": (but(datastore_s3=None), nothing, "datastore", "FT002", "set METAFLOW_DATASTORE_SYSROOT_S3"),
    "no bucket": (but(datastore_s3="s3://nobody"), nothing, "datastore", "", "create-bucket --bucket nobody"),
    "no Argo Events": (
        RIGHT,
        lambda store: store.access.unknown.update(("sensors", "eventbus", "eventsources")),
        "Argo Events",
        "FT704",
        "argo-events",
    ),
    "no Argo Workflows": (
        RIGHT,
        lambda store: store.access.unknown.update(("workflows", "cronworkflows")),
        "Argo Workflows",
        "FT704",
        "argo-workflows",
    ),
    "old definitions": (RIGHT, old, "Argo Workflows", "FT704", "3.6 or newer"),
    "no namespace of runs": (
        RIGHT,
        lambda store: store.access.namespaces.discard(RUNS),  # type: ignore[union-attr]
        "namespace runs",
        "FT704",
        "kubectl create namespace runs",
    ),
    "no namespace of Sensors": (
        RIGHT,
        lambda store: store.access.namespaces.discard(SENSORS),  # type: ignore[union-attr]
        "namespace sensors",
        "FT704",
        "METAFLOW_ARGO_EVENTS_SENSOR_NAMESPACE",
    ),
    "no event bus": (RIGHT, gone("eventbus", "default"), "event bus", "", '"kind": "EventBus"'),
    "another bus": (but(argo_event_bus="orders"), nothing, "event bus", "", "METAFLOW_ARGO_EVENTS_EVENT_BUS"),
    "bus not ready": (RIGHT, bus(WAITING), "event bus", "", "describe eventbus default"),
    "bus that nobody runs": (RIGHT, bus({}), "event bus", "", "kubectl get pods"),
    "two tokens": (RIGHT, other_token, "token of the event source", "", "kubectl -n runs delete secret"),
    "no key token": (RIGHT, no_key, "token of the event source of outcomes", "", "kubectl -n sensors delete secret"),
    "no certificate": (RIGHT, gone("secrets", "certificate"), "certificate", "FT706", "create secret tls certificate"),
    "no authority": (RIGHT, lambda store: secret(store, RUNS, "authority", ca="c"), "authority", "FT706", "ca.crt"),
    "no account of runs": (
        RIGHT,
        gone("serviceaccounts", "flows"),
        "account of runs",
        "",
        "create serviceaccount flows",
    ),
    "runs without rights": (
        but(workflow_service_account=None),
        nothing,
        "account of runs",
        "FT508",
        "METAFLOW_KUBERNETES_SERVICE_ACCOUNT",
    ),
    "no account of Sensors": (
        but(argo_sensor_service_account="sensor"),
        nothing,
        "account of Sensors",
        "",
        "kubectl -n sensors create serviceaccount sensor",
    ),
    "their event source without an address": (
        of_theirs(argo_webhook_url=None),
        nothing,
        "event source",
        "FT002",
        "METAFLOW_ARGO_EVENTS_INTERNAL_WEBHOOK_URL",
    ),
    "no such event source": (of_theirs(argo_event_source="gate"), nothing, "event source", "", "get eventsources"),
    "no such event": (of_theirs(argo_event="al"), nothing, "event source", "", "to one of: all"),
    "their token": (
        THEIRS,
        lambda store: store.objects.pop(("/api/v1", RUNS, "secrets", "metaflow-triggers-webhook")),
        "token of the event source",
        "",
        "create secret generic metaflow-triggers-webhook",
    ),
    "may not write Sensors": (
        RIGHT,
        denied("patch sensors", "create sensors"),
        "rights: sensors in sensors",
        "FT702",
        "--verb=create,patch --resource=sensors.argoproj.io; kubectl -n sensors create rolebinding",
    ),
    "may not delete templates": (
        RIGHT,
        denied("delete workflowtemplates"),
        "rights: workflowtemplates in runs",
        "FT702",
        "--verb=delete --resource=workflowtemplates.argoproj.io",
    ),
    "may not grant": (RIGHT, GRANT, "rights to grant in runs", "FT702", "--resource=workflowtaskresults.argoproj.io"),
    "no name": (but(argo_event_bus="My Bus"), nothing, "settings", "FT017", "a name has"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_set_up_is_the_one_line_that_lacks(running: Any, store: Store, name: str) -> None:
    settings, change, thing, code, mend = BROKEN[name]
    change(store)
    lacking = [item for item in told(running, settings) if item.state == LACKING]
    assert [(item.thing, item.code) for item in lacking] == [(thing, code)], lacking
    assert mend in " ".join(lacking[0].mends)
    assert TOKEN not in str(lacking) and OTHER not in str(lacking)


def named(**options: str) -> Any:
    said = json.dumps({"argo-workflows": {key.replace("_", "-"): value for key, value in options.items()}})
    return flow("OrderFlow", trigger(event("order-placed"), options=said))


NAMED = {
    "bus": (named(event_bus="orders"), "event bus orders in sensors", '"kind": "EventBus"'),
    "namespace": (named(sensor_namespace="there"), "namespace there", "kubectl create namespace there"),
    "source": (named(event_source="gate", event="all"), "event source gate in sensors", "get eventsources"),
    "event": (named(event_source="gateway", event="al"), "event source gateway in sensors", "one of: all"),
}


@pytest.mark.parametrize("name", NAMED)
def test_what_flows_name(running: Any, store: Store, name: str) -> None:
    one, thing, mend = NAMED[name]
    items = [item for item in found(running, flows=(one,)) if item.state == LACKING]
    assert [item.thing for item in items] == [thing] and mend in items[0].mends[0]


def test_what_flows_name_and_is_there(running: Any, store: Store) -> None:
    one = named(event_source="gateway", event="all", sensor_namespace=RUNS)
    put(store, ARGO, "eventsources", RUNS, "gateway", spec={"webhook": {"all": {"port": "1"}}})
    put(store, ARGO, "eventbus", RUNS, "default", **store.objects[ARGO, SENSORS, "eventbus", "default"])
    put(store, "/api/v1", "serviceaccounts", RUNS, "metaflow-triggers-sensor")
    assert [item for item in found(running, flows=(one,)) if item.state != FINE] == []
    gone("serviceaccounts", "metaflow-triggers-sensor")(store)
    (item,) = [item for item in found(running, flows=(one,)) if item.state != FINE]
    assert item.thing == "account of Sensors in runs" and "create serviceaccount" in item.mends[0]
    put(store, "/api/v1", "serviceaccounts", RUNS, "metaflow-triggers-sensor")
    store.access.denied.add("delete sensors")
    lacks = {item.thing for item in found(running, flows=(one,)) if item.state != FINE}
    assert lacks == {"rights: sensors in runs", "rights: sensors in sensors"}


def test_what_follows_from_what_is_not_there_is_not_asked(running: Any, store: Store) -> None:
    store.access.namespaces = {SENSORS}
    needs = {item.thing: item.needs for item in told(running) if item.state == NOT_ASKED}
    assert set(needs.values()) == {"the namespace `runs`"} and "account of runs" in needs and "authority" in needs


def test_while_absent_what_create_makes_is_fine(running: Any, store: Store) -> None:
    for name in ("metaflow-triggers-webhook", "metaflow-triggers-outcomes"):
        gone("secrets", name)(store)
    assert told(running) == []


def test_runs_as_default_that_somebody_bound(running: Any, store: Store) -> None:
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    rules = [{"apiGroups": ["argoproj.io"], "resources": ["workflows"], "verbs": ["get"]}]
    put(store, rbac, "roles", RUNS, "mine", rules=rules)
    subject = {"kind": "ServiceAccount", "namespace": RUNS, "name": "default"}
    put(store, rbac, "rolebindings", RUNS, "mine", subjects=[subject], roleRef={"name": "mine"})
    assert told(running, but(workflow_service_account=None)) == []


def test_no_right_to_look_is_said_and_not_guessed(running: Any, store: Store) -> None:
    store.forbidden.update(("GET secrets", "GET eventbus"))
    items = told(running)
    assert {item.state for item in items} == {NOT_ASKED}
    assert {item.needs for item in items} == {
        "`get eventbus` in `sensors`",
        "`get secrets` in `runs`",
        "`get secrets` in `sensors`",
    }


def test_secrets_that_metaflow_names(running: Any, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METAFLOW_KUBERNETES_IMAGE_PULL_SECRETS", '["registry", "hub"]')
    monkeypatch.setenv("METAFLOW_KUBERNETES_SECRETS", "registry,keys")
    items = told(running)
    assert [(item.state, item.thing) for item in items] == [(LACKING, "image pull hub"), (LACKING, "Secret keys")]
    assert "create secret docker-registry hub" in items[0].mends[0]


def test_a_cluster_that_is_gone(running: Any, store: Store) -> None:
    with connect("http://127.0.0.1:9") as client:
        items = [item for item in found(running, client=client) if item.state != FINE]
    assert [(item.thing, item.code) for item in items if item.state == LACKING] == [("cluster", "FT701")]
    assert "rights" in {item.thing for item in items if item.state == NOT_ASKED}


def test_credentials_that_the_cluster_does_not_take(running: Any, store: Store) -> None:
    store.token = "x"
    items = told(running)
    assert [(item.thing, item.code) for item in items if item.state == LACKING] == [("credentials", "FT701")]


class _Webhook(BaseHTTPRequestHandler):
    """Argo Events' (1.9.11): the token first, then the method."""

    posts = 0

    def do_GET(self) -> None:
        good = self.headers.get("Authorization") == f"Bearer {TOKEN}"
        body = b"http method does not match" if good else b"Invalid Auth token"
        self.send_response(400 if good else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        _Webhook.posts += 1

    def log_message(self, *_: Any) -> None:
        return None


def test_the_webhook_with_the_token(running: Any, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Webhook)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        monkeypatch.setenv("METAFLOW_TRIGGERS_WEBHOOK_URL", f"http://127.0.0.1:{server.server_port}/events?key=hidden")
        monkeypatch.setenv("METAFLOW_TRIGGERS_WEBHOOK_TOKEN", TOKEN)
        assert told(running) == []
        monkeypatch.setenv("METAFLOW_TRIGGERS_WEBHOOK_TOKEN", OTHER)
        (item,) = told(running)
        assert (item.state, item.thing, item.code) == (LACKING, "webhook from here", "FT763")
        assert "METAFLOW_TRIGGERS_WEBHOOK_TOKEN" in item.mends[0]
        assert OTHER not in str(item) and "hidden" not in str(item)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    (item,) = told(running)
    assert item.thing == "webhook from here" and "cannot be reached" in item.found and _Webhook.posts == 0
