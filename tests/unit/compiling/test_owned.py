"""The folder is owned: a compilation removes what nothing emits any more, says so, and says what it kept."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from metaflow_triggers.compiling.compile import File
from metaflow_triggers.compiling.folder import INDEX, Wanted, read_index, write
from metaflow_triggers.compiling.owned import Looked, source
from metaflow_triggers.diagnostics import DiagnosticError
from metaflow_triggers.manifests.packed import packed

from ..commands.conftest import Run
from ..commands.warm import warm
from .stops import contents, stopped
from .test_command import AFTER, PLACED
from .test_command import write as write_flows


@pytest.fixture(scope="module")
def triggers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with warm(tmp_path_factory.mktemp("home")) as run:
        yield run


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory, triggers: Run) -> Path:
    folder = tmp_path_factory.mktemp("once")
    for name in "ab":
        (folder / name).mkdir()
    write_flows(folder / "a", ProcessOrder=PLACED, DataTransform=AFTER)
    write_flows(folder / "b", Report="@trigger_on_finish(flow='DataTransform')")
    assert compiled(triggers, folder, ".").endswith("21 files in out\n")
    return folder


@pytest.fixture
def project(tmp_path: Path, once: Path) -> Path:
    """Three flows in two folders, compiled."""
    return Path(shutil.copytree(once, tmp_path, dirs_exist_ok=True))


def compiled(triggers: Run, folder: Path, *arguments: str, code: int = 0) -> str:
    done = triggers("compile", *arguments, "--no-code-package", "--output", "out", cwd=folder)
    assert done.code == code, done.err
    return done.out if code == 0 else done.err


def flows(folder: Path) -> set[str]:
    index = read_index(folder / "out")
    listed = {entry["owner"].partition("/")[2] for entry in index["files"].values()} - {""}
    there = {path.relative_to(folder / "out").as_posix() for path in (folder / "out").rglob("*") if path.is_file()}
    assert there == {*index["files"], INDEX}
    return {name.lower() for name in listed}


def test_what_is_renamed_or_deleted_goes_and_is_named(project: Path, triggers: Run) -> None:
    write_flows(project / "a", ProcessOrder=PLACED)
    renamed = (project / "a/processorder.py").read_text().replace("ProcessOrder", "HandleOrder")
    (project / "a/processorder.py").write_text(renamed)
    (project / "a/datatransform.py").unlink()
    write_flows(project / "b", Report="")
    out = compiled(triggers, project, ".")
    assert out.splitlines()[-3:] == [
        "16 files in out",
        "removed DataTransform: a/datatransform.py is not there any more (4 files)",
        "removed ProcessOrder: a/processorder.py no longer has it (4 files)",
    ]
    assert flows(project) == {"handleorder", "report"}
    listed = (project / "out/argo-workflows/kustomization.yaml").read_text()
    assert "handleorder" in listed and "processorder" not in listed and "datatransform" not in listed
    # What is left is what a compilation into a new folder gives.
    left = contents(project / "out")
    (project / "out").rename(project / "before")
    compiled(triggers, project, ".")
    assert contents(project / "out") == left


def test_what_was_not_looked_at_is_kept_and_named(project: Path, triggers: Run) -> None:
    (project / "a/datatransform.py").unlink()
    more = ("--external-flow", "DataTransform")
    out = compiled(triggers, project, "b", *more)
    assert out.endswith("files in out\nkept 2 flows of files that were not given: DataTransform, ProcessOrder\n")
    # One backend of two: the other's files stay until it is compiled, too.
    out = compiled(triggers, project, ".", "--backend", "argo-workflows", *more)
    assert out.splitlines()[-2:] == [
        "removed DataTransform: a/datatransform.py is not there any more (3 files)",
        "kept 3 flows on step-functions, which this was not for: DataTransform, ProcessOrder, Report",
    ]
    # A file that cannot be read, be it too large or failing, still has its flow.
    text = (project / "a/processorder.py").read_text()
    for unreadable in (text + "#" * 2**20, "from company import Base\nclass ProcessOrder(Base): pass\n"):
        (project / "a/processorder.py").write_text(unreadable)
        out = compiled(triggers, project, ".", *more)
        assert out.endswith("kept 1 flow of files that were not read: ProcessOrder\n")
    assert flows(project) == {"processorder", "report"}
    # An error writes nothing, and removes nothing.
    before = contents(project / "out")
    (project / "a/processorder.py").write_text(text.replace("order-placed", "a b"))
    compiled(triggers, project, ".", *more, code=1)
    assert contents(project / "out") == before


def test_another_branch_is_not_this_ones(tmp_path: Path, triggers: Run) -> None:
    write_flows(tmp_path, ProcessOrder=f"@project(name='shop')\n{PLACED}", Report=f"@project(name='shop')\n{PLACED}")
    compiled(triggers, tmp_path, ".", "--production")
    out = compiled(triggers, tmp_path, ".", "--branch", "new")
    assert out.endswith("kept 2 flows of the branch prod: ProcessOrder, Report\n")
    (tmp_path / "report.py").unlink()
    out = compiled(triggers, tmp_path, ".", "--production")
    assert "removed Report: report.py is not there any more (4 files)\n" in out
    assert "kept 2 flows of the branch test.new: ProcessOrder, Report\n" in out
    # Also where no flow with @project is left to say which branch this is.
    write_flows(tmp_path, ProcessOrder=PLACED)
    out = compiled(triggers, tmp_path, ".", "--branch", "new")
    assert "removed Report: report.py is not there any more (4 files)\n" in out
    assert "kept 1 flow of the branch prod: ProcessOrder\n" in out


def test_a_backend_without_flows_loses_what_they_shared(project: Path, triggers: Run) -> None:
    for file in project.rglob("*.py"):
        file.write_text(
            file.read_text().replace("    @step\n    def start", "    @kubernetes\n    @step\n    def start")
        )
        file.write_text(file.read_text().replace("import FlowSpec", "import kubernetes, FlowSpec"))
    out = compiled(triggers, project, ".")
    assert "\nremoved " not in out
    assert not (project / "out/step-functions").exists()


def test_a_file_that_was_edited_is_not_removed(project: Path, triggers: Run) -> None:
    (project / "a/datatransform.py").unlink()
    edited = project / "out/argo-workflows/datatransform/sensor.yaml"
    edited.write_text(edited.read_text() + "# see the runbook\n")
    before = contents(project / "out")
    more = ("--external-flow", "DataTransform")
    err = compiled(triggers, project, ".", *more, code=1)
    assert "error[FT018]: `out/argo-workflows/datatransform/sensor.yaml` would be removed" in err
    assert contents(project / "out") == before
    edited.unlink()
    out = compiled(triggers, project, ".", *more)
    assert "removed DataTransform" in out and flows(project) == {"processorder", "report"}


def test_what_the_project_file_excludes_goes(project: Path, triggers: Run) -> None:
    (project / "metaflow-triggers.toml").write_text('exclude = ["b/"]\n')
    out = compiled(triggers, project)
    assert "removed Report: b/report.py is excluded by the project file (4 files)\n" in out
    assert flows(project) == {"processorder", "datatransform"}
    # A folder in which it is compiled from elsewhere keeps what it knows.
    (project / "a/datatransform.py").unlink()
    done = triggers("compile", "..", "--no-code-package", "--output", "../out", cwd=project / "a")
    assert done.code == 0 and "removed DataTransform: datatransform.py is not there any more (4 files)\n" in done.out


def test_each_flow_has_the_file_that_it_is_from(project: Path, triggers: Run) -> None:
    index = read_index(project / "out")
    assert index["sources"]["step-functions/Report"] == "../b/report.py"
    assert sorted(index["sources"]) == sorted(index["flows"])


# In the process of the test ------------------------------------------------------------------------------------------


def wanted(folder: Path, *names: str, gone: tuple[str, ...] = ()) -> Wanted:
    owners = [f"x/{name}" for name in names]
    files = [File(f"x/{name}/a.yaml", packed(name), f"x/{name}", None, True) for name in names]
    here = folder.parent
    looked = Looked((str(here),), frozenset({str(here / "f.py")}), frozenset({"x"}), frozenset())
    sources = dict.fromkeys(owners, source(folder, str(here / "f.py"), here))
    return Wanted(
        files,
        {owner: {} for owner in owners},
        flows={o: {"name": o[2:]} for o in owners},
        sources=sources,
        looked=looked,
    )


@pytest.mark.parametrize("how", ["kill", "full"])
def test_a_stop_leaves_the_folder_as_before_or_as_after(how: str, tmp_path: Path) -> None:
    write(tmp_path / "out", wanted(tmp_path / "out", "A", "B", "C"))
    number = 0
    while True:
        folder = tmp_path / str(number) / "out"
        folder.parent.mkdir()
        write(folder, wanted(folder, "A", "B", "C"))
        met, _ = stopped(lambda folder=folder: write(folder, wanted(folder, "A")), folder, number, how)
        if not met:
            break
        change = write(folder, wanted(folder, "A"))
        assert {item.owner for item in change.rest.gone} in (set(), {"x/B", "x/C"})
        assert sorted(contents(folder)) == [INDEX, "x", "x/A", "x/A/a.yaml"], number
        number += 1
    assert number > 5


def test_a_folder_without_sources_keeps_all(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    first = wanted(folder, "A", "B")
    write(folder, Wanted(first.files, first.inputs, flows=first.flows))
    change = write(folder, wanted(folder, "A"))
    assert [(item.owner, item.why) for item in change.rest.kept] == [
        ("x/B", "of which the folder does not say the file")
    ]


def test_a_file_below_a_closed_folder_is_not_taken_for_gone(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may look everywhere")
    folder = tmp_path / "out"
    write(folder, wanted(folder, "A", "B"))
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    try:
        change = wanted(folder, "A")
        index = read_index(folder)
        index["sources"]["x/B"] = "../closed/g.py"
        from metaflow_triggers.compiling.owned import rest

        assert change.looked is not None
        assert [item.owner for item in rest(folder, index, change.inputs, change.looked).kept] == ["x/B"]
    finally:
        closed.chmod(0o700)


def test_where_a_flow_is_from_says_nothing_of_the_machine(tmp_path: Path) -> None:
    repository, other = tmp_path / "repository", tmp_path / "other"
    (repository / "flows").mkdir(parents=True)
    file = str(repository / "flows/f.py")
    assert source(repository / "deploy", file, repository) == "../flows/f.py"
    assert source(repository / "deploy", file, repository / "flows") is None
    (repository / ".git").mkdir()
    assert source(repository / "deploy", file, repository / "flows") == "../flows/f.py"
    assert source(other, file, repository) is None
    assert source(other, file, Path("/")) is None


def test_an_owner_of_another_place_with_the_same_name_is_no_obstacle(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    write(folder, wanted(folder, "A"))
    (folder / "x/A/notes.txt").write_text("mine")
    write(folder, wanted(folder, "B"))
    assert (folder / "x/A/notes.txt").read_text() == "mine" and not (folder / "x/A/a.yaml").exists()
    with pytest.raises(DiagnosticError):
        (folder / "x/B/a.yaml").write_text("edited")
        write(folder, wanted(folder, "C"))
    assert (folder / "x/B/a.yaml").read_text() == "edited"
