"""Poll tables: what a flow's table of polls holds, and why nothing polls its triggers.

In:   a region; the caller's own access to AWS.
Out:  `Table`s with their `Trigger`s: one flow's, or all of the region.

Not here: what people and programs read of it (`records`), polling (`polling.aws`, which says what stands in such a
table). The tables of a region are found by their names, since DynamoDB lists names at once, where a search by tags
shows what was a while ago; whose one is, its tags say, before it is read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cached_property
from typing import Any

from ....diagnostics import DiagnosticError
from ....polling import record
from ....polling.aws import LONG_SECONDS, store
from ....polling.record import Declaration
from ... import poll_rows
from ..compile import names
from ..compile.assemble import TAG_DEPLOYED_NAME
from ..compile.poller import declared_texts, wanted_version
from ..deploy.calls import Clients, absent, calling
from ..deploy.ownership import tag_map
from ..deploy.plan import where
from ..trail.runs import failure, job_log

_TABLE = re.compile(r".+-polls-[a-z2-7]{16}")
_SILENT = timedelta(seconds=90)
"""A poller renews its lease every 5 seconds. Clocks may differ a little."""
_ROUND = timedelta(minutes=15)
"""How late a job may be that polls once: its host may have to be started."""
GONE = ("ResourceNotFoundException", "StateMachineDoesNotExist", "ExecutionDoesNotExist", "NoSuchKey")
_BEFORE_DECLARED = "DynamoDB."
"""Begins the error of an execution that could not say in the table what is wanted (`compile.poller`)."""
_NO_RIGHT = "FT702"
_AT_ONCE = 8
"""Tables that are asked for."""


@dataclass(frozen=True)
class Region:
    """Where the triggers are. `name` is "" for the region of the configuration."""

    clients: Clients
    name: str

    def __str__(self) -> str:
        return f"region `{self.name}`" if self.name else "this region"


@dataclass(frozen=True)
class Table:
    """What a flow's table holds. `version`: what is deployed, "" where no machine says it; `declared`, by key of the
    trigger's item: what is polled."""

    at: Region
    name: str
    deployed: str
    items: Mapping[str, Any]
    version: str
    declared: Mapping[str, Declaration]

    @cached_property
    def triggers(self) -> list[Trigger]:
        former = {
            key: record.declaration(text)
            for key, item in self.items.items()
            if key.startswith(store.TRIGGER) and (text := store.text(item, "declaration"))
        }
        every = former | dict(self.declared)
        return [Trigger(self, every[key], self.items.get(key, {}), key in self.declared) for key in sorted(every)]

    @cached_property
    def flows(self) -> set[str]:
        """What the flow is called."""
        return {self.deployed, *(one.declared.target.workflow for one in self.triggers)}

    @property
    def is_paused(self) -> bool:
        """Whether what its polls start is held."""
        return self.text(store.FLOW, "paused") == "true"

    def text(self, key: str, name: str) -> str:
        """An attribute of an item; "" where it is not there."""
        return store.text(self.items.get(key, {}), name)

    @cached_property
    def down(self) -> str | None:
        """Why nothing polls its triggers."""
        renewed = self.text(store.LEASE, "renewed")
        seek = f"see the executions of state machine {names.poller_name(self.deployed)}"
        if not renewed:
            return f"its poller has not begun: {self._failure(None) or seek}"
        shortest = min((one.interval_milliseconds for one in self.declared.values()), default=0)
        silent = timedelta(milliseconds=shortest) + _ROUND if shortest >= LONG_SECONDS * 1000 else _SILENT
        heard = datetime.fromisoformat(renewed)
        if datetime.now(timezone.utc) - heard > silent:
            return f"its poller was last heard of at {renewed}: {self._failure(heard) or seek}"
        return None

    def _failure(self, heard: datetime | None) -> str:
        """Why the last job did not poll, if it has failed since a poller was heard of and since this was deployed."""
        place = where(self.deployed, self.at.clients)
        machine = names.poller_name(self.deployed)
        arn = place.arn("states", f"stateMachine:{machine}")
        states = place.clients["stepfunctions"]
        try:
            with calling("states:ListExecutions", machine):
                asked = {"stateMachineArn": arn, "statusFilter": "FAILED", "maxResults": 1}
                found = absent(lambda: states.list_executions(**asked), *GONE)
            if found is None or not found["executions"]:
                return ""
            execution = found["executions"][0]["executionArn"]
            with calling("states:DescribeExecution", machine):
                told = absent(lambda: states.describe_execution(executionArn=execution), *GONE) or {}
        except DiagnosticError as error:
            if error.diagnostics[0].code != _NO_RIGHT:
                raise
            return f"why its last job failed is not known here: {error.diagnostics[0].message}"
        if not told or self._is_past(told, heard):
            return ""
        log = job_log(told.get("cause") or "")
        seen = f"execution {execution.rpartition(':')[2]} of state machine {machine}" + (f"; {log}" if log else "")
        return f"its last job failed: {failure(told.get('error'), told.get('cause'))} ({seen})"

    def _is_past(self, execution: Mapping[str, Any], heard: datetime | None) -> bool:
        """Whether a poller was heard of after this failure, or another version deployed."""
        ended = execution.get("stopDate") or execution["startDate"]
        if heard is not None and ended + _SILENT < heard:
            return True
        if str(execution.get("error") or "").startswith(_BEFORE_DECLARED):
            return False
        if self.version and self.text(store.POLLER, "wanted") != self.version:
            return True
        since = self.text(store.POLLER, "since")
        return bool(since) and execution["startDate"] < datetime.fromisoformat(since.replace("Z", "+00:00"))


