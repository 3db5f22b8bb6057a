"""Poll claims: a fire becomes one start, or is suppressed.

In:   a trigger, its context, the tick and the epoch of the poll.
Out:  a claim and a start in one transaction; nothing where an equal context is active, the tick is taken, or another
      engine polls the trigger by now.

Not here: calling the function, running the flow. Whether an equal context is active is asked of `starts` at the moment
of the claim, so that a run that has ended blocks nothing.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from metaflow_extensions.triggers.contract import exact_json, trigger_document
from metaflow_extensions.triggers.plugins.local_events import forgotten_hash, insert, timestamp_text

from ...model.flows import Parameter
from ...model.names import poll_slug
from .. import starts
from ..store import transaction

PAYLOAD_LIMIT = 240 * 1024
"""Bytes of JSON of a payload, the same as of any event's (`event_check.PAYLOAD_LIMIT`)."""
RESERVED = frozenset(("trigger_name", "triggered_at"))
"""Keys of the payload that the context has not, or not so."""
WHOLE_PARAMETER = "trigger_context"
"""A JSON parameter of this name gets the whole payload."""


@dataclass(frozen=True)
class Target:
    """What a poll trigger starts. `flow_key` as in `starts.add_start`; `parameters` are the flow's."""

    trigger: str
    workflow: str
    flow_key: str
    parameters: tuple[Parameter, ...]
    allow_concurrent: bool = False
    dedup: str = "active"
    dedup_keys: tuple[str, ...] | None = None


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


def context_hash(payload: dict[str, Any] | None) -> str:
    """The digest of a context: equal for equal JSON, whatever the order of keys; None and {} are the same."""
    text = json.dumps(payload or {}, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def hash_of(target: Target, context: dict[str, Any]) -> str:
    """The digest that decides whether a fire of this trigger is a repetition."""
    if target.dedup_keys is not None:
        context = {key: context[key] for key in target.dedup_keys if key in context}
    return context_hash(context)


def run_name(name: str, digest: str, generation: int) -> str:
    """What a start of the trigger is called on every backend; at most 63 characters up to 10**12 generations."""
    return f"{poll_slug(name)}-{digest[:16]}-g{generation}"


def payload_of(target: Target, context: dict[str, Any], now: datetime) -> dict[str, Any]:
    """The event's payload: the context, and `trigger_name` and `triggered_at`, which win over its keys."""
    return {**context, "trigger_name": target.trigger, "triggered_at": timestamp_text(now)}


def dependency_of(target: Target, payload: dict[str, Any]) -> dict[str, Any]:
    """The dependency of the trigger document: keys give the parameters of their name, others stay payload."""
    mappings = []
    whole = any(item.name == WHOLE_PARAMETER and item.type == "json" for item in target.parameters)
    if whole and WHOLE_PARAMETER not in payload:
        mappings.append(trigger_document.from_constant(WHOLE_PARAMETER, exact_json.dumps(payload)))
    # A key with a dot is a key, not a way into an object: `values.field` lets it win.
    return trigger_document.poll_dependency(target.trigger, mappings)


def problem(fire: Fire, now: datetime) -> str | None:
    """Why a fire cannot start its flow, or None: its payload is too large, or a required parameter has no value."""
    payload = payload_of(fire.target, fire.context, now)
    size = len(exact_json.dumps(payload).encode("utf-8"))
    if size > PAYLOAD_LIMIT:
        return f"the payload is {size} bytes of JSON; the limit is {PAYLOAD_LIMIT}"
    event = starts.event_body(fire.target.trigger, "", timestamp_text(now), payload, "poll")
    document = starts.trigger_document([dependency_of(fire.target, payload)], [event])
    return starts.missing_required(fire.target.parameters, document)


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
    """Whether an equal context is claimed and its run has not ended; with dedup="once", whether it ever was."""
    ended = ", ".join(f"'{state}'" for state in starts.TERMINAL)
    over = "" if target.dedup == "once" else f" AND active = 1 AND coalesce(starts.state, 'lost') NOT IN ({ended})"
    if target.dedup == "once" and _was_pruned(connection, target, digest):
        return True
    return (
        connection.execute(
            "SELECT 1 FROM poll_claims LEFT JOIN starts USING (flow_key, start_key)"  # noqa: S608 - our own words
            f" WHERE trigger_name = ? AND context_hash = ? AND exclusive = 1{over} LIMIT 1",
            (target.trigger, digest),
        ).fetchone()
        is not None
    )


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
    event = starts.event_body(target.trigger, key, moment, payload, "poll")
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
