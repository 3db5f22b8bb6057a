"""The loop: what is issued when, what becomes of runs, several engines on one file."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from datetime import timedelta

import pytest
from metaflow_extensions.triggers.plugins import local_events, local_runs
from metaflow_triggers.engine import observe
from metaflow_triggers.engine.issue import ATTEMPTS
from metaflow_triggers.engine.launch import CommandLauncher
from metaflow_triggers.engine.store import transaction
from metaflow_triggers.polling.clock import SystemClock

from .bench import AtOnce, Ended, StillClock
from .flows import all_of, any_of, event, finished, flow, with_options


def turns(engine, number=5):
    for _ in range(number):
        engine.turn()


def test_the_runs_of_all_flows_are_bounded_and_the_last_place_is_for_a_flow_that_has_none(bench):
    b = bench(flow("Slow", any_of(event("x"))), flow("Quick", any_of(event("y"))))
    engine = b.engine(lambda order: None if order.flow_key == "Slow" else "succeeded", max_runs=3)
    for _ in range(5):
        b.emit("x")
    turns(engine)
    assert b.rows("state") == [("started",)] * 2 + [("claimed",)] * 3
    b.emit("y")
    b.emit("y")
    turns(engine)
    assert b.rows("state", "flow_key = 'Quick'") == [("succeeded",), ("succeeded",)]
    assert len(b.launcher.running) == 2


def test_a_flow_that_is_alone_has_all_places(bench):
    b = bench(flow("Slow", any_of(event("x"))))
    engine = b.engine(lambda order: None, max_runs=3)
    for _ in range(5):
        b.emit("x")
    turns(engine)
    assert b.rows("state") == [("started",)] * 3 + [("claimed",)] * 2


def test_places_are_shared_fairly_whatever_came_first(bench):
    b = bench(*(flow(name, any_of(event(name.lower()))) for name in "ABC"))
    engine = b.engine(lambda order: None, max_runs=7)
    for name, number in (("a", 20), ("b", 5), ("c", 1)):
        for _ in range(number):
            b.emit(name)
    turns(engine)
    assert Counter(key for (key,) in b.rows("flow_key", "state = 'started'")) == {"A": 3, "B": 2, "C": 1}


def test_runs_that_a_dead_engine_left_count_too(bench):
    b = bench(flow("A", any_of(event("x"))), flow("B", any_of(event("y"))))
    first = b.engine(lambda order: None, max_runs=3)
    for _ in range(5):
        b.emit("x")
    first.turn()
    assert b.rows("state", "flow_key = 'A'") == [("started",)] * 2 + [("claimed",)] * 3
    connection = local_events.connect(b.path)
    connection.execute("UPDATE starts SET owner_pid = 999999999, owner_started = 'x' WHERE state = 'started'")
    connection.close()
    second = b.engine(lambda order: None, max_runs=3)
    for _ in range(5):
        b.emit("y")
    turns(second)
    assert b.rows("state", "flow_key = 'B'") == [("started",)] + [("claimed",)] * 4


def test_further_starts_of_a_flow_wait_while_so_many_are_active_on_the_database(bench):
    bounded = with_options(any_of(event("x")), max_active=2)
    b = bench(flow("A", bounded, any_of(event("z"))), flow("B", any_of(event("x"))))
    engines = [b.engine(lambda order: None if order.flow_key == "A" else "succeeded") for _ in range(2)]
    for name in "xxxz":
        b.emit(name)
    for engine in (*engines, *engines):
        turns(engine)
    assert b.rows("state", "flow_key = 'A'") == [("started",)] * 2 + [("claimed",)] * 2
    assert b.rows("state", "flow_key = 'B'") == [("succeeded",)] * 3
    for (start_id,) in b.rows("id", "flow_key = 'A' AND state = 'started'"):
        connection = local_events.connect(b.path)
        local_runs.finish(connection, start_id, "failed", "because")
        connection.close()
    for engine in engines:
        turns(engine)
    assert b.rows("state", "flow_key = 'A'") == [("failed",)] * 2 + [("started",)] * 2


def test_starts_are_issued_oldest_first(bench):
    b = bench(flow("A", any_of(event("x"))), flow("B", any_of(event("x"))))
    engine = b.engine(max_runs=1)
    for _ in range(6):
        b.emit("x")
    engine.run(until_idle=True)
    issued = [order.start_id for order in b.launcher.orders if order.flow_key == "A"]
    assert issued == sorted(issued)
    assert len(b.launcher.orders) == 12


def test_the_engine_looks_more_often_for_a_second_after_something_happened(bench):
    b = bench(flow("A", any_of(event("x"))))
    waits = []

    class Noting(StillClock):
        def wait(self, stopped, seconds):
            waits.append(seconds)
            if len(waits) == 100:
                b.emit("x")
            if len(waits) == 600:
                engine.stop()
            return super().wait(stopped, seconds)

    engine = b.engine(clock=Noting())
    engine.run()
    assert b.rows("state") == [("succeeded",)]
    assert set(waits[:100]) == {0.012}
    assert waits[100:].count(0.004) in (250, 251)  # a second of them, and none before it is over
    assert waits[100:].index(0.012) >= 250


def test_many_engines_on_one_file_start_each_once(bench):
    b = bench(
        flow("A", any_of(event("x"))), flow("B", all_of(event("x"), event("y"))), flow("C", any_of(finished("A")))
    )
    engines = [b.engine(launcher=AtOnce(b.path), clock=SystemClock()) for _ in range(3)]
    threads = [threading.Thread(target=engine.run) for engine in engines]
    for thread in threads:
        thread.start()
    for number in range(60):
        b.emit("x" if number % 2 else "y", {"n": number})
    wait_until(lambda: len(b.rows("id", "flow_key = 'C' AND state = 'succeeded'")) == 30)
    for engine in engines:
        engine.stop()
    for thread in threads:
        thread.join()
    b.engine(clock=SystemClock()).run(until_idle=True)
    states = b.rows(
        "flow_key, count(*), count(DISTINCT start_key), min(state), max(attempts)", "true GROUP BY flow_key"
    )
    assert sorted(row[:4] for row in states) == [
        ("A", 30, 30, "succeeded"),
        ("B", 30, 30, "succeeded"),
        ("C", 30, 30, "succeeded"),
    ]


def test_a_start_of_a_dead_engine_is_issued_by_another(bench):
    b = bench(flow("A", any_of(event("x"))))
    engine = b.engine()
    b.emit("x")
    engine.turn()
    engine._children.clear()
    with transaction(engine.connection):  # as if it had been issued by a process that is gone
        engine.connection.execute("UPDATE starts SET state = 'claimed', owner_pid = 4194305, owner_started = 'then'")
    b.clock.forward(5)
    engine.run(until_idle=True)
    assert b.rows("state, attempts") == [("succeeded", 2)]


def test_a_start_of_a_living_engine_is_left_to_it(bench):
    b = bench(flow("A", any_of(event("x"))))
    engine = b.engine()
    b.emit("x")
    engine.turn()
    engine._children.clear()  # as if another engine had launched it
    me = (os.getpid(), local_runs.process_started(os.getpid()))
    with transaction(engine.connection):
        engine.connection.execute("UPDATE starts SET state = 'claimed', owner_pid = ?, owner_started = ?", me)
    for _ in range(10):
        b.clock.forward(5)
        engine.turn()
    assert b.rows("state, attempts") == [("claimed", 1)]


def test_a_run_whose_process_has_gone_is_lost_and_others_hear_of_it(bench):
    b = bench(flow("A", any_of(event("x"))), flow("B", any_of(finished("A", match=("failure",)))))
    engine = b.engine(lambda order: None if order.flow_key == "A" else "succeeded")
    b.emit("x")
    engine.turn()
    with transaction(engine.connection):
        engine.connection.execute("UPDATE starts SET pid = 4194305, pid_started = 'then'")
    engine._children.clear()  # another engine launched it
    b.clock.forward(5)
    engine.run(until_idle=True)
    assert b.rows() == [("A", "lost"), ("B", "succeeded")]
    assert b.payloads()[1][0]["outcome"] == "failure"
    assert b.rows("error")[0] == ("the run's process has disappeared",)


@pytest.mark.parametrize(
    ("code", "state", "error"),
    [
        (0, "succeeded", None),
        (1, "failed", "the run ended with exit code 1"),
        (-9, "lost", "the run was ended by signal 9"),
        (-15, "aborted", "the run was ended by signal 15"),
        (-2, "aborted", "the run was ended by signal 2"),
    ],
)
def test_the_engine_says_what_a_run_could_not_say_itself(bench, code, state, error):
    b = bench(flow("A", any_of(event("x"))))
    engine = b.engine(lambda order: None)
    b.emit("x")
    engine.turn()
    (process,) = b.launcher.running
    process.pid, process.code = 2**22 + 1, code  # no process has this number
    engine.connection.execute("UPDATE starts SET pid = ?", (process.pid,))
    engine.turn()
    assert b.rows("state, error") == [(state, error)]


def test_a_process_that_cannot_begin_is_tried_again_and_then_fails(bench):
    class Never:
        tries = 0

        def log_of(self, order):
            return None

        def launch(self, order):
            self.tries += 1
            if self.tries % 2:
                raise OSError("no more processes")
            return Ended(os.getpid(), 127)

    never = Never()
    b = bench(flow("A", any_of(event("x"))), flow("B", any_of(finished("A", match=("failure",)))))
    engine = b.engine(launcher=never, flows=b.flows[:1])
    b.engine(flows=b.flows[1:])
    b.emit("x")
    for _ in range(200):
        engine.turn()
        b.clock.forward(1)
    assert never.tries == ATTEMPTS
    assert b.rows("state, attempts, error") == [
        ("failed", ATTEMPTS, f"no process could be started: no more processes ({ATTEMPTS} attempts)")
    ]
    b.engine().run(until_idle=True)
    assert b.rows()[1] == ("B", "claimed") or b.rows()[1][0] == "B"


def test_a_run_deadline_ends_a_run_as_timeout(bench):
    b = bench(flow("A", any_of(event("x"))))
    sleeper = [sys.executable, "-c", BEGIN + "import time\ntime.sleep(600)"]
    clock = b.clock
    engine = b.engine(launcher=CommandLauncher(b.path, sleeper), run_deadline=3600)
    b.emit("x")
    engine.turn()
    wait_until(lambda: b.rows("state") == [("started",)])
    clock.at += timedelta(hours=2)  # setting the clock ends nothing
    clock.forward(3590)
    turns(engine)
    assert b.rows("state, ending") == [("started", None)]
    clock.forward(20)
    turns(engine)
    wait_until(lambda: (engine.turn(), b.rows("state"))[1] != [("started",)])
    assert b.rows("state") == [("timed_out",)]


def test_a_run_that_a_dead_engine_left_is_held_to_the_deadline_too(bench):
    b = bench(flow("A", any_of(event("x"))))
    first = b.engine(launcher=CommandLauncher(b.path, [sys.executable, "-c", BEGIN + "import time\ntime.sleep(600)"]))
    b.emit("x")
    first.turn()
    wait_until(lambda: b.rows("state") == [("started",)])
    first.connection.execute("UPDATE starts SET owner_pid = 4194305, owner_started = 'then', started_at = '2026'")
    second = b.engine(run_deadline=5)
    second.turn()
    (left,) = first._children
    assert left.process.wait() == -signal.SIGTERM
    first.turn()
    assert b.rows("state, error") == [("timed_out", "the run took longer than its deadline")]


def test_setting_the_clock_back_does_not_delay_what_waits_to_be_tried_again(bench):
    b = bench(flow("A", any_of(event("x"))))
    engine = b.engine()
    engine.connection.execute("INSERT INTO paused VALUES ('A', 'now')")
    b.emit("x")
    turns(engine)
    later = local_events.timestamp_text(b.clock.now() + timedelta(seconds=8))
    engine.connection.execute("UPDATE starts SET not_before = ?", (later,))
    engine.connection.execute("DELETE FROM paused")
    b.clock.forward(2)
    turns(engine)
    assert b.rows("state") == [("claimed",)]
    b.clock.at -= timedelta(hours=1)
    b.clock.forward(2)
    turns(engine)
    assert b.rows("state") == [("succeeded",)]


def test_what_an_engine_gave_up_is_issued_by_the_next_in_the_same_process(bench):
    class Never:
        def log_of(self, order):
            return None

        def launch(self, order):
            return Ended(os.getpid(), None)

    b = bench(flow("A", any_of(event("x"))))
    first = b.engine(launcher=Never())
    b.emit("x")
    turns(first)
    assert b.rows("state, attempts") == [("claimed", 1)]
    first.close()
    b.engines.remove(first)
    b.engine().run(until_idle=True)
    assert b.rows("state, attempts") == [("succeeded", 2)]


BEGIN = """
import os, sys
from metaflow_extensions.triggers.plugins import local_events, local_runs
connection = local_events.connect(os.environ["METAFLOW_TRIGGERS_DATABASE"])
if local_runs.begin(connection, int(sys.argv[-1])) is None:
    sys.exit(local_runs.TAKEN)
