"""The rest of the language on Argo: schedules, options, sets and filters in the emitted objects, by rule."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from metaflow_triggers.backends.argo import backend as argo
from metaflow_triggers.diagnostics import DiagnosticError
from metaflow_triggers.manifests.schemas import findings
from metaflow_triggers.model.flows import Schedule

from tests.flows import GRAPH, filtered

from .argo_flows import SETTINGS, SPAN, event, finish, flow, from_origin, mapping, required, trigger, upstream


def emitted(chosen: Any) -> dict[str, Any]:
    """File name -> object; every object is valid by both validators."""
    assert [item for item in argo.refusals(chosen, GRAPH, SETTINGS) if item.code != "FT507"] == []
    found = {}
    for item in argo.manifests(chosen, GRAPH, upstream(), SETTINGS):
        assert item.schema is not None
        assert findings(item.content, item.schema) == [], item.path
        assert findings(item.content, item.schema, True) == [], item.path
        found[item.path.rpartition("/")[2].removesuffix(".yaml")] = item.content
    return found


def of(options: Any, *dependencies: Any, join: str = "any") -> Any:
    return trigger(*(dependencies or (event("a"),)), join=join, options=json.dumps(options))


def triggers(chosen: Any) -> dict[str, Any]:
    return {item["template"]["name"]: item for item in emitted(chosen)["sensor"]["spec"]["triggers"]}


# section 2: options -------------------------------------------------------------------------------------------------


def test_reset_at_has_a_timezone_always() -> None:
    for reset, zone in (
        ({"cron": "0 6 * * *"}, "UTC"),
        ({"cron": "0 6 * * *", "timezone": "Europe/Berlin"}, "Europe/Berlin"),
    ):
        made = triggers(flow(of({"reset_at": reset}, event("a"), event("b"), join="all")))["start-all-events"]
        assert made["template"]["conditionsReset"] == [{"byTime": {"cron": "0 6 * * *", "timezone": zone}}]


def test_reset_at_of_any_has_nothing_to_forget() -> None:
    made = triggers(flow(of({"reset_at": {"cron": "0 6 * * *"}}, event("a"), event("b"))))
    assert "conditionsReset" not in made["start"]["template"]


def test_options_say_where_to_listen_and_how_to_start() -> None:
    said = {"event-bus": "b", "event-source": "s", "event": "e", "sensor-namespace": "n", "retry": 3, "rate-limit": 7}
    sensor = emitted(flow(of({"argo-workflows": said})))["sensor"]
    assert sensor["metadata"]["namespace"] == "n"
    assert sensor["spec"]["eventBusName"] == "b"
    assert {(item["eventSourceName"], item["eventName"]) for item in sensor["spec"]["dependencies"]} == {("s", "e")}
    (start,) = sensor["spec"]["triggers"]
    assert start["retryStrategy"]["steps"] == 3
    assert start["rateLimit"] == {"unit": "Second", "requestsPerUnit": 7}
    template = emitted(flow(of({"argo-workflows": said})))["workflowtemplate"]
    assert template["metadata"]["annotations"]["metaflow/sensor_namespace"] == "n"


def test_options_of_one_decorator_do_not_touch_the_other() -> None:
    made = triggers(flow(of({"argo-workflows": {"rate-limit": 1, "retry": 2}}), trigger(finish("Up"))))
    assert made["start"]["rateLimit"]["requestsPerUnit"] == 1
    assert "rateLimit" not in made["start-on-finish"]
    assert made["start-on-finish"]["retryStrategy"]["steps"] == 11
    assert not set(made["start"]["template"]["conditions"].split()) & set(
        made["start-on-finish"]["template"]["conditions"].split()
    ) - {"||"}
    assert set(triggers(flow(trigger(event("a")), trigger(finish("Up"))))) == {"start"}


def test_two_buses_are_two_sensors() -> None:
    files = emitted(flow(of({"argo-workflows": {"event-bus": "other"}}), trigger(finish("Up"))))
    assert [files[name]["spec"]["eventBusName"] for name in ("sensor", "sensor-2")] == ["other", "default"]
    assert files["sensor"]["metadata"]["name"] != files["sensor-2"]["metadata"]["name"]
    assert files["kustomization"]["resources"] == ["sensor.yaml", "sensor-2.yaml", "workflowtemplate.yaml"]


# sections 2, 4, 7: sets ----------------------------------------------------------------------------------------------


def test_all_waits_for_one_dependency_per_member() -> None:
    sensor = emitted(flow(trigger(event("a"), event("b"), event("c"), join="all")))["sensor"]
    declared = [item["name"] for item in sensor["spec"]["dependencies"]]
    assert sensor["spec"]["triggers"][0]["template"]["conditions"] == " && ".join(declared)
    assert len(declared) == 3


def test_all_of_flows_counts_each_outcome_of_one_flow_in_one_slot() -> None:
    sensor = emitted(flow(trigger(finish("Up", "failure", "timeout"), finish("Down"), join="all")))["sensor"]
    values = [item["filters"]["data"][0]["value"] for item in sensor["spec"]["dependencies"]]
    assert values == [
        [r"^metaflow\.outcome\.up\.failure$", r"^metaflow\.outcome\.up\.timeout$"],
        [r"^metaflow\.outcome\.down\.success$"],
    ]


def test_a_set_of_two_and_a_set_of_three_have_their_arguments() -> None:
    chosen = flow(
        trigger(event("a"), event("b"), event("c"), join="all"), trigger(finish("Up"), finish("Down"), join="all")
    )
    files = emitted(chosen)
    declared = [item["name"] for item in files["workflowtemplate"]["spec"]["arguments"]["parameters"]]
    for item in files["sensor"]["spec"]["triggers"]:
        resource = item["template"]["k8s"]["source"]["resource"]
        names = [one["name"] for one in resource["spec"]["arguments"]["parameters"]]
        assert set(names) <= set(declared)
        assert len(names) == 2 * len(item["template"]["conditions"].split(" && "))
    assert declared.count("metaflow-triggers-event") == 1
    assert declared[-1] == "metaflow-triggers-payload-2"


def test_a_payload_of_a_set_never_stands_in_a_template() -> None:
    made = triggers(flow(trigger(event("a"), event("b"), join="all")))["start-all-events"]
    for write in made["parameters"]:
        text = write["src"].get("dataTemplate") or write["src"].get("contextTemplate") or ""
        assert ".payload" not in text
        assert ".Input" not in text or "sha256sum" in text


def test_too_many_events_are_refused_with_number_and_limit() -> None:
    chosen = flow(trigger(*(event(f"event-{number}") for number in range(200)), join="all"))
    with pytest.raises(DiagnosticError) as raised:
        argo.manifests(chosen, GRAPH, upstream(), SETTINGS)
    (told,) = raised.value.diagnostics
    assert told.code == "FT405"
    assert "200 ways" in told.message
    assert "131072" in told.message
    emitted(flow(trigger(*(event(f"event-{number}") for number in range(30)), join="all")))


# sections 3, 5: origins and filters ----------------------------------------------------------------------------------


def test_an_origin_is_used_as_it_is() -> None:
    files = emitted(flow(trigger(from_origin(event("up"), "minio", "files"), event("a"))))
    (found,) = [item for item in files["sensor"]["spec"]["dependencies"] if item["eventSourceName"] == "minio"]
    assert found["eventName"] == "files"
    assert "data" not in found["filters"]


def test_a_filter_is_asked_before_a_required_field_is_missed() -> None:
    chosen = flow(trigger(filtered(event("a", mapping("p", "v")), {"country": ["DE"]})), parameters=(required("p"),))
    found = emitted(chosen)["sensor"]["spec"]["dependencies"]
    assert len(found) == 3
    assert len({item["transform"]["jq"] for item in found}) == 1
    assert all(item["filters"]["script"].startswith("if event.passes ~= true") for item in found)


def test_flows_without_a_filter_have_no_program() -> None:
    assert "transform" not in json.dumps(emitted(flow(trigger(event("a"), finish("Up"))))["sensor"])


# sections 4, 10: mixed triggers and schedules ------------------------------------------------------------------------


def test_events_outcomes_and_a_schedule_on_one_flow() -> None:
    files = emitted(
        flow(
            trigger(event("a"), event("b"), join="all"),
            trigger(finish("Up", "aborted")),
            schedule=Schedule("30 9 ? * 2-6 *", "Europe/Berlin", SPAN),
        )
    )
    assert list(files) == ["sensor", "cronworkflow", "workflowtemplate", "kustomization"]
    assert [item["template"]["name"] for item in files["sensor"]["spec"]["triggers"]] == ["start", "start-all-events"]
    assert files["kustomization"]["resources"] == ["sensor.yaml", "cronworkflow.yaml", "workflowtemplate.yaml"]


def test_a_schedule_is_translated_and_keeps_its_timezone() -> None:
    made = emitted(flow(schedule=Schedule("30 9 ? * 2-6 *", "Europe/Berlin", SPAN)))["cronworkflow"]
    assert made["metadata"]["name"] == "demoflow"
    assert made["spec"]["schedules"] == ["30 9 * * 1-5"]
    assert made["spec"]["timezone"] == "Europe/Berlin"
    assert made["spec"]["workflowSpec"] == {"workflowTemplateRef": {"name": "demoflow"}}
    assert made["spec"]["concurrencyPolicy"] == "Allow"


def test_a_schedule_without_timezone_is_in_utc_as_on_aws() -> None:
    assert emitted(flow(schedule=Schedule("0 0 * * ? *", None, SPAN)))["cronworkflow"]["spec"]["timezone"] == "UTC"


def test_a_scheduled_run_was_started_by_no_event() -> None:
    made = emitted(flow(schedule=Schedule("0 0 * * ? *", None, SPAN)))["cronworkflow"]
    assert "started-by" not in json.dumps(made)


def test_hash_seed_and_order_of_keys_do_not_show() -> None:
    first = filtered(event("x"), {"a": [1], "b": {"c": ["d"], "e": [None]}})
    second = filtered(event("x"), {"b": {"e": [None], "c": ["d"]}, "a": [1]})
    assert emitted(flow(trigger(first))) == emitted(flow(trigger(second)))
    assert replace(first, filter=None) == replace(second, filter=None)
