"""Poll records: what people and programs read about the poll triggers of a region, and what they may change.

In:   a region; the caller's own access to AWS.
Out:  plain dicts with the keys of the local engine's; flags in the flows' tables, which deployments leave alone.

Not here: polling (`polling.aws`, which says what stands in such a table). A trigger is known by its name; where several
deployments have one of a name, by `<deployed name>/<name>`. A flow's table is found by its name: DynamoDB lists names
at once, where a search by tags shows what was a while ago.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cached_property
from typing import Any

from metaflow_extensions.triggers.contract import exact_json
from metaflow_extensions.triggers.contract.local_start import timestamp_text

from ....polling import record
from ....polling.aws import LONG_SECONDS, store
from ....polling.aws.starting import RUN_PREFIX
from ....polling.fires import RESERVED
from ....polling.record import Declaration
from ... import poll_rows
from .. import NAME
from ..compile import names
from ..compile.assemble import TAG_DEPLOYED_NAME
from ..compile.poller import declared_texts
from ..deploy.calls import Clients, absent, calling
from ..deploy.ownership import tag_map
from ..deploy.plan import where
from ..trail.runs import failure

_TABLE = re.compile(r".+-polls-[a-z2-7]{16}")
_SILENT = timedelta(seconds=90)
"""A poller renews its lease every 5 seconds. Clocks may differ a little."""
_ROUND = timedelta(minutes=15)
"""How late a job may be that polls once: its host may have to be started."""
_GONE = ("ResourceNotFoundException", "StateMachineDoesNotExist", "ExecutionDoesNotExist", "NoSuchKey")
_UPDATED = "updated_at"
_AT_ONCE = 8
"""Tables that are asked for."""


@dataclass(frozen=True)
class Region:
    """Where the triggers are. `name` is "" for the region of the configuration."""

    clients: Clients
    name: str

    def __str__(self) -> str:
        return f"region `{self.name}`" if self.name else "this region"


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
    return poll_rows.in_order((one.schedule() for one in _triggers(at)), enabled_only, limit, offset)


def schedule(at: Region, name: str) -> dict[str, Any] | None:
    """One trigger, or None."""
    found = poll_rows.named(name, _by_name(at))
    return found[0].schedule() if len(found) == 1 else None


def known(at: Region, name: str) -> None:
    """Raises TriggerNotFound, and PollValueError where several have the name."""
    poll_rows.only(name, _by_name(at))


def set_enabled(at: Region, name: str, enabled: bool) -> None:
    """Let a trigger be polled from its next tick on, or not. Raises TriggerNotFound, and TypeError for no bool."""
    value = poll_rows.flag(enabled)
    one = poll_rows.only(name, _by_name(at))
    one.table.set(store.key_of(one.declared.name), "enabled", value)


def set_paused(at: Region, flow: str | None, paused: bool) -> list[str]:
    """Hold the starts of all triggers of a flow, or of all; the names of these flows. Raises PollValueError (FT730)."""
    tables = _tables(at)
    found = [one for one in tables if flow is None or flow in one.flows]
    if flow is not None and not found:
        raise poll_rows.no_flow(flow, str(at), {name for one in tables for name in one.flows})
    for one in found:
        one.set(store.FLOW, "paused", str(paused).lower())
    return sorted(one.deployed for one in found)


def paused(at: Region) -> list[str]:
    """Deployed names of the flows whose polled starts are held."""
    return sorted(one.deployed for one in _tables(at) if store.text(one.items.get(store.FLOW, {}), "paused") == "true")


def history(at: Region, name: str, limit: int | None = None, offset: int = 0) -> list[dict[str, Any]]:
    """The accepted fires of a trigger, newest first; `[]` for an unknown name."""
    found = poll_rows.named(name, _by_name(at))
    if len(found) != 1:
        return []
    (one,) = found
    return [one.execution(claim) for claim in poll_rows.newest(one.read[0]["claims"], limit, offset)]


@dataclass(frozen=True)
class _Table:
    """What a flow's table holds."""

    at: Region
    name: str
    deployed: str
    items: Mapping[str, Any]
    declared: Mapping[str, Declaration]
    """By key of the trigger's item: what is polled."""

    @cached_property
    def triggers(self) -> list[_Trigger]:
        former = {
            key: record.declaration(text)
            for key, item in self.items.items()
            if key.startswith(store.TRIGGER) and (text := store.text(item, "declaration"))
        }
        every = former | dict(self.declared)
        return [_Trigger(self, every[key], self.items.get(key, {}), key in self.declared) for key in sorted(every)]

    @cached_property
    def flows(self) -> set[str]:
        """What the flow is called."""
        return {self.deployed, *(one.declared.target.workflow for one in self.triggers)}

    @cached_property
    def down(self) -> str | None:
        """Why nothing polls its triggers."""
        renewed = store.text(self.items.get(store.LEASE, {}), "renewed")
        seek = f"see the executions of state machine {names.poller_name(self.deployed)}"
        if not renewed:
            return f"its poller has not begun: {self._failure or seek}"
        shortest = min((one.interval_milliseconds for one in self.declared.values()), default=0)
        silent = timedelta(milliseconds=shortest) + _ROUND if shortest >= LONG_SECONDS * 1000 else _SILENT
        if datetime.now(timezone.utc) - datetime.fromisoformat(renewed) > silent:
            return f"its poller was last heard of at {renewed}: {self._failure or seek}"
        return None

    @cached_property
    def _failure(self) -> str:
        """Why the last job did not poll; "" where none has failed."""
        place = where(self.deployed, self.at.clients)
        machine = names.poller_name(self.deployed)
        arn = place.arn("states", f"stateMachine:{machine}")
        states = place.clients["stepfunctions"]
        with calling("states:ListExecutions", machine):
            asked = {"stateMachineArn": arn, "statusFilter": "FAILED", "maxResults": 1}
            found = absent(lambda: states.list_executions(**asked), *_GONE)
        if found is None or not found["executions"]:
            return ""
        execution = found["executions"][0]["executionArn"]
        with calling("states:DescribeExecution", machine):
            told = absent(lambda: states.describe_execution(executionArn=execution), *_GONE) or {}
        why = failure(told.get("error"), told.get("cause"))
        return f"its last job failed: {why} (execution {execution.rpartition(':')[2]} of state machine {machine})"

    def set(self, key: str, name: str, value: str) -> None:
        """Write a flag. Whoever else writes meanwhile loses nothing."""
        moment = timestamp_text(datetime.now(timezone.utc))
        with calling("dynamodb:UpdateItem", self.name):
            self.at.clients["dynamodb"].update_item(
                TableName=self.name,
                Key={"pk": {"S": key}},
                UpdateExpression="SET #flag = :value, #updated = :moment",
                ExpressionAttributeNames={"#flag": name, "#updated": _UPDATED},
                ExpressionAttributeValues={":value": {"S": value}, ":moment": {"S": moment}},
            )


