"""The output folder: whole or not at all, one change at a time, nothing outside of it."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from metaflow_triggers.compiling import folder_lock, journal
from metaflow_triggers.compiling.compile import File
from metaflow_triggers.compiling.folder import INDEX, Wanted, read_index, settled, write
from metaflow_triggers.diagnostics import DiagnosticError
from metaflow_triggers.manifests.packed import packed

from .stops import contents, stopped


def files(owner: str, *paths: str, text: str = "one\n") -> list[File]:
    return [File(path, packed(text), owner, None, True) for path in paths]


FIRST = files("x/A", "x/A/a.yaml", "x/A/b.yaml", "x/old/c.yaml")
SECOND = files("x/A", "x/A/a.yaml", "x/new/d.yaml", text="two\n")


def first(folder: Path) -> None:
    write(folder, Wanted(FIRST, {"x/A": {}}))


def second(folder: Path) -> None:
    write(folder, Wanted(SECOND, {"x/A": {}}))


@pytest.fixture
def clean(tmp_path: Path) -> dict[str, bytes | None]:
    """What the folder holds after both changes, undisturbed."""
    first(tmp_path / "clean")
    second(tmp_path / "clean")
    return contents(tmp_path / "clean")


def test_a_change_leaves_its_files_and_nothing_else(clean: dict[str, bytes | None]) -> None:
    assert sorted(clean) == [INDEX, "x", "x/A", "x/A/a.yaml", "x/new", "x/new/d.yaml"]


@pytest.mark.parametrize("how", ["kill", "full"])
@pytest.mark.parametrize("new", [True, False], ids=["a new folder", "a folder with files"])
def test_a_stop_at_any_change_is_mended_by_the_next_command(
    how: str, new: bool, tmp_path: Path, clean: dict[str, bytes | None]
) -> None:
    only_first = tmp_path / "first"
    first(only_first)
    started = contents(only_first)
    number, states = 0, set()
    while True:
        folder = tmp_path / f"{how}{number}"
        if not new:
            shutil.copytree(only_first, folder)
        work = first if new else second
        met, said = stopped(lambda work=work, folder=folder: work(folder), folder, number, how)
        if not met:
            break
        now = contents(folder) if folder.exists() else {}
        if how == "full" and "FT014" not in said and said:
            # "Nothing was written" is what the command says then.
            assert now == ({} if new else started), (number, said)
        if (folder / INDEX).exists():
            seen = settled(folder, lambda index: sorted(index["files"]))
            texts = {path: (folder / path).read_text() for path in seen}
            assert texts in ({file.path: file.text for file in wanted} for wanted in (FIRST, SECOND))
            states.add(len(texts))
        if new:
            first(folder)
        second(folder)
        assert contents(folder) == clean, number
        number += 1
    assert number > 12
    assert states == ({3} if new else {2, 3})


def test_a_change_that_the_disk_refuses_half_way_is_said_and_finished_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clean: dict[str, bytes | None]
) -> None:
    folder = tmp_path / "out"
    first(folder)
    real = os.replace

    def refuse(source: str, target: Path) -> None:
        if str(target).endswith("d.yaml"):
            raise PermissionError(1, "Operation not permitted", str(target))
        real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", refuse)
        with pytest.raises(DiagnosticError) as raised:
            second(folder)
    (found,) = raised.value.diagnostics
    assert found.code == "FT014" and "Operation not permitted" in found.message
    assert raised.value.result == f"`{folder}` was changed in part"
    assert settled(folder, lambda index: sorted(index["files"])) == ["x/A/a.yaml", "x/new/d.yaml"]
    assert contents(folder) == clean


def _one(folder: Path, name: str, barrier: object) -> None:
    barrier.wait()  # type: ignore[attr-defined]
    write(folder, Wanted(files(f"x/{name}", *(f"x/{name}{number}.yaml" for number in range(6))), {f"x/{name}": {}}))


def at_once(tmp_path: Path, rounds: int) -> None:
    for number in range(rounds):
        folder = tmp_path / str(number) / "out"
        barrier = multiprocessing.Barrier(2)
        both = [multiprocessing.Process(target=_one, args=(folder, name, barrier)) for name in "AB"]
        for process in both:
            process.start()
        for process in both:
            process.join()
        assert len(read_index(folder)["files"]) == 12
        assert {path.name for path in folder.iterdir()} == {INDEX, "x"}


def test_two_at_once_leave_both(tmp_path: Path) -> None:
    at_once(tmp_path, 20)


FLOW = """from metaflow import FlowSpec, step, trigger

