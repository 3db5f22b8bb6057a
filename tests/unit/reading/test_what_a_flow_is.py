"""What a flow is (semantics, section 1): folders of files, the flows that they hold, and what is left out by name."""

from __future__ import annotations

from typing import Any

import pytest

from .many import HEAD, STEPS, flow, guard, read_all, write

MUTATOR = "class Quiet(FlowMutator):\n    def mutate(self, mutable_flow):\n        pass\n"
ADDS = (
    "class Adds(FlowMutator):\n    def pre_mutate(self, mutable_flow):\n"
    "        mutable_flow.add_decorator(trigger, deco_kwargs={'event': 'go'})\n"
)
GO = "@trigger(event='go')"
PROJECT = "@project(name='p')"
GUARD, BASE = "the main guard runs other flows", "a base of other flows"
HALF = "\n    @step\n    def start(self):\n        self.next(self.middle)\n"
OTHER_HALF = (
    "\n    @step\n    def middle(self):\n        self.next(self.end)\n    @step\n    def end(self):\n        pass\n"
)

RUNS_ANOTHER = (
    "a trigger outside of the guard",
    "a schedule outside of the guard",
    "a project outside of the guard",
    "an inherited trigger outside of the guard",
    "a trigger that a mutator adds",
)
"""Flows whose tasks, `python FILE`, would run the steps of the flow that the main guard names."""

