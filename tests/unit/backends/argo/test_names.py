"""Names: equal to upstream's where upstream's commands look them up, valid and injective where they are ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from string import ascii_letters, ascii_lowercase, digits

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from metaflow import current
from metaflow.plugins.argo.argo_workflows_cli import resolve_workflow_name_v2
from metaflow_triggers.backends.argo.compile import names


def _texts(first: str, rest: str, longest: int) -> st.SearchStrategy[str]:
    """Texts of every length alike: what upstream shortens is long."""
    return st.integers(0, longest).flatmap(
        lambda length: st.tuples(st.sampled_from(first), st.text(rest, min_size=length, max_size=length)).map("".join)
    )


_IDENTIFIERS = _texts(ascii_letters + "_", ascii_letters + digits + "_", 70)
_PROJECTS = _texts(ascii_lowercase, ascii_lowercase + digits + "_-", 60)
_BRANCHES = st.sampled_from(["prod", "user.tester", "test.x"]) | st.tuples(
    st.sampled_from(["user.", "test.", "prod."]), _texts(ascii_letters, ascii_letters + digits + "_.@+-", 60)
).map("".join)


@pytest.fixture(autouse=True)
def _forget_the_current_flow() -> Iterator[None]:
    # Metaflow keeps the current flow on the instance and as properties of its class.
    holder = type(current)
    instance, attributes = dict(vars(current)), dict(vars(holder))
    yield
    vars(current).clear()
    vars(current).update(instance)
    for name in set(vars(holder)) - set(attributes):
        delattr(holder, name)
    for name in ("graph",):
        if name in attributes:
            setattr(holder, name, attributes[name])


class _Flow:
    def __init__(self, name: str) -> None:
        self.name = name


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_IDENTIFIERS, st.none() | st.tuples(_PROJECTS, _BRANCHES))
def test_template_names_are_upstreams(flow: str, project: tuple[str, str] | None) -> None:
    project_name, branch = project or (None, None)
    current._set_env(flow=_Flow(flow))
    current._update_env(
        {
            "project_name": project_name,
            "branch_name": branch,
            "project_flow_name": f"{project_name}.{branch}.{flow}" if project_name else None,
        }
    )
    assert current.flow_name == flow
    theirs = resolve_workflow_name_v2(None, None)[0]
    assert names.template_name(flow, project_name, branch) == theirs


@given(st.text(min_size=1), st.text(min_size=1))
def test_sensor_names_are_labels_and_injective(one: str, two: str) -> None:
    first, second = names.sensor_name(one), names.sensor_name(two)
    assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", first)
    assert len(first) <= 63
    assert (first == second) == (one == two)


def test_dots_and_hyphens_do_not_collide() -> None:
    assert names.sensor_name("a.b") != names.sensor_name("a-b")


@pytest.mark.parametrize(
    ("name", "valid"),
    [
        ("demoflow", True),
        ("a.b.c", True),
        ("x" * 45, True),
        ("x" * 46, False),
        ("flöw", False),
        ("a-", False),
        ("", False),
    ],
)
def test_validity(name: str, valid: bool) -> None:
    assert names.is_valid(name) is valid