@dataclass(frozen=True)
class Trigger:
    """A trigger, and what its item holds."""

    table: Table
    declared: Declaration
    item: Mapping[str, Any]
    is_declared: bool

    @property
    def identity(self) -> str:
        """Its name among those of all deployments."""
        return f"{self.table.deployed}/{self.declared.name}"

    @property
    def is_enabled(self) -> bool:
        return store.text(self.item, "enabled") != "false"

    @cached_property
    def read(self) -> tuple[dict[str, Any], str | None]:
        """The state, and why there is none that can be read."""
        return record.state_or_why(store.text(self.item, "state"))

    @property
    def not_polled(self) -> str | None:
        """Why nothing polls it, whatever its own state says."""
        return self.table.down if self.is_declared else poll_rows.NOT_DECLARED


def tables(at: Region) -> list[Table]:
    """The tables of all flows with poll triggers, by name. Raises DiagnosticError."""
    with calling("dynamodb:ListTables", at.name or "this region"):
        pages = at.clients["dynamodb"].get_paginator("list_tables").paginate()
        found = sorted(name for page in pages for name in page["TableNames"] if _TABLE.fullmatch(name))
    if not found:
        return []
    where("", at.clients), at.clients["stepfunctions"]  # made before threads share them
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return [table for table in pool.map(lambda name: _ours(at, name), found) if table is not None]


def _ours(at: Region, name: str) -> Table | None:
    """None for a table that is none of ours, or that is going."""
    deployed = _deployed(at, name)
    return None if deployed is None else table(at, deployed)


def table(at: Region, deployed: str) -> Table | None:
    """That of a flow by its deployed name; None: there is none. Raises DiagnosticError."""
    name = names.poll_table_name(deployed)
    with calling("dynamodb:Scan", name):
        scan = at.clients["dynamodb"].get_paginator("scan")
        pages = absent(lambda: list(scan.paginate(TableName=name, ConsistentRead=True)), *GONE)
    if pages is None:
        return None
    items = {store.text(item, "pk"): item for page in pages for item in page["Items"]}
    # What is deployed is in the machine; the table has it after the next tick.
    version, declared = _declared(at, deployed)
    return Table(at, name, deployed, items, version, declared or store.declared_in(items.get(store.POLLER, {})))


def _deployed(at: Region, name: str) -> str | None:
    """Whose table it is, by its tags; None where they do not say so, or the name is another one's."""
    dynamodb = at.clients["dynamodb"]
    with calling("dynamodb:ListTagsOfResource", name):
        found = absent(lambda: dynamodb.describe_table(TableName=name), *GONE)
        arn = found["Table"]["TableArn"] if found is not None else ""
        told = absent(lambda: dynamodb.list_tags_of_resource(ResourceArn=arn), *GONE) if arn else None
    deployed = tag_map((told or {}).get("Tags", [])).get(TAG_DEPLOYED_NAME, "")
    return deployed if deployed and names.poll_table_name(deployed) == name else None


def _declared(at: Region, deployed: str) -> tuple[str, dict[str, Declaration]]:
    """The version that is deployed, and what the flow's poller is told to poll; nothing where there is no poller."""
    place = where(deployed, at.clients)
    name = names.poller_name(deployed)
    with calling("states:DescribeStateMachine", name):
        arn = place.arn("states", f"stateMachine:{name}")
        found = absent(lambda: place.clients["stepfunctions"].describe_state_machine(stateMachineArn=arn), *GONE)
    if found is None:
        return "", {}
    definition = json.loads(found["definition"])
    return wanted_version(definition), {
        store.key_of(one.name): one for one in map(record.declaration, declared_texts(definition))
    }