@dataclass(frozen=True)
class _Trigger:
    """A trigger, and what its item holds."""

    table: _Table
    declared: Declaration
    item: Mapping[str, Any]
    is_declared: bool

    @property
    def identity(self) -> str:
        return f"{self.table.deployed}/{self.declared.name}"

    @cached_property
    def read(self) -> tuple[dict[str, Any], str | None]:
        """The state, and why there is none that can be read."""
        return record.state_or_why(store.text(self.item, "state"))

    def schedule(self) -> dict[str, Any]:
        gone = None if self.is_declared else poll_rows.NOT_DECLARED
        return poll_rows.schedule(
            self.identity,
            self.declared,
            self.read[0],
            enabled=store.text(self.item, "enabled") != "false",
            created=None,
            updated=store.text(self.item, _UPDATED) or None,
            target=NAME,
            down=gone or self.table.down or self.read[1] or self.read[0].get("down"),
        )

    def execution(self, claim: Mapping[str, Any]) -> dict[str, Any]:
        run_id = f"{RUN_PREFIX}{claim['name']}" if claim.get("run_started_at") else None
        return poll_rows.execution(self.identity, self.declared, claim, run_id, self._context(claim))

    def _context(self, claim: Mapping[str, Any]) -> Any:
        """What was fired; None where it was too large to be kept, and its run is known no more."""
        if claim["context"] is not None:
            return json.loads(claim["context"])
        payload = json.loads(claim["payload"]) if "payload" in claim else self._told(str(claim["name"]))
        return None if payload is None else {key: value for key, value in payload.items() if key not in RESERVED}

    def _told(self, name: str) -> Any:
        """The payload that a run was told."""
        place = where(self.table.deployed, self.table.at.clients)
        arn = place.arn("states", f"execution:{self.table.deployed}:{name}")
        with calling("states:DescribeExecution", name):
            found = absent(lambda: place.clients["stepfunctions"].describe_execution(executionArn=arn), *_GONE)
        if found is None:
            return None
        uri = json.loads(found.get("input") or "{}").get("MetaflowTrigger", {}).get("uri", "")
        bucket, _, key = str(uri).removeprefix("s3://").partition("/")
        with calling("s3:GetObject", uri):
            stored = absent(lambda: place.clients["s3"].get_object(Bucket=bucket, Key=key), *_GONE)
            document = None if stored is None else exact_json.loads(stored["Body"].read())
        return None if document is None else document["events"][0]["event"]["payload"]


