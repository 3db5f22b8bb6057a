"""A database, an engine on it, and runs that end at once: everything but the processes."""

from __future__ import annotations

import json
import os
import threading
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path

from metaflow_extensions.triggers.contract.words import outcome_event
from metaflow_extensions.triggers.plugins import local_events, local_runs
from metaflow_triggers.engine import store
from metaflow_triggers.engine.loop import Engine
from metaflow_triggers.engine.observe import Observer
from metaflow_triggers.engine.waits import local_flow

START = datetime(2026, 1, 5, 12, 0, tzinfo=timezone.utc)


class StillClock:
    """A clock that moves when a test says so, and while somebody waits."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at
        self.seconds = 0.0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.seconds

    def forward(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        self.seconds += seconds

    def wait(self, event: threading.Event, seconds: float) -> bool:
        self.forward(seconds)
        return event.is_set()


class Ended:
    """A process that has ended, or runs until `code` is given."""

    def __init__(self, pid: int, code: int | None) -> None:
        self.pid = pid
        self.code = code

    def poll(self) -> int | None:
        return self.code


class AtOnce:
    """Launches by doing what a run does to the database, here. `ends(order)`: the state, or None to go on running."""

    def __init__(self, database: str, ends=lambda order: "succeeded") -> None:
        self.database = database
        self.ends = ends
        self.orders = []
        self.running = []

    def log_of(self, order) -> None:
        return None

    def serve(self, flows) -> None:
        self.flows = flows

    def launch(self, order) -> Ended:
        self.orders.append(order)
        state = self.ends(order)
        connection = local_events.connect(self.database)
        try:
            if local_runs.begin(connection, order.start_id) is None:
                return Ended(os.getpid(), local_runs.TAKEN)
            local_runs.name_run(connection, order.start_id, f"run-{order.start_id}")
            if state is not None:
                local_runs.finish(connection, order.start_id, state, "as the test wants it")
        finally:
            connection.close()
        process = Ended(os.getpid(), None if state is None else 0 if state == "succeeded" else 1)
        if state is None:
            self.running.append(process)
        return process


class Told(Observer):
    def __init__(self) -> None:
        self.changes = []
        self.problems = []
        self.words = []

    def on_edition(self, flows, words) -> None:
        self.words += words

    def on_line(self, change) -> None:
        self.changes.append(change)

    def on_problem(self, text) -> None:
        self.problems.append(text)


class Bench:
    """One database file; `engine` makes engines for it."""

    def __init__(self, folder: Path, *flows) -> None:
        self.path = str(folder / "triggers.db")
        self.flows = [local_flow(item("f.py", 1) if callable(item) else item) for item in flows]
        self.clock = StillClock()
        self.told = Told()
        store.connect(self.path).close()
        self.engines = []

    def engine(self, ends=lambda order: "succeeded", flows=None, **options) -> Engine:
        self.launcher = AtOnce(self.path, ends)
        made = Engine(
            self.path,
            self.flows if flows is None else flows,
            options.pop("launcher", self.launcher),
            clock=options.pop("clock", self.clock),
            observer=self.told,
            **options,
        )
        self.engines.append(made)
        return made

    def emit(self, name, payload=None, identity=None, at=None) -> str:
        identity = identity or str(uuid.uuid4())
        moment = local_events.timestamp_text(at or self.clock.now())
        local_events.append(self.path, name, json.dumps(payload or {}), identity, moment)
        return identity

    def finish_run_of(self, key, outcome="success", run="1") -> None:
        """An outcome of a flow that some engine ran."""
        body = local_runs.outcome_payload(key, run, outcome)
        row = (
            f"{key}/{run}/{outcome}",
            outcome_event(key, outcome),
            "finish",
            json.dumps(body),
            local_events.timestamp_text(self.clock.now()),
        )
        connection = local_events.connect(self.path)
        local_events.append_many(connection, [row])
        connection.close()

    def rows(self, columns="flow_key, state", where="true"):
        connection = local_events.connect(self.path)
        try:
            return connection.execute(f"SELECT {columns} FROM starts WHERE {where} ORDER BY id").fetchall()
        finally:
            connection.close()

    def documents(self):
        connection = local_events.connect(self.path)
        try:
            return [json.loads(local_runs.whole_document(connection, text)) for (text,) in self.rows("document")]
        finally:
            connection.close()

    def payloads(self):
        """Of each start, the payloads of its events."""
        return [[item["event"]["payload"] for item in document["events"]] for document in self.documents()]

    def close(self) -> None:
        for engine in self.engines:
            engine.close()
