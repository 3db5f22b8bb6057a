"""`kill -9` of engines and runs at random statements, two engines on one file: no start lost, none doubled."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections import Counter
from datetime import datetime, timezone
from pathlib import Path

import pytest
from metaflow_extensions.triggers.plugins import local_events
from metaflow_triggers.engine import store
from metaflow_triggers.engine.launch import CommandLauncher
from metaflow_triggers.engine.loop import Engine
from metaflow_triggers.engine.waits import local_flow

from .flows import all_of, any_of, event, finished, flow, with_options

ROOT = Path(__file__).resolve().parents[3]
FLOWS = [
    flow("Any", any_of(event("x"), event("y"))),
    flow("Pairs", with_options(all_of(event("x"), event("y")), join="queue")),
    flow("Next", any_of(finished("Any", match=("success",)))),
    flow("Mourner", any_of(finished("Any", match=("failure",)))),
]


def engine(database, ledger, statements=0, probability="0", until_idle=False):
    """The pid of an engine that kills itself at its Nth statement (0: never).

    Forked, not started anew: a thousand engines are to begin, and the test is not about that.
    """
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        no_op = [sys.executable, "-I", "-S", str(ROOT / "tests/unit/engine/no_op.py"), str(ROOT / "runtime"), ledger]
        launcher = CommandLauncher(database, [*no_op, probability])
        made = Engine(database, [local_flow(item) for item in FLOWS], launcher, max_runs=6)
        if statements:
            made.connection.set_trace_callback(killer(statements))
        made.run(until_idle=until_idle)
        code = 0
    finally:
        os._exit(code)


def killer(statements):
    left = statements

    def count(statement):
        nonlocal left
        left -= not statement.startswith("PRAGMA")
        if left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return count


def to_the_end(database, ledger):
    _, status = os.waitpid(engine(database, ledger, until_idle=True), 0)
    assert status == 0


def campaign(folder, kills, seed):
    """Feed two engines until `kills` of them have been killed; returns (database, ledger, accepted events)."""
    draw = random.Random(seed)
    database, ledger = str(folder / "triggers.db"), str(folder / "ran")
    store.connect(database).close()
    Path(ledger).touch()
    to_the_end(database, ledger)  # the flows are known before the first event

    def start():
        return engine(database, ledger, draw.randrange(3, 80), "0.1")

    accepted = []
    engines = [start(), start()]
    killed = 0
    while killed < kills:
        name, identity = draw.choice("xy"), f"event-{len(accepted)}"
        moment = local_events.timestamp_text(datetime.now(timezone.utc))
        local_events.append(database, name, "{}", identity, moment)
        accepted.append((name, identity))
        time.sleep(draw.random() * 0.03)
        if draw.random() < 0.2:  # and some from outside, at any moment
            os.kill(draw.choice(engines), signal.SIGKILL)
        for place, pid in enumerate(engines):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
                killed += 1
                engines[place] = start()
    for pid in engines:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    to_the_end(database, ledger)
    return database, ledger, accepted


def judge(database, ledger, accepted):
    connection = store.connect(database)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    starts = connection.execute("SELECT id, flow_key, start_key, state FROM starts").fetchall()
    outcomes = connection.execute("SELECT name FROM events WHERE kind = 'finish'").fetchall()
    connection.close()
    by_flow = {name: [row for row in starts if row[1] == name] for name in ("Any", "Pairs", "Next", "Mourner")}

    # Each accepted event started one run, and no event started two.
    assert sorted(row[2] for row in by_flow["Any"]) == sorted(f"event/{name}/{identity}" for name, identity in accepted)
    names = Counter(name for name, _ in accepted)
    assert len(by_flow["Pairs"]) == min(names["x"], names["y"])
    # Each run ended, was told of once, and started what waits for it.
    assert {row[3] for row in starts} <= {"succeeded", "lost"}
    states = Counter(row[3] for row in by_flow["Any"])
    assert (len(by_flow["Next"]), len(by_flow["Mourner"])) == (states["succeeded"], states["lost"])
    assert len(outcomes) == len(starts)
    # No start ran twice; one that succeeded ran.
    ran = Counter(int(line) for line in Path(ledger).read_text().split())
    assert set(ran.values()) <= {1}
    assert {row[0] for row in starts if row[3] == "succeeded"} <= set(ran)


def test_no_start_is_lost_or_doubled_when_engines_and_runs_are_killed(tmp_path):
    judge(*campaign(tmp_path, kills=50, seed=4))


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10))
def test_no_start_is_lost_or_doubled_in_a_thousand_kills(tmp_path, seed):
    judge(*campaign(tmp_path, kills=100, seed=100 + seed))
