"""Objects of a project with an id: what is emitted says so, and one that says otherwise is found by the read-back."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from metaflow_triggers.backends.argo import backend as argo
from metaflow_triggers.backends.argo.compile import emit
from metaflow_triggers.backends.argo.compile.trust import trust
from metaflow_triggers.backends.step_functions import backend as step_functions
from metaflow_triggers.manifests.text import yaml_text
from metaflow_triggers.model.flows import Schedule
from metaflow_triggers.model.marks import NAMES, PROJECT, USER

from tests.flows import GRAPH

from .argo.argo_flows import EVERYTHING, SETTINGS, SPAN, upstream
from .step_functions.samples import OPEN, SET_FLOW, WORKFLOW

ON_ARGO = replace(EVERYTHING, schedule=Schedule("0 9 * * ? *", None, SPAN))
ON_AWS = replace(SET_FLOW, project="ml", branch="prod")
MARKS = {PROJECT: "shop", USER: "ada", "metaflow-triggers/production": "false"}


def of_argo(id_: str | None) -> list[Any]:
    return argo.manifests(ON_ARGO, GRAPH, upstream(), replace(SETTINGS, project_id=id_, user="ada"))


def argo_mistakes(change: Callable[[dict[str, str]], Any], kind: str) -> list[str]:
    settings = replace(SETTINGS, project_id="shop", user="ada")
    found = copy.deepcopy(of_argo("shop"))
    (item,) = [item for item in found if item.content["kind"] == kind]
    change(item.content["metadata"]["labels"])
    return [item.code for item in emit.flow_mistakes(found, ON_ARGO, settings, trust(GRAPH, settings))]


def of_aws(id_: str | None) -> Any:
    return step_functions.manifests(ON_AWS, GRAPH, WORKFLOW, replace(OPEN, project_id=id_))[0].content


def tags(resource: Any) -> dict[str, str]:
    found = resource["Properties"].get("Tags", {})
    return dict(found) if isinstance(found, dict) else {item["Key"]: item["Value"] for item in found}


def test_argo_marks_what_is_the_flows_own_and_nothing_else() -> None:
    for plain, marked in zip(of_argo(None), of_argo("shop"), strict=True):
        before, after = plain.content, copy.deepcopy(marked.content)
        if before["kind"] != "Kustomization":
            labels = after["metadata"]["labels"]
            assert {name: labels.pop(name) for name in NAMES if name in labels} == MARKS
        assert after == before


def test_argo_shares_objects_between_projects() -> None:
    shared = [item.content for item in argo.shared_manifests(SETTINGS)]
    assert [item.content for item in argo.shared_manifests(replace(SETTINGS, project_id="shop"))] == shared


def test_aws_marks_what_takes_tags_and_changes_nothing_else() -> None:
    plain, marked = of_aws(None)["Resources"], of_aws("shop")["Resources"]
    assert list(plain) == list(marked)
    tagless = {item["Type"].rpartition("::")[2] for item in marked.values() if not tags(item)}
    assert tagless == {"Schedule", "QueuePolicy"}
    for name, item in marked.items():
        if tags(item):
            more = {key: value for key, value in tags(item).items() if key not in tags(plain[name])}
            assert more == MARKS | {
                "metaflow-triggers/branch": "prod",
                "metaflow-triggers/production": "true",
                USER: OPEN.user,
            }
        without = [
            {key: value for key, value in each["Properties"].items() if key != "Tags"} for each in (item, plain[name])
        ]
        assert without[0] == without[1]


@pytest.mark.parametrize("kind", ["Sensor", "CronWorkflow", "WorkflowTemplate"])
@pytest.mark.parametrize(
    "change",
    [lambda labels: labels.pop(PROJECT), lambda labels: labels.update({USER: "bob"})],
    ids=["missing", "another's"],
)
def test_argo_finds_a_wrong_mark(kind: str, change: Callable[[dict[str, str]], Any]) -> None:
    assert argo_mistakes(lambda labels: None, kind) == []
    assert "FT601" in argo_mistakes(change, kind)


def test_aws_finds_a_wrong_mark() -> None:
    settings = replace(OPEN, project_id="shop")
    for logical, resource in of_aws("shop")["Resources"].items():
        if not tags(resource):
            continue
        template = of_aws("shop")
        held = template["Resources"][logical]["Properties"]
        if isinstance(held["Tags"], dict):
            held["Tags"][PROJECT] = "other"
        else:
            held["Tags"] = [item for item in held["Tags"] if item["Key"] != PROJECT]
        found = step_functions.mistakes(template, yaml_text(template), ON_AWS, settings)
        assert [item.code for item in found] == ["FT601"], logical
