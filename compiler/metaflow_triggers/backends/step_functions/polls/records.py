"""Poll records: what people and programs read about the poll triggers of a region, and what they may change.

In:   a region; the caller's own access to AWS.
Out:  plain dicts with the keys of the local engine's; flags in the flows' tables, which deployments leave alone.

Not here: what a table holds (`tables`), polling (`polling.aws`). A trigger is known by its name; where several
deployments have one of a name, by `<deployed name>/<name>`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any

from metaflow_extensions.triggers.contract import exact_json
from metaflow_extensions.triggers.contract.local_start import timestamp_text

from ....polling.aws import store
from ....polling.aws.starting import RUN_PREFIX
from ....polling.fires import RESERVED
from ... import poll_rows
from .. import NAME
from ..deploy.calls import Clients, absent, calling
from ..deploy.plan import where
from .tables import GONE, Region, Table, Trigger, tables

_UPDATED = "updated_at"


@contextmanager
def opened(path: str, declared: Sequence[Any] = (), clients: Clients | None = None) -> Iterator[Region]:
    """The triggers of a region; "" is that of the configuration. What is asked raises DiagnosticError (FT701 ...)."""
    region = path.strip("/")

    def make(service: str) -> Any:
        import boto3

        return boto3.client(service, region_name=region or None)

    yield Region(clients or Clients(make), region)


def schedules(
    at: Region, enabled_only: bool = False, limit: int | None = None, offset: int = 0
) -> list[dict[str, Any]]:
    """The triggers, sorted by name."""
    return poll_rows.in_order((_schedule(one) for one in _triggers(at)), enabled_only, limit, offset)


def schedule(at: Region, name: str) -> dict[str, Any] | None:
    """One trigger, or None."""
    found = poll_rows.named(name, _by_name(at))
    return _schedule(found[0]) if len(found) == 1 else None


def known(at: Region, name: str) -> None:
    """Raises TriggerNotFound, and PollValueError where several have the name."""
    poll_rows.only(name, _by_name(at))


def set_enabled(at: Region, name: str, enabled: bool) -> None:
    """Let a trigger be polled from its next tick on, or not. Raises TriggerNotFound, and TypeError for no bool."""
    value = poll_rows.flag(enabled)
    one = poll_rows.only(name, _by_name(at))
    _set(one.table, store.key_of(one.declared.name), "enabled", value)


def set_paused(at: Region, flow: str | None, paused: bool) -> list[str]:
    """Hold the starts of all triggers of a flow, or of all; the names of these flows. Raises PollValueError (FT730)."""
    every = tables(at)
    found = [one for one in every if flow is None or flow in one.flows]
    if flow is not None and not found:
        raise poll_rows.no_flow(flow, str(at), {name for one in every for name in one.flows})
    for one in found:
        _set(one, store.FLOW, "paused", str(paused).lower())
    return sorted(one.deployed for one in found)


def paused(at: Region) -> list[str]:
    """Deployed names of the flows whose polled starts are held."""
    return sorted(one.deployed for one in tables(at) if one.is_paused)


def history(at: Region, name: str, limit: int | None = None, offset: int = 0) -> list[dict[str, Any]]:
    """The accepted fires of a trigger, newest first; `[]` for an unknown name."""
    found = poll_rows.named(name, _by_name(at))
    if len(found) != 1:
        return []
    (one,) = found
    return [_execution(one, claim) for claim in poll_rows.newest(one.read[0]["claims"], limit, offset)]


def _triggers(at: Region) -> list[Trigger]:
    return [one for table in tables(at) for one in table.triggers]


def _by_name(at: Region) -> list[tuple[str, str, Trigger]]:
    return [(one.table.deployed, one.declared.name, one) for one in _triggers(at)]


def _set(table: Table, key: str, name: str, value: str) -> None:
    """Write a flag. Whoever else writes meanwhile loses nothing."""
    moment = timestamp_text(datetime.now(timezone.utc))
    with calling("dynamodb:UpdateItem", table.name):
        table.at.clients["dynamodb"].update_item(
            TableName=table.name,
            Key={"pk": {"S": key}},
            UpdateExpression="SET #flag = :value, #updated = :moment",
            ExpressionAttributeNames={"#flag": name, "#updated": _UPDATED},
            ExpressionAttributeValues={":value": {"S": value}, ":moment": {"S": moment}},
        )


def _schedule(one: Trigger) -> dict[str, Any]:
    state, problem = one.read
    return poll_rows.schedule(
        one.identity,
        one.declared,
        state,
        enabled=one.is_enabled,
        created=None,
        updated=store.text(one.item, _UPDATED) or None,
        target=NAME,
        down=one.not_polled or problem or state.get("down"),
    )


def _execution(one: Trigger, claim: Mapping[str, Any]) -> dict[str, Any]:
    run_id = f"{RUN_PREFIX}{claim['name']}" if claim.get("run_started_at") else None
    return poll_rows.execution(one.identity, one.declared, claim, run_id, _context(one, claim))


def _context(one: Trigger, claim: Mapping[str, Any]) -> Any:
    """What was fired; None where it was too large to be kept, and its run is known no more."""
    if claim["context"] is not None:
        return json.loads(claim["context"])
    payload = json.loads(claim["payload"]) if "payload" in claim else _told(one.table, str(claim["name"]))
    return None if payload is None else {key: value for key, value in payload.items() if key not in RESERVED}


def _told(table: Table, name: str) -> Any:
    """The payload that a run was told."""
    place = where(table.deployed, table.at.clients)
    arn = place.arn("states", f"execution:{table.deployed}:{name}")
    with calling("states:DescribeExecution", name):
        found = absent(lambda: place.clients["stepfunctions"].describe_execution(executionArn=arn), *GONE)
    if found is None:
        return None
    uri = json.loads(found.get("input") or "{}").get("MetaflowTrigger", {}).get("uri", "")
    bucket, _, key = str(uri).removeprefix("s3://").partition("/")
    with calling("s3:GetObject", uri):
        stored = absent(lambda: place.clients["s3"].get_object(Bucket=bucket, Key=key), *GONE)
        document = None if stored is None else exact_json.loads(stored["Body"].read())
    return None if document is None else document["events"][0]["event"]["payload"]
