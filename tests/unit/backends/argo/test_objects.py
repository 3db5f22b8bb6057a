"""The emitted objects: against Argo's own schemas, against ours, and what they promise."""

from __future__ import annotations

import base64
import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from metaflow_triggers.backends.argo import backend as argo
from metaflow_triggers.backends.argo.compile import names, workflow_template
from metaflow_triggers.backends.shape import Manifest
from metaflow_triggers.manifests.schemas import findings
from metaflow_triggers.manifests.text import yaml_text
from metaflow_triggers.model.flows import Schedule

from tests.flows import GRAPH, filtered

from .argo_flows import EVERYTHING, SETTINGS, SPAN, event, finish, flow, mapping, optional, required, trigger, upstream

FLOWS = {
    "everything": EVERYTHING,
    "one event": flow(trigger(event("data-ready"))),
    "no trigger": flow(),
    "auto map": flow(trigger(event("x"), auto_map=True), parameters=(required("a"), optional("b"))),
    "project": flow(trigger(finish("Up", "failure", project="shop")), project="shop", branch="prod"),
    "set and schedule": flow(
        trigger(
            filtered(event("a"), {"v": [1]}), event("b"), join="all", options='{"reset_at": {"cron": "0 0 * * *"}}'
        ),
        schedule=Schedule("0 0 * * ? *", None, SPAN),
    ),
    "bound": flow(trigger(event("x"), options='{"max_active": 1}')),
    "hostile field": flow(trigger(event("x", mapping("a", '"]]\n\\ {{x}} .#(é)'))), parameters=(required("a"),)),
}
SCHEMAS = os.environ.get("ARGO_SCHEMAS_DIR")


def emitted(chosen: Any, settings: Any = SETTINGS) -> list[Manifest]:
    return [
        *argo.manifests(chosen, GRAPH, upstream(names.own_name(chosen)), settings),
        *argo.shared_manifests(settings),
    ]


def content(chosen: Any, file: str, settings: Any = SETTINGS) -> Any:
    return next(item.content for item in emitted(chosen, settings) if item.path.endswith(f"/{file}.yaml"))


@pytest.mark.parametrize("name", FLOWS)
def test_our_schemas_accept(name: str) -> None:
    for item in emitted(FLOWS[name]):
        assert item.schema is not None
        assert findings(item.content, item.schema) == [], item.path
        assert findings(item.content, item.schema, True) == [], item.path


@pytest.mark.parametrize("file", ["sensor", "eventsource", "role-run", "networkpolicy", "kustomization"])
def test_our_schemas_are_closed_at_every_object(file: str) -> None:
    item = next(item for item in emitted(EVERYTHING) if item.path.endswith(f"/{file}.yaml"))
    objects = list(_objects(item.content))
    assert objects
    for found in objects:
        found["stray"] = 1
        assert findings(item.content, str(item.schema)), found
        del found["stray"]
    assert findings(item.content, str(item.schema)) == []


def _objects(value: Any) -> Any:
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from _objects(item)
    elif isinstance(value, list):
        for item in value:
            yield from _objects(item)


OFFICIAL = {
    "Sensor": "events",
    "EventSource": "events",
    "CronWorkflow": "workflows",
    "WorkflowTemplate": "workflows",
    "Workflow": "workflows",
}
FILES = {"events": "argo-events-v1.9.11.schema.json", "workflows": "argo-workflows-v4.1.2.schema.json"}


@pytest.mark.skipif(SCHEMAS is None, reason="ARGO_SCHEMAS_DIR is not set")
@pytest.mark.parametrize("name", FLOWS)
def test_official_schemas_closed_accept(name: str) -> None:
    objects = [item.content for item in emitted(FLOWS[name])]
    objects += [
        inner["template"]["k8s"]["source"]["resource"]
        for item in objects
        if item["kind"] == "Sensor"
        for inner in item["spec"]["triggers"]
        if "k8s" in inner["template"]
    ]
    checked = [item for item in objects if item["kind"] in OFFICIAL]
    for item in checked:
        validator = _official(item["kind"])
        assert [error.message for error in validator.iter_errors(item)] == []
    assert {item["kind"] for item in checked} >= {"EventSource", "WorkflowTemplate"}


