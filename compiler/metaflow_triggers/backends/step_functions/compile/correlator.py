"""Correlator: the machine that gathers the events of a set in a row of DynamoDB, and starts the flow with a whole one.

In:   a `resources.Correlator`, `actions.Around`, whether a schedule resets the set.
Out:  its definition.

Not here: the state machine around it and the table (templates), which events come to it (`machines`).
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from metaflow_extensions.triggers.contract.trigger_document import document

from .actions import DOCUMENT, Around, ask_stored, keep, key, run_name, start, store, uri
from .arrival import arrival_states, belongs
from .asl import (
    SUCCEED,
    State,
    catch,
    choice,
    constant,
    copy,
    definition,
    fail,
    negated,
    present,
    put,
    retry,
    task,
    wait,
    way,
)
from .resources import Correlator

_EVENT = "events/{}.json"
_TABLE = {"Ref": "SetTable"}
_CANCELLED = ["DynamoDb.TransactionCanceledException", "DynamoDB.TransactionCanceledException"]
_UNMET = ["DynamoDB.ConditionalCheckFailedException", "DynamoDb.ConditionalCheckFailedException"]

_FIRST_YEAR, _LAST_YEAR = 2026, 2099
_EXPIRY = ", ".join(
    f"'{int(datetime(year + 2, 1, 1, tzinfo=timezone.utc).timestamp())}'" for year in range(_FIRST_YEAR, _LAST_YEAR + 1)
)
_EXPIRES = (
    f"States.ArrayGetItem(States.Array({_EXPIRY}), States.MathAdd(States.StringToJson(States.ArrayGetItem("
    f"States.StringSplit(States.Format('{{}}', $$.State.EnteredTime), '-'), 0)), -{_FIRST_YEAR}))"
)
"""When a mark of an event that was seen may go: at the end of the next year. Step Functions, too, forgets a name after
90 days at the earliest. JSONPath has no arithmetic of dates, so that the year is looked up."""


def correlator_definition(correlator: Correlator, around: Around, *, resets: bool) -> dict[str, Any]:
    row = {"pk": {"S": correlator.key}}
    claims = [f"claim_{number}" for number in range(len(correlator.attributes))]
    states = {
        **(_reset(row, correlator) if resets else {}),
        **arrival_states(correlator.arrival, around, to="Slot"),
        **_slots(correlator),
        **_stored(correlator, around),
        **_recorded(correlator, row),
        **_claimed(correlator, row, claims),
        **_started(correlator, around, claims),
        "Release": _release(row, claims),
        "Keep": keep(around, {"failure.$": "$.failure", "events": [_event(around, "$.mark")]}, "NotGathered"),
        "KeepEvent": keep(around, {"failure.$": "$.failure", "event.$": "$.event"}, "NotGathered"),
        "NotGathered": fail("NotGathered", "The event could not be added to its set; it is in the dead-letter queue"),
    }
    comment = f"Gathers events and starts the flow {around.flow} when a set is whole"
    return definition(comment, "What" if resets else "Identify", 3600, states)


def _reset(row: Any, correlator: Correlator) -> dict[str, State]:
    forget = f"REMOVE {', '.join(correlator.attributes)}"
    return {
        "What": choice(way(present("$.reset"), to="Reset"), default="Identify"),
        "Reset": task("dynamodb:updateItem", _in_row(row, UpdateExpression=forget), "Forgotten", again=retry(6)),
        "Forgotten": SUCCEED,
    }


def _slots(correlator: Correlator) -> dict[str, State]:
    slots = {f"Slot{number}": slot for number, slot in enumerate(correlator.slots, 1)}
    return {
        "Slot": choice(*(way(*belongs(slot.sender), to=name) for name, slot in slots.items()), default="NoSlot"),
        **{name: constant(slot.attribute, "$.slot", "Mark") for name, slot in slots.items()},
        "NoSlot": fail("NoSlot", "The event belongs to no dependency of the flow"),
    }


def _stored(correlator: Correlator, around: Around) -> dict[str, State]:
    text = f"States.Format('{around.deployed} {correlator.key} {{}} {{}}', $.slot, $.key)"
    mark = {"event.$": "$.event", "slot.$": "$.slot", "mark.$": f"States.Hash({text}, 'SHA-256')"}
    place = key(around, _EVENT, "$.mark")
    known = {
        "mark.$": "$.mark",
        "slot.$": "$.slot",
        "expires.$": _EXPIRES,
        "conflicts": {"count": 0, "wait": 1},
        "pause": {"seconds": 0},
    }
    return {
        "Mark": put(mark, "IsStored"),
        **ask_stored(place, present_to="Refer", absent_to="StoreEvent", failed="KeepEvent"),
        "StoreEvent": store(around, place, {"Body.$": "$.event"}, "Refer", failed="KeepEvent", attempts=6),
        "Refer": put(known, "Record"),
    }


def _recorded(correlator: Correlator, row: Any) -> dict[str, State]:
    """The event's reference is in the row, once: the mark and the row change in one transaction."""
    seen = {"pk": {"S.$": "States.Format('seen-{}', $.mark)"}}
    mark = {
        "TableName": _TABLE,
        "Item": seen | {"expires": {"N.$": "$.expires"}},
        "ConditionExpression": "attribute_not_exists(pk)",
    }
    event: dict[str, Any] = {"S.$": "$.mark"}
    if correlator.join == "queue":
        change = "SET #slot = list_append(if_not_exists(#slot, :none), :event)"
        values = {":none": {"L": []}, ":event": {"L": [event]}}
    else:
        change, values = "SET #slot = :event", {":event": event}
    add = _in_row(
        row,
        UpdateExpression=change,
        ExpressionAttributeNames={"#slot.$": "$.slot"},
        ExpressionAttributeValues=values,
    )
    return {
        "Record": task(
            "aws-sdk:dynamodb:transactWriteItems",
            {"TransactItems": [{"Put": mark}, {"Update": add}]},
            "Claim",
            catch("Seen", _CANCELLED),
            catch("Keep"),
            again=retry(6, _CANCELLED),
        ),
        "Seen": _read(seen, "pk", "$.seen", "IsSeen"),
        "IsSeen": choice(
            way(present("$.seen.Item.pk"), to="Claim"),
            way({"Variable": "$.conflicts.count", "NumericGreaterThan": 30}, to="Keep"),
            default="Conflict",
        ),
        "Conflict": put(
            {"count.$": "States.MathAdd($.conflicts.count, 1)", "wait.$": "States.MathRandom(1, 8)"},
            "LetPass",
            "$.conflicts",
        ),
        "LetPass": wait("$.conflicts.wait", "Record"),
    }