@trigger(event="e")
class NAME(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    NAME()
"""


def whole_compile(folder: Path, name: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "metaflow_triggers.commands.cli", "compile", f"{name}.py", "--no-code-package"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "METAFLOW_USER": "me"}
    with open(folder / f"{name}.txt", "wb") as said:
        return subprocess.Popen([*command, "--output", "out"], cwd=folder, env=environment, stdout=said, stderr=said)


def whole_at_once(folder: Path, rounds: int) -> None:
    for name in "AB":
        (folder / f"{name}.py").write_text(FLOW.replace("NAME", name))
        assert whole_compile(folder, name).wait() == 0, (folder / f"{name}.txt").read_text()
    clean = contents(folder / "out")
    assert len(read_index(folder / "out")["flows"]) == 4  # two of each backend
    for number in range(rounds):
        shutil.rmtree(folder / "out")
        both = [whole_compile(folder, name) for name in "AB"]
        assert [process.wait() for process in both] == [0, 0], number
        assert contents(folder / "out") == clean, number


@pytest.mark.long
def test_two_at_once_leave_both_200_rounds(tmp_path: Path) -> None:
    at_once(tmp_path, 200)


@pytest.mark.long
def test_two_whole_compiles_at_once_leave_both_200_rounds(tmp_path: Path) -> None:
    whole_at_once(tmp_path, 200)


def test_who_holds_the_folder_is_said_and_a_dead_holder_holds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "out"
    first(folder)
    ready, release = multiprocessing.Event(), multiprocessing.Event()

    def hold() -> None:
        with folder_lock.locked(folder):
            ready.set()
            release.wait()

    holder = multiprocessing.Process(target=hold)
    holder.start()
    ready.wait()
    with pytest.raises(DiagnosticError) as raised, folder_lock.locked(folder, seconds=0.1):
        pass
    (found,) = raised.value.diagnostics
    assert found.code == "FT013" and f"process {holder.pid} on " in found.message
    holder.kill()
    holder.join()
    assert (folder / folder_lock.NAME).exists()
    started = time.monotonic()
    second(folder)
    assert time.monotonic() - started < 30
    assert not (folder / folder_lock.NAME).exists()


def test_nothing_outside_of_the_folder_is_removed(tmp_path: Path) -> None:
    folder, precious = tmp_path / "out", tmp_path / "precious"
    first(folder)
    precious.mkdir()
    (precious / "data.yaml").write_text("keep")
    (folder / "away").symlink_to(precious)
    index = json.loads((folder / INDEX).read_text())
    index["files"]["away/data.yaml"] = {"owner": "x/A", "sha256": "0"}
    (folder / INDEX).write_text(json.dumps(index))
    before = contents(folder)
    with pytest.raises(DiagnosticError) as raised:
        second(folder)
    assert "`away/data.yaml` is or lies below a symbolic link" in raised.value.diagnostics[0].message
    assert contents(folder) == before and (precious / "data.yaml").read_text() == "keep"


def test_a_stale_link_goes_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    first(folder)
    (tmp_path / "kept").write_text("keep")
    (folder / "x/A/b.yaml").unlink()
    (folder / "x/A/b.yaml").symlink_to(tmp_path / "kept")
    second(folder)
    assert not (folder / "x/A/b.yaml").is_symlink() and (tmp_path / "kept").read_text() == "keep"


def test_a_folder_of_somebody_else_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DiagnosticError) as raised:
        first(tmp_path)
    assert raised.value.diagnostics[0].code == "FT003"
    assert contents(tmp_path) == {"notes.txt": b"mine"}


def test_where_the_file_system_folds_names_two_spellings_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "folds", lambda folder: True)  # asked of the file system; none here folds
    folder = tmp_path / "out"
    with pytest.raises(DiagnosticError) as raised:
        write(folder, Wanted(files("x/A", "x/Order.yaml", "x/order.yaml"), {"x/A": {}}))
    assert "takes `x/Order.yaml` and `x/order.yaml` for one file" in raised.value.diagnostics[0].message
    assert not folder.exists()
