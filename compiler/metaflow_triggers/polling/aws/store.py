"""Store: records, the lease and what is wanted, in the flow's table.

In:   a table's name, the declarations that the deployment has written there.
Out:  `Table`, which is `Store` of `polling.places`, and `LeaseItem`, its `LeasePlace`.

Not here: what stands in a record (`polling.record`). The table's items, by `pk`: `poller` (`wanted`, `declared`; the
deployment's), `lease`, `flow` (`paused`; people's), and for each trigger `trigger#NAME` (`state` and `version` of the
poller, `enabled` of people, `declaration` of who polled it last). Each write names the version that was read, and
leaves what is others' alone.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from metaflow_extensions.triggers.contract.local_start import timestamp_text

from .. import record
from ..places import Fenced, Held, Read
from ..record import Declaration
from .calls import Conflict, asking

POLLER, LEASE, FLOW, TRIGGER = "poller", "lease", "flow", "trigger#"
"""Keys of items; a trigger's name follows the last."""
LARGEST = 380_000
"""Bytes of a state with its declaration. An item takes 400 KiB with all that is in it."""


def key_of(trigger: str) -> str:
    """Of a trigger's item."""
    return TRIGGER + trigger


def declared_in(item: Mapping[str, Any]) -> dict[str, Declaration]:
    """The declarations of a `poller` item, by key of the trigger's item. Raises ValueError for what is none."""
    texts = json.loads(text(item, "declared") or "[]")
    if not isinstance(texts, list) or not all(isinstance(one, str) for one in texts):
        raise ValueError("what is declared is no list of texts")
    found = [record.declaration(one) for one in texts]
    return {key_of(one.name): one for one in found}


def text(item: Mapping[str, Any], name: str) -> str:
    """An attribute of an item, as it came; "" where it is not there."""
    value = item.get(name) or {}
    return str(value.get("S", value.get("N", "")))


class Items:
    """The items of one table."""

    def __init__(self, client: Any, table: str) -> None:
        self._client, self.table = client, table

    def get(self, key: str, only: str = "") -> dict[str, Any]:
        """An item as it is now, or one attribute of it; {} where there is none.

        Raises OSError, `calls.Gone` where there is no table.
        """
        part = {"ProjectionExpression": "#n", "ExpressionAttributeNames": {"#n": only}} if only else {}
        with asking(f"dynamodb:GetItem of `{key}` in {self.table}"):
            answer = self._client.get_item(TableName=self.table, Key={"pk": {"S": key}}, ConsistentRead=True, **part)
        found: dict[str, Any] = answer.get("Item") or {}
        return found

    def put(self, key: str, values: Mapping[str, Any], fence: str, was: int | None) -> bool:
        """Set attributes where `fence` is still `was`, which becomes one more; whether it was. Raises OSError."""
        # Every name is a placeholder: DynamoDB has many reserved words.
        named = {f"#n{number}": name for number, name in enumerate((fence, *values))}
        given = {f":v{number}": value for number, value in enumerate(values.values(), 1)}
        given[":v0"] = {"N": str((was or 0) + 1)}
        condition = "attribute_not_exists(#n0)"
        if was is not None:
            condition, given[":was"] = "#n0 = :was", {"N": str(was)}
        try:
            with asking(f"dynamodb:UpdateItem of `{key}` in {self.table}"):
                self._client.update_item(
                    TableName=self.table,
                    Key={"pk": {"S": key}},
                    UpdateExpression="SET " + ", ".join(f"#n{number} = :v{number}" for number in range(len(named))),
                    ConditionExpression=condition,
                    ExpressionAttributeNames=named,
                    ExpressionAttributeValues=given,
                )
        except Conflict:
            return False
        return True


class Table:
    """The records of a flow's triggers. `declared`: what is polled, by key."""

    def __init__(self, items: Items, declared: Mapping[str, Declaration]) -> None:
        self._items, self._declared = items, declared
        self._uids: dict[str, str] = {}

    def read(self, key: str) -> Read:
        """A record. Raises OSError, ValueError, and Fenced where the table is another one than before."""
        item = self._items.get(key)
        state = record.state_of(text(item, "state"))
        # A table that was made anew has records of the same names, whose claims are others.
        uid = str(state.setdefault("uid", uuid.uuid4().hex))
        version = int(text(item, "version")) if "version" in item else None
        if version is not None and self._uids.setdefault(key, uid) != uid:
            raise Fenced(f"the record `{key}` was made anew; this process writes nothing into it")
        if version is None and key in self._uids:
            raise Fenced(f"the record `{key}` is there no more; this process writes none")
        return Read(self._declared[key], state, text(item, "enabled") != "false", uid, version)

    def write(self, key: str, read: Read) -> bool:
        """Store `read.state`, if nobody has written since. Raises OSError, `record.Full`."""
        declared = read.declared.text()
        state = record.state_text(read.state, LARGEST - len(declared.encode()))
        values = {"state": {"S": state}, "declaration": {"S": declared}}
        return self._items.put(key, values, "version", read.version)

    def is_paused(self, read: Read) -> bool:
        """Whether nothing may be started now. Raises OSError."""
        return text(self._items.get(FLOW), "paused") == "true"


class LeaseItem:
    """The lease of a table."""

    def __init__(self, items: Items) -> None:
        self._items = items

    def read(self) -> Held:
        """The lease. Raises OSError."""
        item = self._items.get(LEASE)
        beat = int(text(item, "beat")) if "beat" in item else None
        return Held(text(item, "holder"), int(text(item, "epoch") or 0), beat)

    def write(self, was: Held, holder: str, epoch: int, now: datetime, seconds: float) -> bool:
        """Write it if nobody has written since. Raises OSError."""
        values = {"holder": {"S": holder}, "epoch": {"N": str(epoch)}, "renewed": {"S": timestamp_text(now)}}
        return self._items.put(LEASE, values, "beat", was.seen)

    def release(self, was: Held) -> None:
        """Have no holder, if nobody has written since. Raises OSError."""
        self._items.put(LEASE, {"holder": {"S": ""}}, "beat", was.seen)
