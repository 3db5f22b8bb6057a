"""Local runs: what the local engine's database says of a run, written by the run itself where it can.

In:   a connection of `local_events.connect`, the row id of a start.
Out:  the swap from claimed to started, the run's id, its outcome with the event that tells others of it.

Not here: claiming a start, launching it, the schema (`metaflow_triggers.engine`). Only the standard library.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import sys
from datetime import datetime, timezone
from typing import Any

from ..contract import exact_json
from ..contract.words import outcome_event
from . import local_events

DATABASE_VARIABLE = "METAFLOW_TRIGGERS_DATABASE"
START_VARIABLE = "METAFLOW_TRIGGERS_START"

OUTCOME_OF_STATE = {
    "succeeded": "success",
    "failed": "failure",
    "lost": "failure",
    "aborted": "aborted",
    "timed_out": "timeout",
}
_ERROR_LENGTH = 2000

TAKEN = 3
"""Exit code of a process whose start another one has."""


def now_text() -> str:
    """This moment, as the database writes moments."""
    return local_events.timestamp_text(datetime.now(timezone.utc))


# processes -------------------------------------------------------------------------------------------------------


def process_started(pid: int) -> str | None:
    """What tells a process from a later one of the same number: boot and start time. None: there is no such process."""
    if sys.platform == "linux":
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
            with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
                boot = file.read().strip()
        except OSError:
            return None
        if fields[0] in (b"Z", b"X"):  # it has ended; only its parent has not looked yet
            return None
        return f"{boot}:{fields[19].decode()}"
    import subprocess

    found = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()
    return found or None


def is_alive(pid: int | None, started: str | None) -> bool:
    """Whether the process that was given this number then still runs."""
    return pid is not None and started is not None and process_started(pid) == started


# a run's life ----------------------------------------------------------------------------------------------------


def begin(connection: sqlite3.Connection, start_id: int) -> tuple[str, str] | None:
    """Make a claimed start this process's; returns (flow key, document text), or None if another process has it."""
    pid = os.getpid()
    found: tuple[str, str] | None = connection.execute(
        "UPDATE starts SET state = 'started', pid = ?, pid_started = ?, started_at = ?"
        " WHERE id = ? AND state = 'claimed' RETURNING flow_key, document",
        (pid, process_started(pid), now_text(), start_id),
    ).fetchone()
    return None if found is None else (found[0], whole_document(connection, found[1]))


def whole_document(connection: sqlite3.Connection, text: str) -> str:
    """The text of a start's document with the payloads of its events, which are stored in the log alone.

    Starts of earlier versions have them in the document.
    """
    document = exact_json.loads(text)
    for item in document["events"]:
        if "sequence" in item:
            (body,) = connection.execute(
                "SELECT body FROM events WHERE sequence = ?", (item.pop("sequence"),)
            ).fetchone()
            item["event"]["payload"] = payload_of(body)
    return exact_json.dumps(document)


def payload_of(body: str) -> dict[str, Any]:
    """What an accepted event holds. Whoever writes to the file without asking us gets an empty one."""
    try:
        value = exact_json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def name_run(connection: sqlite3.Connection, start_id: int, run_id: str) -> None:
    """Record the run's id."""
    connection.execute("UPDATE starts SET run_id = ? WHERE id = ?", (run_id, start_id))


def note_failure(connection: sqlite3.Connection, start_id: int, step: str | None, error: str) -> None:
    """Record what went wrong in a step; it counts only if the run fails in the end."""
    connection.execute(
        "UPDATE starts SET step = ?, error = ? WHERE id = ? AND state = 'started'", (step, storable(error), start_id)
    )


def storable(text: str) -> str:
    """Text that SQLite and JSON take: bounded, without lone surrogates and NUL."""
    return text[:_ERROR_LENGTH].encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")


def finish(  # noqa: PLR0917
    connection: sqlite3.Connection,
    start_id: int,
    state: str,
    error: str | None = None,
    step: str | None = None,
    expected: str = "started",
) -> bool:
    """Record how a run ended, and tell the log; False if that is recorded already.

    `state` is a key of OUTCOME_OF_STATE. A run that was being ended for a reason (`ending`) and did not succeed ends
    for that reason.
    `error` and `step` are used where no step has noted its own.
    """
    moment = now_text()
    with local_events.transaction(connection):
        row = connection.execute(
            "SELECT flow_key, run_id, ending, step, error FROM starts WHERE id = ? AND state = ?", (start_id, expected)
        ).fetchone()
        if row is None:
            return False
        flow_key, run_id, ending, noted_step, noted_error = row
        if state == "succeeded":
            step = error = None
        else:
            state = ending or state
            if state == "timed_out":
                step, error = None, "the run took longer than its deadline"
            elif state == "failed" and noted_error is not None and step in (None, noted_step):
                step, error = noted_step, noted_error
        error = storable(error) if error is not None else None
        connection.execute(
            "UPDATE starts SET state = ?, ended_at = ?, step = ?, error = ? WHERE id = ?",
            (state, moment, step, error, start_id),
        )
        outcome = OUTCOME_OF_STATE[state]
        run = run_id or f"start-{start_id}"
        body = outcome_payload(flow_key, run, outcome, step, error)
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        identity = f"{flow_key}/{run}/{outcome}"
        local_events.insert(connection, (identity, outcome_event(flow_key, outcome), "finish", text, moment))
    return True


def outcome_payload(
    flow_key: str, run_id: str, outcome: str, step: str | None = None, error: str | None = None
) -> dict[str, Any]:
    """The payload of an outcome (semantics, section 4)."""
    flow, project, branch = parts(flow_key)
    return {
        "flow": flow,
        "run_id": run_id,
        "outcome": outcome,
        "project": project,
        "branch": branch,
        "step": step,
        "error": error,
    }


def parts(flow_key: str) -> tuple[str, str | None, str | None]:
    """(class name, project, branch) of `project.branch.Flow` or `Flow`. Only a branch may contain dots."""
    head, _, flow = flow_key.rpartition(".")
    if not head:
        return flow, None, None
    project, _, branch = head.partition(".")
    return flow, project, branch


def run_tag(flow_key: str) -> str:
    """The tag of the engine's runs of flows of one project and branch; such runs find each other by it."""
    _, project, branch = parts(flow_key)
    return f"metaflow-triggers:{project}.{branch}" if project else "metaflow-triggers:flows"


_FAILED_STEP = re.compile(r"Step \*(\w+)\*")


def failed_step(message: str) -> str | None:
    """The step that Metaflow's message of a failed run names (metaflow/runtime.py, `TaskFailed`)."""
    found = _FAILED_STEP.search(message)
    return found[1] if found else None
