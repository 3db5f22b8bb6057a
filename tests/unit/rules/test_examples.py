"""The bad example of a rule gets its code, and no other that the rule does not name; the good one does not get it.

Read, linked and checked as `check` does it, all in one process (about 12 seconds of one processor).
"""

from __future__ import annotations

import pytest
from metaflow_triggers.rules.catalogue import Rule, rules

from .examples import codes, whole

NOT_RUN = {
    "FT035": "a comment, which commands look for",
    "FT036": "a comment, which commands look for",
    "FT126": "an option of the command makes the difference",
    "FT205": "steps that ask for a backend are read with upstream's compilers",
    "FT402": "a flow of several hundred steps",
    "FT404": "upstream's compiler makes what is too long",
    "FT405": "two thousand events take minutes",
    "FT504": "no longer raised",
    "FT510": "a part of a flow",
    "FT512": "upstream's compiler makes what the text stands in",
    "FT514": "files of several folders",
    "FT724": "needs an installed package of that name",
}
RUN = [item for item in rules() if item.language == "python" and item.code not in NOT_RUN]


@pytest.fixture(scope="module")
def told() -> dict[str, list[list[str]]]:
    asked = {}
    for item in RUN:
        needs_backend = item.raised.startswith("backends")
        asked |= {f"{item.code}-bad": (item.bad, needs_backend), f"{item.code}-good": (item.good, needs_backend)}
    return codes(asked)


@pytest.mark.parametrize("item", RUN, ids=lambda item: item.code)
def test_examples(item: Rule, told: dict[str, list[list[str]]]) -> None:
    in_part, in_all = told[f"{item.code}-bad"]
    # What lacks another flow is a mistake only where the flows are all that there are.
    assert (in_part if item.code in in_part else in_all) == sorted([item.code, *item.also.split()])
    assert item.code not in told[f"{item.code}-good"][0] + told[f"{item.code}-good"][1]


def test_most_rules_that_python_shows_are_run() -> None:
    assert len(RUN) > 50
    assert set(NOT_RUN) <= {item.code for item in rules()}


def test_an_example_is_completed_and_nothing_is_changed() -> None:
    made = whole("@trigger(event={'name': 'a', 'parameters': ['p']})")["example.py"]
    assert made.index("'parameters': ['p']") < made.index("p = Parameter('p', default='')") < made.index("def end")
    kept = whole("class A(FlowSpec):\n    @step\n    def start(self):\n        pass")["example.py"]
    assert "def start(self):\n        pass" in kept
    assert sorted(whole("# a.py\nx = 1\n\n# b.py\nx = 2")) == ["a.py", "b.py"]
