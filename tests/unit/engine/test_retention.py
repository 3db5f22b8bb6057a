"""Retention: what is old or too much goes, what something needs stays, and nothing starts twice for it."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta, timezone

import pytest
from metaflow_extensions.triggers.plugins import local_events, local_runs
from metaflow_triggers.engine import keep, migrate, schema, starts, store
from metaflow_triggers.engine.retention import Retention
from metaflow_triggers.engine.waits import local_flow

from .bench import START, Bench, StillClock
from .flows import all_of, any_of, event, finished, flow

DAY = 86400.0
ANY, SET, NEXT = (
    flow("Any", any_of(event("x"))),
    flow("Set", all_of(event("x"), event("y"))),
    flow("Next", any_of(finished("Any"))),
)


@pytest.fixture
def bench(bench):
    """A bench whose clock begins now: what ends, ends by the machine's clock."""

    def make(*flows):
        made = bench(*flows)
        made.clock = StillClock(datetime.now(timezone.utc))
        return made

    return make


def turns(engine, number=5):
    for _ in range(number):
        engine.turn()


def sequences(b):
    with closing(local_events.connect(b.path)) as connection:
        return [sequence for (sequence,) in connection.execute("SELECT sequence FROM events ORDER BY sequence")]


def prune(b, logs=None, flows=None, rounds=6):
    retention = Retention(b.path, b.flows if flows is None else flows, logs, b.clock)
    with closing(store.connect(b.path)) as connection:
        return sum(retention.step(connection) for _ in range(rounds))


def set_keep(b, **said):
    with closing(store.connect(b.path)) as connection:
        keep.write(connection, keep.Keep(**said))


def test_what_has_ended_for_thirty_days_goes_and_starts_nothing_again(bench, tmp_path):
    b = bench(ANY, NEXT)
    engine = b.engine()
    b.emit("x", {"secret": "s" * 1000}, identity="one")
    turns(engine)
    logs = tmp_path / "logs"
    logs.mkdir()
    for name in ("Any.1.log", "Next.2.log", "polls.log"):
        (logs / name).write_text("printed")
        os.utime(logs / name, (b.clock.now().timestamp(),) * 2)
    b.clock.forward(29 * DAY)
    b.emit("x", identity="later")
    turns(engine)
    with closing(local_events.connect(b.path)) as connection:  # as if it had ended by the bench's clock
        moment = local_events.timestamp_text(b.clock.now())
        connection.execute("UPDATE starts SET ended_at = ? WHERE start_key = 'event/x/later'", (moment,))
    assert prune(b, str(logs)) == 0
    b.clock.forward(2 * DAY)
    assert prune(b, str(logs)) > 0
    assert [key for (key,) in b.rows("start_key", "flow_key = 'Any'")] == ["event/x/later"]
    assert sorted(item.name for item in logs.iterdir()) == ["polls.log"]
    with closing(local_events.connect(b.path)) as connection:
        text = " ".join(str(row) for row in connection.iterdump())
        assert "ssss" not in text
    # The same event, and the end of the same run, start nothing again.
    count = len(b.rows())
    b.emit("x", identity="one")
    b.emit("x", identity="later")
    turns(engine)
    assert len(b.rows()) == count


def test_ids_of_earlier_versions_are_remembered_too(bench):
    b = bench(ANY)
    with closing(local_events.connect(b.path)) as connection:
        moment = local_events.timestamp_text(b.clock.now())
        connection.execute(
            "INSERT INTO events (id, name, kind, body, timestamp) VALUES ('old', 'x', 'event', '{}', ?)", (moment,)
        )
    engine = b.engine()
    turns(engine)
    b.emit("z")
    b.clock.forward(31 * DAY)
    turns(engine)
    assert prune(b) > 0
    b.emit("x", identity="old")
    turns(engine)
    assert b.rows() == []


def test_what_a_set_a_waiting_start_and_an_unread_flow_hold_stays(bench):
    b = bench(ANY, SET, flow("Paused", any_of(event("p"))), flow("Running", any_of(event("r"))))
    engine = b.engine(lambda order: None if order.flow_key == "Running" else "succeeded")
    with closing(local_events.connect(b.path)) as connection:
        connection.execute("INSERT INTO paused VALUES ('Paused', '')")
    for name in ("x", "p", "r", "nobody"):
        b.emit(name, {"of": name})
    turns(engine)
    b.clock.forward(40 * DAY)
    b.emit("last")
    turns(engine)
    engine._matcher.flush(engine.connection)
    prune(b)
    assert sequences(b) == [
        1,
        2,
        3,
        6,
    ]  # x for the set, p and r for their starts; the outcome of Any, `nobody` have gone
    b.emit("y")
    with closing(local_events.connect(b.path)) as connection:
        connection.execute("DELETE FROM paused")
    turns(engine)
    assert b.rows("flow_key, state", "flow_key IN ('Set', 'Paused')") == [("Paused", "succeeded"), ("Set", "succeeded")]
    assert {"of": "x"} in b.payloads()[-1]