_validators: dict[str, Any] = {}


def _official(kind: str) -> Any:
    if kind not in _validators:
        area = OFFICIAL[kind]
        document = json.loads((Path(str(SCHEMAS)) / FILES[area]).read_text("utf-8"))
        for definition in document["definitions"].values():
            if definition.get("properties"):
                definition["additionalProperties"] = False
        prefix = "io.argoproj.events.v1alpha1" if area == "events" else "io.argoproj.workflow.v1alpha1"
        root = {"$ref": f"#/definitions/{prefix}.{kind}", "definitions": document["definitions"]}
        _validators[kind] = jsonschema.Draft7Validator(root)
    return _validators[kind]


@pytest.mark.skipif(SCHEMAS is None, reason="ARGO_SCHEMAS_DIR is not set")
def test_the_closed_official_schema_can_fail() -> None:
    sensor = content(EVERYTHING, "sensor")
    sensor["spec"]["triggers"][0]["template"]["atLeastOnce"] = True
    assert list(_official("Sensor").iter_errors(sensor))


def test_paths() -> None:
    assert [item.path for item in argo.manifests(EVERYTHING, GRAPH, upstream(), SETTINGS)] == [
        "argo-workflows/demoflow/sensor.yaml",
        "argo-workflows/demoflow/workflowtemplate.yaml",
        "argo-workflows/demoflow/kustomization.yaml",
    ]
    assert argo.manifests(flow(), GRAPH, None, SETTINGS) == []
    for folder in ("argo-workflows/demoflow/", "argo-workflows/_shared/"):
        mine = [item for item in emitted(EVERYTHING) if item.path.startswith(folder)]
        assert mine[-1].content["resources"] == [item.path.removeprefix(folder) for item in mine[:-1]]


def test_trigger_objects_alone_are_the_same() -> None:
    alone = {item.path: item.content for item in argo.manifests(EVERYTHING, GRAPH, None, SETTINGS)}
    whole = {item.path: item.content for item in argo.manifests(EVERYTHING, GRAPH, upstream(), SETTINGS)}
    assert alone["argo-workflows/demoflow/sensor.yaml"] == whole["argo-workflows/demoflow/sensor.yaml"]


def test_conditions_name_every_start_and_nothing_else() -> None:
    spec = content(EVERYTHING, "sensor")["spec"]
    declared = [item["name"] for item in spec["dependencies"]]
    assert len(set(declared)) == len(declared)
    used = [name for item in spec["triggers"] for name in item["template"]["conditions"].split(" || ")]
    assert sorted(used) == sorted(declared)
    start = spec["triggers"][0]["template"]
    sources = {item["src"]["dependencyName"] for item in start["k8s"]["parameters"]}
    assert sources == set(start["conditions"].split(" || "))


def test_every_destination_exists_in_the_workflow() -> None:
    template = content(EVERYTHING, "sensor")["spec"]["triggers"][0]["template"]["k8s"]
    for parameter in template["parameters"]:
        value = template["source"]["resource"]
        for part in parameter["dest"].split("."):
            value = value[int(part) if part.isdigit() else part]
        assert isinstance(value, str)


def test_the_trigger_document() -> None:
    resource = content(EVERYTHING, "sensor")["spec"]["triggers"][0]["template"]["k8s"]["source"]["resource"]
    text = resource["metadata"]["annotations"]["metaflow-triggers/dependencies"]
    assert "{{" not in text
    assert json.loads(text) == {
        "version": 1,
        "dependencies": [
            {
                "kind": "event",
                "name": "user.signup",
                "auto_map": False,
                "mappings": [
                    {"parameter": "order_id", "field": "order.id"},
                    {"parameter": "note", "constant_json": '"{{x}}"'},
                ],
            },
            {"kind": "event", "name": "other", "auto_map": False, "mappings": []},
            {
                "kind": "finish",
                "name": "parent",
                "flow": "Parent",
                "project": None,
                "branch": None,
                "match": ["failure", "success"],
                "auto_map": False,
                "mappings": [],
            },
            {
                "kind": "finish",
                "name": "shop.user.tester.score",
                "flow": "Score",
                "project": "shop",
                "branch": "user.tester",
                "match": ["success"],
                "auto_map": False,
                "mappings": [],
            },
        ],
    }