# Files; the flows with their files; the classes left out, with the reason; files without a flow.
CASES: dict[str, tuple[dict[str, str], dict[str, str], dict[str, str], int]] = {
    "one": ({"f.py": HEAD + flow("A") + guard("A")}, {"A": "f.py"}, {}, 0),
    "no guard": ({"f.py": HEAD + flow("A")}, {"A": "f.py"}, {}, 0),
    "two and no guard": ({"f.py": HEAD + flow("A") + flow("B")}, {"A": "f.py", "B": "f.py"}, {}, 0),
    "two and a guard for one": ({"f.py": HEAD + flow("A") + flow("B") + guard("B")}, {"B": "f.py"}, {"A": GUARD}, 0),
    "two and a guard for both": (
        {"f.py": HEAD + flow("A") + flow("B") + guard("A", "B")},
        {"A": "f.py", "B": "f.py"},
        {},
        0,
    ),
    "a trigger outside of the guard": (
        {"f.py": HEAD + flow("A", above=GO) + flow("B") + guard("B")},
        {"A": "f.py", "B": "f.py"},
        {},
        0,
    ),
    "a schedule outside of the guard": (
        {"f.py": HEAD + flow("A", above="@schedule(daily=True)") + flow("B") + guard("B")},
        {"A": "f.py", "B": "f.py"},
        {},
        0,
    ),
    "a project outside of the guard": (
        {"f.py": HEAD + flow("A", above=PROJECT) + flow("B") + guard("B")},
        {"A": "f.py", "B": "f.py"},
        {},
        0,
    ),
    "an inherited trigger outside of the guard": (
        {"f.py": HEAD + flow("A", above=GO) + flow("B", "A", body="pass") + flow("C") + guard("C")},
        {"A": "f.py", "C": "f.py"},
        {"B": GUARD},
        0,
    ),
    "a guard by way of a function": (
        {"f.py": HEAD + flow("A") + flow("B") + "def main():\n    B()\n" + guard("main")},
        {"B": "f.py"},
        {"A": GUARD},
        0,
    ),
    "a guard the other way round": (
        {"f.py": HEAD + flow("A") + flow("B") + "if '__main__' == __name__ and True:\n    A()\n"},
        {"A": "f.py"},
        {"B": GUARD},
        0,
    ),
    "a guard that names no flow": (
        {"f.py": HEAD + flow("A") + flow("B") + "if __name__ == '__main__':\n    print('hello')\n"},
        {"A": "f.py", "B": "f.py"},
        {},
        0,
    ),
    "a guard by an alias": (
        {"f.py": HEAD + flow("A") + flow("B") + "Main = B\n" + guard("Main")},
        {"B": "f.py"},
        {"A": GUARD},
        0,
    ),
    "an alias": ({"f.py": HEAD + flow("A") + "Same = A\n"}, {"A": "f.py"}, {}, 0),
    "FlowSpec by another name": (
        {"f.py": "import metaflow as m\nfrom metaflow import step\nBase = m.FlowSpec\n" + flow("A", "Base")},
        {"A": "f.py"},
        {},
        0,
    ),
    "everything of metaflow": ({"f.py": "from metaflow import *\n" + flow("A")}, {"A": "f.py"}, {}, 0),
    "inherited steps": (
        {"f.py": HEAD + flow("A") + flow("B", "A", GO, "pass") + guard("B")},
        {"B": "f.py"},
        {"A": GUARD},
        0,
    ),
    "inherited steps and no guard": (
        {"f.py": HEAD + flow("A") + flow("B", "A", GO, "pass")},
        {"B": "f.py"},
        {"A": BASE},
        0,
    ),
    "a base with all steps and a trigger of its own": (
        {"f.py": HEAD + flow("A", above=GO) + flow("B", "A", body="pass")},
        {"A": "f.py", "B": "f.py"},
        {},
        0,
    ),
    "a base of a base": (
        {"f.py": HEAD + flow("A") + flow("B", "A", body="pass") + flow("C", "B", body="pass")},
        {"C": "f.py"},
        {"A": BASE, "B": BASE},
        0,
    ),
    "steps in halves": (
        {"f.py": HEAD + flow("A", body=HALF) + flow("B", "A", body=OTHER_HALF)},
        {"B": "f.py"},
        {},
        0,
    ),
    "steps of a class that is no flow": (
        {"f.py": HEAD + flow("Mixin", "object") + flow("A", "Mixin, FlowSpec", body="pass")},
        {"A": "f.py"},
        {},
        0,
    ),
    "a base in another file": (
        {"base.py": HEAD + flow("Base"), "f.py": HEAD + "from base import Base\n" + flow("A", "Base", GO, "pass")},
        {"A": "f.py"},
        {"Base": BASE},
        1,
    ),
    "a base in another file that has a guard": (
        {
            "base.py": HEAD + flow("Base") + guard("Base"),
            "f.py": HEAD + "import base\n" + flow("A", "base.Base", body="pass"),
        },
        {"A": "f.py", "Base": "base.py"},
        {},
        0,
    ),
    "a base in a package beside": (
        {
            "company/__init__.py": "from .flows import Base\n",
            "company/flows.py": HEAD + flow("Base", body="pass"),
            "f.py": HEAD + "from company import Base\n" + flow("A", "Base"),
        },
        {"A": "f.py"},
        {},
        2,
    ),
    "no text FlowSpec": (
        {"base.py": HEAD + flow("Base"), "f.py": "from base import Base\n" + flow("A", "Base", body="pass")},
        {"A": "f.py"},
        {"Base": BASE},
        1,
    ),
    "an imported flow": (
        {"a.py": HEAD + flow("A"), "b.py": HEAD + "from a import A\n" + flow("B") + guard("B")},
        {"A": "a.py", "B": "b.py"},
        {},
        0,
    ),
    "a guard for an imported flow": (
        {"a.py": HEAD + flow("A"), "b.py": HEAD + "from a import A\n" + flow("B") + guard("A")},
        {"A": "a.py", "B": "b.py"},
        {},
        0,
    ),
    "nothing but an imported flow": (
        {"a.py": HEAD + flow("A"), "b.py": "from a import A\n" + guard("A")},
        {"A": "a.py"},
        {},
        1,
    ),
    "a flow that a function makes": (
        {
            "f.py": HEAD
            + "def make():\n    class A(FlowSpec):\n"
            + STEPS.replace("\n    ", "\n        ")
            + "\n    return A\nA = make()\n"
            + guard("A")
        },
        {"A": "f.py"},
        {},
        0,
    ),
    "a class in a branch": (
        {
            "f.py": "import sys\n"
            + HEAD
            + "if sys.version_info > (3,):\n    class A(FlowSpec):"
            + STEPS.replace("\n", "\n    ")
        },
        {"A": "f.py"},
        {},
        0,
    ),
    "a bare mutator": ({"f.py": HEAD + MUTATOR + flow("A", above="@Quiet\n" + GO) + guard("A")}, {"A": "f.py"}, {}, 0),
    "a bare mutator below a project": (
        {"f.py": HEAD + MUTATOR + flow("A", above=PROJECT + "\n@Quiet\n" + GO)},
        {"A": "f.py"},
        {},
        0,
    ),
    "a bare mutator above a project": (
        {"f.py": HEAD + MUTATOR + flow("A", above="@Quiet\n" + PROJECT + "\n" + GO)},
        {"A": "f.py"},
        {},
        0,
    ),
    "two bare mutators": ({"f.py": HEAD + MUTATOR + ADDS + flow("A", above="@Quiet\n@Adds")}, {"A": "f.py"}, {}, 0),
    "a mutator with parentheses": ({"f.py": HEAD + MUTATOR + flow("A", above="@Quiet()\n" + GO)}, {"A": "f.py"}, {}, 0),
    "a mutator with parentheses below a project": (
        {"f.py": HEAD + MUTATOR + flow("A", above=PROJECT + "\n@Quiet()\n" + GO) + guard("A")},
        {"A": "f.py"},
        {},
        0,
    ),
    "a mutator with parentheses above a project": (
        {"f.py": HEAD + MUTATOR + flow("A", above="@Quiet()\n" + PROJECT + "\n" + GO)},
        {"A": "f.py"},
        {},
        0,
    ),
    "a mutator with parentheses on a base": (
        {"f.py": HEAD + MUTATOR + flow("Base", above="@Quiet()") + flow("A", "Base", PROJECT + "\n" + GO, "pass")},
        {"A": "f.py"},
        {"Base": BASE},
        0,
    ),
    "a mutator with parentheses on a base in another file": (
        {
            "base.py": HEAD + MUTATOR + flow("Base", above="@Quiet()", body="pass"),
            "f.py": HEAD + "from base import Base\n" + flow("A", "Base", PROJECT),
        },
        {"A": "f.py"},
        {},
        1,
    ),
    "a base with a trigger that a mutator with parentheses adds": (
        {"f.py": HEAD + ADDS + flow("A", above="@Adds()\n" + PROJECT) + flow("B", "A", body="pass")},
        {"A": "f.py", "B": "f.py"},
        {},
        0,
    ),
    "a bare mutator beside another flow": (
        {"f.py": HEAD + MUTATOR + flow("Plain") + flow("A", above="@Quiet\n" + GO) + guard("A")},
        {"A": "f.py"},
        {"Plain": GUARD},
        0,
    ),
    "a bare mutator on a base": (
        {"f.py": HEAD + MUTATOR + flow("Base", above="@Quiet") + flow("A", "Base", GO, "pass")},
        {"A": "f.py"},
        {"Base": BASE},
        0,
    ),
    "a trigger that a mutator adds": (
        {"f.py": HEAD + ADDS + flow("A", above="@Adds") + flow("B") + guard("B")},
        {"A": "f.py", "B": "f.py"},
        {},
        0,
    ),
    "a base with a trigger that a mutator adds": (
        {"f.py": HEAD + ADDS + flow("A", above="@Adds") + flow("B", "A", body="pass")},
        {"A": "f.py", "B": "f.py"},
        {},
        0,
    ),
    "a class without steps": ({"f.py": HEAD + flow("A") + flow("Empty", body="pass")}, {"A": "f.py"}, {}, 0),
    "a link to a file": ({"f.py": HEAD + flow("A"), "link.py -> f.py": ""}, {"A": "f.py"}, {}, 0),
}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("flows")
    for number, (files, *_) in enumerate(CASES.values()):
        folder = home / str(number)
        folder.mkdir()
        write(folder, {name: text for name, text in files.items() if "->" not in name})
        for name in files:
            if "->" in name:
                link, target = name.split(" -> ")
                (folder / link).symlink_to(target)
    return read_all(home, [(name, str(home / str(number)), {}) for number, name in enumerate(CASES)])


@pytest.mark.parametrize("name", CASES)
def test_the_flows_of_a_folder(name: str, answers: dict[str, Any]) -> None:
    _, flows, left_out, skipped = CASES[name]
    answer = answers[name]
    told = [item["code"] for item in answer["diagnostics"] if item["severity"] != "note"]
    assert told == (["FT127"] if name in RUNS_ANOTHER else [])
    assert answer["flows"] == flows
    assert answer["left_out"] == left_out
    assert answer["skipped"] == skipped
