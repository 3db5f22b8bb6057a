"""`kill -9` of engines and runs at random statements, two engines on one file: no start lost, none doubled."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from metaflow_extensions.triggers.plugins import local_events
from metaflow_triggers.engine import store

WORKER = Path(__file__).with_name("worker.py")


def worker(database, ledger, *words):
    return subprocess.Popen([sys.executable, WORKER, database, ledger, *words], stdout=subprocess.PIPE)


def campaign(folder, kills, seed):
    """Feed two engines until `kills` of them have been killed; returns (database, ledger, ids of accepted events)."""
    draw = random.Random(seed)
    database, ledger = str(folder / "triggers.db"), str(folder / "ran")
    store.connect(database).close()
    Path(ledger).touch()
    first = worker(database, ledger, "0", "0", "--until-idle")  # the flows are known before the first event
    first.communicate()
    assert first.returncode == 0

    def start():
        return worker(database, ledger, str(draw.randrange(3, 120)), "0.1")

    accepted = []
    engines = [start(), start()]
    killed = 0
    while killed < kills:
        name, identity = draw.choice("xy"), f"event-{len(accepted)}"
        moment = local_events.timestamp_text(store_now())
        local_events.append(database, name, "{}", identity, moment)
        accepted.append((name, identity))
        if draw.random() < 0.15:  # and some from outside, at any moment
            os.kill(draw.choice(engines).pid, signal.SIGKILL)
        time.sleep(draw.random() * 0.02)
        for place, engine in enumerate(engines):
            if engine.poll() is not None:
                assert engine.returncode == -signal.SIGKILL
                engine.stdout.close()
                killed += 1
                engines[place] = start()
    for engine in engines:
        engine.kill()
        engine.communicate()
    last = worker(database, ledger, "0", "0", "--until-idle")
    last.communicate()
    assert last.returncode == 0
    return database, ledger, accepted


def store_now():
    from metaflow_triggers.engine.clock import SystemClock

    return SystemClock().now()


def judge(database, ledger, accepted):
    connection = store.connect(database)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    starts = connection.execute("SELECT id, flow_key, start_key, state FROM starts").fetchall()
    outcomes = connection.execute("SELECT name FROM events WHERE kind = 'finish'").fetchall()
    connection.close()
    by_flow = {name: [row for row in starts if row[1] == name] for name in ("Any", "Pairs", "Next", "Mourner")}

    # Each accepted event started one run, and no event started two.
    assert sorted(row[2] for row in by_flow["Any"]) == sorted(f"event/{identity}" for _, identity in accepted)
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
    judge(*campaign(tmp_path, kills=100, seed=4))


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10))
def test_no_start_is_lost_or_doubled_in_a_thousand_kills(tmp_path, seed):
    judge(*campaign(tmp_path, kills=100, seed=100 + seed))
