"""Of a trail on AWS what needs no AWS: the rights that it needs are those that its page names."""

from __future__ import annotations

import re
from pathlib import Path

from metaflow_triggers.backends.step_functions.trail import asking, letters

DOCS = Path(__file__).parents[4] / "docs"
PAGE, LETTERS = DOCS / "step-functions.md", DOCS / "dead-letters.md"
SOURCE = Path(asking.__file__).read_text(encoding="utf-8")


def test_the_page_names_the_rights_and_no_others() -> None:
    section = PAGE.read_text(encoding="utf-8").split("### What became of an event\n")[1].split("\n### ")[0]
    rights = [row.split("|")[1] for row in section.splitlines() if row.startswith("| `")]
    named = [name for cell in rights for name in re.findall(r"`([a-z0-9]+:[A-Za-z]+)`", cell)]
    assert sorted(named) == sorted([*asking.ACTIONS, *asking.ACTIONS_OF_POLLS])


def test_to_look_into_the_queue_it_needs_what_the_page_on_dead_letters_says() -> None:
    section = LETTERS.read_text(encoding="utf-8").split("## Rights\n")[1]
    head, _ = section.split("| `drop`")
    wanted = set(letters.RIGHTS) | {"states:DescribeStateMachine"}
    named = set()
    for row in head.splitlines():
        cells = re.findall(r"`([A-Za-z]+:)?([A-Z][A-Za-z]+)`", row.rpartition(" | ")[2])
        named |= {f"{cells[0][0]}{name}" for _, name in cells}
    assert named == wanted


def test_nothing_else_is_asked_for() -> None:
    """What the calls say that they are; `tests/worlds/aws` sees what is called."""
    said = set(re.findall(r'"([a-z0-9]+:[A-Z][A-Za-z]+)"', SOURCE.split("class Asking:")[1]))
    assert said == asking.ACTIONS.keys() - {"s3:ListBucket"}
    assert not re.search(r"\.(put|create|update|delete|send|start|stop|receive)_", SOURCE)
