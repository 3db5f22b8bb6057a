"""Poll trail: what is remembered of a poll trigger as an answer of `trail`, in the words of the local engine.

In:   a declaration, a state and claims (`polling.record`), whichever cloud keeps them.
Out:  the cause, and the fire that it is about, if any; the run of a fire, as far as the record has it.

Not here: asking the cloud; a run that the cloud still has, which it tells better itself (`trail` of each backend).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from metaflow_extensions.triggers.contract import exact_json

from ..polling import record
from ..polling.fires import RESERVED, hash_of
from ..polling.record import Declaration
from ..trail import answer, causes
from ..trail.answer import Poll, Run
from ..trail.causes import Cause

FIRE = re.compile(r"[a-z0-9][a-z0-9-]*-[0-9a-f]{16}-g[0-9]+")
"""What the start of a fire is called (`polling.fires.run_name`), and its run."""


@dataclass(frozen=True)
class Remembered:
    """What is remembered of a trigger. `prefix` stands before a fire's name in Metaflow's id of its run. `problem`: why
    the poller cannot read it, and polls nothing; then the state is that of a new one."""

    declared: Declaration
    state: dict[str, Any]
    prefix: str
    is_enabled: bool = True
    is_paused: bool = False
    problem: str | None = None

    @property
    def name(self) -> str:
        return self.declared.name

    def fire(self, name: str) -> dict[str, Any] | None:
        """The claim of this name; None: it has none, or it is one of earlier than the last hundred."""
        return next((item for item in self.state["claims"] if item["name"] == name), None)

    def poll(self, claim: dict[str, Any] | None) -> Poll:
        """What an answer says of the trigger and a claim of its."""
        return Poll(self.name) if claim is None else Poll(self.name, claim["name"], _context(claim))


def of_trigger(
    found: Remembered, down: str | None, context: dict[str, Any] | None
) -> tuple[Cause, dict[str, Any] | None]:
    """(cause, claim) of its last poll. `down`: why the cloud does not poll it, where it says that; `context`: the one
    that is asked about."""
    state = found.state
    if not found.is_enabled:
        return causes.DISABLED(what=f"poll trigger {found.name}"), None
    down = down or found.problem or state.get("down")
    if down:
        return causes.NOT_POLLED(what=found.name, why=down), None
    result, at = state.get("last_result"), state.get("last_poll_at")
    if at is None:
        return causes.NOT_POLLED(what=found.name, why="its poller has not polled it yet"), None
    if result == "suppressed":
        by = _equal(found, context)
        told = "a run that is active, or was where a context counts once"
        return causes.SUPPRESSED_POLL(by=told if by is None else f"run {found.prefix}{by['name']}"), by
    if result == "error":
        return causes.POLL_FAILS(at=at, why=_one_line(state.get("last_error"))), None
    newest = max(state["claims"], key=lambda item: int(item["generation"]), default=None)
    if result == "fire" and newest is not None:
        return of_fire(found, newest), newest
    return causes.POLL_SKIPS(at=at), None


def of_fire(found: Remembered, claim: dict[str, Any]) -> Cause:
    """Of a claim whose run the cloud does not have."""
    error, run = _one_line(claim.get("error")), f"{found.prefix}{claim['name']}"
    if claim["state"] == "claimed":
        if found.is_paused:
            return causes.PAUSED(what=found.declared.target.workflow)
        return causes.QUEUED(why=error or "its poller has not started it yet")
    if not claim.get("run_started_at"):
        return causes.REFUSED(why=error)
    if claim["state"] == "lost":
        return causes.LOST(run=run, why=error)
    return causes.RUN(run=run)


def run_of(found: Remembered, claim: dict[str, Any]) -> Run:
    """What the record has of the run of a claim."""
    state = answer.STATE_OF_START.get(claim["state"], answer.LOST)
    started = claim.get("run_started_at")
    if state == answer.FAILED and not started:
        state = answer.REFUSED
    run = f"{found.prefix}{claim['name']}"
    return Run(run, state, started, claim.get("completed_at"), error=claim.get("error"))


def context_of(payload: dict[str, Any]) -> dict[str, Any]:
    """What a poll fired, of the payload of its run's event."""
    return {key: value for key, value in payload.items() if key not in RESERVED}


def _context(claim: dict[str, Any]) -> dict[str, Any] | None:
    if claim.get("context") is not None:
        found = exact_json.loads(claim["context"])
        return found if isinstance(found, dict) else None
    payload = claim.get("payload")
    return None if payload is None else context_of(exact_json.loads(payload))


def _equal(found: Remembered, context: dict[str, Any] | None) -> dict[str, Any] | None:
    """The claim that suppressed a fire: that of the context, else the only one that has not ended."""
    active = record.active(found.state)
    if context is None:
        return active[0] if len(active) == 1 else None
    digest = hash_of(found.declared.target, context)
    equal = [item for item in found.state["claims"] if item["hash"] == digest]
    return equal[-1] if equal else None


def _one_line(text: Any) -> str:
    return " ".join(str(text or "").split())
