"""Runner: the engine with real flows under the real Metaflow, read back with Metaflow's client.

In:   rows and what is read of their flows.
Out:  what each run saw: its parameters, `current.trigger` at its first and its last step, its artifacts.

Not here: expectations. Rows share an engine and a database, as flows of a project do; a row's flows are its own. A row
that needs a clock has an engine of its own.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from metaflow_extensions.triggers.contract import event_reader, exact_json
from metaflow_extensions.triggers.plugins import local_events, local_runs
from metaflow_triggers.engine.launch import FlowLauncher
from metaflow_triggers.engine.loop import Engine
from metaflow_triggers.engine.observe import snapshot
from metaflow_triggers.engine.schedules import Schedules
from metaflow_triggers.engine.starts import add_start
from metaflow_triggers.engine.store import transaction
from metaflow_triggers.engine.waits import LocalFlow, local_flow
from metaflow_triggers.simulate.items import Item

from .engines import SetClock
from .reading import USER, ReadRow
from .rows import Observed, ObservedStart, Row, Seen, items
from .stepped import accept, plain, row_items

_OURS = ("seen_at_start", "seen_at_end")


def environment(folder: Path) -> dict[str, str]:
    """Of the runs: a home, a datastore and a working folder of their own."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "METAFLOW_USER": USER,
        "METAFLOW_HOME": str(folder / "home"),
        "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(folder / "store"),
    }


class HeldClock(SetClock):
    """A clock that stands where it is put, in a machine whose processes take their time."""

    def monotonic(self) -> float:
        return time.monotonic()

    def wait(self, event: threading.Event, seconds: float) -> bool:
        return event.wait(seconds)


def observe(rows: Sequence[Row], read: dict[str, ReadRow], folder: Path, runs: int = 2) -> dict[str, Observed]:
    """Run rows that need no clock, all on one engine, until it is idle. `runs`: flows at once."""
    observed = {row.rule: Observed(not_started=[], refused=[], repeated=[]) for row in rows}
    with _engine(rows, read, folder, runs, None) as (engine, writer, flows):
        for row in rows:
            for number, item, said in _numbered(row, read):
                _give(row, number, item, said, writer, observed[row.rule], flows)
        engine.run(until_idle=True)
        _fill(rows, read, observed, engine, flows)
    return observed


def observe_with_clock(row: Row, read: dict[str, ReadRow], folder: Path) -> Observed:
    """Run a row on an engine of its own whose clock each item sets; what an item starts ends before the next."""
    clock = HeldClock()
    observed = {row.rule: Observed(not_started=[], refused=[], repeated=[])}
    with _engine([row], read, folder, 2, clock) as (engine, writer, flows):
        for number, item, said in _numbered(row, read):
            clock.moment = item.at or clock.moment
            _give(row, number, item, said, writer, observed[row.rule], flows)
            engine.run(until_idle=True)
        _fill([row], read, observed, engine, flows)
    return observed[row.rule]


@contextmanager
def _engine(
    rows: Sequence[Row], read: dict[str, ReadRow], folder: Path, runs: int, clock: SetClock | None
) -> Iterator[tuple[Engine, Any, dict[str, LocalFlow]]]:
    production = {row.production for row in rows}
    assert len(production) == 1, "an engine runs one branch"
    flows = {flow.key: flow for row in rows for flow in map(local_flow, read[row.rule].graph.flows)}
    path = str(folder / "engine.db")
    options = ("--production",) if production == {True} else ()
    (folder / "logs").mkdir(exist_ok=True)
    (folder / "included.txt").write_text("a $(touch s6-touched) {{x}}\n", "utf-8")
    launcher = FlowLauncher(path, flows, environment(folder), options, str(folder / "logs"))
    before = Path.cwd()
    os.chdir(folder)  # the runs' own: what a payload could make appear there is looked for there
    sources = [Schedules(list(flows.values()), clock)] if clock is not None else []
    engine = Engine(path, list(flows.values()), launcher, clock=clock, sources=sources, max_runs=runs)
    writer = local_events.connect(path)
    try:
        yield engine, writer, flows
    finally:
        writer.close()
        engine.close()
        os.chdir(before)


def _numbered(row: Row, read: dict[str, ReadRow]) -> list[tuple[int, Item, dict[str, Any]]]:
    pairs = zip(row_items(row, read[row.rule].graph), items(row), strict=True)
    return [(number, item, said) for number, (item, said) in enumerate(pairs, 1)]


