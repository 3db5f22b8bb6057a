"""Checks of meaning: each mistake that shows only when Argo runs is refused in what we emit."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from metaflow_triggers.backends.argo import backend as argo
from metaflow_triggers.backends.argo.verify import object_checks
from metaflow_triggers.backends.shape import Manifest
from metaflow_triggers.model.flows import Schedule

from tests.flows import GRAPH, filtered

from .argo_flows import EVERYTHING, SETTINGS, SPAN, event, finish, flow, required, trigger, upstream
from .recorded_cases import FLOWS

WHOLE = flow(
    trigger(
        filtered(event("a"), {"v": ["x"]}),
        event("b"),
        join="all",
        options='{"reset_at": {"cron": "0 6 * * *"}, "argo-workflows": {"rate-limit": 2}}',
    ),
    trigger(finish("Up", "failure", "success")),
    parameters=(required("p"),),
    schedule=Schedule("0 9 * * ? *", None, SPAN),
)


def objects() -> dict[str, Any]:
    """One of each kind; of event sources that of all events."""
    made = [*argo.manifests(WHOLE, GRAPH, upstream(), SETTINGS), *argo.shared_manifests(SETTINGS)]
    known = [item.content for item in made if item.content.get("kind") and "-outcomes" not in item.path]
    return {item["kind"]: copy.deepcopy(item) for item in known}


def start(sensor: Any) -> Any:
    return sensor["spec"]["triggers"][0]


def whole_set(sensor: Any) -> Any:
    return sensor["spec"]["triggers"][1]


def dependency(sensor: Any) -> Any:
    return sensor["spec"]["dependencies"][0]


def write(sensor: Any) -> Any:
    return start(sensor)["template"]["k8s"]["parameters"][0]


def set_to(place: Callable[[Any], Any], key: str, value: Any) -> Callable[[Any], Any]:
    def change(item: Any) -> None:
        place(item)[key] = value

    return change


def without(place: Callable[[Any], Any], key: str) -> Callable[[Any], Any]:
    def change(item: Any) -> None:
        del place(item)[key]

    return change


def template(place: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda item: place(item)["template"]


def conditions(text: str) -> Callable[[Any], None]:
    def change(item: Any) -> None:
        names = [one["name"] for one in item["spec"]["dependencies"]]
        whole_set(item)["template"]["conditions"] = text.replace("A", names[3]).replace("B", names[4])

    return change


def twice(item: Any) -> None:
    item["spec"]["dependencies"].append(copy.deepcopy(dependency(item)))


def rename(name: str) -> Callable[[Any], None]:
    """Everywhere, so that only the name itself is wrong."""

    def change(item: Any) -> None:
        old = dependency(item)["name"]
        dependency(item)["name"] = name
        for one in item["spec"]["triggers"]:
            words = one["template"]["conditions"].split(" ")
            one["template"]["conditions"] = " ".join(name if word == old else word for word in words)
            for place in one["template"].get("k8s", {}).get("parameters", []):
                if place["src"]["dependencyName"] == old:
                    place["src"]["dependencyName"] = name

    return change


def data(sensor: Any) -> Any:
    return dependency(sensor)["filters"]["data"][0]


def filters(sensor: Any) -> Any:
    return next(one for one in sensor["spec"]["dependencies"] if "transform" in one)["filters"]


def reset(sensor: Any) -> Any:
    return whole_set(sensor)["template"]["conditionsReset"][0]["byTime"]


def retry(sensor: Any) -> Any:
    return start(sensor)["retryStrategy"]


def limit(sensor: Any) -> Any:
    return whole_set(sensor)["rateLimit"]


def metadata(item: Any) -> Any:
    return item["metadata"]


def spec(item: Any) -> Any:
    return item["spec"]


def webhook(item: Any) -> Any:
    return item["spec"]["webhook"]["metaflow-event"]


BROKEN: dict[str, tuple[str, Callable[[Any], None], str]] = {
    "unknown dependency in conditions": ("Sensor", conditions("A && nobody"), "no dependency"),
    "conditions that end in an operator": ("Sensor", conditions("A && B &&"), "end too early"),
    "a word instead of an operator": ("Sensor", conditions("A and B"), "no dependency"),
    "one ampersand": ("Sensor", conditions("A & B"), "no dependency"),
    "an open parenthesis": ("Sensor", conditions("(A && B"), "end too early"),
    "a closed parenthesis": ("Sensor", conditions("A && B)"), "go wrong"),
    "juxtaposition": ("Sensor", conditions("A B"), "go wrong"),
    "empty conditions": ("Sensor", conditions(""), "end too early"),
    "no conditions": ("Sensor", without(template(start), "conditions"), "every dependency"),
    "a dropped condition": ("Sensor", conditions("A"), "no trigger waits"),
    "unknown dependency in a parameter": (
        "Sensor",
        set_to(lambda item: write(item)["src"], "dependencyName", "nobody"),
        "no dependency",
    ),
    "a parameter of another trigger's dependency": (
        "Sensor",
        lambda item: write(item)["src"].update(dependencyName=whole_set(item)["template"]["conditions"].split(" ")[0]),
        "does not wait",
    ),
    "two dependencies of one name": ("Sensor", twice, "twice"),
    "a reserved word": ("Sensor", rename("contains"), "condition language"),
    "a word that is dropped silently": ("Sensor", rename("true"), "condition language"),
    "a hyphen in a name": ("Sensor", rename("a-b"), "not one word"),
    "a digit before a name": ("Sensor", rename("1a"), "not one word"),
    "a destination that matches nothing": ("Sensor", set_to(write, "dest", "metadata.nam"), "nothing stands"),
    "an argument that is not there": (
        "Sensor",
        set_to(write, "dest", "spec.arguments.parameters.9.value"),
        "nothing stands",
    ),
    "a parameter without a source": (
        "Sensor",
        lambda item: write(item).update(src={"dependencyName": write(item)["src"]["dependencyName"]}),
        "no place",
    ),
    "an open template": (
        "Sensor",
        lambda item: write(item)["src"].update(dataTemplate="x-{{ .Input.body.id"),
        "does not close",
    ),
    "a template that reads the pod": (
        "Sensor",
        lambda item: write(item)["src"].update(dataTemplate='{{ env "TOKEN" }}'),
        "environment of the Sensor",
    ),
    "an unknown operation of a parameter": (
        "Sensor",
        lambda item: whole_set(item)["parameters"][0].update(operation="add"),
        "operation",
    ),
    "a Workflow that gets no name": (
        "Sensor",
        lambda item: start(item)["template"]["k8s"]["parameters"].pop(0),
        "no name",
    ),
    "a bad regular expression": ("Sensor", set_to(data, "value", ["^(a$"]), "which is none"),
    "a regular expression without an end": ("Sensor", set_to(data, "value", ["^a"]), "inside of other names"),
    "no value": ("Sensor", set_to(data, "value", []), "no value"),
    "an unknown type of a filter": ("Sensor", set_to(data, "type", "int"), "drops every event"),
    "an expression filter": (
        "Sensor",
        set_to(lambda item: dependency(item)["filters"], "exprs", [{"expr": "a == 'b'"}]),
        "let other events pass",
    ),
    "no filter": ("Sensor", set_to(dependency, "filters", {}), "every event pass"),
    "a script that returns nothing": ("Sensor", set_to(filters, "script", "local a = 1\n"), "returning"),
    "a script with an open block": (
        "Sensor",
        set_to(filters, "script", "if event.passes then\nreturn true\n"),
        "close its blocks",
    ),
    "a filter that nobody asks for": ("Sensor", set_to(filters, "script", "return true\n"), "answer"),
    "a filter's answer that nothing gives": (
        "Sensor",
        lambda item: [one.pop("transform", None) for one in item["spec"]["dependencies"]],
        "answer",
    ),
    "a jq program cut short": (
        "Sensor",
        lambda item: [
            one["transform"].update(jq=one["transform"]["jq"][:-2])
            for one in item["spec"]["dependencies"]
            if "transform" in one
        ],
        "parentheses",
    ),
    "an integer duration": ("Sensor", set_to(retry, "duration", 5), "nanoseconds"),
    "a bad duration": ("Sensor", set_to(retry, "duration", "5 seconds"), "never run"),
    "no tries": ("Sensor", set_to(retry, "steps", 0), "number of tries"),
    "no starts per second": ("Sensor", set_to(limit, "requestsPerUnit", 0), "division by zero"),
    "an unknown unit": ("Sensor", set_to(limit, "unit", "Day"), "would be a second"),
    "not at least once": ("Sensor", set_to(start, "atLeastOnce", False), "atLeastOnce"),
    "a dead-letter trigger that is not at least once": (
        "Sensor",
        lambda item: start(item)["dlqTrigger"].pop("atLeastOnce"),
        "atLeastOnce",
    ),
    "a record that another one would overwrite": (
        "Sensor",
        lambda item: start(item)["dlqTrigger"]["template"]["k8s"].update(operation="patch"),
        "no right",
    ),
    "a record of another name": (
        "Sensor",
        lambda item: start(item)["dlqTrigger"]["template"]["k8s"]["parameters"].pop(0),
        "another name",
    ),
    "a record of what is not told": (
        "Sensor",
        lambda item: start(item)["dlqTrigger"]["template"]["k8s"]["source"]["resource"]["data"].clear(),
        "no effect",
    ),
    "a template that does nothing": ("Sensor", without(template(start), "k8s"), "does 0 things"),
    "a template that does two things": ("Sensor", set_to(template(start), "log", {}), "does 2 things"),
    "two triggers of one name": ("Sensor", set_to(template(whole_set), "name", "start"), "two triggers"),
    "a trigger name that is no key": ("Sensor", set_to(template(start), "name", "start now"), "no key can hold"),
    "create instead of patch": (
        "Sensor",
        lambda item: start(item)["template"]["k8s"].update(operation="create"),
        "repeated event",
    ),
    "an account of its own": (
        "Sensor",
        lambda item: start(item)["template"]["k8s"]["source"]["resource"]["spec"].update(serviceAccountName="root"),
        "says more",
    ),
    "a reset without timezone": ("Sensor", set_to(reset, "timezone", ""), "without a timezone"),
    "an unknown timezone": ("Sensor", set_to(reset, "timezone", "Europe/Atlantis"), "not known"),
    "a reset with six fields": ("Sensor", set_to(reset, "cron", "0 0 6 * * *"), "five fields"),
    "a reset @daily": ("Sensor", set_to(reset, "cron", "@daily"), "five fields"),
    "a Sensor with a dot": ("Sensor", set_to(metadata, "name", "mf.flow"), "does not fit"),
    "an event source with a dot": ("Sensor", set_to(dependency, "eventSourceName", "a.b"), "cannot be one"),
    "an event with a dot": ("Sensor", set_to(dependency, "eventName", "a.b"), "no subject"),
    "an endpoint without a slash": ("EventSource", set_to(webhook, "endpoint", "events"), "slash"),
    "a webhook that takes GET": ("EventSource", set_to(webhook, "method", "GET"), "only POST"),
    "a method in small letters": ("EventSource", set_to(webhook, "method", "post"), "only POST"),
    "a port as a number": ("EventSource", set_to(webhook, "port", 12000), "digits as text"),
    "a port without a service": ("EventSource", set_to(webhook, "port", "1"), "no service"),
    "an open webhook": ("EventSource", without(webhook, "authSecret"), "everybody"),
    "one endpoint twice": (
        "EventSource",
        lambda item: item["spec"]["webhook"].update(second=dict(webhook(item))),
        "shares port",
    ),
    "an event with a space": (
        "EventSource",
        lambda item: item["spec"]["webhook"].update({"a b": dict(webhook(item), endpoint="/b")}),
        "no subject",
    ),
    "an event source of 48 characters": ("EventSource", set_to(metadata, "name", "a" * 48), "does not fit"),
    "a CronWorkflow of 53 characters": ("CronWorkflow", set_to(metadata, "name", "a" * 53), "does not fit"),
    "a CronWorkflow without timezone": ("CronWorkflow", without(spec, "timezone"), "without a timezone"),
    "a CronWorkflow without schedule": ("CronWorkflow", set_to(spec, "schedules", []), "no schedule"),
    "six fields": ("CronWorkflow", set_to(spec, "schedules", ["0 9 * * ? *"]), "five fields"),
    "a schedule of another flow": (
        "CronWorkflow",
        lambda item: item["spec"]["workflowSpec"]["workflowTemplateRef"].update(name="other"),
        "another flow",
    ),
    "an unknown entrypoint": ("WorkflowTemplate", set_to(spec, "entrypoint", "nowhere"), "not there"),
    "an unknown exit handler": ("WorkflowTemplate", set_to(spec, "onExit", "nowhere"), "not there"),
    "an argument twice": (
        "WorkflowTemplate",
        lambda item: item["spec"]["arguments"]["parameters"].append({"name": "metaflow-triggers-event", "value": ""}),
        "twice",
    ),
    "a tag with the user's text": (
        "WorkflowTemplate",
        lambda item: item["spec"]["templates"][-1]["container"]["env"][0].update(value="{{workflow.failures}}"),
        "tag",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_refused(name: str) -> None:
    kind, change, words = BROKEN[name]
    item = objects()[kind]
    assert list(object_checks.mistakes(item)) == []
    change(item)
    told = list(object_checks.mistakes(item))
    assert [one for one in told if words in one], told
    found = object_checks.found_in([Manifest("file.yaml", item, None, True)], WHOLE)
    assert {one.code for one in found} == {"FT601"}


@pytest.mark.parametrize("name", FLOWS)
def test_nothing_is_wrong_with_what_we_emit(name: str) -> None:
    for item in [*argo.manifests(FLOWS[name], GRAPH, upstream(), SETTINGS), *argo.shared_manifests(SETTINGS)]:
        assert list(object_checks.mistakes(item.content)) == []


def test_the_size_of_the_pods_sensor() -> None:
    sensor = argo.manifests(EVERYTHING, GRAPH, None, SETTINGS)[0].content
    size = object_checks.sensor_size(sensor)
    assert 10_000 < size < 40_000
    sensor["spec"]["triggers"][0]["template"]["conditions"] += "<" * 30_000
    assert object_checks.sensor_size(sensor) - size == 30_000 * 6 // 3 * 4
