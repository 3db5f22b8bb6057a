"""Of a trail on AWS what needs no AWS: the rights that it needs are those that its page names."""

from __future__ import annotations

import re
from pathlib import Path

from metaflow_triggers.backends.step_functions.trail import asking

PAGE = Path(__file__).parents[4] / "docs" / "step-functions.md"
SOURCE = Path(asking.__file__).read_text(encoding="utf-8")


def test_the_page_names_the_rights_and_no_others() -> None:
    section = PAGE.read_text(encoding="utf-8").split("### What became of an event\n")[1].split("\n### ")[0]
    rights = [row.split("|")[1] for row in section.splitlines() if row.startswith("| `")]
    named = [name for cell in rights for name in re.findall(r"`([a-z0-9]+:[A-Za-z]+)`", cell)]
    assert sorted(named) == sorted(asking.ACTIONS)


def test_nothing_else_is_asked_for() -> None:
    """What the calls say that they are; `tests/worlds/aws` sees what is called."""
    said = set(re.findall(r'"([a-z0-9]+:[A-Z][A-Za-z]+)"', SOURCE.split("class Asking:")[1]))
    assert said == asking.ACTIONS.keys() - {"s3:ListBucket"}
    assert not re.search(r"\.(put|create|update|delete|send|start|stop|receive)_", SOURCE)