def _give(
    row: Row,
    number: int,
    item: Item,
    said: dict[str, Any],
    writer: Any,
    observed: Observed,
    flows: dict[str, LocalFlow],
) -> None:
    """One item into the log. What a run brings about by itself is left to it."""
    if "run" in said:
        key = next(key for key in flows if plain(key) == said["run"])
        with transaction(writer):
            add_start(writer, key, f"by hand {row.rule} {number}", [], [], "by hand")
    elif number not in row.own and (item.kind != "finish" or row.injected):
        accept(item, number, writer, observed)


def _fill(
    rows: Sequence[Row],
    read: dict[str, ReadRow],
    observed: dict[str, Observed],
    engine: Engine,
    flows: dict[str, LocalFlow],
) -> None:
    folder = Path.cwd()
    row_of = {flow.name: row for row in rows for flow in read[row.rule].graph.flows}
    for held in snapshot(engine.connection, flows).waiting:
        target = observed[row_of[plain(held.flow_key)].rule]
        target.waiting = [*(target.waiting or []), plain(held.flow_key)]
    found = engine.connection.execute(
        "SELECT flow_key, state, document, run_id, error, reason FROM starts ORDER BY id"
    ).fetchall()
    paths = [f"{plain(key)}/{run_id}" for key, _, _, run_id, _, _ in found if run_id]
    artifacts = artifacts_of(paths, folder, environment(folder))
    for key, state, text, run_id, error, reason in found:
        name = plain(key)
        target = observed[row_of[name].rule]
        if reason == "by hand" and not row_of[name].flows:
            continue  # the documents' flows that nothing starts
        if state == "refused":
            assert target.not_started is not None
            target.not_started.append(name)
            continue
        has = artifacts.get(f"{name}/{run_id}")
        document = exact_json.loads(local_runs.whole_document(engine.connection, text))
        target.starts.append(start_seen(name, document, has, error, target))
        if state not in ("succeeded", "failed"):
            target.problems.append(f"a run of {name} ended as {state}: {error}")
    for row in rows:
        observed[row.rule].waiting = observed[row.rule].waiting or []


def start_seen(
    name: str, document: dict[str, Any], has: dict[str, Any] | None, error: str | None, target: Observed
) -> ObservedStart:
    """A run by its trigger document and its artifacts (None: no step has run). What is wrong goes to `target`."""
    told = event_reader.select(document)
    if has is None:  # no step of the user's has run
        events = tuple(Seen(event.name, event.payload, event.id) for event in told)
        return ObservedStart(name, events, None, fails=error or "")
    own = {key: value for key, value in has.items() if key not in _OURS}
    if "seen_at_start" not in has:  # a flow of the documents: it keeps nothing of `current.trigger`
        events = tuple(Seen(event.name, event.payload, event.id) for event in told)
        return ObservedStart(name, events, None, own, own)
    seen = has["seen_at_start"]
    if has.get("seen_at_end", seen) != seen:
        target.problems.append(f"{name}: current.trigger changed from step to step")
    given = seen["events"] if seen is not None else []
    if given:
        latest = max(given, key=lambda event: event[3])
        if tuple(seen["latest"]) != tuple(latest) or given[0] != latest:
            target.problems.append(f"{name}: current.trigger shows {seen['latest'][0]} as the latest event")
    order = [event.id for event in told]
    if sorted(event[2] for event in given) != sorted(order):
        target.problems.append(f"{name}: current.trigger has {[event[2] for event in given]}, expected {order}")
    # An event is its name and its id.
    payloads = {(event[0], event[2]): event[1] for event in given}
    known = [event for event in told if (event.name, event.id) in payloads]
    events = tuple(Seen(event.name, payloads[event.name, event.id], event.id) for event in known)
    return ObservedStart(name, events, None, own, own)


_READ = """
import pickle, sys
from metaflow import Run, namespace
namespace(None)
found = {}
for path in pickle.load(sys.stdin.buffer):
    has = {}
    try:
        for step in Run(path):
            for task in step:
                if step.id != "_parameters":
                    has.update({artifact.id: artifact.data for artifact in task.artifacts if artifact.id != "name"})
                    found[path] = has
    except Exception as error:
        print(path, error, file=sys.stderr)
pickle.dump(found, sys.stdout.buffer)
"""


def artifacts_of(paths: list[str], folder: Path, environment: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Run -> artifacts of all its steps, by Metaflow's client; a run without a step of the user's is absent."""
    done = subprocess.run(
        [sys.executable, "-c", _READ],
        input=pickle.dumps(paths),
        capture_output=True,
        env=environment,
        cwd=folder,
        timeout=1800,
    )
    assert done.returncode == 0, done.stderr.decode()
    return pickle.loads(done.stdout)