"""


def wait_until(condition):
    """Until it holds; a test that never gets there is ended from outside."""
    pause = threading.Event()
    while not condition():
        pause.wait(0.01)


def test_a_second_signal_ends_the_runs_as_aborted_and_the_first_lets_them_finish(bench):
    b = bench(flow("A", any_of(event("x"))))
    sleeper = [sys.executable, "-c", BEGIN + "import time\ntime.sleep(600)"]
    engine = b.engine(launcher=CommandLauncher(b.path, sleeper), clock=SystemClock())
    b.emit("x")
    thread = threading.Thread(target=engine.run)
    thread.start()
    wait_until(lambda: b.rows("state") == [("started",)])
    engine.drain()
    b.emit("x")
    wait_until(lambda: len(b.rows()) == 2)
    assert b.rows("state") == [("started",), ("claimed",)]
    engine.end_runs()
    thread.join()
    assert b.rows("state") == [("aborted",), ("claimed",)]


def test_a_second_process_for_a_start_loses_and_ends(bench):
    b = bench(flow("A", any_of(event("x"))))
    engine = b.engine(lambda order: None)
    b.emit("x")
    engine.turn()
    environment = {**os.environ, "METAFLOW_TRIGGERS_DATABASE": b.path}
    words = [
        sys.executable,
        "-m",
        "metaflow_extensions.triggers.plugins.launcher",
        "local",
        "1",
        "--",
        "no.py",
        "run",
        "x",
    ]
    assert subprocess.run(words, env=environment).returncode == local_runs.TAKEN


def test_no_byte_of_an_event_is_in_a_process_that_it_starts(bench):
    marker = "MARKER-of-a-payload"
    b = bench(flow("A", any_of(event("x"))))
    code = BEGIN + (
        "words = open('/proc/self/cmdline').read() + open('/proc/self/environ').read()\n"
        "local_runs.finish(connection, int(sys.argv[-1]), 'failed', str('MARK' + 'ER' in words), 's')"
    )
    engine = b.engine(launcher=CommandLauncher(b.path, [sys.executable, "-c", code]), clock=SystemClock())
    b.emit("x", {marker: marker}, identity=marker)
    engine.run(until_idle=True)
    assert b.rows("state, error") == [("failed", "False")]


def test_the_end_of_a_process_that_only_looks_like_another_is_noticed():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = local_runs.process_started(process.pid)
    assert local_runs.is_alive(process.pid, started)
    assert not local_runs.is_alive(process.pid, started + "0")
    process.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert not local_runs.is_alive(process.pid, started)  # ended, though nobody has asked for its exit code
    process.wait()
    assert not local_runs.is_alive(process.pid, started)


def test_a_snapshot_shows_half_sets_runs_and_what_ended(bench):
    b = bench(flow("A", all_of(event("x"), event("y"))), flow("B", any_of(event("x"))))
    engine = b.engine()
    b.emit("x")
    engine.run(until_idle=True)
    shown = observe.snapshot(engine.connection, engine.flows)
    assert shown.waiting == (observe.HalfSet("A", ("x",), ("y",)),)
    assert shown.active == ()
    assert [(row["flow_key"], row["state"]) for row in shown.ended] == [("B", "succeeded")]


def test_a_full_disk_stops_nothing_for_good_and_loses_no_accepted_event(bench):
    b = bench(flow("A", any_of(event("x"))))
    engine = b.engine()
    big = {"text": "y" * 3000}
    for _ in range(20):
        b.emit("x", big)
    (pages,) = engine.connection.execute("PRAGMA page_count").fetchone()
    engine.connection.execute(f"PRAGMA max_page_count={pages + 2}")
    for _ in range(50):
        engine._turn_safely()
    assert b.told.problems == [f"FT741: the disk of the database `{b.path}` is full; it is tried again"]
    assert b.rows() == []
    engine.connection.execute("PRAGMA max_page_count=1000000")
    engine.run(until_idle=True)
    assert b.rows() == [("A", "succeeded")] * 20
    assert b.told.problems[1:] == ["the database can be written again"]


def test_an_outcome_is_told_once(bench):
    b = bench(flow("A", any_of(event("x"))))
    engine = b.engine()
    b.emit("x")
    engine.run(until_idle=True)
    assert not local_runs.finish(engine.connection, 1, "failed", "late")
    found = engine.connection.execute("SELECT id, name, body FROM events WHERE kind = 'finish'").fetchall()
    assert [(row[0], row[1], json.loads(row[2])) for row in found] == [
        (
            "A/run-1/success",
            "metaflow.outcome.A.success",
            {
                "flow": "A",
                "run_id": "run-1",
                "outcome": "success",
                "project": None,
                "branch": None,
                "step": None,
                "error": None,
            },
        )
    ]