def test_success_listens_to_our_outcome_and_to_metaflows_own_event() -> None:
    patterns = [
        item["filters"]["data"][0]["value"][0] for item in content(EVERYTHING, "sensor")["spec"]["dependencies"]
    ]
    assert r"^metaflow\.outcome\.shop\.user\.tester\.score\.success$" in patterns
    assert r"^metaflow\.shop\.user\.tester\.Score\.end$" in patterns
    assert r"^metaflow\.Parent\.end$" in patterns
    only_failure = content(flow(trigger(finish("Parent", "failure"))), "sensor")["spec"]["dependencies"]
    assert [item["filters"]["data"][0]["value"] for item in only_failure] == [[r"^metaflow\.outcome\.parent\.failure$"]]


def test_both_events_of_one_success_write_the_same_workflow() -> None:
    chosen = flow(trigger(finish("Parent")))
    parameters = content(chosen, "sensor")["spec"]["triggers"][0]["template"]["k8s"]["parameters"]
    by_dependency: dict[str, list[Any]] = {}
    for item in parameters:
        by_dependency.setdefault(item["src"]["dependencyName"], []).append((item["dest"], item["src"]["dataTemplate"]))
    first, second = by_dependency.values()
    assert first == second


def test_a_required_field_is_looked_for_before_the_start() -> None:
    sensor = content(EVERYTHING, "sensor")["spec"]
    scripts = [item["filters"]["script"] for item in sensor["dependencies"] if "user" in item["name"][:4]]
    assert len(scripts) == 3
    assert all('at(payload, {"order", "id"}, 1) ~= nil' in script for script in scripts)
    assert sensor["triggers"][1]["template"]["name"] == "required-field-missing"
    relaxed = replace(EVERYTHING, parameters=(optional("order_id"), optional("note")))
    assert len(content(relaxed, "sensor")["spec"]["triggers"]) == 1
    automatic = content(FLOWS["auto map"], "sensor")["spec"]
    assert 'payload["a"] ~= nil' in automatic["dependencies"][0]["filters"]["script"]
    assert 'payload["b"]' not in json.dumps(automatic)


def test_workflow_template_keeps_upstream_and_adds_ours() -> None:
    given = upstream()
    template = content(EVERYTHING, "workflowtemplate")
    assert given == upstream()
    before = workflow_template.without_nulls(given["workflow_template"])
    spec = template["spec"]
    assert spec["arguments"]["parameters"] == [
        *before["spec"]["arguments"]["parameters"],
        {"name": "metaflow-triggers-event", "value": ""},
        {"name": "metaflow-triggers-payload", "value": ""},
    ]
    assert [item["name"] for item in spec["templates"]] == [
        "DemoFlow",
        "start",
        "capture-error-hook-fn-preflight",
        "metaflow-triggers-exit",
        "metaflow-triggers-outcome",
    ]
    assert spec["templates"][1]["activeDeadlineSeconds"] == "432000"
    assert spec["templates"][1]["retryStrategy"]["limit"] == "3"
    start = spec["templates"][1]["container"]
    assert {key: start[key] for key in start if key != "env"} == {
        key: value for key, value in before["spec"]["templates"][1]["container"].items() if key != "env"
    }
    assert "literal-token" not in json.dumps(template)
    assert [item["name"] for item in start["env"]] == [
        "METAFLOW_USER",
        "METAFLOW_TRIGGERS_WEBHOOK_URL",
        "METAFLOW_TRIGGERS_WEBHOOK_TOKEN",
        "METAFLOW_PRODUCTION_TOKEN",
    ]
    assert (
        template["metadata"]["annotations"]["metaflow/sensor_name"] == content(EVERYTHING, "sensor")["metadata"]["name"]
    )
    assert "metaflow/sensor_name" not in content(flow(), "workflowtemplate")["metadata"]["annotations"]


