"""`compile --check`: exit code 1 and the reasons where the committed folder is not what `compile` writes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ..commands.conftest import Done, Run
from ..commands.warm import warm
from .stops import contents
from .test_command import AFTER, PLACED
from .test_command import write as write_flows

Check = Callable[..., Done]


@pytest.fixture(scope="module")
def triggers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with warm(tmp_path_factory.mktemp("home")) as run:
        yield run


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory, triggers: Run) -> Path:
    folder = tmp_path_factory.mktemp("once")
    (folder / "flows").mkdir()
    write_flows(folder / "flows", ProcessOrder=PLACED, DataTransform=AFTER)
    done = triggers("compile", "flows", "--output", "out", cwd=folder)
    assert done.code == 0, done.err
    return folder


@pytest.fixture
def project(tmp_path: Path, once: Path) -> Path:
    return Path(shutil.copytree(once, tmp_path, dirs_exist_ok=True))


@pytest.fixture
def check(project: Path, triggers: Run) -> Check:
    """The command; it changes nothing in the folder."""

    def check(*more: str) -> Done:
        before = contents(project / "out")
        done = triggers("compile", "flows", "--output", "out", "--check", *more, cwd=project)
        assert contents(project / "out") == before
        return done

    return check


def heads(done: Done) -> list[str]:
    """What FT019 said."""
    assert done.code == 1, done.out + done.err
    assert done.out == "" and "help: metaflow-triggers compile flows --output out" in done.err
    head = "error[FT019]: `out` is stale: "
    return [line.removeprefix(head) for line in done.err.splitlines() if line.startswith(head)]


def test_a_fresh_folder_is_told_so(check: Check) -> None:
    done = check()
    assert (done.code, done.out.splitlines()[-1]) == (0, "17 files, and out has them"), done.err
    assert "FT019" not in done.err


def test_the_help_is_what_was_typed(project: Path, check: Check) -> None:
    """Without `--backend` or `--no-code-package` it would write another folder."""
    write_flows(project / "flows", Report="")
    options = ("--backend", "argo-workflows", "--no-code-package", "--branch", "a b")
    done = check(*options, "--format", "github")
    said = "metaflow-triggers compile flows --output out --backend argo-workflows --no-code-package --branch 'a b'"
    assert done.code == 1 and said in done.out + done.err, done
    assert f"{said}\n" in check(*options).err


def test_flows_that_start_otherwise_come_or_go(project: Path, check: Check) -> None:
    write_flows(project / "flows", ProcessOrder=PLACED.replace("totalAmount", "total"), Report="")
    (project / "flows/datatransform.py").unlink()
    done = check()
    assert heads(done) == [
        "`DataTransform` is still there: flows/datatransform.py is not there any more",
        "ProcessOrder takes amount from total instead of totalAmount",
        "`Report` is not in it",
    ]
    assert "--> flows/processorder.py:4:" in done.err and "note: on argo-workflows, step-functions\n" in done.err


def test_only_the_package_differs(project: Path, check: Check, triggers: Run) -> None:
    (project / "flows/notes.py").write_text("words = 'the package has this file'\n")
    assert heads(check()) == ["only the code package differs: DataTransform, ProcessOrder"]
    # `diff` says it in all its forms.
    diff = ("diff", "flows", "--against", "out", "--format")
    done = triggers(*diff, "text", cwd=project)
    assert done.code == 1 and done.out.startswith("only the code package differs\n\n4 files differ:\n")
    assert "\nOnly the code package differs.\n" in triggers(*diff, "markdown", cwd=project).out
    assert json.loads(triggers(*diff, "json", cwd=project).out)["only_code_package"] is True
    (project / "flows/notes.py").unlink()
    assert json.loads(triggers(*diff, "json", cwd=project).out)["only_code_package"] is False
    done = triggers(*diff, "text", "--with", "retry:times=3", cwd=project)
    assert "\nthe triggers are the same; the text of the files is not\n" in done.out


def test_only_what_was_recorded_differs(project: Path, check: Check) -> None:
    path = project / "out/metaflow-triggers.json"
    index = json.loads(path.read_text())
    for told in index["inputs"].values():
        if "user" in told:
            told["user"] = "ada"
    path.write_text(json.dumps(index))
    done = check()
    assert heads(done) == ["only what was recorded of the compilation differs: DataTransform, ProcessOrder"]
    assert "note: user differs: was ada, is me\n" in done.err


def test_the_text_of_files_differs(project: Path, check: Check) -> None:
    sensor = project / "out/argo-workflows/processorder/sensor.yaml"
    sensor.write_text(sensor.read_text() + "# edited\n")
    shared = "argo-workflows/_shared/eventsource.yaml"
    (project / "out" / shared).unlink()
    (project / "out/step-functions/DataTransform.yaml").unlink()
    assert heads(check()) == [
        f"what flows share on argo-workflows compiles to other files: {shared} is missing",
        "`DataTransform` compiles to other files: step-functions/DataTransform.yaml is missing",
        "`ProcessOrder` compiles to other files: argo-workflows/processorder/sensor.yaml",
    ]
    done = check("--backend", "step-functions")
    assert heads(done) == ["`DataTransform` compiles to other files: step-functions/DataTransform.yaml is missing"]


def test_another_input_is_named(check: Check) -> None:
    found = heads(check("--with", "retry:times=3"))
    other = "is compiled with another input: options differs: was unset, is --with retry:times=3"
    assert found == [f"`DataTransform` {other}", f"`ProcessOrder` {other}"]


def test_there_is_no_folder_or_a_change_of_it_was_stopped(project: Path, check: Check) -> None:
    (project / "out/.metaflow-triggers.journal").mkdir()
    assert heads(check()) == ["a change of it was begun and not finished"]
    shutil.rmtree(project / "out")
    (project / "out").mkdir()
    assert heads(check()) == ["it has no metaflow-triggers.json"]


def test_mistakes_are_told_and_the_folder_is_needed(project: Path, check: Check, triggers: Run) -> None:
    done = triggers("compile", "flows", "--check", cwd=project)
    assert done.code == 2 and done.err.endswith("--check needs --output DIR, the folder that is looked at\n")
    write_flows(project / "flows", ProcessOrder="@trigger(event='a b')")
    done = check()
    assert done.code == 1 and "error[FT104]" in done.err and "FT019" not in done.err
