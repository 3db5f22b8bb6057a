"""A small world for polls: a clock that a test moves, a pool that calls at once, a database in a folder."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from metaflow_extensions.triggers.plugins import exact_json, local_runs
from metaflow_triggers.engine import store
from metaflow_triggers.engine.polls import records
from metaflow_triggers.engine.polls.claims import Target
from metaflow_triggers.engine.polls.poller import Poller
from metaflow_triggers.engine.polls.work import PolledTrigger
from metaflow_triggers.poll import Context, TriggerResult
from metaflow_triggers.poll.intervals import milliseconds

fire, skip = TriggerResult.fire, TriggerResult.skip


class HandClock:
    """Time that only a test moves."""

    def __init__(self) -> None:
        self.wall = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
        self.mono = 1000.0

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.mono

    def wait(self, event: threading.Event, seconds: float) -> bool:
        return event.is_set()

    def move(self, seconds: float) -> None:
        self.mono += seconds
        self.wall += timedelta(seconds=seconds)


class AtOnce:
    """A pool that calls a job when it is handed over."""

    def submit(self, job: Callable[[], None]) -> None:
        job()

    def relieve(self) -> bool:
        return False

    def abandon(self, thread: threading.Thread) -> None:
        raise AssertionError("nothing can be overdue")

    def close(self, seconds: float) -> None:
        pass


class Later(AtOnce):
    """A pool that calls nothing until it is told to; a test may run a job in a thread of its own."""

    def __init__(self) -> None:
        self.jobs: list[Callable[[], None]] = []
        self.abandoned: list[threading.Thread] = []

    def submit(self, job: Callable[[], None]) -> None:
        self.jobs.append(job)

    def abandon(self, thread: threading.Thread) -> None:
        self.abandoned.append(thread)


def polled(function: Callable[[], Any], name: str = "", interval: str = "1s", **target: Any) -> PolledTrigger:
    """A trigger of `Flow`, or of what `target` says."""
    fields = {"workflow": "Flow", "flow_key": target.get("workflow", "Flow"), "parameters": (), **target}
    return PolledTrigger(
        function, Target(trigger=name or function.__name__, **fields), interval, milliseconds(interval)
    )


class World:
    def __init__(self, folder: Path) -> None:
        self.path = str(folder / "engine.db")
        self.clock = HandClock()
        self.pollers: list[Poller] = []
        self._connection: sqlite3.Connection | None = None

    @property
    def connection(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = store.connect(self.path)
        return self._connection

    def poller(self, *triggers: PolledTrigger, pool: Any = None, timeout: float = 30.0) -> Poller:
        poller = Poller(self.path, triggers, self.clock, pool or AtOnce(), timeout_seconds=timeout)
        self.pollers.append(poller)
        return poller

    def stop(self, poller: Poller) -> None:
        """An engine ends."""
        self.pollers.remove(poller)
        poller.stop(0)

    def pass_time(self, seconds: float, *pollers: Poller) -> None:
        """Let time go by; every poller does what is due at its moment. Begins with what is due now."""
        chosen = pollers or tuple(self.pollers)
        end = self.clock.mono + seconds
        while True:
            waits = [min(poller.upkeep(), poller.step()) for poller in chosen]
            if self.clock.mono + min(waits) > end - 1e-9:
                self.clock.move(end - self.clock.mono)
                return
            self.clock.move(max(min(waits), 0.001))

    # what the database says -----------------------------------------------------------------------------------

    def schedule(self, name: str) -> dict[str, Any]:
        for poller in self.pollers:
            poller.upkeep()
        found = records.schedule(self.connection, name)
        assert found is not None
        return found

    def history(self, name: str, **window: int) -> list[dict[str, Any]]:
        return records.history(self.connection, name, **window)

    def contexts(self, name: str) -> list[Any]:
        """What was fired and accepted, oldest first."""
        return [item["context"] for item in reversed(self.history(name))]

    def starts(self) -> list[dict[str, Any]]:
        rows = self.connection.execute("SELECT id, flow_key, start_key, state, document FROM starts ORDER BY id")
        names = ("id", "flow_key", "start_key", "state", "document")
        return [{**dict(zip(names, row, strict=True)), "document": exact_json.loads(row[4])} for row in rows]

    # what runs would do ---------------------------------------------------------------------------------------

    def begin_runs(self) -> None:
        """Every claimed start begins, as the process of a run says it."""
        for (start,) in self.connection.execute("SELECT id FROM starts WHERE state = 'claimed'").fetchall():
            assert local_runs.begin(self.connection, start) is not None
            local_runs.name_run(self.connection, start, f"run-{start}")

    def end_runs(self, state: str = "succeeded") -> None:
        """Every active start ends."""
        self.begin_runs()
        for (start,) in self.connection.execute("SELECT id FROM starts WHERE state = 'started'").fetchall():
            assert local_runs.finish(self.connection, start, state, "because")

    def close(self) -> None:
        for poller in self.pollers:
            poller.stop(0)
        if self._connection is not None:
            self._connection.close()


def counter() -> Callable[[], TriggerResult]:
    """A poll that fires another context each time: {"n": 1}, {"n": 2}, ..."""
    calls = [0]

    def count() -> TriggerResult:
        calls[0] += 1
        return fire(Context({"n": calls[0]}))

    return count
