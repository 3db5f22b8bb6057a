"""Poll rows: what is told of the poll triggers of a cloud, in the words of the local engine's records.

In:   declarations, states and claims (`polling.record`), whichever cloud keeps them.
Out:  plain dicts with the keys that docs/poll-triggers.md lists; the trigger that a name means.

Not here: where they are kept (`polls.records` of each backend).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from ..diagnostics.suggest import did_you_mean
from ..poll.errors import PollTypeError, PollValueError, TriggerNotFound
from ..polling.record import Declaration

Item = TypeVar("Item")
NOT_DECLARED = "the deployed flow declares it no more"
"""Why a trigger that has gone from the files is not polled."""


def schedule(
    identity: Any,
    declared: Declaration,
    state: Mapping[str, Any],
    *,
    enabled: bool,
    created: str | None,
    updated: str | None,
    target: str,
    down: str | None,
) -> dict[str, Any]:
    """One trigger. `created` where its state does not say it, `updated` by people, `down`: why it is not polled."""
    created = state.get("created_at") or created
    return {
        "id": identity,
        "trigger_name": declared.name,
        "workflow_name": declared.target.workflow,
        "poll_interval_ms": declared.interval_milliseconds,
        "allow_concurrent": declared.target.allow_concurrent,
        "enabled": enabled,
        "last_poll_at": state.get("last_poll_at"),
        "created_at": created,
        "updated_at": updated or created,
        "poll_interval": declared.interval,
        "target": target,
        "next_due_at": state.get("next_due_at"),
        "last_result": state.get("last_result"),
        "last_error": state.get("last_error"),
        "consecutive_errors": int(state.get("consecutive_errors") or 0),
        "suppressed_count": int(state["suppressed_count"]),
        **({"down": down} if down else {}),
        **({"declared": False} if down == NOT_DECLARED else {}),
    }


def execution(
    identity: Any, declared: Declaration, claim: Mapping[str, Any], run_id: str | None, context: Any
) -> dict[str, Any]:
    """One fire that was accepted. `identity` is the schedule's."""
    return {
        "id": f"{identity}/{claim['generation']}",
        "schedule_id": identity,
        "trigger_name": declared.name,
        "context_hash": claim["hash"],
        "pipeline_execution_id": run_id,
        "workflow_execution_id": run_id,
        "started_at": claim["started_at"],
        "completed_at": claim.get("completed_at"),
        "created_at": claim["started_at"],
        "workflow_name": declared.target.workflow,
        "context": context,
        "generation": claim["generation"],
        "run_id": run_id,
        "state": claim["state"],
        "scheduled_at": claim["scheduled_at"],
        "run_started_at": claim.get("run_started_at"),
        "attempts": claim["attempts"] + bool(run_id),
        "error": claim.get("error"),
    }


def in_order(rows: Iterable[dict[str, Any]], enabled_only: bool, limit: int | None, offset: int) -> list[Any]:
    """Schedules by name. Raises PollValueError (FT714)."""
    ordered = sorted(rows, key=lambda row: (row["trigger_name"], str(row["id"])))
    return window([row for row in ordered if row["enabled"] or not enabled_only], limit, offset)


def newest(claims: Iterable[Any], limit: int | None, offset: int) -> list[Any]:
    """Claims, the last one first. Raises PollValueError (FT714)."""
    return window(sorted(claims, key=lambda claim: -int(claim["generation"])), limit, offset)


def window(rows: list[Any], limit: int | None, offset: int) -> list[Any]:
    """Raises PollValueError (FT714)."""
    for word, value in (("limit", limit), ("offset", offset)):
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
            raise PollValueError("FT714", f"{word} is {value!r}; expected a whole number from 0")
    return rows[offset : None if limit is None else offset + limit]


def named(name: str, items: Sequence[tuple[str, str, Item]]) -> list[Item]:
    """Those that a name means, of (deployed name, trigger, item): the trigger, or `<deployed name>/<trigger>`."""
    return [item for deployed, trigger, item in items if name in (trigger, f"{deployed}/{trigger}")]


def only(name: str, items: Sequence[tuple[str, str, Item]]) -> Item:
    """The one that a name means. Raises TriggerNotFound, and PollValueError (FT727) where several have the name."""
    found = named(name, items)
    if not found:
        raise TriggerNotFound(name, did_you_mean(str(name), [trigger for _, trigger, _ in items]))
    if len(found) > 1:
        typed = tuple(f"write {deployed}/{trigger}" for deployed, trigger, item in items if item in found)
        raise PollValueError("FT727", f"{len(found)} deployments have a poll trigger {name!r}", typed)
    return found[0]


def no_flow(flow: str, where: str, flows: Iterable[str]) -> PollValueError:
    """FT730. `where`: a place, in words."""
    return PollValueError("FT730", f"no flow named `{flow}` is polled in {where}", did_you_mean(flow, sorted(flows)))


def flag(enabled: object) -> str:
    """What is written of a flag. Raises PollTypeError (FT714)."""
    if not isinstance(enabled, bool):
        raise PollTypeError("FT714", f"enabled is {enabled!r}; expected True or False")
    return str(enabled).lower()
