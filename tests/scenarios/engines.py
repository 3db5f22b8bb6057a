"""Engines: the engine's own steps on a database, without a run.

In:   a trigger graph, items of a simulation.
Out:  the starts in the database, in the words of a simulation.

Not here: launching. No process stands behind a start, so it stays where it is and can be read.
"""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from metaflow_extensions.triggers.contract import event_reader, exact_json, parameter_values
from metaflow_extensions.triggers.contract.words import outcome_event
from metaflow_extensions.triggers.plugins import local_events, local_runs
from metaflow_triggers.commands.polls import target_of
from metaflow_triggers.engine.loop import Engine
from metaflow_triggers.engine.observe import snapshot
from metaflow_triggers.engine.polls.claims import Fire, claim
from metaflow_triggers.engine.schedules import Schedules
from metaflow_triggers.engine.waits import local_flow
from metaflow_triggers.model.facts import branch_key, qualified_name
from metaflow_triggers.model.flows import TriggerGraph
from metaflow_triggers.polling.fires import Target, problem
from metaflow_triggers.simulate.items import BEGINNING, Item
from metaflow_triggers.simulate.values import convert


@dataclass
class SetClock:
    """A clock that stands where it is put."""

    moment: datetime = datetime(2026, 1, 1, tzinfo=timezone.utc)

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()

    def wait(self, event: Any, seconds: float) -> bool:
        return bool(event.is_set())


class Standing:
    """Stands for the process of a run, and never begins it: the start stays as it was claimed."""

    pid = 2**31 - 1  # of nobody: whoever signals it reaches no process

    def poll(self) -> int | None:
        return None


class NoLauncher:
    """Launches nothing."""

    def launch(self, order: Any) -> Standing:
        return Standing()

    def log_of(self, order: Any) -> str | None:
        return None


def log_row(item: Item, number: int, moment: datetime) -> local_events.Row:
    """The row of the log that an item is."""
    at = local_events.timestamp_text(item.at or moment)
    if item.kind == "event":
        return item.identity or f"event-{number}", item.name, "event", exact_json.dumps(item.payload), at
    key = qualified_name((item.project or "", branch_key(item.branch), item.name))
    payload = {
        "flow": item.name,
        "run_id": item.identity,
        "outcome": item.outcome,
        "project": item.project,
        "branch": item.branch,
        "step": item.step,
        "error": item.error,
    }
    name = outcome_event(key, item.outcome)
    return f"{key}/{item.identity}/{item.outcome}", name, "finish", exact_json.dumps(payload), at


@dataclass
class Found:
    """What an engine has made of the items, comparable with a simulation."""

    starts: Counter[str]
    refused: Counter[str]
    waiting: list[tuple[str, tuple[str, ...]]]


def step_through(graph: TriggerGraph, items: list[Item], folder: Path, seed: int, keys: dict[str, str]) -> Found:
    """One or two engines on one file take turns at the items, by chance one by one or many at once.

    `keys`: run of the simulation -> start key, for runs that a poll started and that an item ends.
    """
    chance = random.Random(seed)
    path = str(folder / f"engine-{seed}.db")
    clock = SetClock(items[0].at or BEGINNING)
    flows = [local_flow(flow) for flow in graph.flows]
    engines = [
        Engine(path, flows, NoLauncher(), clock=clock, sources=[Schedules(flows, clock)])
        for _ in range(chance.choice((1, 1, 2)))
    ]
    writer = local_events.connect(path)
    suppressed: Counter[str] = Counter()
    try:
        polls = adopt(writer, graph)
        for engine in engines:
            engine.turn()
        rows: list[local_events.Row] = []
        for number, item in enumerate(items, 1):
            if item.at is not None and item.at > clock.moment:
                if any(flow.schedule for flow in graph.flows):
                    _pass_time(engines, clock, item.at)
                clock.moment = item.at
            if item.kind == "poll":
                suppressed += fire(writer, polls[item.name], item, number, clock.moment)
                continue
            if item.identity in keys:  # its run ends
                writer.execute(
                    "UPDATE starts SET state = 'succeeded' WHERE state = 'claimed' AND start_key = ?",
                    (keys[item.identity],),
                )
            rows.append(log_row(item, number, clock.moment))
            if chance.random() < 0.2:
                _take_in(chance.choice(engines), writer, rows)
        for engine in engines:
            _take_in(engine, writer, rows)
        found = _read(engines[0].connection, {flow.key: flow for flow in flows})
        found.refused += suppressed
        return found
    finally:
        writer.close()
        for engine in engines:
            engine.close()


def _pass_time(engines: list[Engine], clock: SetClock, end: datetime) -> None:
    """Let schedules fire on the way, each at its time: after a leap the engine makes one start of several."""
    step = timedelta(minutes=5)
    clock.moment += (step - (clock.moment - datetime.min.replace(tzinfo=timezone.utc)) % step) % step
    while clock.moment <= end:
        for engine in engines:
            while engine.turn():
                pass
        clock.moment += step


def adopt(writer: sqlite3.Connection, graph: TriggerGraph) -> dict[str, Target]:
    """The poll triggers, owned by us: their fires are claimed as the poller does it."""
    found = {}
    for target, poll in graph.polls:
        assert target is not None
        flow = graph.flows[target]
        writer.execute(
            "INSERT INTO poll_triggers (id, name, workflow, interval, interval_ms, allow_concurrent, owner, epoch,"
            " created_at, updated_at) VALUES (?, ?, ?, '1s', 1000, ?, 'us', 1, '', '')",
            (poll.name, poll.name, flow.name, int(poll.allow_concurrent)),
        )
        found[poll.name] = target_of(flow, poll)
    return found


def fire(writer: sqlite3.Connection, target: Target, item: Item, number: int, now: datetime) -> Counter[str]:
    """Claim a fire; what is not started, by flow."""
    fired = Fire(target, item.payload, 1, number, now)
    if problem(target, item.payload, now) is not None or claim(writer, "us", fired, now) != "claimed":
        return Counter([target.flow_key])
    return Counter()


def _take_in(engine: Engine, writer: sqlite3.Connection, rows: list[local_events.Row]) -> None:
    if rows:
        local_events.append_many(writer, rows)
        rows.clear()
    while engine.turn():
        pass


def _read(connection: sqlite3.Connection, flows: Any) -> Found:
    by_key = {key: flow.flow for key, flow in flows.items()}
    starts: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for key, state, text in connection.execute("SELECT flow_key, state, document FROM starts").fetchall():
        if state == "refused":
            refused[key] += 1
            continue
        document = exact_json.loads(local_runs.whole_document(connection, text))
        declared = {item.name: item.type for item in by_key[key].parameters}
        events = [(event.name, event.id, event.payload) for event in event_reader.select(document)]
        try:
            texts = parameter_values.parameters_for(document, declared)
            given: Any = {
                name: convert(text, declared[name]) for name, text in texts.items() if declared[name] != "json"
            }
            given |= {name: exact_json.loads(text) for name, text in texts.items() if declared[name] == "json"}
        except event_reader.EventError:
            given = "fails"
        starts[line(key, events, given)] += 1
    waiting = sorted((held.flow_key, held.arrived) for held in snapshot(connection, flows).waiting)
    return Found(starts, refused, waiting)


def line(flow: str, events: Any, given: Any) -> str:
    """A start as one comparable text."""
    parameters = given if given == "fails" else sorted((name, repr(value)) for name, value in given.items())
    return (
        f"{flow} by {[(name, identity, exact_json.dumps(payload)) for name, identity, payload in events]}: {parameters}"
    )
