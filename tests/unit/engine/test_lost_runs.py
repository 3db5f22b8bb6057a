"""A lost run is over: nothing of it works any more when its outcome is told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from metaflow_extensions.triggers.plugins import local_runs
from metaflow_triggers.engine import sessions
from metaflow_triggers.engine.launch import CommandLauncher
from metaflow_triggers.polling.clock import SystemClock

from .flows import any_of, event, flow

# Takes the start as a launcher does, starts a "task" which starts another one, both in its session, and waits.
RUN = """
import os, subprocess, sys, time
from metaflow_extensions.triggers.plugins import local_events, local_runs
start = int(sys.argv[-1])
connection = local_events.connect(os.environ["METAFLOW_TRIGGERS_DATABASE"])
assert local_runs.begin(connection, start) is not None
os.environ["METAFLOW_TRIGGERS_START"] = str(start)
task = "import os, subprocess, time; subprocess.Popen(['sleep', '60'], env={}); time.sleep(60)"
child = subprocess.Popen([sys.executable, "-c", task])
local_runs.name_run(connection, start, f"run-{child.pid}")
time.sleep(60)
"""


def wait_for(there, seconds=60.0):
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end
        time.sleep(0.02)


def members(session):
    return sessions._members(session)


@pytest.fixture
def begun(bench):
    """An engine at work, and a run with a task and a process of the task: (bench, engine, pid of the run)."""
    b = bench(flow("A", any_of(event("x"))))
    engine = b.engine(launcher=CommandLauncher(b.path, [sys.executable, "-c", RUN]), clock=SystemClock())
    b.emit("x")
    while b.rows("run_id") in ([], [(None,)]):
        engine.turn()
    (pid,) = b.rows("pid")[0]
    wait_for(lambda: len(members(pid)) == 3)
    yield b, engine, pid
    for member in members(pid):
        os.kill(member, signal.SIGKILL)


def test_what_a_killed_run_has_started_is_ended_before_its_outcome_is_told(begun):
    b, engine, pid = begun
    os.kill(pid, signal.SIGKILL)
    while b.rows("state") == [("started",)]:
        engine.turn()
    assert b.rows("state") == [("lost",)]
    assert members(pid) == []


def test_also_when_its_engine_was_killed_with_it(begun, bench):
    b, engine, pid = begun
    # Another engine finds the run; this one is not asked any more.
    process = engine._children[0].process
    os.kill(pid, signal.SIGKILL)
    process.wait()
    second = b.engine(clock=SystemClock())
    while b.rows("state") == [("started",)]:
        second.turn()
    assert b.rows("state") == [("lost",)]
    assert members(pid) == []


def test_as_long_as_something_of_it_cannot_be_ended_nothing_is_told(begun, monkeypatch):
    b, engine, pid = begun
    monkeypatch.setattr(sessions.os, "kill", lambda *_: None)  # a process that waits for a dead disk hears no signal
    os.killpg(pid, 0)
    subprocess.run(["kill", "-9", str(pid)], check=True)
    for _ in range(3):
        engine.turn()
    assert b.rows("state") == [("started",)]
    monkeypatch.undo()
    while b.rows("state") == [("started",)]:
        engine.turn()
    assert members(pid) == []


def test_a_session_of_somebody_else_that_has_the_number_now_is_left_alone(tmp_path):
    database = tmp_path / "x.db"
    database.touch()
    environment = {**os.environ, local_runs.DATABASE_VARIABLE: str(tmp_path / "other.db")}
    other = subprocess.Popen(["sleep", "60"], start_new_session=True, env=environment)
    ours = subprocess.Popen(
        ["sleep", "60"], start_new_session=True, env={local_runs.DATABASE_VARIABLE: str(database), "X": "1"}
    )
    try:
        assert sessions.end(other.pid, 1, str(database))
        assert other.poll() is None
        threading.Thread(target=ours.wait).start()
        assert sessions.end(ours.pid, 1, str(database))
        wait_for(lambda: ours.poll() is not None)
    finally:
        other.kill()
        other.wait()
