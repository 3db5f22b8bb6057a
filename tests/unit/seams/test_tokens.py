"""Tokens: upstream's rules with our answer to what is deployed, and Metaflow's modules as they were."""

from __future__ import annotations

import dataclasses
import importlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from metaflow_triggers.diagnostics import DiagnosticError
from metaflow_triggers.seams import (
    Upstream,
    check_token,
    click_state,
    resolve_token,
    state_machines,
    workflow_templates,
)

from tests.flows import At, span

UPSTREAMS = [state_machines.UPSTREAM, workflow_templates.UPSTREAM]


class Click:
    """Of the click state, what the rules look at."""

    token_prefix = "mf-a-token"
    is_project = False
    flow = SimpleNamespace(name="Any")

    def __init__(self) -> None:
        self.said: list[str] = []

    def echo(self, text: str, **_: Any) -> None:
        self.said.append(text)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METAFLOW_TOKEN_HOME", str(tmp_path))
    monkeypatch.setenv("METAFLOW_USER", "tester")


@pytest.mark.parametrize("backend", UPSTREAMS, ids=lambda item: item.group)
def test_the_rules_are_upstreams_and_the_answer_ours(backend: Upstream) -> None:
    module_name, asked = backend.token_rules
    module = importlib.import_module(module_name)
    before = getattr(module, asked)
    names: list[str] = []

    def somebody_elses(name: str) -> tuple[str, str]:
        names.append(name)
        assert getattr(module, asked) is before
        return "somebody", "their-token"

    with pytest.raises(DiagnosticError) as refused:
        resolve_token(Click(), backend, "deployed", {"authorize": "wrong"}, somebody_elses)
    assert refused.value.diagnostics[0].code == "FT123"
    with pytest.raises(DiagnosticError):
        check_token(Click(), backend, "deployed", None, somebody_elses)
    given = {"authorize": "production:their-token"}
    assert resolve_token(Click(), backend, "deployed", given, somebody_elses) == "their-token"
    check_token(Click(), backend, "deployed", None, somebody_elses)  # remembered
    assert names == ["deployed"] * 4


@pytest.mark.parametrize("backend", UPSTREAMS, ids=lambda item: item.group)
def test_a_first_deployment_makes_a_token_and_says_that_it_is_the_first(backend: Upstream) -> None:
    click = Click()
    made = resolve_token(click, backend, "deployed", {}, lambda name: None)
    assert made.startswith("mf-a-token-0-")
    assert any("first time" in text for text in click.said)


@pytest.mark.parametrize("project", [None, ("shop", "user.tester"), ("shop", "prod")])
@pytest.mark.parametrize(
    ("backend", "resolve"),
    [
        (state_machines.UPSTREAM, "resolve_state_machine_name"),
        (workflow_templates.UPSTREAM, "resolve_workflow_name_v2"),
    ],
)
def test_a_click_state_of_ours_is_what_upstream_makes(
    backend: Upstream, resolve: str, project: tuple[str, str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = At(span("flow.py")).flow("Some_Flow")
    values = {"flow_name": flow.name, "project_name": None}
    if project is not None:
        flow = dataclasses.replace(flow, project=project[0], branch=project[1])
        full = f"{project[0]}.{project[1]}.{flow.name}"
        values |= {"project_name": project[0], "branch_name": project[1], "project_flow_name": full}
    module = importlib.import_module(backend.token_rules[0])
    monkeypatch.setattr(module, "current", SimpleNamespace(**values, get=values.get))
    deployed, prefix, in_project, *_ = getattr(module, resolve)(SimpleNamespace(), None)
    found = click_state(backend, flow, deployed, lambda text: None)
    assert (found.token_prefix, found.is_project, getattr(found, backend.deployed_name)) == (
        prefix,
        in_project,
        deployed,
    )
