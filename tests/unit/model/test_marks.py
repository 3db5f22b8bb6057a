"""What deployed objects say of their project: readable values of labels, told apart, and read again."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metaflow_triggers.model import marks
from metaflow_triggers.model.marks import Marks

from tests.settings import OPEN
from tests.unit.backends.step_functions.samples import BARE_FLOW, PROJECT_FLOW

LABEL = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")  # Kubernetes, "Syntax and character set"
WITH_ID = replace(OPEN, project_id="shop", user="ada")


def test_without_an_id_nothing_is_marked() -> None:
    assert marks.marks(PROJECT_FLOW, OPEN) is None
    assert marks.mark_values(PROJECT_FLOW, OPEN) == {}


def test_a_flow_is_marked_with_the_project_its_branch_and_who_deploys() -> None:
    on_branch = replace(PROJECT_FLOW, branch="test.staging")
    assert marks.mark_values(on_branch, WITH_ID) == {
        "metaflow-triggers/project": "shop",
        "metaflow-triggers/branch": "test.staging",
        "metaflow-triggers/production": "false",
        "metaflow-triggers/user": "ada",
    }
    assert marks.marks(replace(PROJECT_FLOW, branch="prod.hotfix"), WITH_ID) == Marks(
        "shop", "prod.hotfix", True, "ada"
    )


@pytest.mark.parametrize("production", [True, False])
def test_a_flow_without_a_branch_has_no_mark_of_one(production: bool) -> None:
    found = marks.mark_values(BARE_FLOW, replace(WITH_ID, production=production))
    assert marks.BRANCH not in found
    assert found[marks.PRODUCTION] == str(production).lower()


@pytest.mark.parametrize(
    ("text", "found"),
    [("ada", "ada"), ("user.ada", "user.ada"), ("A_b-1.c", "A_b-1.c"), ("x" * 63, "x" * 63)],
)
def test_what_a_label_takes_stands_as_it_is(text: str, found: str) -> None:
    assert marks.value(text) == found


def test_what_a_label_does_not_take_stays_readable_and_apart() -> None:
    told = [marks.value(text) for text in ("ada@example.org", "ada/example.org", "-ada", "x" * 64, "x" * 65, "", "…")]
    assert len(set(told)) == len(told)
    assert told[0].startswith("ada-example.org-") and told[3].startswith("x" * 46 + "-")


@settings(max_examples=100)
@given(st.text(max_size=100))
def test_every_text_is_a_label(text: str) -> None:
    found = marks.value(text)
    assert found and len(found) <= 63 and LABEL.fullmatch(found)


def test_what_is_written_is_read() -> None:
    found = Marks("shop", "prod", True, "ada")
    assert marks.read(found.values()) == found
    assert marks.read(replace(found, branch=None, production=False).values()) == Marks("shop", None, False, "ada")
    assert marks.read({"metaflow-triggers/flow": "F"}) is None
