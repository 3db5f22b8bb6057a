"""Migrations: a file of an earlier version is brought to this one whole or not at all, and never under an engine."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from datetime import datetime, timezone

import pytest
from metaflow_extensions.triggers.plugins import local_runs
from metaflow_triggers.diagnostics import DiagnosticError
from metaflow_triggers.engine import keep, migrate, schema, store

MORE = (*schema.MIGRATIONS, ("CREATE TABLE a (x)", "INSERT INTO a VALUES (1)"), ("ALTER TABLE a ADD COLUMN y",))


def content(path):
    """(version, tables and indexes, rows of each)."""
    connection = sqlite3.connect(path)
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        made = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
        tables = [name for name, sql in made if sql and sql.lstrip().startswith(("CREATE TABLE", "--"))]
        return version, made, {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in tables}
    finally:
        connection.close()


def of_version(path, version):
    migrate.migrate(str(path), schema.MIGRATIONS[:version])
    assert content(path)[0] == version
    return str(path)


def test_a_new_file_takes_all_migrations_and_an_old_one_those_that_it_lacks(tmp_path):
    new, old = str(tmp_path / "new.db"), of_version(tmp_path / "old.db", 1)
    for path in (new, old):
        store.connect(path).close()
    assert content(new) == content(old)
    assert content(new)[0] == store.USER_VERSION == len(schema.MIGRATIONS)


RELEASED = 3
"""The version of the files that the last release made."""


def in_use(path, version):
    """A file of that version as an engine of it leaves it: a start that waits, with its payload; one that is over."""
    of_version(path, version)
    document = '{"dependencies":[],"events":[{"event":{"id":"one","name":"a","payload":{"n":1}}}]}'
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        for sequence, state in ((1, "claimed"), (2, "succeeded")):
            connection.execute(
                "INSERT INTO events VALUES (?, ?, 'a', 'event', '{\"n\":1}', '2026')", (sequence, sequence)
            )
            connection.execute(
                "INSERT INTO starts (flow_key, start_key, name, document, state, reason, scheduled_at)"
                " VALUES ('A', ?, 'a', ?, ?, 'event a', '2026')",
                (f"event/a/{sequence}", document, state),
            )
        connection.execute("INSERT INTO cursors (flow_key, sequence) VALUES ('A', 2)")
    return str(path)


def test_a_file_in_use_keeps_what_it_has_and_is_not_pruned_before_that_was_said(tmp_path):
    path = in_use(tmp_path / "old.db", RELEASED)
    before = content(path)[2]
    with contextlib.closing(store.connect(path)) as connection:
        after = content(path)[2]
        assert {name: rows for name, rows in after.items() if name in before and name != "cursors"} == {
            name: rows for name, rows in before.items() if name != "cursors"
        }
        assert after["cursors"] == [("A", 2, None)]
        assert (after["forgotten"], after["settings"]) == ([], [])
        assert not keep.is_allowed(connection, datetime.now(timezone.utc))
        (text,) = connection.execute("SELECT document FROM starts WHERE state = 'claimed'").fetchone()
        assert json.loads(local_runs.whole_document(connection, text))["events"][0]["event"]["payload"] == {"n": 1}


@pytest.mark.parametrize("version", [1, RELEASED])
def test_a_migration_that_is_killed_at_any_statement_leaves_the_old_file_or_the_new_one(tmp_path, version):
    old = in_use(tmp_path / "old.db", version)
    before = content(old)
    new = str(tmp_path / "new.db")
    shutil.copy(old, new)
    migrate.migrate(new, MORE)
    after = content(new)
    killed = 0
    for statements in range(1, 200):
        path = str(tmp_path / f"{statements}.db")
        shutil.copy(old, path)
        if not _migrated_until(path, statements):
            break
        killed += 1
        assert content(path) in (before, after)
        migrate.migrate(path, MORE)
        assert content(path) == after
    assert killed > len(MORE) - version


def _migrated_until(path, statements):
    """Whether a process was killed at this statement of its migration."""
    pid = os.fork()
    if not pid:
        made = sqlite3.connect

        def connect(*arguments, **options):
            connection = made(*arguments, **options)
            left = statements

            def count(_):
                nonlocal left
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

            connection.set_trace_callback(count)
            return connection

        migrate.sqlite3.connect = connect
        migrate.migrate(path, MORE)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) in (0, -signal.SIGKILL)
    return os.WIFSIGNALED(status)


def holder(path):
    """Another process that has the file open until its standard input is closed."""
    code = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute('SELECT count(*) FROM starts').fetchone()
print('open', flush=True)
sys.stdin.read()
"""
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, "-c", code, path], stdin=pipe, stdout=pipe)
    assert process.stdout.readline() == b"open\n"
    return process


def test_an_engine_of_an_older_version_is_not_migrated_under(tmp_path, monkeypatch):
    path = of_version(tmp_path / "old.db", 1)
    before = content(path)
    engine = holder(path)
    monkeypatch.setattr(store, "migrate", functools.partial(migrate.migrate, patience=0.3))
    with pytest.raises(DiagnosticError, match="FT756"):
        store.connect(path)
    assert content(path) == before
    engine.stdin.close()
    assert engine.wait() == 0
    store.connect(path).close()
    assert content(path)[0] == store.USER_VERSION


def test_who_has_it_open_for_a_moment_is_waited_for(tmp_path):
    path = of_version(tmp_path / "old.db", 1)
    other = holder(path)
    threading.Timer(0.5, other.stdin.close).start()
    store.connect(path).close()
    assert other.wait() == 0
    assert content(path)[0] == store.USER_VERSION


def test_many_processes_migrate_one_file(tmp_path):
    path = of_version(tmp_path / "old.db", 1)
    code = "import sys; from metaflow_triggers.engine import store; store.connect(sys.argv[1]).close()"
    started = [subprocess.Popen([sys.executable, "-c", code, path]) for _ in range(4)]
    assert [process.wait() for process in started] == [0] * 4
    assert content(path)[0] == store.USER_VERSION


def test_a_full_disk_leaves_the_old_file(tmp_path):
    path = of_version(tmp_path / "old.db", 1)
    before = content(path)
    connection = sqlite3.connect(path)
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.close()
    full = (f"PRAGMA max_page_count={pages + 1}",)
    too_much = (*schema.MIGRATIONS[:1], (*full, "CREATE TABLE b (x)", "INSERT INTO b VALUES (zeroblob(100000))"))
    with pytest.raises(sqlite3.OperationalError, match="full"):
        migrate.migrate(path, too_much)
    assert content(path) == before