def test_an_event_that_a_served_flow_has_not_read_stays_and_one_of_a_flow_long_gone_does_not(bench):
    b = bench(ANY)
    gone = b.engine(flows=[local_flow(flow("Gone", any_of(event("g"))))])
    gone.turn()
    engine = b.engine()
    engine.turn()
    prune(b)  # both are known to be served now
    b.emit("g", identity="unread")
    b.emit("last")
    b.clock.forward(20 * DAY)
    prune(b)
    turns(engine)
    engine._matcher.flush(engine.connection)
    assert set(store.waited_for(engine.connection)) == {"Any", "Gone"}
    set_keep(b, days=10)
    assert prune(b) == 1  # `Gone` was served 20 days ago: longer than things are kept
    assert set(store.waited_for(engine.connection)) == {"Any"}
    set_keep(b, days=30)
    assert sequences(b) == [2]


def test_beyond_the_size_the_oldest_goes(bench):
    b = bench(ANY)
    engine = b.engine()
    set_keep(b, size=1 << 20)
    for number in range(40):
        b.emit("x", {"text": "y" * 60_000, "n": number}, identity=str(number))
        b.clock.forward(60)
        turns(engine, 2)
    engine._matcher.flush(engine.connection)
    assert prune(b, rounds=1) > 0
    kept = [json.loads(body)["n"] for (body,) in _rows(b, "SELECT body FROM events WHERE kind = 'event'")]
    assert kept == list(range(40 - len(kept), 40))
    assert 5 <= len(kept) <= 17
    assert prune(b, rounds=1) == 0


def instructions(b, retention):
    """(rows that went, how many thousand steps of SQLite's machine a look took)."""
    steps = 0

    def count():
        nonlocal steps
        steps += 1

    with closing(store.connect(b.path)) as connection:
        connection.set_progress_handler(count, 1000)
        return retention.step(connection), steps


def filled(b, many, old=0):
    """A database with so many events, each of which has started something that is over; the first are old."""
    moments = [local_events.timestamp_text(b.clock.now() - timedelta(days=days)) for days in (31, 1)]
    numbers = range(1, many + 1)
    with closing(store.connect(b.path)) as connection, store.transaction(connection):
        connection.executemany(
            "INSERT INTO events VALUES (?, ?, 'x', 'event', ?, ?)",
            [(number, f"x/{number}", '{"p":"' + "p" * 1000 + '"}', moments[number > old]) for number in numbers],
        )
        connection.executemany(
            "INSERT INTO starts (flow_key, start_key, name, document, state, reason, scheduled_at, ended_at)"
            " VALUES ('Any', ?, 'x', '{\"events\":[]}', 'succeeded', '', ?, ?)",
            [(f"event/x/{number}", *[moments[number > old]] * 2) for number in numbers],
        )
        connection.execute("INSERT INTO cursors (flow_key, sequence) VALUES ('Any', ?)", (many,))
    return Retention(b.path, b.flows, None, b.clock)


def test_pruning_costs_what_goes_and_not_what_stays(bench, tmp_path):
    took = {}
    for many in (2_000, 16_000):
        folder = tmp_path / str(many)
        folder.mkdir()
        b = Bench(folder, ANY)
        b.clock = StillClock(datetime.now(timezone.utc))
        retention = filled(b, many, old=400)
        old = instructions(b, retention)
        b.clock.forward(5)
        nothing = instructions(b, retention)
        with closing(store.connect(b.path)) as connection:
            keep.write(connection, keep.Keep(size=retention._bytes(connection) - 300_000))
        b.clock.forward(5)
        excess = instructions(b, retention)
        took[many] = (old, nothing, excess)
    (old, nothing, excess), more = took[2_000], took[16_000]
    assert old[0] == more[0][0] == 800
    assert nothing[0] == more[1][0] == 0
    assert 200 < excess[0] < more[2][0] < 1600
    assert more[0][1] <= 1.3 * old[1]
    assert nothing[1] <= more[1][1] <= 2
    assert more[2][1] / more[2][0] <= 1.3 * excess[1] / excess[0]


def test_what_waits_is_looked_at_once_an_hour_and_not_at_each_look(bench):
    b = bench(ANY)
    retention = filled(b, 4_000, old=4_000)
    with closing(store.connect(b.path)) as connection:
        connection.execute(
            "UPDATE starts SET state = 'claimed', ended_at = NULL,"
            " document = '{\"events\":[{\"sequence\":' || id || '}]}'"
        )
    first, again = instructions(b, retention), instructions(b, retention)
    assert first[0] == again[0] == 0
    assert again[1] <= 2 < 40 < first[1]
    with closing(store.connect(b.path)) as connection:
        connection.execute("UPDATE starts SET state = 'succeeded', ended_at = scheduled_at")
    b.clock.forward(3601)
    assert instructions(b, retention)[0] == 7_999  # the newest event stays


def _rows(b, question):
    with closing(local_events.connect(b.path)) as connection:
        return connection.execute(question).fetchall()