def test_a_bound_of_one_is_a_mutex_of_the_flow() -> None:
    spec = content(FLOWS["bound"], "workflowtemplate")["spec"]
    assert spec["synchronization"] == {"mutexes": [{"name": names.own_name(FLOWS["bound"])}]}
    assert "synchronization" not in content(FLOWS["auto map"], "workflowtemplate")["spec"]


def _with_exit(on_exit: str | None, hooks: Any) -> Any:
    given = upstream()
    spec = given["workflow_template"]["spec"]
    spec.pop("onExit")
    if on_exit:
        spec["onExit"] = on_exit
    spec["hooks"] = hooks
    spec["templates"] += [{"name": "capture", "steps": []}, {"name": "hack", "steps": []}]
    return argo.manifests(flow(), GRAPH, given, SETTINGS)[0].content["spec"]


def test_exit_handlers_run_side_by_side() -> None:
    def steps(spec: Any) -> list[str]:
        assert spec["onExit"] == "metaflow-triggers-exit"
        exit_template = next(item for item in spec["templates"] if item["name"] == "metaflow-triggers-exit")
        assert exit_template["steps"][0][-1]["continueOn"] == {"error": True, "failed": True}
        return [step["template"] for step in exit_template["steps"][0]]

    assert steps(_with_exit("capture", {})) == ["capture", "metaflow-triggers-outcome"]
    assert steps(_with_exit(None, {})) == ["metaflow-triggers-outcome"]
    notify = {"exit": {"template": "hack"}, "slack": {"template": "slack", "expression": "true"}}
    spec = _with_exit(None, notify)
    assert steps(spec) == ["hack", "metaflow-triggers-outcome"]
    assert spec["hooks"] == {"slack": notify["slack"]}
    assert steps(_with_exit("capture", notify)) == ["capture", "metaflow-triggers-outcome"]


def test_no_argo_tag_in_the_exit_program_and_only_known_ones_around_it() -> None:
    assert "{{" not in workflow_template.script()
    outcome = content(EVERYTHING, "workflowtemplate")["spec"]["templates"][-1]
    tags = re.findall(r"\{\{.*?\}\}", json.dumps(outcome))
    assert tags == [
        "{{workflow.name}}",
        "{{workflow.status}}",
        "{{=sprig.b64enc(sprig.trunc(60000, workflow.failures))}}",
    ]


def test_a_foreign_event_source_is_used_and_not_made() -> None:
    settings = replace(SETTINGS, argo_event_source="company", argo_event_source_is_ours=False)
    made = [item.path.rpartition("/")[2] for item in argo.shared_manifests(settings)]
    # Ours for outcomes is made nevertheless: a foreign one proves nothing.
    assert [name for name in made if name.startswith(("eventsource", "network"))] == [
        "eventsource-outcomes.yaml",
        "networkpolicy-outcomes.yaml",
    ]
    assert "OPEN.WebhookUrl.SETTING" in yaml_text(content(EVERYTHING, "workflowtemplate", settings))
    known = replace(settings, argo_webhook_url="http://events.example/hook", argo_sensor_service_account="sensors")
    assert "OPEN." not in yaml_text(content(EVERYTHING, "workflowtemplate", known))
    assert not [item for item in argo.shared_manifests(known) if "serviceaccount" in item.path]
    assert content(EVERYTHING, "rolebinding-sensor", known)["subjects"][0]["name"] == "sensors"


