"""Issue: which claimed starts are launched now, and by whom.

In:   a connection, how many runs each flow has.
Out:  orders that this engine owns from then on; starts whose owner or process has died, given back or closed.

Not here: processes (`launch`), the decision that something starts.
A start belongs to the engine that issued it until its process makes it `started`. If that engine dies before, another
one issues it again; the swap in the process (`local_runs.begin`) lets only one of them run.
"""

from __future__ import annotations

import heapq
import json
import os
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from metaflow_extensions.triggers.plugins import local_runs

from . import sessions
from .store import timestamp_text, transaction

# One look per flow that has any, however many starts wait: the index is jumped through.
_FLOWS_WITH_STARTS = """
WITH RECURSIVE flows(key) AS (
    SELECT min(flow_key) FROM starts WHERE state = 'claimed' AND owner_pid IS NULL
    UNION ALL
    SELECT (SELECT min(flow_key) FROM starts WHERE state = 'claimed' AND owner_pid IS NULL AND flow_key > flows.key)
    FROM flows WHERE flows.key IS NOT NULL
) SELECT key FROM flows WHERE key IS NOT NULL"""

ATTEMPTS = 5
"""Launches of one start that end before its process has taken it; then it has failed."""


@dataclass(frozen=True)
class Order:
    """A start to launch. `upstream` is the key of the flow whose outcome started it, or None."""

    start_id: int
    flow_key: str
    reason: str
    upstream: str | None
    attempt: int


@dataclass(frozen=True)
class Row:
    """A start that has been issued, as the database has it."""

    start_id: int
    flow_key: str
    state: str
    run_id: str | None
    step: str | None
    error: str | None
    attempts: int
    pid: int | None
    reason: str


def is_waiting(connection: sqlite3.Connection) -> bool:
    """Whether any claimed start has not been issued. Reads only."""
    found = connection.execute("SELECT 1 FROM starts WHERE state = 'claimed' AND owner_pid IS NULL LIMIT 1").fetchone()
    return found is not None


def waiting_flows(connection: sqlite3.Connection) -> list[str]:
    """The flows that have claimed starts which nobody has issued. Reads only."""
    return [key for (key,) in connection.execute(_FLOWS_WITH_STARTS)]


def owner() -> tuple[int, str]:
    """This process, as the database names it."""
    pid = os.getpid()
    return pid, local_runs.process_started(pid) or ""


def take(
    connection: sqlite3.Connection,
    flows: Iterable[str],
    *,
    most: Mapping[str, int | None],
    running: Mapping[str, int],
    limit: int,
    me: tuple[int, str],
    now: datetime,
) -> list[Order]:
    """Own and return starts of these flows (`waiting_flows`) to launch, oldest first.

    `most`: the flows of this engine, and how many runs of each may be active on this database (None: any number).
    `running` counts the runs of each flow; `limit` bounds their sum. The flow with the fewest runs comes first, and the
    last place is for a flow that has none, so slow flows do not keep the others from starting.
    Inside the caller's transaction. Raises sqlite3.Error.
    """
    room = limit - sum(running.values())
    paused = {key for (key,) in connection.execute("SELECT flow_key FROM paused")}
    if room <= 0 or "*" in paused:
        return []
    # What is not before long after now was written before the clock was set back.
    moments = timestamp_text(now), timestamp_text(now + timedelta(minutes=1))
    waiting = "state = 'claimed' AND owner_pid IS NULL AND coalesce(not_before, '') NOT BETWEEN ? AND ?"
    queues: list[tuple[int, str, list[int]]] = []
    for key in flows:
        if key in paused or key not in most:
            continue
        bound = most[key]
        wanted = room if bound is None else min(room, bound - _active(connection, key))
        if wanted > 0:
            found = connection.execute(
                f"SELECT id FROM starts WHERE flow_key = ? AND {waiting} ORDER BY id LIMIT ?",  # noqa: S608
                (key, *moments, wanted),
            )
            queues.append((running.get(key, 0), key, [start_id for (start_id,) in found]))
    chosen = _shared(queues, room, is_shared=len(most) > 1)
    if not chosen:
        return []
    rows = connection.execute(
        "UPDATE starts SET owner_pid = ?, owner_started = ?, attempts = attempts + 1"  # noqa: S608
        f" WHERE id IN (SELECT value FROM json_each(?)) AND {waiting}"
        " RETURNING id, flow_key, reason, attempts,"
        " CASE json_extract(document, '$.dependencies[#-1].kind') WHEN 'finish'"
        " THEN json_extract(document, '$.dependencies[#-1].name') END",
        (*me, json.dumps(chosen), *moments),
    ).fetchall()
    orders = [Order(row[0], row[1], row[2], row[4], row[3]) for row in rows]
    return sorted(orders, key=lambda order: order.start_id)


def _active(connection: sqlite3.Connection, key: str) -> int:
    """How many runs of a flow are active, whichever engine has them."""
    (count,) = connection.execute(
        "SELECT count(*) FROM starts WHERE flow_key = ?"
        " AND (state = 'started' OR (state = 'claimed' AND owner_pid IS NOT NULL))",
        (key,),
    ).fetchone()
    return int(count)


