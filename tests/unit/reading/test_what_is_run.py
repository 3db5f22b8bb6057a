"""Which files of a folder are run, and what is said of the others. Each file here leaves a marker when it runs."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from ..commands.conftest import Run, run, triggers  # noqa: F401 - fixtures
from .many import HEAD, STEPS, flow, guard, read_all, write

MARK = "import os\nopen(os.path.dirname(os.path.abspath(__file__)) + '/ran-' + os.path.basename(__file__), 'w')\n"
METHODS = "    def test_it(self):\n        pass\n"
POLL = "@trigger('A')\ndef watch():\n    pass\n"

# A file, and whether it is run. `other.py` of the second column stands beside it.
FILES: dict[str, tuple[str, bool]] = {
    "no class": ("x = 1\n", False),
    "FlowSpec in words": ("# a class derived from FlowSpec\nNAME = 'FlowSpec'\n", False),
    "FlowSpec in a function": (HEAD + "def make():\n    class A(FlowSpec):\n        pass\n    return A\n", False),
    "a plain class": ("class A:\n    pass\n", False),
    "of a builtin": ("class A(dict):\n    pass\n", False),
    "of the standard library": ("import unittest\nclass A(unittest.TestCase):\n" + METHODS, False),
    "of an enum": ("from enum import Enum\nclass A(Enum):\n    X = 1\n", False),
    "of a generic": ("from typing import Generic, TypeVar\nT = TypeVar('T')\nclass A(Generic[T]):\n    pass\n", False),
    "of a call": ("from collections import namedtuple\nclass A(namedtuple('A', 'x')):\n    pass\n", False),
    "a mutator": (HEAD + "class A(FlowMutator):\n    pass\n", False),
    "a command of setup.py": (
        "from setuptools import Command\nfrom setuptools.command.build_ext import build_ext\n"
        "class A(Command):\n    pass\nclass B(build_ext):\n    pass\n",
        False,
    ),
    "of an installed package": ("from click import Command\nclass A(Command):\n    pass\n", False),
    "of an installed package's module": ("import click.types\nclass A(click.types.ParamType):\n    pass\n", False),
    "of another plain class": ("from plain import Plain\nclass A(Plain):\n    pass\n", False),
    "broken": ("class A(\n", False),
    "a flow": (HEAD + flow("A0"), True),
    "a flow by another name": ("import metaflow as mf\nfrom metaflow import step\n" + flow("A1", "mf.FlowSpec"), True),
    "of a package that is not here": (
        "try:\n    from company_flows import Base\nexcept ImportError:\n    Base = object\nclass A(Base):\n    pass\n",
        True,
    ),
    "of a call of a package that is not here": (
        "try:\n    import company\nexcept ImportError:\n    pass\nelse:\n    class A(company.base()):\n        pass\n",
        True,
    ),
    "polls": ("from cloaca import trigger\n" + POLL.replace("watch", "watch1"), True),
    "polls of ours": (
        "import metaflow_triggers.poll as p\n" + POLL.replace("@", "@p.").replace("watch", "watch2"),
        True,
    ),
    "polls in a function": ("import cloaca\ndef test():\n    @cloaca.trigger('A')\n    def watch(): ...\n", False),
    "polls in a function that is called": (
        "import cloaca\ndef add():\n    @cloaca.trigger('A0', name='watch3')\n    def watch(): ...\nadd()\n",
        True,
    ),
    "polls of an imported helper": ("from helper import every\n@every('A0', 'watch4')\ndef watch():\n    pass\n", True),
    "the runner of polls": (
        "from cloaca import DefaultRunner\nif __name__ == '__main__':\n    DefaultRunner().run()\n",
        False,
    ),
    "Metaflow's trigger": ("from metaflow import trigger\nGO = trigger(event='x')\n", False),
}
HELPERS = {
    "plain.py": "class Plain:\n    pass\n",
    "helper.py": "import cloaca\ndef every(flow, name):\n    return cloaca.trigger(flow, name=name)\n",
}


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> tuple[set[str], Any]:
    home = tmp_path_factory.mktemp("run")
    files = {f"f{number}.py": MARK + text for number, (text, _) in enumerate(FILES.values())}
    write(home, files | {name: MARK + text for name, text in HELPERS.items()})
    read = read_all(home, [("all", str(home), {})])["all"]
    return {name.removeprefix("ran-") for name in os.listdir(home) if name.startswith("ran-")}, read


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_run_when_it_may_define_something(name: str, answer: tuple[set[str], Any]) -> None:
    ran, _ = answer
    assert (f"f{list(FILES).index(name)}.py" in ran) is FILES[name][1]


def test_what_is_not_run_is_counted(answer: tuple[set[str], Any]) -> None:
    _, read = answer
    assert [item for item in read["diagnostics"] if item["code"] not in ("FT716", "FT720", "FT731")] == []
    holding = {
        "a flow",
        "a flow by another name",
        *(name for name in FILES if name.startswith("polls") and FILES[name][1]),
    }
    assert read["skipped"] == len(FILES) + len(HELPERS) - len(holding)


def test_nothing_beside_the_flows_is_run(tmp_path: Path) -> None:
    files = {f"test_{number}.py": f"def test_{number}():\n    from metaflow import FlowSpec\n" for number in range(2)}
    files |= {
        "test_2.py": "import unittest\nclass Test(unittest.TestCase):\n" + METHODS,
        "test_3.py": "from flows import Report\nclass TestReport:\n" + METHODS,
        "test_4.py": "import pytest\nfrom metaflow import FlowSpec, Runner\n@pytest.fixture\ndef flow():\n"
        "    class Made(FlowSpec):\n        pass\n    return Made\n",
        "setup.py": "from setuptools import setup\nsetup(name='x')\n",
        "deploy.py": "from metaflow import Deployer\nDeployer('flows.py').argo_workflows().create()\n",
        "notebook_helper.py": "from metaflow import NBRunner, Flow\nclass Plots(dict):\n    pass\n",
    }
    write(tmp_path, {name: MARK + text for name, text in files.items()} | {"flows.py": HEAD + flow("Report")})
    read = read_all(tmp_path, [("all", str(tmp_path), {})])["all"]
    assert read["flows"] == {"Report": "flows.py"} and read["diagnostics"] == [] and read["skipped"] == len(files)
    assert [name for name in os.listdir(tmp_path) if name.startswith("ran-")] == []


def test_a_file_that_is_named_is_run_whatever_it_holds(tmp_path: Path) -> None:
    write(tmp_path, {"f.py": MARK + "x = 1\n", "half.py": HEAD + flow("Half", body="pass")})
    read = read_all(tmp_path, [("all", str(tmp_path), {"paths": ["f.py", "half.py"]})])["all"]
    assert (tmp_path / "ran-f.py").exists() and read["skipped"] == 0
    assert [(item["code"], item["span"]["file"]) for item in read["diagnostics"]] == [
        ("FT005", "f.py"),
        ("FT005", "half.py"),
    ]
    assert "start step" in read["diagnostics"][1]["notes"][0]


def test_a_file_works_in_its_folder_and_imports_from_there_first(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "a/f.py": HEAD + "import shared\nEVENT = open('event.txt').read()\n"
            "@trigger(event=EVENT + shared.END)\n" + flow("A"),
            "a/shared.py": "END = '-a'\n",
            "a/event.txt": "go",
            "b/f.py": HEAD + "import shared\n@trigger(event='go' + shared.END)\n" + flow("B"),
            "b/shared.py": "END = '-b'\n",
            "shared.py": "raise ValueError('the working directory of the command is no import path')\n",
        },
    )
    read = read_all(tmp_path, [("all", str(tmp_path), {})])["all"]
    assert read["diagnostics"] == [] and read["flows"] == {"A": "a/f.py", "B": "b/f.py"}


def test_folders_of_builds_are_named_where_something_builds(tmp_path: Path) -> None:
    write(tmp_path, {"p/setup.py": "", "p/build/lib/f.py": HEAD + flow("Copy"), "q/build/f.py": HEAD + flow("Meant")})
    read = read_all(tmp_path, [("all", str(tmp_path), {})])["all"]
    assert read["flows"] == {"Meant": "q/build/f.py"} and read["unsearched"] == ["p/build"]


def test_places_and_events_of_inherited_parts(tmp_path: Path) -> None:
    emits = (
        "\n    @step\n    def start(self):\n        emit_event('made')\n        self.next(self.end)\n"
        + STEPS.split("\n    @step")[-1].join(["    @step", ""])
    )
    write(
        tmp_path,
        {
            "base.py": "from metaflow import FlowSpec, emit_event, step, trigger\n\n"
            "@trigger(event={'name': 'go', 'nome': 1})\n" + flow("Base", body=emits),
            "f.py": "from base import Base\n" + flow("A", "Base", body="pass") + guard("A"),
        },
    )
    read = read_all(tmp_path, [("all", str(tmp_path), {})])["all"]
    assert read["triggers"]["A"] == ["base.py"] and read["emits"]["A"] == ["made"]
    blamed = [(item["code"], item["span"]["file"], item["span"]["line"]) for item in read["diagnostics"]]
    assert blamed == [("FT103", "base.py", 3)]


@pytest.mark.parametrize(
    ("files", "options", "codes"),
    [
        ({"f.py": "import company_flows\nclass A(company_flows.Base):\n    pass\n"}, {}, [("FT120", "warning")]),
        (
            {f"{name}.py": "import company_flows\nclass A(company_flows.Base):\n    pass\n" for name in "fgh"},
            {},
            [("FT120", "warning")],
        ),
        ({"f.py": "import company_flows\n" + HEAD + flow("A")}, {}, [("FT120", "")]),
        ({"f.py": "from company_flows import Base\n" + HEAD + flow("A", "Base")}, {}, [("FT120", "")]),
        (
            {"f.py": "from company_flows import Base\n" + HEAD + flow("A", "Base", body="pass") + guard("A")},
            {},
            [("FT120", "")],
        ),
        (
            {"f.py": "import company_flows\nclass A(company_flows.Base):\n    pass\n"},
            {"paths": ["f.py"]},
            [("FT120", "")],
        ),
    ],
    ids=["a class that may be a flow", "three such classes", "a flow", "steps", "a main guard", "named by hand"],
)
def test_a_missing_package_is_an_error_where_the_file_surely_has_a_flow(
    files: dict[str, str], options: dict[str, Any], codes: list[tuple[str, str]], tmp_path: Path
) -> None:
    write(tmp_path, files)
    read = read_all(tmp_path, [("all", str(tmp_path), options)])["all"]
    assert [(item["code"], item["severity"]) for item in read["diagnostics"]] == codes


def test_thousands_of_files_without_a_flow_cost_a_line(tmp_path: Path, triggers: Run) -> None:  # noqa: F811
    for number in range(5000):
        (tmp_path / f"f{number}.py").write_text("import unittest\n\nclass A(unittest.TestCase):\n" + METHODS * 5)
    started = time.monotonic()
    done = triggers("check", ".", cwd=tmp_path)
    assert time.monotonic() - started < 60  # seconds, on a busy machine
    assert done.code == 1 and done.out == ""
    assert done.err.splitlines()[::4] == [
        "error[FT005]: `.` has no flow below it",
        "1 error in 0 flows; 5,000 files without a flow skipped; nothing was written",
    ]
    (tmp_path / "one.py").write_text(HEAD + flow("One"))
    done = triggers("check", ".", cwd=tmp_path)
    assert (done.code, done.err) == (0, "no errors in 1 flow; 5,000 files without a flow skipped\n")