def _triggers(at: Region) -> list[_Trigger]:
    return [one for table in _tables(at) for one in table.triggers]


def _by_name(at: Region) -> list[tuple[str, str, _Trigger]]:
    return [(one.table.deployed, one.declared.name, one) for one in _triggers(at)]


def _tables(at: Region) -> list[_Table]:
    """The tables of all flows with poll triggers, by name."""
    with calling("dynamodb:ListTables", at.name or "this region"):
        pages = at.clients["dynamodb"].get_paginator("list_tables").paginate()
        found = sorted(name for page in pages for name in page["TableNames"] if _TABLE.fullmatch(name))
    if not found:
        return []
    where("", at.clients), at.clients["stepfunctions"]  # made before threads share them
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return [table for table in pool.map(lambda name: _table(at, name), found) if table is not None]


def _table(at: Region, name: str) -> _Table | None:
    """None for a table that is none of ours, or that is going."""
    with calling("dynamodb:Scan", name):
        scan = at.clients["dynamodb"].get_paginator("scan")
        pages = absent(lambda: list(scan.paginate(TableName=name, ConsistentRead=True)), *_GONE)
    items = {store.text(item, "pk"): item for page in pages or () for item in page["Items"]}
    deployed = _deployed(at, name) if pages is not None else None
    if deployed is None:
        return None
    # What is deployed is in the machine; the table has it after the next tick.
    declared = _declared(at, deployed) or store.declared_in(items.get(store.POLLER, {}))
    return _Table(at, name, deployed, items, declared)


def _deployed(at: Region, table: str) -> str | None:
    """Whose table it is, by its tags; None where they do not say so, or the name is another one's."""
    dynamodb = at.clients["dynamodb"]
    with calling("dynamodb:ListTagsOfResource", table):
        found = absent(lambda: dynamodb.describe_table(TableName=table), *_GONE)
        arn = found["Table"]["TableArn"] if found is not None else ""
        told = absent(lambda: dynamodb.list_tags_of_resource(ResourceArn=arn), *_GONE) if arn else None
    deployed = tag_map((told or {}).get("Tags", [])).get(TAG_DEPLOYED_NAME, "")
    return deployed if deployed and names.poll_table_name(deployed) == table else None


def _declared(at: Region, deployed: str) -> dict[str, Declaration]:
    """What the flow's poller is told to poll; {} where there is no poller."""
    place = where(deployed, at.clients)
    name = names.poller_name(deployed)
    with calling("states:DescribeStateMachine", name):
        arn = place.arn("states", f"stateMachine:{name}")
        found = absent(lambda: place.clients["stepfunctions"].describe_state_machine(stateMachineArn=arn), *_GONE)
    texts = declared_texts(json.loads(found["definition"])) if found is not None else []
    return {store.key_of(one.name): one for one in map(record.declaration, texts)}