def test_the_namespaces_default_account_gets_no_rights_unasked() -> None:
    """Every pod of the namespace that names no account has that one's rights."""
    made = {item.path.rpartition("/")[2]: item.content for item in argo.shared_manifests(SETTINGS)}
    bound = [item for item in made.values() if item["kind"] == "RoleBinding"]
    assert [item["subjects"] for item in bound] == [
        [{"kind": "ServiceAccount", "name": "metaflow-triggers-sensor", "namespace": "events"}]
    ]
    assert set(made["kustomization.yaml"]["resources"]) == set(made) - {"kustomization.yaml"}
    assert [item.code for item in argo.shared_remarks(SETTINGS, [flow(), EVERYTHING])] == ["FT508"]
    assert argo.shared_remarks(SETTINGS, [flow()]) == []  # no event starts it


@pytest.mark.parametrize("account", ["default", "runner"])
def test_the_account_that_a_setting_names_gets_the_rights_of_runs(account: str) -> None:
    named = replace(SETTINGS, workflow_service_account=account)
    binding = content(EVERYTHING, "rolebinding-run", named)
    assert binding["roleRef"]["name"] == "metaflow-triggers-run"
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": account, "namespace": "flows"}]
    assert argo.shared_remarks(named, [EVERYTHING]) == []


def test_rights_are_exact() -> None:
    rules = {name: content(EVERYTHING, f"role-{name}")["rules"] for name in ("sensor", "run")}
    assert rules["sensor"] == [
        {"apiGroups": ["argoproj.io"], "resources": ["workflows"], "verbs": ["get", "create", "patch"]},
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]},
    ]
    assert rules["run"] == [
        {"apiGroups": ["argoproj.io"], "resources": ["workflows"], "verbs": ["get"]},
        {"apiGroups": ["argoproj.io"], "resources": ["workflowtaskresults"], "verbs": ["create", "patch"]},
    ]


def test_a_start_is_tried_for_an_hour_at_most_and_then_told() -> None:
    sensor = content(FLOWS["set and schedule"], "sensor")
    (start, *_) = [item for item in sensor["spec"]["triggers"] if "dlqTrigger" in item]
    retry = start["retryStrategy"]
    waits = [int(retry["duration"][:-1]) * retry["factor"] ** place for place in range(retry["steps"] - 1)]
    lost = start["dlqTrigger"]["retryStrategy"]
    waits += [int(lost["duration"][:-1]) * lost["factor"] ** place for place in range(lost["steps"] - 1)]
    assert sum(waits) > 2700
    assert sum(waits) * (1 + retry["jitter"]) < 3600
    record = start["dlqTrigger"]["template"]["k8s"]
    assert record["operation"] == "create"
    assert record["source"]["resource"]["kind"] == "ConfigMap"
    assert set(record["source"]["resource"]["data"]) == {"event-0", "event-1"}
    written = json.dumps(record["parameters"])
    assert "payload" not in written and "b64enc" not in written


def test_what_tells_of_a_start_that_was_given_up_makes_no_sensor_too_large() -> None:
    def lost(events: int) -> Any:
        chosen = flow(trigger(*(event(f"an-event-with-a-number-{place}") for place in range(events))))
        sensor = content(chosen, "sensor")
        assert findings(sensor, "argo/sensor") == []
        return sensor["spec"]["triggers"][0]["dlqTrigger"]["template"]

    assert "k8s" in lost(20)
    assert lost(38) == {"name": "start-lost", "log": {}}


def test_a_started_workflow_has_a_valid_name() -> None:
    for deployed in ("demoflow", "a.b.c" + "d" * 40, "1.2", "x" * 21 + ".y"):
        name = f"{names.workflow_prefix(deployed)}-{'0' * 40}"
        assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", name)
        assert len(name) <= 63


def test_a_payload_at_the_limit_fits() -> None:
    # Twice base64: once by the publisher, once as the argument's own text, which is the publisher's again.
    payload = base64.b64encode(b"x" * 240 * 1024)
    assert len(payload) * 2 < 1048576  # maxPayloadSize: the body holds the payload and its base64
    assert len(payload) < 1_500_000  # etcd's limit for the Workflow
