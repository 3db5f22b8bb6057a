"""Record: what a poller on a cloud remembers of one trigger.

In:   the texts of a declaration (of the deployment) and of a state (of the poller).
Out:  the same as values; a new state after a fire, a start, an end.

Not here: where it is kept (`places`). A function that changes a state is given one that nobody else has. Each write
names the version that was read, so that a poller which was taken for gone can write nothing any more.

A claim is one start: `claimed` (its run may be there or not; `payload` has what it is given), `started`, then one of
the ends. What makes it one: its run's name, of which a cloud takes one only.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from metaflow_extensions.triggers.contract import exact_json
from metaflow_extensions.triggers.contract.local_start import timestamp_text

from ..model.flows import Parameter, Span
from .fires import Target, hash_of, payload_of

ACTIVE = ("claimed", "started")
KEPT = 100
"""Of claims that have ended, the last ones; what is older is forgotten, but for `once`."""
LONGEST_CONTEXT = 1024
"""Bytes of a context that is kept for people to read; of a longer one the run has it."""

_NOWHERE = Span("", 1, 1, 1, 1)


class Full(Exception):
    """There is no room for another start."""


@dataclass(frozen=True)
class Declaration:
    """What the deployment says of a trigger. `file` is below the root of the flow's code package, `template` the
    flow's deployed name."""

    name: str
    file: str
    template: str
    interval: str
    interval_milliseconds: int
    target: Target

    def text(self) -> str:
        """The JSON text, the same for equal declarations."""
        target = self.target
        told = {
            "name": self.name,
            "file": self.file,
            "workflow": target.workflow,
            "template": self.template,
            "poll_interval": self.interval,
            "poll_interval_ms": self.interval_milliseconds,
            "allow_concurrent": target.allow_concurrent,
            "dedup": target.dedup,
            "dedup_keys": None if target.dedup_keys is None else list(target.dedup_keys),
            "parameters": [
                [item.name, item.type, item.required, item.has_default, item.is_config] for item in target.parameters
            ],
        }
        return json.dumps(told, sort_keys=True, ensure_ascii=False)


def declaration(text: str) -> Declaration:
    """Of the JSON text. Raises ValueError for what is no declaration."""
    try:
        told = json.loads(text)
        keys = told["dedup_keys"]
        target = Target(
            trigger=told["name"],
            workflow=told["workflow"],
            flow_key=told["template"],
            parameters=tuple(
                Parameter(name, type_, required, has_default, is_config, _NOWHERE)
                for name, type_, required, has_default, is_config in told["parameters"]
            ),
            allow_concurrent=told["allow_concurrent"],
            dedup=told["dedup"],
            dedup_keys=None if keys is None else tuple(keys),
        )
        return Declaration(
            told["name"],
            told["file"],
            told["template"],
            told["poll_interval"],
            int(told["poll_interval_ms"]),
            target,
        )
    except (TypeError, KeyError) as error:
        raise ValueError(f"it is no declaration of a poll trigger: {error!r}") from None


def state_of(text: str | None) -> dict[str, Any]:
    """The poller's state; a new one where there is none. Raises ValueError for text that is none."""
    if not text:
        return {"version": 1, "epoch": 0, "generation": 0, "claims": [], "once": [], "suppressed_count": 0}
    state = json.loads(text)
    if not isinstance(state, dict) or state.get("version") != 1:
        raise ValueError("the state is not of version 1")
    return state


def state_or_why(text: str | None) -> tuple[dict[str, Any], str | None]:
    """The state, else a new one and why there is none that can be read, for who only looks."""
    try:
        return state_of(text), None
    except ValueError as error:
        return state_of(None), f"what is remembered of it cannot be read: {error}"


def state_text(state: dict[str, Any], room: int) -> str:
    """ASCII, at most `room` bytes. Raises Full."""
    text = json.dumps(state, sort_keys=True, separators=(",", ":"))
    if len(text) > room:
        waiting = sum(item["state"] == "claimed" for item in state["claims"])
        raise Full(f"the record of the trigger is full: {waiting} starts wait, {len(state['once'])} contexts are known")
    return text


def active(state: dict[str, Any]) -> list[dict[str, Any]]:
    """The claims whose run has not ended, the oldest first."""
    return [item for item in state["claims"] if item["state"] in ACTIVE]


