"""Names: upstream's own, and ours beside them."""

from __future__ import annotations

import dataclasses
import re
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from metaflow_triggers.backends.step_functions.compile import names

from .samples import OPEN

upstream: Any = pytest.importorskip("metaflow.plugins.aws.step_functions.step_functions_cli")

FLOWS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,70}", fullmatch=True)
PROJECTS = st.from_regex(r"[a-z0-9_]{1,64}", fullmatch=True)
BRANCHES = st.from_regex(r"(user|test|prod)\.[a-z0-9_.]{1,64}|prod", fullmatch=True)
PREFIXES = st.one_of(st.none(), st.from_regex(r"[A-Za-z0-9_]{1,12}", fullmatch=True))


def upstreams(flow: str, project: str | None, branch: str | None, prefix: str | None) -> str | None:
    """What upstream's function gives for the flow at hand; None when it refuses."""
    from metaflow import current

    values: dict[str, Any] = {"project_name": project, "branch_name": branch}
    values["project_flow_name"] = f"{project}.{branch}.{flow}" if project else None
    before = upstream.SFN_STATE_MACHINE_PREFIX
    old = {key: current._metaflow_env.get(key) if hasattr(current, "_metaflow_env") else None for key in values}
    current._update_env(values)
    current._set_env(flow=SimpleNamespace(name=flow))
    upstream.SFN_STATE_MACHINE_PREFIX = prefix
    try:
        return str(upstream.resolve_state_machine_name(SimpleNamespace(), None)[0])
    except upstream.StepFunctionsStateMachineNameTooLong:
        return None
    finally:
        upstream.SFN_STATE_MACHINE_PREFIX = before
        current._update_env(old)


@given(FLOWS, PROJECTS, BRANCHES, PREFIXES)
def test_under_a_project_the_state_machine_has_upstreams_name(
    flow: str, project: str, branch: str, prefix: str | None
) -> None:
    settings = dataclasses.replace(OPEN, state_machine_prefix=prefix)
    assert names.deployed_name(flow, project, branch, settings) == upstreams(flow, project, branch, prefix)


@given(FLOWS, PREFIXES)
def test_without_a_project_too(flow: str, prefix: str | None) -> None:
    settings = dataclasses.replace(OPEN, state_machine_prefix=prefix)
    ours = names.deployed_name(flow, None, None, settings)
    assert (ours if len(ours) <= names.STATE_MACHINE_LIMIT else None) == upstreams(flow, None, None, prefix)


DEPLOYED = st.from_regex(r"[A-Za-z0-9_.-]{1,80}", fullmatch=True)


@given(DEPLOYED, DEPLOYED, st.from_regex(r"\w{1,60}", fullmatch=True))
def test_derived_names_are_valid_and_differ(one: str, other: str, step: str) -> None:
    def derived(name: str) -> list[str]:
        found = [
            names.rule_name(name, "events", "default", "1"),
            names.rule_name(name, "success", "outcome", "1"),
            names.role_name(name, "StarterRole", "eu-west-1"),
            names.role_name(name, "StarterRole", "us-east-1"),
            names.starter_name(name),
            names.queue_name(name),
            names.job_definition_name(name, step),
        ]
        for text in found[:4]:
            assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", text)
        for text in found[4:6]:
            assert re.fullmatch(r"[A-Za-z0-9_-]{1,80}", text)
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,128}", found[6])
        assert found[0].startswith(names.rule_prefix(name)) and found[1].startswith(names.rule_prefix(name))
        return found

    assert name_count(derived(one), one) == 8
    if one != other:
        assert not set(derived(one)) & set(derived(other))


def name_count(found: list[str], deployed: str) -> int:
    return len({*found, deployed})