def _shared(queues: Iterable[tuple[int, str, list[int]]], room: int, is_shared: bool) -> list[int]:
    """Starts out of (runs of a flow, flow, its waiting starts), one at a time for the flow that has the fewest runs."""
    heap = [(count, waiting[0], key, waiting) for count, key, waiting in queues if waiting]
    heapq.heapify(heap)
    chosen: list[int] = []
    while heap and room > 0:
        count, start_id, key, waiting = heapq.heappop(heap)
        if room == 1 and count > 0 and is_shared:
            break
        chosen.append(start_id)
        room -= 1
        if len(waiting) > 1:
            heapq.heappush(heap, (count + 1, waiting[1], key, waiting[1:]))
    return chosen


def look(connection: sqlite3.Connection, start_id: int) -> Row | None:
    """The start's row, or None: it has ended, and was pruned since."""
    found = connection.execute(
        "SELECT id, flow_key, state, run_id, step, error, attempts, pid, reason FROM starts WHERE id = ?",
        (start_id,),
    ).fetchone()
    return Row(*found) if found else None


def give_back(connection: sqlite3.Connection, row: Row | None, problem: str, now: datetime) -> None:
    """A launch that ended before its process took the start: try again later, or give up. Raises sqlite3.Error."""
    if row is None:
        return
    if row.attempts >= ATTEMPTS:
        error = f"{problem} ({row.attempts} attempts)"
        local_runs.finish(connection, row.start_id, "failed", error, expected="claimed")
        return
    later = timestamp_text(now + timedelta(seconds=0.5 * 2**row.attempts))
    with transaction(connection):
        connection.execute(
            "UPDATE starts SET owner_pid = NULL, owner_started = NULL, not_before = ?"
            " WHERE id = ? AND state = 'claimed'",
            (later, row.start_id),
        )


def settle(
    connection: sqlite3.Connection, row: Row | None, pid: int, code: int, now: datetime, *, takes_start: bool = True
) -> None:
    """A launched process has ended: say what became of the start if it has not said it. Raises sqlite3.Error.

    `takes_start`: the process was to make the start its own; else its exit code is all there is.
    """
    if row is None:
        return
    if not takes_start and row.state == "claimed":
        state = "succeeded" if code == 0 else "failed"
        local_runs.finish(connection, row.start_id, state, f"exit code {code}", expected="claimed")
    elif row.state == "started" and row.pid == pid:
        if code < 0 and -code in (2, 15):  # SIGINT, SIGTERM
            local_runs.finish(connection, row.start_id, "aborted", f"the run was ended by signal {-code}")
        elif code < 0:
            local_runs.finish(connection, row.start_id, "lost", f"the run was ended by signal {-code}")
        else:
            state = "succeeded" if code == 0 else "failed"
            local_runs.finish(connection, row.start_id, state, f"the run ended with exit code {code}")
    elif row.state == "claimed" and code != local_runs.TAKEN:
        give_back(connection, row, f"the run could not begin: exit code {code}", now)


def sweep(connection: sqlite3.Connection, mine: Iterable[int], database: str) -> list[int]:
    """Look after what dead engines and runs have left; returns the starts that were closed as lost.

    A run is over when nothing of it works any more: what is left of its session is ended before that is told.
    `mine` are pids that this engine waits for itself. Raises sqlite3.Error.
    """
    own = set(mine)
    owners = connection.execute(
        "SELECT DISTINCT owner_pid, owner_started FROM starts WHERE state = 'claimed' AND owner_pid IS NOT NULL"
    ).fetchall()
    dead = [pair for pair in owners if not local_runs.is_alive(*pair)]
    if dead:
        with transaction(connection):
            connection.executemany(
                "UPDATE starts SET owner_pid = NULL, owner_started = NULL"
                " WHERE state = 'claimed' AND owner_pid = ? AND owner_started = ?",
                dead,
            )
    lost = []
    for start_id, pid, started in connection.execute(
        "SELECT id, pid, pid_started FROM starts WHERE state = 'started'"
    ).fetchall():
        if (
            pid not in own
            and not local_runs.is_alive(pid, started)
            and sessions.end(pid, start_id, database)
            and local_runs.finish(connection, start_id, "lost", "the run's process has disappeared")
        ):
            lost.append(start_id)
    return lost


def adopted(connection: sqlite3.Connection, mine: Iterable[int]) -> list[tuple[int, int, str, str]]:
    """(start, pid, flow key, moment of its start) of running starts that no living engine looks after.

    `mine` are pids that this engine waits for itself. Raises sqlite3.Error.
    """
    own = set(mine)
    rows = connection.execute(
        "SELECT id, pid, flow_key, started_at, owner_pid, owner_started FROM starts WHERE state = 'started'"
    ).fetchall()
    return [row[:4] for row in rows if row[1] not in own and not local_runs.is_alive(row[4], row[5])]


def mark_ending(connection: sqlite3.Connection, start_id: int, why: str) -> bool:
    """Say why a run is about to be ended ('aborted', 'timed_out'); False if it is not running or is being ended."""
    cursor = connection.execute(
        "UPDATE starts SET ending = ? WHERE id = ? AND state = 'started' AND ending IS NULL", (why, start_id)
    )
    return cursor.rowcount > 0


def release(connection: sqlite3.Connection, me: tuple[int, str]) -> None:
    """Give back what this engine has issued and no process has taken. Raises sqlite3.Error."""
    connection.execute(
        "UPDATE starts SET owner_pid = NULL, owner_started = NULL"
        " WHERE state = 'claimed' AND owner_pid = ? AND owner_started = ?",
        me,
    )
