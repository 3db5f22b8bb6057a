"""Polls: what a cluster tells of a poll trigger, or of one of its fires.

In:   the ConfigMap of a trigger, the Deployment and the Lease of its poller.
Out:  the cause, and the fire that it is about, if any; commands that lead on.

Not here: asking for objects (`looks`); what a record says on every cloud (`backends.poll_trail`); a run, which its
Workflow tells as long as it is there (`runs`).
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from typing import Any

from ....polling import record
from ....polling.argo import store
from ....trail import causes
from ....trail.causes import Cause
from ... import poll_trail
from ...poll_trail import Remembered
from .. import NAME
from ..polls.records import not_polled
from .looks import Look
from .sensor_log import lacking_right

_PREFIX = "argo-"


def records(found: Iterable[Any]) -> Iterator[tuple[Any, Remembered]]:
    """ConfigMaps that are records of triggers, and what they say; one whose declaration somebody has broken is none."""
    for item in found:
        data = item.get("data") or {}
        try:
            declared = record.declaration(data[store.DECLARATION])
        except (KeyError, ValueError):
            continue
        state, problem = record.state_or_why(data.get(store.STATE))
        enabled, paused = store.is_on(data, store.ENABLED, True), store.is_on(data, store.PAUSED, False)
        yield item, Remembered(declared, state, _PREFIX, enabled, paused, problem)


def of_trigger(
    item: Any, found: Remembered, poller: Look, lease: Look, context: dict[str, Any] | None
) -> tuple[Cause, dict[str, Any] | None]:
    """(cause, claim) of its last poll. `context`: the one that is asked about."""
    is_seen = poller.why is None and lease.why is None
    cause, claim = poll_trail.of_trigger(found, not_polled(item, poller.item, lease.item) if is_seen else None, context)
    return _named_right(cause), claim


def of_fire(found: Remembered, claim: dict[str, Any]) -> Cause:
    """Of a claim whose Workflow is not there."""
    return _named_right(poll_trail.of_fire(found, claim))


def _named_right(cause: Cause) -> Cause:
    """The right that the cluster's refusal names, where that holds a start up."""
    lacks = lacking_right(cause.facts["why"]) if cause.kind is causes.QUEUED else None
    return cause if lacks is None else causes.NO_RIGHT(who=lacks[0], right=lacks[1])


def commands(cause: Cause, found: Remembered, deployed: str, poller: Look) -> tuple[str, ...]:
    """What to look at or to do next."""
    named = shlex.quote(f"{deployed}/{found.name}")
    if cause.kind is causes.DISABLED:
        return (f"metaflow-triggers enable {named} --backend {NAME}",)
    if cause.kind is causes.PAUSED:
        return (f"metaflow-triggers resume {found.declared.target.workflow} --backend {NAME}",)
    log = f"kubectl logs --namespace {poller.namespace} deployment/{poller.name} --tail -1"
    if cause.kind is causes.NOT_POLLED:
        return (f"kubectl describe deployment --namespace {poller.namespace} {poller.name}", log)
    history = f"metaflow-triggers history {named} --backend {NAME}"
    return (history,) if cause.verdict == causes.STARTED else (history, log)
