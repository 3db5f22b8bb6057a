"""Every situation on every target that can have it: `trail` names the true cause, and no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from metaflow_triggers.manifests.schemas import findings
from metaflow_triggers.trail import causes
from metaflow_triggers.trail.answer import Answer, exit_code
from metaflow_triggers.trail.json import as_value
from metaflow_triggers.trail.question import Question
from metaflow_triggers.trail.text import text

from . import argo, aws, local
from .situations import NAMES, SITUATIONS

COLUMNS: dict[str, Any] = {"local": local, "step-functions": aws, "argo-workflows": argo}
"""A module with `World(folder)`, `MADE` and `CANNOT`; a `World` has `close`."""

ROWS = [(target, name) for target, column in COLUMNS.items() for name in column.MADE]


@pytest.mark.parametrize("target", COLUMNS)
def test_each_situation_is_made_or_said_to_be_impossible(target: str) -> None:
    column = COLUMNS[target]
    assert not column.MADE.keys() & column.CANNOT.keys()
    assert column.MADE.keys() | column.CANNOT.keys() == NAMES.keys()
    assert len(column.MADE) >= 18 and len(SITUATIONS) >= 25
    assert all(len(why) > 20 for why in column.CANNOT.values())


def answered(answers: list[Answer]) -> tuple[str, ...]:
    assert len(answers) == 1, [(item.flow, item.event, item.cause.words) for item in answers]
    return (answers[0].cause.code, *(cause.code for cause in answers[0].also))


@pytest.mark.parametrize(("target", "name"), ROWS)
def test_the_true_cause_and_no_other(target: str, name: str, tmp_path: Path) -> None:
    world = COLUMNS[target].World(tmp_path)
    try:
        answers = COLUMNS[target].MADE[name](world)
    finally:
        world.close()
    expected = NAMES[name].expected(target)
    assert answered(answers) == expected
    (answer,) = answers
    verdict = causes.KINDS[expected[0]].verdict
    assert (answer.target, answer.verdict) == (target, verdict)
    assert exit_code(answers) == {"started": 0, "not started": 1, "unknown": 3}[verdict]
    told = text(answers)
    assert all(cause.words in told for cause in (answer.cause, *answer.also))
    assert findings(as_value(Question("x", None, None, ()), [target], answers), "trail/answers") == []