def test_an_engine_goes_on_when_a_run_was_pruned_before_it_saw_its_end(bench):
    b = bench(ANY)
    ends = {"state": None}
    engine = b.engine(lambda order: ends["state"])
    b.emit("x", identity="one")
    turns(engine)
    with closing(store.connect(b.path)) as connection:
        (start_id,) = connection.execute("SELECT id FROM starts").fetchone()
        local_runs.finish(connection, start_id, "succeeded")
    b.clock.forward(31 * DAY)  # or there is too much
    assert prune(b) == 2
    b.launcher.running[0].code = 0
    ends["state"] = "succeeded"
    b.emit("x", identity="two")
    turns(engine)
    assert b.rows("start_key, state") == [("event/x/two", "succeeded")]


def test_schedules_and_polls_that_fired_once_do_not_fire_again(bench):
    b = bench(ANY)
    with closing(store.connect(b.path)) as connection:
        add = starts.add_start
        assert add(connection, "Any", "schedule/0 8 * * ? * UTC/2026-01-05T08:00Z", (), (), "s", now=START)
        (start_id,) = connection.execute("SELECT id FROM starts").fetchone()
        local_runs.begin(connection, start_id)
        local_runs.finish(connection, start_id, "succeeded")
        connection.execute("UPDATE starts SET ended_at = scheduled_at")
    b.clock.forward(40 * DAY)
    prune(b)
    assert b.rows() == []
    with closing(store.connect(b.path)) as connection:
        assert connection.execute("SELECT count(*) FROM forgotten").fetchone() == (1,)
        assert add(connection, "Any", "schedule/0 8 * * ? * UTC/2026-01-05T08:00Z", (), (), "s", now=START) is None


def test_ids_go_when_that_is_set(bench):
    b = bench(ANY)
    engine = b.engine()
    b.emit("x", identity="one")
    turns(engine)
    b.emit("last")
    b.clock.forward(31 * DAY)
    turns(engine)
    engine._matcher.flush(engine.connection)
    prune(b)
    b.clock.forward(100 * DAY)
    prune(b)
    assert _rows(b, "SELECT count(*) FROM forgotten") == [(1,)]
    set_keep(b, ids=90)
    prune(b)
    assert _rows(b, "SELECT count(*) FROM forgotten") == [(0,)]


def old_database(folder):
    """A file as an earlier version left it, with an event of long ago."""
    path = str(folder / "old.db")
    migrate.migrate(path, schema.MIGRATIONS[:2])
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(
            "INSERT INTO events (id, name, kind, body, timestamp) VALUES ('a', 'x', 'event', '{}', '2020'), "
            "('b', 'x', 'event', '{}', '2020')"
        )
        connection.execute("INSERT INTO cursors VALUES ('Any', 2)")
    return path


def test_an_old_database_is_pruned_a_day_after_its_user_was_told(tmp_path):
    b = Bench.__new__(Bench)
    b.path = old_database(tmp_path)
    b.clock, b.flows = StillClock(datetime.now(timezone.utc)), []
    with closing(store.connect(b.path)) as connection:
        assert prune(b) == 0
        begin = keep.announce(connection, b.clock.now())
        assert begin == local_events.timestamp_text(b.clock.now() + timedelta(days=1))
        b.clock.forward(DAY / 2)
        assert prune(b) == 0
        assert keep.announce(connection, b.clock.now()) == begin  # told again, and not put off
        b.clock.forward(DAY)
        assert keep.announce(connection, b.clock.now()) is None
        assert prune(b) == 1


def test_who_sets_it_has_been_told(tmp_path):
    b = Bench.__new__(Bench)
    b.path = old_database(tmp_path)
    b.clock, b.flows = StillClock(datetime.now(timezone.utc)), []
    set_keep(b, days=1)
    assert prune(b) == 1


def test_a_new_database_needs_no_notice(tmp_path):
    path = str(tmp_path / "new.db")
    with closing(store.connect(path)) as connection:
        assert keep.announce(connection, START) is None
        assert keep.read(connection) == keep.Keep(30, 2 << 30, None)


@pytest.mark.parametrize("statements", range(1, 60, 4))
def test_a_kill_while_pruning_leaves_nothing_half_done(bench, statements):
    b = bench(ANY)
    engine = b.engine()
    for number in range(3):
        b.emit("x", identity=str(number))
    turns(engine)
    b.emit("last")
    b.clock.forward(31 * DAY)
    turns(engine)
    engine._matcher.flush(engine.connection)
    for made in b.engines:
        made.close()
    b.engines.clear()
    if not (pid := os.fork()):
        with closing(store.connect(b.path)) as connection:
            left = statements

            def count(_):
                nonlocal left
                left -= 1
                if not left:
                    os.kill(os.getpid(), 9)

            connection.set_trace_callback(count)
            Retention(b.path, b.flows, None, b.clock).step(connection)
        os._exit(0)
    os.waitpid(pid, 0)
    events = {identity for (identity,) in _rows(b, "SELECT id FROM events WHERE kind = 'event' AND name = 'x'")}
    (hashes,) = _rows(b, "SELECT count(*) FROM forgotten")[0]
    assert len(events) + hashes == 3
    engine = b.engine()
    for number in range(3):
        b.emit("x", identity=str(number))
    turns(engine)
    prune(b)
    assert len(b.rows()) <= 3
    assert all(state == "succeeded" for (state,) in b.rows("state"))
