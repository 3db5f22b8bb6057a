"""Runner: the engine with real flows under the real Metaflow, read back with Metaflow's client.

In:   rows (none of them needs a clock), their graphs.
Out:  what each run saw: its parameters, `current.trigger` at its first and its last step, its artifacts.

Not here: expectations. All rows share one engine and one database, as flows of a project do; a row's flows are its own.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from metaflow_extensions.triggers.plugins import local_events, values
from metaflow_triggers.engine.launch import FlowLauncher
from metaflow_triggers.engine.loop import Engine
from metaflow_triggers.engine.observe import snapshot
from metaflow_triggers.engine.starts import add_start
from metaflow_triggers.engine.store import transaction
from metaflow_triggers.engine.waits import LocalFlow, local_flow

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


def observe(rows: Sequence[Row], read: dict[str, ReadRow], folder: Path, runs: int = 2) -> dict[str, Observed]:
    """Run all rows on one engine, until it is idle. `runs`: flows at once."""
    production = {row.production for row in rows}
    assert len(production) == 1, "an engine runs one branch"
    flows = {flow.key: flow for row in rows for flow in map(local_flow, read[row.rule].graph.flows)}
    path = str(folder / "engine.db")
    options = ("--production",) if production == {True} else ()
    (folder / "logs").mkdir(exist_ok=True)
    launcher = FlowLauncher(path, flows, environment(folder), options, str(folder / "logs"))
    before = Path.cwd()
    os.chdir(folder)  # the runs' own: what a payload could make appear there is looked for there
    engine = Engine(path, list(flows.values()), launcher, max_runs=runs)
    writer = local_events.connect(path)
    observed: dict[str, Observed] = {}
    try:
        for row in rows:
            observed[row.rule] = Observed(not_started=[], refused=[], repeated=[])
            _give(row, read[row.rule], writer, observed[row.rule], flows)
        engine.run(until_idle=True)
        _fill(rows, observed, engine, flows, folder)
    finally:
        writer.close()
        engine.close()
        os.chdir(before)
    return observed


def _give(row: Row, read: ReadRow, writer: Any, observed: Observed, flows: dict[str, LocalFlow]) -> None:
    """The row's events into the log. What a run brings about by itself is left to it."""
    for number, (item, said) in enumerate(zip(row_items(row, read.graph), items(row), strict=True), 1):
        if "run" in said:
            key = next(key for key in flows if plain(key) == said["run"])
            with transaction(writer):
                add_start(writer, key, f"by hand {row.rule} {number}", [], [], "by hand")
        elif number not in row.own and (item.kind != "finish" or row.injected):
            accept(item, number, writer, observed)


def _fill(
    rows: Sequence[Row], observed: dict[str, Observed], engine: Engine, flows: dict[str, LocalFlow], folder: Path
) -> None:
    rule_of = {}
    for row in rows:
        for name in [*row.flows, *(start["flow"] for start in row.starts), *row.not_started]:
            rule_of[name] = row.rule
    for held in snapshot(engine.connection, flows).waiting:
        target = observed[rule_of[plain(held.flow_key)]]
        target.waiting = [*(target.waiting or []), plain(held.flow_key)]
    found = engine.connection.execute(
        "SELECT flow_key, state, document, run_id, error, reason FROM starts ORDER BY id"
    ).fetchall()
    artifacts = _artifacts([f"{plain(key)}/{run_id}" for key, _, _, run_id, _, _ in found if run_id], folder)
    for key, state, text, run_id, error, reason in found:
        name = plain(key)
        if reason == "by hand":
            continue
        target = observed[rule_of[name]]
        if state == "refused":
            assert target.not_started is not None
            target.not_started.append(name)
            continue
        has = artifacts.get(f"{name}/{run_id}")
        target.starts.append(_start(name, values.loads(text), has, error, target))
        if state not in ("succeeded", "failed"):
            target.problems.append(f"a run of {name} ended as {state}: {error}")
    for row in rows:
        observed[row.rule].waiting = observed[row.rule].waiting or []


def _start(
    name: str, document: dict[str, Any], has: dict[str, Any] | None, error: str | None, target: Observed
) -> ObservedStart:
    told = values.select(document)
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
    by_id = {event[2]: event for event in given}
    events = tuple(Seen(by_id[one][0], by_id[one][1], one) for one in order if one in by_id)
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


def _artifacts(paths: list[str], folder: Path) -> dict[str, dict[str, Any]]:
    """Run -> artifacts of all its steps, by Metaflow's client; a run without a step of the user's is absent."""
    done = subprocess.run(
        [sys.executable, "-c", _READ],
        input=pickle.dumps(paths),
        capture_output=True,
        env=environment(folder),
        cwd=folder,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr.decode()
    return pickle.loads(done.stdout)
