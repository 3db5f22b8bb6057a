"""Flows in several files are read as each of them alone."""

from __future__ import annotations

import pytest

from .conftest import Run


@pytest.mark.parametrize(
    ("options", "event"),
    [
        ((), "ml-platform.user.tester.model-trained"),
        (("--production",), "ml-platform.production.model-trained"),
        (("--branch", "alpha"), "ml-platform.test.alpha.model-trained"),
    ],
)
def test_the_branch_of_flows_with_project_may_be_chosen(triggers: Run, options: tuple[str, ...], event: str) -> None:
    paths = ("examples/namespaced_event", "examples/project_events")
    done = triggers("check", *options, *paths, settings={"METAFLOW_USER": "tester"})
    assert done.code == 0, done.err
    assert event in done.out
