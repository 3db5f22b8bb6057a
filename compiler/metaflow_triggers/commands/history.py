"""History: what a poll trigger, or a flow, has started.

In:   the parsed arguments, a connection to the engine's database.
Out:  a table or JSON on standard output: each start with its events, what they gave to its parameters, its log.

Not here: why something did not start (`trail`).
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
from typing import Any

from ..diagnostics import Diagnostic, DiagnosticError
from ..engine.pauses import flow_key
from .manage import print_table


def history(options: argparse.Namespace, connection: sqlite3.Connection) -> int:
    """Print the latest first; the exit code. Raises DiagnosticError (FT714, FT727)."""
    from ..engine import store
    from ..engine.polls import records
    from ..engine.trail import runs

    if options.limit < 0:
        raise DiagnosticError([Diagnostic("FT714", f"--limit is {options.limit}; expected a number from 0")])
    logs = runs.logs_of(connection, store.database_path(options.database), None)
    if records.schedule(connection, options.name) is not None:
        found = [
            {**row, **_more(connection, _of_claim(connection, row["id"]), logs)}
            for row in records.history(connection, options.name, limit=options.limit)
        ]
        header: tuple[str, ...] = ("FIRED", "STATE", "RUN", "CONTEXT", "ERROR")
        rows: list[tuple[str, ...]] = [
            (row["started_at"], row["state"], row["run_id"] or "", json.dumps(row["context"]), row["error"] or "")
            for row in found
        ]
    else:
        found = [_of_start(connection, start, logs) for start in _starts(connection, options)]
        header = ("ASKED FOR", "STATE", "RUN", "REASON", "EVENT", "ERROR")
        rows = [
            (row["scheduled_at"], row["state"], row["run_id"] or "", row["reason"], _ids(row), row["error"] or "")
            for row in found
        ]
    if options.format == "json":
        sys.stdout.write(_as_json(found))
        return 0
    print_table(header, rows)
    if sys.stdout.isatty():
        _print_logs(found)
    return 0


def _starts(connection: sqlite3.Connection, options: argparse.Namespace) -> list[Any]:
    from ..engine.trail import rows

    return rows.latest(connection, flow_key(connection, options.name, "FT727"), options.limit)


def _of_start(connection: sqlite3.Connection, start: Any, logs: str) -> dict[str, Any]:
    names = ("scheduled_at", "state", "run_id", "reason", "error", "started_at", "ended_at")
    return {**{name: getattr(start, name) for name in names}, **_more(connection, start, logs)}


def _of_claim(connection: sqlite3.Connection, claim: str) -> Any:
    """The start of a poll's fire; None: it was pruned."""
    from ..engine.trail import rows

    found = connection.execute("SELECT flow_key, start_key FROM poll_claims WHERE id = ?", (claim,)).fetchone()
    return rows.start_of(connection, *found) if found else None


def _more(connection: sqlite3.Connection, start: Any, logs: str) -> dict[str, Any]:
    """The events of a start, what they gave, where its log is."""
    from ..engine.trail import runs

    if start is None:
        return {"events": [], "parameters": None, "log": None}
    told = [item["event"] for item in json.loads(start.document)["events"]]
    run = runs.run_of(connection, start, logs)
    events = [{"name": event["name"], "id": event["id"]} for event in told]
    return {"events": events, "parameters": run.parameters, "log": run.log}


def _as_json(found: list[dict[str, Any]]) -> str:
    """As all lists are printed, and the numbers of parameters keep their digits."""
    from metaflow_extensions.triggers.contract import exact_json

    text = json.dumps([{**row, "parameters": f"@{number}"} for number, row in enumerate(found)], indent=2)
    for number, row in enumerate(found):
        # A text cannot hold these quotes unescaped.
        text = text.replace(f'"parameters": "@{number}"', f'"parameters": {exact_json.dumps(row["parameters"])}', 1)
    return text + "\n"


def _ids(row: dict[str, Any]) -> str:
    return ", ".join(event["id"] for event in row["events"])


def _print_logs(found: list[dict[str, Any]]) -> None:
    from ..reports.shown import shown

    for row in found:
        if row["log"] and row["state"] in ("failed", "lost", "timed_out", "aborted"):
            sys.stdout.write(shown(f"log of {row['run_id'] or row['state']}: {row['log']}") + "\n")
