"""Fires: what a fire of a poll trigger is, on every target: its hash, its name, its payload, what speaks against it.

In:   a trigger, the context of a fire.
Out:  texts and values; nothing is stored.

Not here: whether an equal context is active, and where that is remembered (`engine.polls.claims`, `polling.argo`).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from metaflow_extensions.triggers.contract import exact_json, local_start, trigger_document
from metaflow_extensions.triggers.contract.local_start import timestamp_text

from ..model.facts import needs_value
from ..model.flows import Parameter
from ..model.names import poll_slug

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


def problem(target: Target, context: dict[str, Any], now: datetime) -> str | None:
    """Why a fire cannot start its flow, or None: its payload is too large, or a required parameter has no value."""
    payload = payload_of(target, context, now)
    size = len(exact_json.dumps(payload).encode("utf-8"))
    if size > PAYLOAD_LIMIT:
        return f"the payload is {size} bytes of JSON; the limit is {PAYLOAD_LIMIT}"
    event = local_start.event_body(target.trigger, "", timestamp_text(now), payload, "poll")
    needed = [item.name for item in target.parameters if needs_value(item)]
    return local_start.missing(needed, local_start.document([dependency_of(target, payload)], [event]))
