"""A third backend, written here: one object that is registered; no stage knows of it."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from metaflow_triggers.backends import registry
from metaflow_triggers.backends.shape import Manifest
from metaflow_triggers.compiling.compile import compile_flows, folder_files
from metaflow_triggers.diagnostics import Diagnostic
from metaflow_triggers.graph.explain import reasons
from metaflow_triggers.reading.prepared import ReadFlow

from ..backends.argo.argo_flows import SETTINGS
from ..graph.build import any_of, event, finished, flow

NAME = "paper"


def third() -> Any:
    """A backend whose objects are sentences. It cannot carry flows that start on outcomes."""

    def refusals(flow: Any, graph: Any, settings: Any) -> list[Diagnostic]:
        bad = [item for item in flow.triggers if item.kind == "finish"]
        return [Diagnostic("FT504", f"`{flow.name}` cannot be told on paper", item.span) for item in bad]

    def manifests(flow: Any, graph: Any, workflow: Any, settings: Any) -> list[Manifest]:
        rows = [when for when, _ in reasons(flow)]
        return [Manifest(f"{NAME}/{flow.name}.json", {"starts when": rows, "steps": workflow}, None, True)]

    return SimpleNamespace(
        NAME=NAME,
        deployed_name=lambda flow, project, branch, settings: flow.upper(),
        refusals=refusals,
        manifests=manifests,
        shared_manifests=lambda settings: [Manifest(f"{NAME}/_ink.yaml", {"colour": "blue"}, None, True)],
        shared_remarks=lambda settings, flows: [],
        folder_manifests=lambda names, shared: [Manifest(f"{NAME}/_all.json", names, None, True)],
    )


@pytest.fixture(autouse=True)
def registered() -> Any:
    registry.register(NAME, third)
    yield
    registry.unregister(NAME)


def test_it_compiles_beside_the_others() -> None:
    good, bad = flow("Good", any_of(event("a"))), flow("Bad", any_of(finished("Good")))
    reads = [ReadFlow(item, {NAME: ["start", "end"]}) for item in (good, bad)]
    names = (*registry.NAMES, NAME)
    done = compile_flows(reads, SETTINGS, names, project_wide=True)
    assert [(item.code, item.message) for item in done.diagnostics if item.code == "FT504"] == [
        ("FT504", "`Bad` cannot be told on paper")
    ]
    ours = {file.path: file for file in done.files if file.owner.startswith(f"{NAME}/")}
    assert sorted(ours) == ["paper/Good.json", "paper/_ink.yaml"]
    assert json.loads(ours["paper/Good.json"].text) == {"starts when": ["event a arrives"], "steps": ["start", "end"]}
    assert ours["paper/Good.json"].owner == "paper/GOOD"
    assert {file.owner.partition("/")[0] for file in done.files} == set(names)
    listed = folder_files(sorted({file.owner for file in done.files}))
    assert [json.loads(file.text) for file in listed if file.path == "paper/_all.json"] == [["GOOD"]]


def test_its_files_stand_in_one_folder() -> None:
    done = compile_flows([ReadFlow(flow("Good", any_of(event("a"))))], SETTINGS, [NAME], project_wide=False)
    assert {file.path.partition("/")[0] for file in done.files} == {NAME}
