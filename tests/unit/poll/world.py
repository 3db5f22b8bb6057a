"""A small world for polls: a clock that a test moves, polls that are made at once, a database in a folder."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from metaflow_extensions.triggers.contract import exact_json
from metaflow_extensions.triggers.plugins import local_runs
from metaflow_triggers.engine import store
from metaflow_triggers.engine.polls import records
from metaflow_triggers.engine.polls.poller import Poller
from metaflow_triggers.engine.polls.work import PolledTrigger
from metaflow_triggers.poll import Context, TriggerResult, loading
from metaflow_triggers.poll.intervals import milliseconds
from metaflow_triggers.polling import child
from metaflow_triggers.polling.answers import Answer, Heard
from metaflow_triggers.polling.fires import Target

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


@dataclass(frozen=True)
class Polled(PolledTrigger):
    """A trigger with its function at hand."""

    function: Callable[[], Any] = skip


class AtOnce:
    """Polls in this process, when it is asked to. Functions that no trigger brings are read from files."""

    def __init__(self) -> None:
        self.functions: dict[str, Callable[[], Any]] = {}
        self.served: dict[str, set[str]] = {}
        self.heard: Heard | None = None

    def add(self, triggers: Iterable[PolledTrigger]) -> None:
        for trigger in triggers:
            if isinstance(trigger, Polled):
                self.functions[trigger.name] = trigger.function
            elif trigger.name not in self.functions:
                _, collected = loading.load(trigger.file)
                self.functions.update({item.name: item.function for item in collected.declared})

    def start(self, heard: Heard) -> None:
        self.heard = heard

    def serve(self, file: str, names: Iterable[str]) -> None:
        self.served[file] = set(names)

    def poll(self, file: str, names: Iterable[str]) -> None:
        for name in names:
            assert name in self.served[file]
            self.call(name)

    def call(self, name: str) -> None:
        assert self.heard is not None
        self.heard.begun(name)
        try:
            context = child.asked(self.functions[name])
        except BaseException as error:
            self.heard.answered(name, Answer("error", None, *child.told(error)))
        else:
            self.heard.answered(name, Answer("skip") if context is None else Answer("fire", context))

    def restart(self, file: str) -> None:
        pass

    def stop(self, seconds: float) -> None:
        pass


class Later(AtOnce):
    """Polls nothing until it is told to: `call(jobs.pop())`."""

    def __init__(self) -> None:
        super().__init__()
        self.jobs: list[str] = []

    def poll(self, file: str, names: Iterable[str]) -> None:
        self.jobs += names


def polled(function: Callable[[], Any], name: str = "", interval: str = "1s", **target: Any) -> Polled:
    """A trigger of `Flow`, or of what `target` says."""
    fields = {"workflow": "Flow", "flow_key": target.get("workflow", "Flow"), "parameters": (), **target}
    made = Target(trigger=name or function.__name__, **fields)
    return Polled("here.py", made, interval, milliseconds(interval), function)


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

    def poller(self, *triggers: PolledTrigger, hosts: AtOnce | None = None) -> Poller:
        hosts = hosts or AtOnce()
        hosts.add(triggers)
        poller = Poller(self.path, triggers, self.clock, hosts)
        hosts.start(poller)
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
        return [
            {**dict(zip(names, row, strict=True)), "document": exact_json.loads(self._whole(row[4]))}
            for row in rows.fetchall()
        ]

    def _whole(self, text: str) -> str:
        return str(local_runs.whole_document(self.connection, text))

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