def blocked(state: dict[str, Any], target: Target, digest: str) -> bool:
    """Whether a fire of this digest starts nothing, however the trigger was declared when an equal context started."""
    if target.allow_concurrent:
        return False
    alike = [item for item in state["claims"] if item["hash"] == digest]
    if target.dedup == "once" and (short(digest) in state["once"] or any(map(_has_run, alike))):
        return True
    return any(item["state"] in ACTIVE for item in alike)


def _has_run(claim: dict[str, Any]) -> bool:
    return claim["state"] in ACTIVE or bool(claim.get("run_started_at"))


def add(  # noqa: PLR0917 - a claim has seven
    state: dict[str, Any],
    target: Target,
    context: dict[str, Any],
    tick: str,
    due_at: datetime,
    now: datetime,
    name: Callable[[str, int], str],
) -> dict[str, Any]:
    """The claim of a fire, now part of the state. `name` gives what its run is called, of digest and generation."""
    digest = hash_of(target, context)
    generation = int(state["generation"]) + 1
    payload = payload_of(target, context, now)
    text = exact_json.dumps(context)
    claim = {
        "generation": generation,
        "name": name(digest, generation),
        "hash": digest,
        "tick": tick,
        "context": text if len(text) <= LONGEST_CONTEXT else None,
        "payload": exact_json.dumps(payload),
        "scheduled_at": timestamp_text(due_at),
        "started_at": timestamp_text(now),
        "state": "claimed",
        "attempts": 0,
    }
    state["generation"] = generation
    if target.dedup == "once" and not target.allow_concurrent:
        state["once"].append(short(digest))
    state["claims"].append(claim)
    return claim


def renamed(state: dict[str, Any], claim: dict[str, Any], name: Callable[[str, int], str], at_least: int) -> None:
    """Another generation for a claim whose name an older run has."""
    generation = max(int(state["generation"]) + 1, at_least)
    state["generation"] = claim["generation"] = generation
    claim["name"] = name(claim["hash"], generation)


def polled(state: dict[str, Any], at: datetime, due: datetime, declared: Declaration) -> None:
    """The last poll, and when the next one is due, by the interval of then: another deployment may have another one."""
    state.update(
        last_poll_at=timestamp_text(at), next_due_at=timestamp_text(due), interval_ms=declared.interval_milliseconds
    )


def next_due(state: dict[str, Any], declared: Declaration, early: timedelta) -> datetime | None:
    """When the next poll is due; None: there was none. A poll that came early does not bring the next one forward."""
    if not (state.get("next_due_at") and state.get("last_poll_at")):
        return None
    said, last = (datetime.fromisoformat(state[name]) for name in ("next_due_at", "last_poll_at"))
    by_interval = last + timedelta(milliseconds=declared.interval_milliseconds)
    if "interval_ms" not in state:  # of a version that did not say it
        return min(said, by_interval + early)
    return said if state["interval_ms"] == declared.interval_milliseconds else by_interval


def started(claim: dict[str, Any], now: datetime) -> None:
    """Its run is there."""
    claim.update(state="started", run_started_at=timestamp_text(now), error=None)
    claim.pop("payload", None)


def ended(state: dict[str, Any], claim: dict[str, Any], how: str, now: datetime, error: str | None = None) -> None:
    """Its run has ended; or it was refused, and there is none: then its context has started nothing yet."""
    claim.update(state=how, completed_at=timestamp_text(now), error=error)
    claim.pop("payload", None)
    if how == "failed" and not claim.get("run_started_at"):
        state["once"] = [digest for digest in state["once"] if digest != short(claim["hash"])]
    over = [item for item in state["claims"] if item["state"] not in ACTIVE]
    gone = {id(item) for item in over[:-KEPT]}
    state["claims"] = [item for item in state["claims"] if id(item) not in gone]


def by_tick(state: dict[str, Any], tick: str) -> dict[str, Any] | None:
    """The claim of a poll, if its fire has been taken."""
    return next((item for item in state["claims"] if item["tick"] == tick), None)


def short(digest: str) -> str:
    """What is remembered for good of a context."""
    return digest[:32]
