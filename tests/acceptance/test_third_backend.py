"""A backend as an installed package: one folder and one line of entry points, and no file of ours knows of it."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from metaflow_triggers.backends import registry
from metaflow_triggers.diagnostics import Diagnostic, DiagnosticError

from tests.unit.seams.run import QUIET, ROOT, python, succeeded

PACKAGE = Path(__file__).parent / "third" / "chalk_backend"
NAME = "chalk"
CLI = ("-m", "metaflow_triggers.commands.cli")
FLOW = """
from metaflow import FlowSpec, step, trigger


@trigger(event="board-cleaned", options={"chalk": {"colour": "red"}})
class Lesson(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Lesson()
"""


def install(site: Path, entry_points: str, *, named: str = "chalk-backend") -> Path:
    """What pip leaves of a package in a folder of packages, its modules aside."""
    told = site / f"{named.replace('-', '_')}-1.0.dist-info"
    told.mkdir(parents=True)
    (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {named}\nVersion: 1.0\n", "utf-8")
    (told / "entry_points.txt").write_text(f"[metaflow_triggers.backends]\n{entry_points}\n", "utf-8")
    return site


@pytest.fixture
def site(tmp_path: Path) -> str:
    folder = install(tmp_path / "site", "chalk = chalk_backend:SPEC")
    shutil.copytree(PACKAGE, folder / "chalk_backend", ignore=shutil.ignore_patterns("__pycache__"))
    return str(folder)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    (tmp_path / "work" / "board").mkdir(parents=True)
    (tmp_path / "work" / "flow.py").write_text(FLOW, "utf-8")
    return tmp_path / "work"


def test_no_file_of_ours_knows_of_it() -> None:
    ours = [
        path
        for top in ("compiler", "runtime", "templates", "schemas", "pyproject.toml", "setup.py")
        for path in [ROOT / top, *(ROOT / top).rglob("*")]
        if path.suffix in (".py", ".j2", ".json", ".toml")
    ]
    assert len(ours) > 300
    assert [path for path in ours if re.search(NAME, path.read_text("utf-8"), re.IGNORECASE)] == []


def test_a_flow_compiles_deploys_and_deletes_itself_through_it(work: Path, site: str) -> None:
    def flow(*words: str) -> str:
        given = {"PYTHONPATH": site, "METAFLOW_CHALK_BOARD": str(work / "board")}
        return succeeded(python("flow.py", *QUIET, NAME, *words, cwd=work, **given))

    flow("compile", "--no-code-package", "--output", "out")
    written = json.loads((work / "out" / NAME / "LESSON.json").read_text("utf-8"))
    assert written["starts when"] == ["event board-cleaned arrives"] and written["in"] == ["red"]
    assert written["does"] == {"steps": ["end", "start"], "code": "OPEN.CodePackagePath.SETTING"}
    flow("create")
    deployed = json.loads((work / "board" / "LESSON.json").read_text("utf-8"))
    assert deployed["does"]["code"].startswith("Lesson/data/")
    flow("delete")
    assert [path.name for path in (work / "board").iterdir()] == ["_frame.yaml"]


def test_many_flows_are_deployed_through_it(work: Path, site: str) -> None:
    given = {"PYTHONPATH": site, "METAFLOW_CHALK_BOARD": str(work / "board"), "METAFLOW_USER": "tester"}
    done = python(*CLI, "create", ".", "--backend", NAME, cwd=work, **given)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(
        "chalk:\n  LESSON: changed\n    ~ LESSON.json differs\n    ~ _frame.yaml differs\n\nchalk: 1 flow: 1 changed\n"
        "LESSON: LESSON stands on the board\ndone: chalk: 1 flow: 1 changed\n"
    )
    assert json.loads((work / "board" / "LESSON.json").read_text("utf-8"))["in"] == ["red"]
    again = python(*CLI, "create", ".", "--backend", NAME, cwd=work, **given)
    assert again.stdout == "chalk: 1 flow: 1 unchanged\nnothing to do: everything is deployed as it is\n"


def test_many_flows_compile_for_it_beside_ours(work: Path, site: str) -> None:
    given = {"PYTHONPATH": site, "METAFLOW_CHALK_BOARD": "/board"}
    done = python(*CLI, "compile", ".", "--no-code-package", "--output", "out", cwd=work, **given)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (work / "out").iterdir() if path.is_dir()} == {*registry.names(), NAME}
    files = {path.name: json.loads(path.read_text("utf-8")) for path in (work / "out" / NAME).glob("*.json")}
    assert files == {"LESSON.json": files["LESSON.json"], "_all.json": ["LESSON"]}
    assert files["LESSON.json"]["in"] == ["red"]
    recorded = json.loads((work / "out" / "metaflow-triggers.json").read_text("utf-8"))["inputs"]
    assert {name: item["settings"].get("chalk_board") for name, item in recorded.items() if not name.endswith("/")} == {
        "argo-workflows/lesson": None,
        "chalk/LESSON": "/board",
        "step-functions/Lesson": None,
    }


@pytest.mark.parametrize("path", ["../../evil.json", "step-functions/Lesson.yaml", "chalk/../x.json", "x.json"])
def test_it_writes_below_its_own_folder_alone(work: Path, site: str, path: str) -> None:
    sentences = Path(site) / "chalk_backend" / "sentences.py"
    text = sentences.read_text("utf-8")
    assert 'f"chalk/{name}.json"' in text
    sentences.write_text(text.replace('f"chalk/{name}.json"', repr(path)), "utf-8")
    command = (*CLI, "compile", ".", "--external-event", "board-cleaned", "--no-code-package", "--output", "out")
    done = python(*command, cwd=work, PYTHONPATH=site)
    assert done.returncode == 1
    assert f"error[FT009]: the backend `chalk` names the file `{path}`" in done.stderr
    assert not (work / "out").exists() and not list(work.parent.rglob("evil.json"))


def test_its_options_are_judged_by_it_alone(work: Path, site: str) -> None:
    (work / "flow.py").write_text(FLOW.replace("colour", "color"), "utf-8")
    words = (*CLI, "compile", ".", "--no-code-package", "--show", "triggers")
    done = python(*words, cwd=work, PYTHONPATH=site)
    assert done.returncode == 1
    assert "error[FT107]: chalk knows no 'color'\n --> flow.py:5:52" in done.stderr
    unknown = python(*words, cwd=work)
    assert unknown.returncode == 1
    assert "error[FT107]: `options` of `Lesson` has an unknown key 'chalk'" in unknown.stderr


def test_an_event_is_published_through_it(work: Path, site: str) -> None:
    given = {"PYTHONPATH": site, "METAFLOW_CHALK_BOARD": str(work / "board")}
    words = (*CLI, "emit", "board-cleaned", "--backend", NAME, "--payload", '{"by": 3}')
    identity = succeeded(python(*words, cwd=work, **given)).strip()
    path = work / "board" / f"event-{identity}.json"
    assert json.loads(path.read_text("utf-8")) == {"name": "board-cleaned", "payload": {"by": 3}}
    refused = python(*words, cwd=work, PYTHONPATH=site)
    assert refused.returncode == 1
    assert "error[FT763]: event 'board-cleaned' was not published: RuntimeError: no board is known" in refused.stderr
    assert "help: set METAFLOW_CHALK_BOARD to a folder" in refused.stderr


# Packages that are broken ---------------------------------------------------------------------------------------------

BROKEN = {
    "does not import": ("import a_module_that_is_not_there", "ModuleNotFoundError"),
    "fails": ("raise SystemError('out of\\nchalk')", "SystemError: out of chalk"),
    "describes nothing": ("SPEC = 3", "`slate_backend:SPEC` is int, expected"),
    "lacks a field": ("from metaflow_triggers.backends.shape import Spec\nSPEC = Spec(name='slate')", "TypeError"),
    "has another name": ("from chalk_backend import SPEC", "it describes itself as `chalk`"),
    "lacks a function": (
        "import dataclasses, types, chalk_backend\n"
        "SPEC = dataclasses.replace(chalk_backend.SPEC, name='slate', backend=lambda: types.ModuleType('empty'))",
        "its backend has no deployed_name, refusals, manifests, shared_manifests, shared_remarks, folder_manifests",
    ),
    "loads nothing": (
        "import dataclasses, chalk_backend\n"
        "SPEC = dataclasses.replace(chalk_backend.SPEC, name='slate', backend=lambda: __import__('not_there'))",
        "its backend: ModuleNotFoundError",
    ),
}


@pytest.fixture
def installed_here(site: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(site)
    registry._installed.cache_clear()
    yield Path(site)
    for name in [name for name in sys.modules if name.startswith(("chalk_", "slate_"))]:
        del sys.modules[name]
    registry._installed.cache_clear()
    registry.spec.cache_clear()


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_package_is_named(installed_here: Path, kind: str) -> None:
    text, told = BROKEN[kind]
    install(installed_here, "slate = slate_backend:SPEC", named="slate-of-somebody")
    (installed_here / "slate_backend.py").write_text(text, "utf-8")
    good, found = registry.usable(["slate", NAME])
    assert good == (NAME,)
    _says(found, told)
    good, found = registry.usable(None)
    assert good == ("step-functions", "argo-workflows", NAME)
    assert [item.severity for item in found] == ["warning"]


def test_what_deploys_has_all_its_parts_too(installed_here: Path) -> None:
    board = installed_here / "chalk_backend" / "board.py"
    board.write_text(board.read_text("utf-8").replace("def delete(", "def wipe("), "utf-8")
    with pytest.raises(DiagnosticError, match=r"`chalk-backend` .* `chalk`: its deployer has no delete"):
        registry.deployer(NAME)


def _says(found: list[Diagnostic], told: str) -> None:
    (item,) = found
    assert item.code == "FT009" and told in item.message and "\n" not in item.message
    assert item.message.startswith("`slate-of-somebody` cannot be used as the backend `slate`: ")


def test_two_packages_of_one_name_and_a_name_that_is_none(installed_here: Path) -> None:
    install(installed_here, "chalk = chalk_backend:SPEC\nNo_Name = chalk_backend:SPEC", named="chalk-fork")
    with pytest.raises(DiagnosticError, match="several packages have this name"):
        registry.spec(NAME)
    with pytest.raises(DiagnosticError, match="a name is lower-case letters"):
        registry.spec("No_Name")


def test_the_commands_of_a_flow_name_it_too(work: Path, site: str) -> None:
    (Path(site) / "chalk_backend" / "__init__.py").write_text("import a_module_that_is_not_there\n", "utf-8")
    done = python("flow.py", *QUIET, NAME, "compile", cwd=work, PYTHONPATH=site)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "error[FT009]: `chalk-backend` cannot be used as the backend `chalk`: ModuleNotFoundError" in done.stderr


RAISES = {
    # what of the package raises -> the command
    "sentences.py": ("def manifests(", ("compile", "--no-code-package")),
    "board.py": ("def create(", ("create",)),
}


@pytest.mark.parametrize("file", RAISES)
def test_what_a_package_raises_is_told_with_its_name(work: Path, site: str, file: str) -> None:
    begin, command = RAISES[file]
    module = Path(site) / "chalk_backend" / file
    text = module.read_text("utf-8")
    head = next(line for line in text.splitlines() if line.startswith(begin))
    module.write_text(text.replace(head, f"{head}\n    raise ZeroDivisionError('of mine')"), "utf-8")
    given = {"PYTHONPATH": site, "METAFLOW_CHALK_BOARD": str(work / "board")}
    told = "error[FT009]: `chalk-backend` cannot be used as the backend `chalk`: it raised ZeroDivisionError: of mine"
    for words in (
        ("flow.py", *QUIET, NAME, *command),
        (*CLI, command[0], ".", "--backend", NAME, *command[1:]),
    ):
        done = python(*words, cwd=work, **given)
        assert done.returncode == 1 and told in done.stderr and f"({file}, line " in done.stderr, done.stderr
        assert "FT900" not in done.stderr
    if file == "sentences.py":
        done = python(*CLI, "compile", ".", "--no-code-package", "--output", "out", cwd=work, **given)
        assert told in done.stderr and done.returncode == 1
