"""Poll claims: a fire becomes one start, or is suppressed.

In:   a trigger, its context, the tick and the epoch of the poll.
Out:  a claim and a start in one transaction; nothing where an equal context is active, the tick is taken, or another
      engine polls the trigger by now.

Not here: calling the function, running the flow. Whether an equal context is active is asked of `starts` at the moment
of the claim, so that a run that has ended blocks nothing.
"""

from __future__ import annotations

import sqlite3
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from metaflow_extensions.triggers.contract import exact_json, local_start
from metaflow_extensions.triggers.plugins.local_events import forgotten_hash, insert, timestamp_text

from ...polling.fires import RESERVED, Target, dependency_of, hash_of, payload_of, run_name
from .. import starts
from ..store import transaction


@dataclass(frozen=True)
class Fire:
    """One fire, ready to be claimed: what is stored does not depend on when that succeeds.

    `context` is the trigger's own data; `tick` names the poll within its epoch. `due_at`: when the poll was due.
    """

    target: Target
    context: dict[str, Any]
    epoch: int
    tick: int
    due_at: datetime

    @property
    def tick_key(self) -> str:
        """What no second start of the trigger has."""
        return f"{self.epoch}.{self.tick}"


def claim(connection: sqlite3.Connection, owner: str, fire: Fire, now: datetime) -> str:
    """Claim a fire in one transaction: "claimed", "suppressed", "taken" (the tick has its start) or "lost" (not ours).

    Raises sqlite3.Error when nothing was stored.
    """
    target = fire.target
    digest = hash_of(target, fire.context)
    if not target.allow_concurrent and _blocked(connection, target, digest):
        return "suppressed"  # asked without the write lock: most fires of a lasting condition end here
    with transaction(connection):
        row = connection.execute(
            "SELECT generation FROM poll_triggers WHERE name = ? AND owner = ? AND epoch = ?",
            (target.trigger, owner, fire.epoch),
        ).fetchone()
        if row is None:
            return "lost"
        if connection.execute(
            "SELECT 1 FROM poll_claims WHERE trigger_name = ? AND tick = ?", (target.trigger, fire.tick_key)
        ).fetchone():
            return "taken"
        if not target.allow_concurrent:
            if _blocked(connection, target, digest):
                return "suppressed"
            connection.execute(
                "UPDATE poll_claims SET active = 0 WHERE trigger_name = ? AND context_hash = ? AND active = 1",
                (target.trigger, digest),
            )
        _store(connection, fire, digest, int(row[0]) + 1, now)
    return "claimed"


def _blocked(connection: sqlite3.Connection, target: Target, digest: str) -> bool:
    """Whether the run of an equal context is waiting or running; with dedup="once", whether there ever was one.

    However the trigger was declared when that started.
    """
    mine = (target.trigger, digest)
    if target.dedup == "once":
        known = connection.execute(
            "SELECT 1 FROM poll_claims WHERE trigger_name = ? AND context_hash = ? LIMIT 1", mine
        ).fetchone()
        return known is not None or _was_pruned(connection, target, digest)
    active = ", ".join(f"'{state}'" for state in starts.ACTIVE)
    # The first finds the one claim that blocks while a condition lasts; the second looks at what is active.
    for of in (
        "poll_claims JOIN starts USING (flow_key, start_key) WHERE poll_claims.active = 1 AND exclusive = 1 AND",
        "starts CROSS JOIN poll_claims USING (flow_key, start_key) WHERE",  # in this order
    ):
        found = connection.execute(
            f"SELECT 1 FROM {of} starts.state IN ({active})"  # noqa: S608 - our own words
            " AND trigger_name = ? AND context_hash = ? LIMIT 1",
            mine,
        ).fetchone()
        if found is not None:
            return True
    return False


def _was_pruned(connection: sqlite3.Connection, target: Target, digest: str) -> bool:
    mark = forgotten_hash("poll", target.trigger, digest)
    return connection.execute("SELECT 1 FROM forgotten WHERE hash = ?", (mark,)).fetchone() is not None


def _store(connection: sqlite3.Connection, fire: Fire, digest: str, generation: int, now: datetime) -> None:
    target = fire.target
    moment = timestamp_text(now)
    key = run_name(target.trigger, digest, generation)
    payload = payload_of(target, fire.context, now)
    connection.execute("UPDATE poll_triggers SET generation = ? WHERE name = ?", (generation, target.trigger))
    connection.execute(
        "INSERT INTO poll_claims VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            str(uuid.uuid4()),
            target.trigger,
            target.workflow,
            target.flow_key,
            key,
            fire.tick_key,
            generation,
            # The log has it, without what its payload has under other keys.
            exact_json.dumps(fire.context) if RESERVED & fire.context.keys() else "",
            digest,
            int(not target.allow_concurrent),
            1,
            timestamp_text(fire.due_at),
            moment,
        ),
    )
    event = local_start.event_body(target.trigger, key, moment, payload, "poll")
    insert(connection, (key, target.trigger, "poll", exact_json.dumps(payload), moment))
    (sequence,) = connection.execute("SELECT sequence FROM events WHERE kind = 'poll' AND id = ?", (key,)).fetchone()
    made = starts.add_start(
        connection,
        target.flow_key,
        key,
        [dependency_of(target, payload)],
        [event],
        f"poll {target.trigger}",
        sequences=[sequence],
        now=now,
    )
    if made is None:
        raise sqlite3.IntegrityError(f"the start {key} is there already")
