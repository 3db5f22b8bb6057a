"""One event for several dependencies of a trigger: names that tell them apart, and one Workflow for all."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

import pytest
from metaflow_triggers.backends.argo import backend as argo
from metaflow_triggers.model.flows import Dependency, FinishDependency

from tests.flows import GRAPH, filtered

from .argo_flows import SETTINGS, event, finish, flow, from_origin, mapping, required, trigger, upstream


def sensor(item: Any) -> Any:
    """The flow's Sensor, emitted (so read back and checked)."""
    found = argo.manifests(item, GRAPH, upstream("demoflow"), SETTINGS)
    (manifest,) = (one for one in found if one.content["kind"] == "Sensor")
    return manifest.content


def names(item: Any) -> list[str]:
    return [one["name"] for one in sensor(item)["spec"]["dependencies"]]


def document(item: Any, trigger_number: int = 0) -> Any:
    resource = sensor(item)["spec"]["triggers"][trigger_number]["template"]["k8s"]["source"]["resource"]
    return json.loads(resource["metadata"]["annotations"]["metaflow-triggers/dependencies"])


PUSHES = [filtered(event("push"), {"repo": [one]}) for one in "abc"]


@pytest.mark.parametrize("join", ["any", "all"])
def test_each_has_a_name_and_the_first_keeps_the_name_that_it_had_alone(join: str) -> None:
    beside = event("other")
    alone = names(flow(trigger(PUSHES[0], beside, join=join)))
    several = names(flow(trigger(*PUSHES, beside, join=join)))
    assert len(set(several)) == len(several) == len(alone) + 2 * (2 if join == "any" else 1)
    assert set(alone) <= set(several)
    # Those behind the first keep theirs when they change places.
    swapped = names(flow(trigger(PUSHES[0], PUSHES[2], PUSHES[1], beside, join=join)))
    assert sorted(swapped) == sorted(several)


def test_two_outcomes_of_one_flow_fill_two_places_of_a_set() -> None:
    item = flow(trigger(finish("Up", "success"), finish("Up", "failure", "timeout"), join="all"))
    first, second = sensor(item)["spec"]["dependencies"]
    assert first["name"] != second["name"]
    patterns = [one["filters"]["data"][0]["value"] for one in (first, second)]
    assert [len(one) for one in patterns] == [1, 2]
    (start,) = sensor(item)["spec"]["triggers"]
    assert start["template"]["conditions"] == f"{first['name']} && {second['name']}"
    assert [write["src"]["dependencyName"] for write in start["template"]["k8s"]["parameters"][1:]] == [
        *[first["name"]] * 2,
        *[second["name"]] * 2,
    ]


def _random_dependency(generator: random.Random, kind: str) -> Dependency:
    if kind == "finish":
        match = sorted(generator.sample(["aborted", "failure", "success", "timeout"], generator.randint(1, 3)))
        made: FinishDependency = finish(generator.choice(["Up", "UP", "Up_"]), *match)
        return made if generator.random() < 0.5 else filtered(made, {"run_id": [generator.choice("ab")]})
    made_event = event(generator.choice(["a.b", "a-b", "a_b"]))
    if generator.random() < 0.7:
        made_event = filtered(made_event, {generator.choice("xy"): [generator.choice(["1", "11", 1])]})
    return from_origin(made_event, "source", generator.choice("ef")) if generator.random() < 0.3 else made_event


def test_names_tell_all_members_apart_however_alike_they_are() -> None:
    generator = random.Random("members that look alike")
    for _ in range(150):
        kind = generator.choice(["event", "finish"])
        members = {repr(one): one for one in (_random_dependency(generator, kind) for _ in range(6))}
        item = flow(trigger(*members.values(), join=generator.choice(["any", "all"])))
        found = names(item)  # emitting reads back what each of them means
        assert len(set(found)) == len(found)


def test_the_run_is_told_what_makes_a_dependency_the_one() -> None:
    both = [
        filtered(event("push", mapping("p", "x.y")), {"repo": ["{{a}}"]}),
        event("push", mapping("p", "z")),
    ]
    said = document(flow(trigger(*both), parameters=(required("p"),)))["dependencies"]
    assert [(one.get("filter_json"), one.get("required")) for one in said] == [
        ('{"repo": ["{{a}}"]}', ["x.y"]),
        (None, ["z"]),
    ]
    alone = document(flow(trigger(both[0]), parameters=(required("p"),)))["dependencies"]
    assert set(alone[0]) == {"kind", "name", "auto_map", "mappings"}


def test_a_set_says_where_its_dependencies_begin() -> None:
    two = trigger(finish("Up"), finish("Down"))
    item = flow(two, trigger(PUSHES[0], PUSHES[1], join="all"))
    assert document(item, 1)["set_at"] == 2
    assert "set_at" not in document(item, 0)
    assert "set_at" not in document(flow(two, trigger(event("a"), event("b"), join="all")), 1)


def test_one_origin_under_two_names_makes_one_workflow() -> None:
    small = from_origin(filtered(event("small"), {"n": [1]}), "store", "stored")
    item = flow(trigger(small, from_origin(event("any"), "store", "stored")))
    (start,) = sensor(item)["spec"]["triggers"]
    keys = {
        write["src"]["contextTemplate"]
        for write in start["template"]["k8s"]["parameters"]
        if write["dest"] in ("metadata.name", "spec.arguments.parameters.0.value")
    }
    assert len(keys) == 2  # a name, and an envelope
    assert [one.get("same_as") for one in document(item)["dependencies"]] == [None, "small"]


def test_an_event_is_told_as_refused_only_where_no_dependency_takes_it() -> None:
    needs = [filtered(event("push", mapping("p", "x")), {"repo": ["a"]}), event("push", mapping("p", "y"))]
    found = sensor(flow(trigger(*needs), parameters=(required("p"),)))
    refused = found["spec"]["triggers"][-1]["template"]
    assert (refused["name"], len(refused["conditions"].split())) == ("required-field-missing", 1)
    (told,) = (one for one in found["spec"]["dependencies"] if one["name"] == refused["conditions"])
    able = ['event.passes_0 == true and payload["x"] ~= nil', 'event.passes_1 == true and payload["y"] ~= nil']
    assert told["filters"]["script"].splitlines()[-1] == f"return not (({able[0]}) or ({able[1]}))"
    # One that needs nothing and filters nothing takes every event.
    free = sensor(flow(trigger(needs[0], event("push")), parameters=(required("p"),)))
    assert all("k8s" in one["template"] for one in free["spec"]["triggers"])


def test_dependencies_of_other_names_are_as_before() -> None:
    item = flow(trigger(PUSHES[0], replace(PUSHES[1], name="pull")))
    assert all(not one.get("filter_json") for one in document(item)["dependencies"])
