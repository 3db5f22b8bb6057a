"""Broken variants: objects that are wrong in one way each, and who notices.

In:   nothing.
Out:  `VARIANTS`: the matrix of which mistake Argo's own validators see, by name; `broken` makes the object.

Not here: assertions. Beside what the validators see stands what a running Sensor says of its conditions. An empty text
means that nobody says anything before the object is used.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.campaigns.mutation.subjects import subject

from ...unit.backends.argo.test_checks import (
    conditions,
    data,
    dependency,
    objects,
    start,
    twice,
    webhook,
    whole_set,
    without,
    write,
)

TEMPLATE = "workflow_shapes/workflowshapes"


@dataclass(frozen=True)
class Variant:
    """`argo`: words of the validator's verdict. `conditions`: words of the Sensor when it starts."""

    kind: str
    change: Callable[[Any], Any]
    argo: str = ""
    conditions: str = ""


def whole(kind: str) -> Any:
    """An object of a kind in which nothing is wrong."""
    if kind == "WorkflowTemplate":
        made = subject("argo-workflows", TEMPLATE).objects
        return copy.deepcopy(next(item for item in made.values() if item["kind"] == kind))
    return objects()[kind]


def broken(name: str) -> Any:
    """The object of a variant."""
    variant = VARIANTS[name]
    item = whole(variant.kind)
    variant.change(item)
    return item


def put(place: Callable[[Any], Any], **values: Any) -> Callable[[Any], Any]:
    return lambda item: place(item).update(values)


def spec(item: Any) -> Any:
    return item["spec"]


def metadata(item: Any) -> Any:
    return item["metadata"]


def entry(item: Any) -> Any:
    """The template of the entrypoint."""
    return next(one for one in item["spec"]["templates"] if one["name"] == item["spec"]["entrypoint"])


def task(item: Any) -> Any:
    return entry(item)["dag"]["tasks"][1]


def filters(item: Any) -> Any:
    return dependency(item)["filters"]


def reset(item: Any) -> Any:
    return whole_set(item)["template"]["conditionsReset"][0]["byTime"]


def argo_workflow(item: Any) -> None:
    template = start(item)["template"]
    template["argoWorkflow"] = {**template.pop("k8s"), "operation": "begin"}


def calendar(**event: str) -> Callable[[Any], None]:
    """Beside the webhook."""
    return lambda item: item["spec"].update(calendar={"tick": event})


def same_name(item: Any) -> None:
    item["spec"]["sqs"] = {next(iter(item["spec"]["webhook"])): {"queue": "a", "region": "b"}}


VARIANTS = {
    "an unknown field of a Sensor": Variant("Sensor", put(spec, replica=1), 'unknown field "replica"'),
    "an unknown field of an EventSource": Variant("EventSource", put(webhook, path="/"), 'unknown field "path"'),
    "an unknown field of a WorkflowTemplate": Variant(
        "WorkflowTemplate", put(spec, entry="x"), 'unknown field "entry"'
    ),
    "requests per unit as text": Variant(
        "Sensor", lambda item: whole_set(item)["rateLimit"].update(requestsPerUnit="2"), "cannot unmarshal string"
    ),
    "a port as a number": Variant("EventSource", put(webhook, port=12000), "cannot unmarshal number"),
    "a deadline as a list": Variant("WorkflowTemplate", put(spec, activeDeadlineSeconds=[1]), "cannot unmarshal array"),
    "conditions of an unknown dependency": Variant(
        "Sensor", conditions("A && nobody"), conditions="unknown name nobody"
    ),
    "conditions that end in an operator": Variant("Sensor", conditions("A &&"), conditions="unexpected token EOF"),
    "a parameter from an unknown dependency": Variant(
        "Sensor", lambda item: write(item)["src"].update(dependencyName="nobody")
    ),
    "a template of no kind": Variant("Sensor", lambda item: start(item)["template"].pop("k8s")),
    "two dependencies of one name": Variant("Sensor", twice),
    "a trigger without a template": Variant("Sensor", without(start, "template"), "trigger template can't be nil"),
    "a parameter without a destination": Variant("Sensor", without(write, "dest"), "can't be empty"),
    "a parameter without a source": Variant("Sensor", without(write, "src"), "source can't be empty"),
    "a parameter with a bad operation": Variant("Sensor", put(write, operation="add"), "operation"),
    "a bad cron of a reset": Variant("Sensor", put(reset, cron="every day"), "cron"),
    "a comparator that is none": Variant("Sensor", put(data, comparator="=>"), "comparator"),
    "an operator that is none": Variant("Sensor", put(dependency, filtersLogicalOperator="xor"), "operator"),
    "a filter's type that is none": Variant("Sensor", put(data, type="int")),
    "an expression that is none": Variant(
        "Sensor", put(filters, exprs=[{"expr": "a ==", "fields": [{"name": "a", "path": "body.name"}]}])
    ),
    "a filter's value that is no list": Variant("Sensor", put(data, value="^a$"), "cannot unmarshal string"),
    "a bad operation of argoWorkflow": Variant("Sensor", argo_workflow, "operation"),
    "two triggers of one name": Variant(
        "Sensor", lambda item: whole_set(item)["template"].update(name="start"), "duplicate trigger name"
    ),
    "a dead-letter trigger that is not at least once": Variant(
        "Sensor", lambda item: start(item)["dlqTrigger"].pop("atLeastOnce"), "atLeastOnce"
    ),
    "a Sensor's name of 70 characters": Variant("Sensor", put(metadata, name="a" * 70)),
    "a Sensor's name with a dot and capitals": Variant("Sensor", put(metadata, name="My_Flow.x")),
    "an endpoint without a slash": Variant("EventSource", put(webhook, endpoint="events")),
    "one event name twice": Variant("EventSource", same_name, "more than one"),
    "an empty calendar": Variant("EventSource", calendar(), "schedule"),
    "types that do not go together": Variant("EventSource", calendar(interval="1h"), "rolling"),
    "a task that waits for an unknown one": Variant(
        "WorkflowTemplate", put(task, depends="nobody.Succeeded"), "nobody"
    ),
    "a task of a missing template": Variant("WorkflowTemplate", put(task, template="nowhere"), "nowhere"),
    "a missing entrypoint": Variant("WorkflowTemplate", put(spec, entrypoint="nowhere"), "nowhere"),
    "an input that nobody declares": Variant(
        "WorkflowTemplate",
        lambda item: task(item)["arguments"]["parameters"][0].update(value="{{inputs.parameters.zz}}"),
        "inputs.parameters.zz",
    ),
    "a WorkflowTemplate's name of 300 characters": Variant("WorkflowTemplate", put(metadata, name="a" * 300), "63"),
}