def _claimed(correlator: Correlator, row: Any, claims: list[str]) -> dict[str, State]:
    """A whole set is claimed: its oldest events move to the row's claim.

    Somebody else's claim is left to them while they get on; whoever has it claims the next set as well.
    """
    oldest = [f"{slot}[0]" if correlator.join == "queue" else slot for slot in correlator.attributes]
    moves = ", ".join(f"{claim} = {slot}" for claim, slot in zip(claims, oldest, strict=True))
    claim = _in_row(
        row,
        UpdateExpression=f"SET {moves} REMOVE {', '.join(oldest)}",
        ConditionExpression=" AND ".join(
            ["attribute_not_exists(claim_0)", *(f"attribute_exists({slot})" for slot in oldest)]
        ),
    )

    def read(place: str, to: str) -> State:
        return _read(row, ", ".join(claims), place, to)

    return {
        "Claim": _change(claim, "Read", unmet="Look"),
        "Look": read("$.row", "IsOpen"),
        "IsOpen": choice(way(present("$.row.Item.claim_0"), to="Pause"), default="Waiting"),
        "Pause": put(
            {"seconds.$": "States.MathAdd($.pause.seconds, States.MathRandom(2, 10))"}, "LetFinish", "$.pause"
        ),
        "LetFinish": wait("$.pause.seconds", "LookAgain"),
        "LookAgain": read("$.later", "IsStuck"),
        "IsStuck": choice(
            way(negated(present("$.later.Item.claim_0")), to="Claim"),
            way({"Variable": "$.later.Item.claim_0.S", "StringEqualsPath": "$.row.Item.claim_0.S"}, to="Name"),
            default="GetsOn",
        ),
        "GetsOn": copy("$.later", "$.row", "Pause"),
        "Read": read("$.row", "IsWhole"),
        "IsWhole": choice(way(present("$.row.Item.claim_0"), to="Name"), default="Waiting"),
        "Waiting": SUCCEED,
    }


def _started(correlator: Correlator, around: Around, claims: list[str]) -> dict[str, State]:
    """The name says which events the set has, so that it is the same however often the start is tried, and no other
    set has it, also when the table is made anew."""
    claimed = [f"$.row.Item.{claim}.S" for claim in claims]
    text = f"States.Format('{around.deployed}{' {}' * len(claims)}', {', '.join(claimed)})"
    whole = document(correlator.dependencies) | {"events.$": "$.set.events"}
    place = key(around, DOCUMENT, "$.set.run")
    return {
        "Name": put({"run.$": run_name(text), "events": [_event(around, path) for path in claimed]}, "Store", "$.set"),
        "Store": store(around, place, {"Body": whole}, "Start", failed="KeepSet", attempts=6),
        "Start": start(around, "$.set.run", "Release", failed="KeepSet"),
        "KeepSet": keep(around, {"failure.$": "$.failure", "events.$": "$.set.events"}, "Release"),
    }


def _release(row: Any, claims: list[str]) -> State:
    release = _in_row(
        row,
        UpdateExpression=f"REMOVE {', '.join(claims)}",
        ConditionExpression=" AND ".join(f"{claim} = :{claim}" for claim in claims),
        ExpressionAttributeValues={f":{claim}": {"S.$": f"$.row.Item.{claim}.S"} for claim in claims},
    )
    return _change(release, "Claim", unmet="Claim")


def _event(around: Around, mark: str) -> dict[str, Any]:
    return {"transport": "eventbridge", "uri.$": uri(around, _EVENT, mark)}


def _in_row(row: Any, **more: Any) -> dict[str, Any]:
    return {"TableName": _TABLE, "Key": row, **more}


def _read(row: Any, what: str, place: str, to: str) -> State:
    asked = _in_row(row, ConsistentRead=True, ProjectionExpression=what)
    return task("dynamodb:getItem", asked, to, catch("Keep"), again=retry(6), place=place)


def _change(parameters: Any, to: str, unmet: str) -> State:
    """Change the row under a condition."""
    catches = (catch(unmet, _UNMET, "$.discarded"), catch("Keep"))
    return task("dynamodb:updateItem", parameters, to, *catches, again=retry(6, _UNMET))
