"""Runner: the engine's own reading of the log, with nothing launched: every row in milliseconds.

In:   rows and their graphs.
Out:  what the engine's database says of each.

Not here: runs (`real`). No process stands behind a start; the clock stands where an item puts it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from metaflow_extensions.triggers.contract import event_check, event_reader, exact_json, parameter_values
from metaflow_extensions.triggers.plugins import local_events, local_runs
from metaflow_triggers.engine.loop import Engine
from metaflow_triggers.engine.observe import snapshot
from metaflow_triggers.engine.schedules import Schedules
from metaflow_triggers.engine.waits import local_flow
from metaflow_triggers.model.flows import TriggerGraph
from metaflow_triggers.simulate.events_file import parse, placed
from metaflow_triggers.simulate.items import Item
from metaflow_triggers.simulate.values import convert, text_of

from .engines import NoLauncher, SetClock, adopt, fire, log_row
from .rows import Observed, ObservedStart, Row, Seen, items

BEGIN = datetime(2026, 1, 1, tzinfo=timezone.utc)


def row_items(row: Row, graph: TriggerGraph) -> list[Item]:
    """The row's items, each with a time of its own; a start by hand is a tick here."""
    given = [item if "run" not in item else {"at": BEGIN.isoformat()} for item in items(row)]
    parsed = placed(parse(text_of(given)), graph)
    return [
        Item(**{**item.__dict__, "at": item.at or BEGIN + timedelta(seconds=number)})
        for number, item in enumerate(parsed, 1)
    ]


def accept(item: Item, number: int, writer: Any, observed: Observed) -> None:
    """Judge an item as `emit` does, and put it into the log."""
    if item.kind == "event" and is_refused(item, number, observed):
        return
    assert item.at is not None and observed.repeated is not None and observed.refused is not None
    if item.kind == "tick":
        return
    identity, name, kind, body, moment = row = log_row(item, number, item.at)
    try:
        if kind == "event":
            is_new = local_events.append_event(writer, name, body, identity, moment)
        else:
            is_new = local_events.append_many(writer, [row]) > 0
    except local_events.Taken:
        observed.refused.append(number)
        return
    if not is_new:
        observed.repeated.append(number)


def is_refused(item: Item, number: int, observed: Observed) -> bool:
    """Whether `emit_event` and `emit` refuse an event; then that is observed of item `number`."""
    try:
        event_check.check_name(item.name)
        event_check.check_payload(item.name, item.payload)
    except event_check.NotAnEvent:
        assert observed.refused is not None
        observed.refused.append(number)
        return True
    return False


def observe(row: Row, graph: TriggerGraph, folder: Path) -> Observed:
    """One engine, one row."""
    path = str(folder / f"{abs(hash(row.rule))}.db")
    flows = [local_flow(flow) for flow in graph.flows]
    todo = row_items(row, graph)
    clock = SetClock(todo[0].at or BEGIN)
    engine = Engine(path, flows, NoLauncher(), clock=clock, sources=[Schedules(flows, clock)])
    writer = local_events.connect(path)
    observed = Observed(not_started=[], refused=[], repeated=[])
    assert observed.not_started is not None
    try:
        polls = adopt(writer, graph)
        engine.turn()
        for number, item in enumerate(todo, 1):
            clock.moment = item.at or clock.moment
            if item.kind == "poll":
                observed.not_started += [
                    plain(key) for key in fire(writer, polls[item.name], item, number, clock.moment).elements()
                ]
                continue
            accept(item, number, writer, observed)
            while engine.turn():
                pass
        fill(observed, engine.connection, {flow.key: flow for flow in flows})
    finally:
        writer.close()
        engine.close()
    return observed


def fill(observed: Observed, connection: Any, flows: dict[str, Any]) -> None:
    """What the database says: starts, refused ones, half-arrived sets."""
    observed.waiting = [plain(held.flow_key) for held in snapshot(connection, flows).waiting]
    assert observed.not_started is not None
    for key, state, text in connection.execute("SELECT flow_key, state, document FROM starts ORDER BY id").fetchall():
        if state == "refused":
            observed.not_started.append(plain(key))
        else:
            document = exact_json.loads(local_runs.whole_document(connection, text))
            observed.starts.append(started(key, document, flows[key].flow.parameters))


def started(key: str, document: dict[str, Any], parameters: Sequence[Any]) -> ObservedStart:
    """A start by its trigger document, with the parameters that its run would have."""
    declared = {item.name: item.type for item in parameters if not item.is_config}
    events = tuple(Seen(event.name, event.payload, event.id) for event in event_reader.select(document))
    try:
        texts = parameter_values.parameters_for(document, declared)
    except event_reader.EventError as error:
        return ObservedStart(plain(key), events, {}, fails=str(error))
    given = {
        name: exact_json.loads(text) if declared[name] == "json" else convert(text, declared[name])
        for name, text in texts.items()
    }
    return ObservedStart(plain(key), events, given)


def plain(key: str) -> str:
    """The class name."""
    return key.rpartition(".")[2]
