"""Waiting: how many events wait in a flow's table of sets and in its dead-letter queue, how many starts in its table of
polls: nothing else has them.

In:   where we are; a table or a queue of ours.
Out:  `Step`s that leave it where something waits in it; in words what waits, and the commands that drop it.

Not here: dropping anything. Nothing in this module writes.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator
from typing import Any

from .calls import absent, calling
from .instructions import Place, Step
from .objects import NO_QUEUE, QUEUE, TABLE

SET_ROWS = "set-"
"""What the keys of the rows begin with in which sets are gathered; the others say that an event came."""
POLL_ROWS = "trigger#"
"""What the keys of the rows begin with in which is remembered what is polled."""
_COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


def table_that_stays(place: Place, table: str) -> Step | None:
    """The step that leaves the table, or None if no event waits in it."""
    count = sum(map(_in_row, _rows(place, table, SET_ROWS)))
    return _stays(place, TABLE, table, count, command=_drop(table))


def polls_that_stay(place: Place, table: str) -> Step | None:
    """The step that leaves the table of polls, or None if no start waits in it: what has fired and not begun."""
    count = sum(map(_claimed, _rows(place, table, POLL_ROWS)))
    return _stays(place, TABLE, table, count, command=_drop(table), what="start")


def _drop(table: str) -> list[str]:
    return ["aws", "dynamodb", "delete-table", "--table-name", table]


def queue_that_stays(place: Place, queue: str, url: str) -> Step | None:
    """The step that leaves the queue, or None if nothing waits in it."""
    with calling("sqs:GetQueueAttributes", queue):
        found = absent(
            lambda: place.clients["sqs"].get_queue_attributes(QueueUrl=url, AttributeNames=list(_COUNTS)), *NO_QUEUE
        )
    count = sum(int(value) for value in (found or {}).get("Attributes", {}).values())
    return _stays(place, QUEUE, queue, count, command=["aws", "sqs", "delete-queue", "--queue-url", url])


def in_words(steps: Iterable[Step]) -> str:
    """What waits where and how it is dropped, as lines; no text if nothing waits."""
    left = [step for step in steps if step.verb == "kept" and step.type in (TABLE, QUEUE)]
    if not left:
        return ""
    nouns = {TABLE: "table", QUEUE: "queue"}
    places = " and ".join(f"{_number(step.was)} in the {nouns[step.type]} {step.name}" for step in left)
    return "".join(
        f"{line}\n"
        for line in (
            f"waiting: {places}; a create under the same name takes them up.",
            "To drop them: delete --drop-waiting, or",
            *(f"  {step.was['command']}" for step in left),
        )
    )


def _stays(place: Place, kind: str, name: str, count: int, *, command: list[str], what: str = "event") -> Step | None:
    if not count:
        return None
    was = {"waiting": count, "what": what, "command": shlex.join([*command, "--region", place.region])}
    return Step("kept", kind, name, was=was, reason=f"{_number(was)} in it")


def _number(was: Any) -> str:
    return f"1 {was['what']} waits" if was["waiting"] == 1 else f"{was['waiting']} {was['what']}s wait"


def _rows(place: Place, table: str, prefix: str) -> Iterator[dict[str, Any]]:
    dynamo = place.clients["dynamodb"]
    asked: dict[str, Any] = {
        "TableName": table,
        "ConsistentRead": True,
        "FilterExpression": "begins_with(pk, :set)",
        "ExpressionAttributeValues": {":set": {"S": prefix}},
    }
    while True:
        with calling("dynamodb:Scan", table):
            # A table that is being made, or is gone by now, has no rows.
            page = absent(lambda: dynamo.scan(**asked), "ResourceNotFoundException")
        if page is None:
            return
        yield from page["Items"]
        if not page.get("LastEvaluatedKey"):
            return
        asked["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def _claimed(row: dict[str, Any]) -> int:
    """Starts of a trigger that have not begun; of a record that cannot be read, one: it may hold some."""
    try:
        state = json.loads(row.get("state", {}).get("S") or "{}")
        return sum(1 for claim in state.get("claims", ()) if claim["state"] == "claimed")
    except (AttributeError, KeyError, TypeError, ValueError):
        return 1


def _in_row(row: dict[str, Any]) -> int:
    """Events of a set: each attribute but the key holds one, or a list of them."""
    return sum(len(value["L"]) if "L" in value else 1 for name, value in row.items() if name != "pk")
