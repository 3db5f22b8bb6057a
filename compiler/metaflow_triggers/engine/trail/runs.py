"""Runs: a start of the database as a run and a cause of `trail`.

In:   a `Start`, the connection, where logs are.
Out:  `Run`, `Cause`, the commands that go on from there.

Not here: which start belongs to an event.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
from pathlib import Path
from typing import Any

from metaflow_extensions.triggers.contract import event_reader, exact_json, parameter_values
from metaflow_extensions.triggers.plugins.local_runs import whole_document

from ...trail import answer, causes
from ...trail.answer import Run
from ...trail.causes import Cause
from ..store import PARAMETERS
from . import rows
from .rows import Event, Start

_NO_FIELD = re.compile(r"the required parameter (\S+) has no value: event \S+ has no field (.+)", re.DOTALL)
"""What `matching` and `starts` write of a refused start."""
_UNFIT = re.compile(r"event '.*' does not fit parameter '", re.DOTALL)
"""What a run says of a value that its parameter does not take (the contract's `parameter_values`)."""

_STATES = {**answer.STATE_OF_START, "refused": answer.REFUSED}


def run_of(connection: sqlite3.Connection, start: Start, logs: str | None) -> Run:
    """The run of a start. Its log is told where there is one."""
    path = log_path(logs, start.flow_key, start.id)
    return Run(
        start.run,
        _STATES[start.state],
        start.started_at,
        start.ended_at,
        start.step,
        start.error,
        parameters(connection, start),
        path if path and os.path.exists(path) else None,
    )


def log_path(logs: str | None, flow_key: str, start_id: int) -> str | None:
    """Where `launch` writes it."""
    return str(Path(logs) / f"{flow_key}.{start_id}.log") if logs else None


def logs_of(connection: sqlite3.Connection, database: str, given: str | None) -> str:
    """The folder of the logs: what was said, else where the last engine wrote them, else where one does by itself."""
    return given or rows.setting(connection, "logs") or f"{database}-logs"


def parameters(connection: sqlite3.Connection, start: Start) -> dict[str, Any] | None:
    """Parameter -> JSON value that the events of a start give; None where an event was pruned.

    What `auto_map` or a poll gives are the parameters of the flow as an engine last served it.
    """
    try:
        whole = exact_json.loads(whole_document(connection, start.document))
    except TypeError:  # an event that is not there any more
        return None
    declared = json.loads(rows.setting(connection, f"{PARAMETERS}{start.flow_key}") or "[]")
    found: dict[str, Any] = parameter_values.values_for(event_reader.select(whole), declared)
    return found


def cause_of(connection: sqlite3.Connection, start: Start, event: Event | None) -> Cause:
    """Why a start is what it is. `event` is the one that is asked about."""
    error = " ".join((start.error or "").split())
    if start.state == "refused":
        missing, others = _NO_FIELD.fullmatch(start.error or ""), _others(connection, start, event)
        if missing:
            return causes.MISSING_FIELD(parameter=missing[1], field=missing[2], set=others)
        return causes.REFUSED(why=error, set=others)
    if start.state == "claimed":
        paused = rows.paused_since(connection, start.flow_key)
        if paused and start.owner_pid is None:
            return causes.PAUSED(what=paused[0], since=paused[1])
        return causes.QUEUED(why=_waits(start))
    if start.state == "lost":
        return causes.LOST(run=start.run, why=error)
    if start.state == "failed" and start.step is None:
        if _UNFIT.match(start.error or ""):
            return causes.WRONG_TYPE(run=start.run, why=error)
        if start.run_id is None:
            return causes.FAILED_BEFORE_USER_CODE(run=start.run, why=error)
    return causes.RUN(run=start.run, set=_others(connection, start, event))


def _waits(start: Start) -> str:
    if start.owner_pid is not None:
        return "its process is about to begin"
    if start.attempts:
        return f"{start.attempts} attempts to begin have failed; the next one not before {start.not_before}"
    return "no engine has taken it yet"


def _others(connection: sqlite3.Connection, start: Start, event: Event | None) -> str | None:
    """The other events of a set."""
    if event is None or not start.start_key.startswith("set/"):
        return None
    found = [rows.event_at(connection, number) for number in start.sequences() if number != event.sequence]
    told = [f"{item.name} {item.identity}" for item in found if item is not None]
    return " and ".join(told) or None
