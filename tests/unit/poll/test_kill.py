"""`kill -9` of two engines that poll the same triggers: no fire is half stored, none is stored twice."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest
from metaflow_extensions.triggers.contract import event_reader, exact_json
from metaflow_extensions.triggers.plugins import local_runs
from metaflow_triggers.engine import store
from metaflow_triggers.engine.polls.poller import Poller
from metaflow_triggers.poll import Context, TriggerResult
from metaflow_triggers.polling.clock import SystemClock

from .world import AtOnce, polled


def peek(folder: Path):
    """A poll that peeks at the oldest item of an inbox, as the documents advise, and fires it."""

    def watch() -> TriggerResult:
        items = sorted(os.listdir(folder))
        return TriggerResult.fire(Context({"item": items[0]})) if items else TriggerResult.skip()

    return watch


def engine(database: str, inbox: Path, statements: int) -> int:
    """The pid of an engine that kills itself at the Nth statement of its claims or of its rows."""
    pid = os.fork()
    if pid:
        return pid
    try:
        triggers = [
            polled(peek(inbox), name="exclusive", interval="3ms", dedup="once"),
            polled(peek(inbox), name="concurrent", interval="5ms", allow_concurrent=True),
        ]
        hosts = AtOnce()
        hosts.add(triggers)
        poller = Poller(database, triggers, SystemClock(), hosts)
        left = [statements]

        def count(statement: str) -> None:
            left[0] -= 1
            if left[0] <= 0:
                os.kill(os.getpid(), signal.SIGKILL)

        poller._rows.set_trace_callback(count)
        poller._claims.set_trace_callback(count)
        poller.start()
        signal.pause()
    finally:
        os._exit(1)


def next_of(pids: list[int]) -> int:
    """The first of them to end, by its own kill."""
    while True:
        for pid in pids:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                assert os.WTERMSIG(status) == signal.SIGKILL
                return pid
        time.sleep(0.01)


def campaign(folder: Path, kills: int, seed: int) -> None:
    draw = random.Random(seed)
    database, inbox = str(folder / "engine.db"), folder / "inbox"
    inbox.mkdir()
    connection = store.connect(database)
    items = [f"{number:05}" for number in range(kills)]
    (inbox / items[0]).touch()
    running = [engine(database, inbox, draw.randrange(5, 60)) for _ in range(2)]
    for number in range(kills):
        ended = next_of(running)
        running.remove(ended)
        # The flow acknowledges what was fired, and something new arrives.
        fired = {
            exact_json.loads(text)["item"]
            for (text,) in connection.execute("SELECT body FROM events WHERE kind = 'poll'")
        }
        for item in fired:
            (inbox / item).unlink(missing_ok=True)
        (inbox / items[number]).touch() if items[number] not in fired else None
        running.append(engine(database, inbox, draw.randrange(5, 60)))
    for pid in running:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)

    claims = connection.execute(
        "SELECT trigger_name, generation, start_key, body FROM poll_claims JOIN events ON events.id = start_key"
        " ORDER BY trigger_name, generation"
    ).fetchall()
    starts = {
        key: exact_json.loads(local_runs.whole_document(connection, text))
        for key, text in connection.execute("SELECT start_key, document FROM starts").fetchall()
    }
    assert {row[2] for row in claims} == set(starts) and len(claims) == len(starts) > 0
    for name in ("exclusive", "concurrent"):
        generations = [row[1] for row in claims if row[0] == name]
        assert generations == list(range(1, len(generations) + 1))
    for _, _, key, context in claims:
        (event,) = event_reader.select(starts[key])
        assert event.payload["item"] == exact_json.loads(context)["item"]
    once = [exact_json.loads(context)["item"] for name, _, _, context in claims if name == "exclusive"]
    assert len(once) == len(set(once))
    logged = connection.execute("SELECT count(*) FROM events WHERE kind = 'poll'").fetchone()[0]
    assert logged == len(starts)
    connection.close()


def test_a_dozen_kills(tmp_path):
    campaign(tmp_path, 12, seed=1)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(5))
def test_a_thousand_kills(tmp_path, seed):
    campaign(tmp_path, 200, seed)
