"""Another code package is told once, however many tasks name it; what differs beside it is told as ever."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
from metaflow_extensions.triggers.contract.words import CODE_PACKAGE_ANNOTATION
from metaflow_triggers.backends.argo.deploy import drift as argo
from metaflow_triggers.backends.plans import beside_the_code
from metaflow_triggers.backends.step_functions.deploy import drift as aws

OLD, NEW = "0123456789abcdef0123456789abcdef01234567", "89abcdef0123456789abcdef0123456789abcdef"
SAID = ["its code package is 0123456789ab...; it would be 89abcdef0123..."]


def task(sha: str, key: str, value: str) -> dict[str, Any]:
    return {
        "command": ["bash", "-c", f"python -m load s3://data/Flow/data/{sha[:2]}/{sha} && run"],
        "env": [{key: "OTHER", value: "kept"}, {key: "METAFLOW_CODE_SHA", value: sha}],
        "steps": [{"env": [{key: "METAFLOW_CODE_URL", value: f"s3://data/Flow/data/{sha[:2]}/{sha}"}]}],
    }


@pytest.mark.parametrize(("key", "value"), [("Name", "Value"), ("name", "value")])
def test_it_is_one_line_and_what_is_left_is_equal(key: str, value: str) -> None:
    was, now = task(OLD, key, value), task(NEW, key, value)
    before = copy.deepcopy(was)
    assert beside_the_code(was, now) == (now, SAID)
    assert was == before
    assert beside_the_code(now, now) == (now, [])


def test_only_what_the_tasks_load_is_taken_for_it() -> None:
    was, now = {"env": [{"name": "COMMIT", "value": OLD}]}, {"env": [{"name": "COMMIT", "value": NEW}]}
    assert beside_the_code(was, now) == (was, [])
    assert beside_the_code(None, now) == (None, [])
    assert beside_the_code(was, None) == (was, [])


def test_what_differs_beside_it_is_told() -> None:
    was, now = task(OLD, "name", "value"), task(NEW, "name", "value")
    now["env"][0]["value"] = "another"
    was, said = beside_the_code(was, now)
    assert said == SAID
    assert was["env"][0] == {"name": "OTHER", "value": "kept"}
    assert {**was, "env": now["env"]} == now


def test_what_the_pods_say_counts_before_a_variable() -> None:
    was, now = (
        {"metadata": {"annotations": {CODE_PACKAGE_ANNOTATION: f"Flow/data/{sha[:2]}/{sha}"}}} for sha in (OLD, NEW)
    )
    assert beside_the_code({"spec": was}, {"spec": now}) == ({"spec": now}, SAID)
    # An earlier version told each task: what else is another one now is told as ever.
    found, said = beside_the_code({"spec": {"env": task(OLD, "name", "value")["env"]}}, {"spec": now})
    assert said == SAID and found["spec"]["env"][1]["value"] == NEW


def test_both_backends_tell_it_so() -> None:
    machine = aws.Step("updated", "AWS::StepFunctions::StateMachine", "Flow")
    machine = replace(machine, was=task(OLD, "Name", "Value"), now=task(NEW, "Name", "Value"))
    assert list(aws.differs(machine)) == ["the state machine Flow differs:", f"  {SAID[0]}"]
    template = argo.Step("updated", "WorkflowTemplate", "jobs", "flow")
    objects = [{"metadata": {"name": "flow"}, "spec": task(sha, "name", "value")} for sha in (OLD, NEW)]
    template = replace(template, was=objects[0], now=objects[1])
    assert list(argo.differs(template)) == ["WorkflowTemplate jobs/flow differs:", f"  {SAID[0]}"]
