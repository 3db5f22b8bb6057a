"""The database file: made once, never somebody else's, never a newer one; events are accepted whole or not at all."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from contextlib import closing

import pytest
from metaflow_extensions.triggers.plugins import local_events
from metaflow_triggers.diagnostics import DiagnosticError
from metaflow_triggers.engine import store

NOW = "2026-01-05T12:00:00.000000+00:00"


def code_of(path, **options):
    with pytest.raises(DiagnosticError) as caught:
        store.connect(str(path), **options)
    return caught.value.diagnostics[0].code


def sqlite_file(path, *statements):
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    "content", [b"a text, and not a database\n" * 100, b"\0" * 4096, b"SQLite format 3\0" + b"x" * 200]
)
def test_another_file_is_refused_and_untouched(tmp_path, content):
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    assert code_of(path) == "FT750"
    assert path.read_bytes() == content
    assert [item.name for item in tmp_path.iterdir()] == ["notes.txt"]


def test_a_database_of_something_else_is_refused_and_untouched(tmp_path):
    path = tmp_path / "other.db"
    sqlite_file(path, "CREATE TABLE starts (id INTEGER)")
    before = path.read_bytes()
    assert code_of(path) == "FT750"
    assert path.read_bytes() == before
    with pytest.raises(sqlite3.DatabaseError):
        local_events.append(str(path), "e", "{}", "1", NOW)
    assert path.read_bytes() == before


def test_a_newer_database_is_refused_and_untouched(tmp_path):
    path = tmp_path / "newer.db"
    store.connect(str(path)).close()
    sqlite_file(path, f"PRAGMA user_version={store.USER_VERSION + 1}")
    before = path.read_bytes()
    assert code_of(path) == "FT751"
    assert path.read_bytes() == before


def test_a_folder_and_a_missing_folder_are_refused(tmp_path):
    assert code_of(tmp_path) == "FT750"
    assert code_of(tmp_path / "no" / "x.db") == "FT750"
    assert code_of(tmp_path / "x.db", create=False) == "FT752"
    assert list(tmp_path.iterdir()) == []


def test_an_empty_file_and_odd_names_are_taken(tmp_path):
    path = tmp_path / "what? a#name%20.db"
    path.touch()
    store.connect(str(path)).close()
    assert local_events.append(str(path), "e", "{}", "1", NOW)
    assert not local_events.append(str(path), "e", "{}", "1", NOW)


def test_many_processes_make_one_database(tmp_path):
    path = str(tmp_path / "x.db")
    code = "import sys; from metaflow_triggers.engine import store; store.connect(sys.argv[1]).close()"
    started = [subprocess.Popen([sys.executable, "-c", code, path]) for _ in range(4)]
    assert [process.wait() for process in started] == [0] * 4
    connection = store.connect(path)
    assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'events'").fetchone() == (1,)
    connection.close()


def test_commits_reach_the_disk_before_they_return(tmp_path):
    path = str(tmp_path / "x.db")
    connection = store.connect(path)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    connection.close()


def test_a_large_transaction_does_not_keep_the_room_that_it_took_in_the_log(tmp_path):
    path = str(tmp_path / "large.db")
    with closing(store.connect(path)) as connection:
        with local_events.transaction(connection):
            for number in range(100):
                connection.execute(
                    "INSERT INTO events (id, name, kind, body, timestamp) VALUES (?, 'large', 'event', ?, ?)",
                    (str(number), '"' + "x" * 240_000 + '"', NOW),
                )
        large = (tmp_path / "large.db-wal").stat().st_size
        for number in range(3):
            local_events.append(path, "small", "{}", str(number), NOW)
        assert (tmp_path / "large.db-wal").stat().st_size <= 16 << 20 < large


def test_many_threads_append_with_few_commits_and_lose_none(tmp_path):
    path = str(tmp_path / "x.db")
    store.connect(path).close()
    appender = store.Appender(path)
    answers = []

    def work(number):
        answers.extend(appender.append("e", "{}", f"{number}-{place % 40}", NOW) for place in range(50))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    appender.close()
    assert answers.count(True) == 8 * 40
    assert answers.count(False) == 8 * 10
    connection = store.connect(path)
    assert connection.execute("SELECT count(*) FROM events").fetchone() == (320,)
    connection.close()


def test_an_event_that_cannot_be_stored_is_not_accepted(tmp_path):
    path = str(tmp_path / "x.db")
    store.connect(path).close()
    appender = store.Appender(path)
    (pages,) = appender._connection.execute("PRAGMA page_count").fetchone()
    appender._connection.execute(f"PRAGMA max_page_count={pages + 3}")
    accepted = 0
    with pytest.raises(sqlite3.OperationalError, match="full"):
        for number in range(100):
            appender.append("e", '{"x": "%s"}' % ("y" * 2000), str(number), NOW)
            accepted += 1
    appender.close()
    connection = store.connect(path)
    assert connection.execute("SELECT count(*) FROM events").fetchone() == (accepted,)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
