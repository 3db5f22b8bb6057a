"""`doctor` of the engine: each broken set-up is one line that is lacking, a right one has none; nothing is written."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from metaflow_triggers.doctor.findings import FINE, LACKING, Finding
from metaflow_triggers.engine import doctor
from metaflow_triggers.engine.schema import USER_VERSION
from metaflow_triggers.engine.store import connect


def content(folder: Path) -> dict[str, bytes]:
    """Of all files; of what processes share in memory only that it is there."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path): b"" if path.name.endswith("-shm") else path.read_bytes() for path in files}


def told(file: Path, logs: Path | None = None) -> list[Finding]:
    """What is not fine; the folder is as it was."""
    before = content(file.parent) if file.parent.is_dir() else {}
    found = list(doctor.examine(str(file), str(logs or f"{file}-logs")))
    assert (content(file.parent) if file.parent.is_dir() else {}) == before
    return [item for item in found if item.state != FINE]


def made(file: Path) -> None:
    connect(str(file)).close()


def test_nothing_is_lacking_before_and_after_it_is_made(tmp_path: Path) -> None:
    file = tmp_path / "a.db"
    assert told(file) == [] and list(tmp_path.iterdir()) == []
    made(file)
    assert told(file) == []


def test_a_database_that_is_open_and_those_that_were_not_closed(tmp_path: Path) -> None:
    file, left = tmp_path / "a.db", tmp_path / "left"
    connection = connect(str(file))
    connection.execute("INSERT INTO paused VALUES ('*', 'now')")
    assert Path(f"{file}-wal").exists()
    assert told(file) == []
    left.mkdir()
    for path in (file, Path(f"{file}-wal")):  # as after a loss of power: what is shared in memory is gone
        shutil.copy(path, left / path.name)
    assert told(left / "a.db") == []
    connection.close()


def test_a_database_whose_engine_was_killed(tmp_path: Path) -> None:
    file = tmp_path / "a.db"
    child = os.fork()
    if not child:
        connect(str(file)).execute("INSERT INTO paused VALUES ('*', 'now')")
        os._exit(0)
    os.waitpid(child, 0)
    assert {path.name for path in tmp_path.iterdir()} == {"a.db", "a.db-wal", "a.db-shm"}
    assert told(file) == []
    with connect(str(file)) as connection:
        assert connection.execute("SELECT count(*) FROM paused").fetchone() == (1,)
    connection.close()


def some_text(file: Path) -> None:
    file.write_text("notes " * 200)


def newer(file: Path) -> None:
    made(file)
    with sqlite3.connect(file) as connection:
        connection.execute(f"PRAGMA user_version = {USER_VERSION + 1}")
    connection.close()


def of_something_else(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE notes (text)")
    connection.close()


def damaged(file: Path) -> None:
    made(file)
    data = bytearray(file.read_bytes())
    data[4096 + 100 : 3 * 4096] = b"\x5a" * (2 * 4096 - 100)
    file.write_bytes(bytes(data))


BROKEN: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "text": (some_text, "FT750", "--database"),
    "a folder": (Path.mkdir, "FT750", "--database"),
    "something else": (of_something_else, "FT750", "--database"),
    "newer": (newer, "FT751", "pip install --upgrade metaflow-triggers"),
    "damaged": (damaged, "FT740", ".recover"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_database(tmp_path: Path, name: str) -> None:
    make, code, mend = BROKEN[name]
    make(tmp_path / "a.db")
    (found,) = told(tmp_path / "a.db")
    assert (found.state, found.thing, found.code) == (LACKING, "database", code)
    assert mend in " ".join(found.mends)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    (found,) = told(tmp_path / "no" / "a.db", tmp_path / "logs")
    assert (found.thing, found.code, found.mends[0]) == ("database", "FT750", f"mkdir -p {tmp_path}/no")


def test_logs_that_are_a_file(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("")
    (found,) = told(tmp_path / "a.db", tmp_path / "logs")
    assert (found.state, found.thing, found.code) == (LACKING, "folder for logs", "FT753")
    (found,) = told(tmp_path / "a.db", tmp_path / "logs" / "inside")
    assert (found.state, found.thing, found.code) == (LACKING, "folder for logs", "FT753")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
@pytest.mark.parametrize("closed", ["folder", "file"])
def test_what_may_not_be_written(tmp_path: Path, closed: str) -> None:
    file = tmp_path / "in" / "a.db"
    file.parent.mkdir()
    made(file)
    (file if closed == "file" else file.parent).chmod(0o500)
    (found,) = told(file, tmp_path / "logs")
    assert (found.state, found.thing, found.code) == (LACKING, "database", "FT742")
    file.parent.chmod(0o700)


def test_an_old_sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "OLDEST_SQLITE", (99, 0, 0))
    found = told(tmp_path / "a.db")
    assert [(item.state, item.thing) for item in found] == [(LACKING, "SQLite"), ("not asked", "database")]
