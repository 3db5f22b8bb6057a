"""A database that is damaged, full, read-only or locked: one coded message each, and exit code 1."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from metaflow_triggers.engine import faults, store

FLOW = """
from metaflow import FlowSpec, step, trigger


@trigger(event="a")
class S(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    S()
"""
COMMANDS = ["history S", "run f --until-idle", "list", "emit a", "pause", "retain"]


class Place:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "f").mkdir()
        (folder / "f" / "s.py").write_text(FLOW)
        self.database = str(folder / "e.db")
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "METAFLOW_USER": "me"}

    def run(self, words: str, before: str = "") -> subprocess.CompletedProcess[str]:
        code = f"{before}\nimport sys\nfrom metaflow_triggers.commands.cli import main\nsys.exit(main(sys.argv[1:]))"
        return subprocess.run(
            [sys.executable, "-c", code, *words.split()],
            cwd=self.folder,
            env={**self.environment, "METAFLOW_TRIGGERS_DATABASE": self.database},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )


FULL_DISK = """
import sqlite3
made = sqlite3.connect
def connect(*arguments, **named):
    connection = made(*arguments, **named)
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count={pages}")
    return connection
sqlite3.connect = connect
"""
# SQLite's own bound stands for the disk's; where a disk is really full is tried in the campaign.


def codes(text):
    return re.findall(r"(?:error|note)\[(FT\d+)\]", text)


@pytest.fixture
def place(tmp_path):
    made = Place(tmp_path)
    connection = store.connect(made.database)
    connection.execute("INSERT INTO cursors (flow_key, sequence) VALUES ('S', 0)")
    connection.executemany(
        "INSERT INTO events (id, name, kind, body, timestamp) VALUES (?, 'a', 'event', ?, '2026')",
        [(f"a/{number}", json.dumps({"p": "x" * 240_000})) for number in range(8)],
    )
    connection.close()
    return made


@pytest.mark.parametrize("words", COMMANDS)
def test_a_damaged_database_is_told_once(place, words):
    size = os.path.getsize(place.database)
    with open(place.database, "r+b") as file:
        for start, length in ((size // 2, 400_000), (8192, 30_000)):
            file.seek(start)
            file.write(os.urandom(length))
    done = place.run(words)
    assert (done.returncode, codes(done.stderr)) == (1, ["FT740"]), done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert "***" not in done.stderr  # a heading of SQLite says nothing


@pytest.mark.parametrize(
    ("words", "code"),
    [("emit a", "FT741"), ("history S", None), ("list", None)],
)
def test_a_full_disk(place, words, code):
    connection = sqlite3.connect(place.database)
    connection.execute("CREATE TABLE filler (x)")
    connection.execute("INSERT INTO filler VALUES (zeroblob(100))")
    connection.commit()
    connection.close()
    big = place.folder / "big"
    big.write_text(json.dumps({"x": "y" * 200_000}))
    done = place.run(words + (" --payload-file big" if words.startswith("emit") else ""), before=FULL_DISK)
    assert codes(done.stderr) == ([code] if code else []), done.stderr
    assert done.returncode == (1 if code else 0)
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_database_that_may_not_be_written(place):
    os.chmod(place.database, 0o444)
    os.chmod(place.folder, 0o555)
    try:
        done = place.run("emit a")
    finally:
        os.chmod(place.folder, 0o755)
    assert (done.returncode, codes(done.stderr)) == (1, ["FT742"])


READ_ONLY = """
import sqlite3
made = sqlite3.connect
def connect(*arguments, **named):
    connection = made(*arguments, **named)
    connection.execute("PRAGMA query_only = 1")
    return connection
sqlite3.connect = connect
"""
# As SQLite answers where the file may only be read; root may write everything.


@pytest.mark.parametrize(
    ("words", "code"),
    [("emit a", "FT742"), ("pause", "FT742"), ("retain --days 3", "FT742"), ("history S", None), ("list", None)],
)
def test_a_database_that_can_only_be_read(place, words, code):
    done = place.run(words, before=READ_ONLY)
    assert (done.returncode, codes(done.stderr)) == ((1, [code]) if code else (0, [])), done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", ["emit a", "pause", "retain --days 3"])
def test_a_database_that_stays_locked(place, words):
    holder = sqlite3.connect(place.database, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    quick = "from metaflow_extensions.triggers.plugins import local_events\nlocal_events.BUSY_MILLISECONDS = 200"
    done = place.run(words, before=quick)
    holder.execute("ROLLBACK")
    holder.close()
    assert (done.returncode, codes(done.stderr)) == (1, ["FT743"]), done.stderr


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("database disk image is malformed", "FT740"),
        ("disk I/O error", "FT740"),
        ("database or disk is full", "FT741"),
        ("attempt to write a readonly database", "FT742"),
        ("unable to open database file", "FT742"),
        ("database is locked", "FT743"),
        ("database table is locked", "FT743"),
    ],
)
def test_where_python_tells_no_number_the_words_decide(text, code):
    assert faults.code(sqlite3.OperationalError(text)) == code


def test_an_engine_that_meets_damage_ends_with_a_code(place):
    # Beyond what the look at its start reaches.
    before = "from metaflow_triggers.engine import faults\nfaults.check = lambda *arguments: None"
    with open(place.database, "r+b") as file:
        file.seek(os.path.getsize(place.database) // 2)
        file.write(os.urandom(600_000))
    done = place.run("run f --until-idle", before=before)
    assert (done.returncode, codes(done.stderr)) == (1, ["FT740"]), done.stderr


def damaged(path, number):
    """A copy, one page of which is no page."""
    copy = f"{path}.{number}"
    shutil.copy(path, copy)
    with open(copy, "r+b") as file:
        file.seek((number - 1) * 4096)
        file.write(b"\xaa" * 4096)
    return copy


def test_of_a_large_file_the_tables_that_do_not_grow_are_looked_at(place):
    with contextlib.closing(sqlite3.connect(place.database)) as connection, connection:
        connection.executemany(
            "INSERT INTO events (id, name, kind, body, timestamp) VALUES (?, 'a', 'event', ?, '2026')",
            [(f"b/{number}", "x" * 3000) for number in range(1200)],
        )
    with contextlib.closing(sqlite3.connect(place.database)) as connection:
        (many,) = connection.execute("PRAGMA page_count").fetchone()
        (small,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'schedules'").fetchone()
    assert many > faults.SHORT
    with contextlib.closing(sqlite3.connect(damaged(place.database, many - 100))) as connection:
        faults.check(connection)  # it would have to read all of it
        with pytest.raises(sqlite3.DatabaseError):
            faults.check(connection, faults.LONG)
    with (
        contextlib.closing(sqlite3.connect(damaged(place.database, small))) as connection,
        pytest.raises(sqlite3.DatabaseError),
    ):
        faults.check(connection)


def test_the_files_are_their_owners_alone(place):
    before = os.umask(0)
    try:
        made = str(place.folder / "new.db")
        connection = store.connect(made)
        connection.execute("INSERT INTO paused VALUES ('*', '')")
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in place.folder.glob("new.db*")}
        connection.close()
    finally:
        os.umask(before)
    assert modes == {"new.db": 0o600, "new.db-shm": 0o600, "new.db-wal": 0o600}


def test_logs_are_their_owners_alone(place):
    place.database = str(place.folder / "fresh.db")
    assert place.run("emit a").returncode == 0
    done = place.run("run f --until-idle", before="import os\nos.umask(0)")
    assert done.returncode == 0, done.stderr
    logs = place.folder / "fresh.db-logs"
    assert stat.S_IMODE(logs.stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in logs.glob("S.*.log")] == [0o600]
