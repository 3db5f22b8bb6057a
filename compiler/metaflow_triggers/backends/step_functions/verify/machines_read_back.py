"""Read machines: what the starter and the correlators do, held against the triggers that need them.

In:   the states of one of our state machines, the triggers that it serves.
Out:  texts: each state that does something else.

Not here: what is the same in each of these machines (`schemas/step_functions`): retries, catches and most of the ways
between states.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from metaflow_extensions.triggers.contract import trigger_document
from metaflow_extensions.triggers.contract.words import STATUS

from ....graph import entries
from ....model import facts
from ....model.flows import Dependency, EventDependency, FinishDependency, Flow, Trigger
from ....model.kinds import assert_never
from ....model.settings import Settings
from ..compile import names
from ..compile.conditions import found, json_paths, may_match
from ..compile.dependencies import finish_filter
from ..compile.machines import Groups, origin_of
from ..compile.options import options

_MACHINE = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:stateMachine:"


@dataclass(frozen=True)
class Served:
    """Whom a machine serves: dependencies of `flow`, and the triggers of which its runs are told.

    `folder` is below the bucket, `queue` the URL for dead letters.
    """

    items: Sequence[tuple[Trigger, Dependency]]
    told: Sequence[Trigger]
    flow: Flow
    settings: Settings
    deployed: str
    folder: str
    queue: Any


def starter_differences(states: dict[str, Any], served: Served) -> Iterator[str]:
    """The machine in which each event is a start of its own."""
    yield from _arrival(states, served, "Name")
    # Only the deployed name and the start key make the run's name, so that an event that comes twice starts once.
    name = f"States.Format('event-{{}}', States.Hash(States.Format('{served.deployed} {{}}', $.key), 'SHA-256'))"
    yield from _equal("Name", states["Name"]["Parameters"].get("run.$"), name)
    yield from _storing(states, served, "$.run")
    yield from _equal("IsStored", states["IsStored"]["Parameters"], _place_of(states["Store"]))
    yield from _keeping(states, ("Keep",), served.queue, served.deployed)


def correlator_differences(definition: dict[str, Any], served: Served, first: bool) -> Iterator[str]:
    """A machine that waits for an event of each dependency; the `first` of a set also forgets it."""
    states = definition["States"]
    deployed, folder = served.deployed, served.folder
    yield from _arrival(states, served, "Slot")
    yield from _storing(states, served, "$.set.run")
    yield from _keeping(states, ("Keep", "KeepEvent", "KeepSet"), served.queue, served.deployed)
    (trigger,) = served.told
    members = trigger.dependencies
    said = options(trigger)
    resets = said.reset_at is not None and first
    yield from _equal("StartAt", definition["StartAt"], "What" if resets else "Identify")
    yield from _slots(states, members, [item for _, item in served.items], served.settings)
    key = states["Claim"]["Parameters"]["Key"]
    row = key.get("pk", {}).get("S")
    rows = {
        "Record": states["Record"]["Parameters"]["TransactItems"][-1].get("Update", {}).get("Key"),
        **{name: states[name]["Parameters"]["Key"] for name in ("Read", "Release")},
        **({"Reset": states["Reset"]["Parameters"]["Key"]} if "Reset" in states else {}),
    }
    yield from (f"{name} is about another row than Claim" for name, other in rows.items() if other != key)
    mark = f"States.Hash(States.Format('{deployed} {row} {{}} {{}}', $.slot, $.key), 'SHA-256')"
    yield from _equal("Mark", states["Mark"]["Parameters"].get("mark.$"), mark)
    yield from _expressions(states, len(members), said.join, resets)
    event = f"States.Format('{folder}events/{{}}.json', $.mark)"
    yield from _equal("IsStored", states["IsStored"]["Parameters"], _place_of(states["StoreEvent"]))
    yield from _equal("StoreEvent", _text(states["StoreEvent"]["Parameters"].get("Key.$")), event)
    claims = [f"$.row.Item.claim_{number}.S" for number in range(len(members))]
    text = f"States.Format('{deployed}{' {}' * len(claims)}', {', '.join(claims)})"
    name = f"States.Format('event-{{}}', States.Hash({text}, 'SHA-256'))"
    yield from _equal("Name", states["Name"]["Parameters"].get("run.$"), name)
    uris = [_text(item.get("uri.$")) for item in states["Name"]["Parameters"]["events"]]
    expected = [f"States.Format('s3://${{DatastoreBucket}}/{folder}events/{{}}.json', {claim})" for claim in claims]
    yield from _equal("Name", uris, expected)
    own = states["Keep"]["Parameters"]["MessageBody"]["events"][0].get("uri.$")
    yield from _equal(
        "Keep", _text(own), f"States.Format('s3://${{DatastoreBucket}}/{folder}events/{{}}.json', $.mark)"
    )


def _equal(where: str, said: Any, meant: Any) -> Iterator[str]:
    if said != meant:
        yield f"{where} says {said!r} where the flow means {meant!r}"


def _text(value: Any) -> Any:
    return value["Fn::Sub"] if isinstance(value, dict) and list(value) == ["Fn::Sub"] else value


# the document ------------------------------------------------------------------------------------------------------


def document(triggers: Sequence[Trigger], flow: Flow, settings: Settings) -> list[dict[str, Any]]:
    """What a run is told about its dependencies (architecture, "What travels into a run"), without nulls."""
    out = []
    for trigger in triggers:
        grouped = Groups(trigger, settings)
        for item in trigger.dependencies:
            apart: dict[str, Any] = {}
            if not facts.is_set(trigger) and len(grouped.of(item)) > 1:
                fields = [path for _, path in facts.required_fields(flow, trigger, item)]
                apart = trigger_document.telling_apart(facts.filter_text(item), fields)
            if isinstance(item, EventDependency):
                out.append(entries.event_entry(trigger, item, apart, origin_of(item)))
            elif not isinstance(item, FinishDependency):
                assert_never(item)
            else:
                name = names.deployed_name(item.flow, item.project, item.branch, settings)
                out.append(entries.finish_entry(trigger, item, name, apart, without_nulls=True))
    return out


def _storing(states: dict[str, Any], served: Served, run: str) -> Iterator[str]:
    """Storing the document where the run looks for it, and starting the run."""
    deployed, folder = served.deployed, served.folder
    store, start = states["Store"]["Parameters"], states["Start"]["Parameters"]
    yield from _equal("Store", _text(store.get("Key.$")), f"States.Format('{folder}sfn-{{}}.json', {run})")
    yield from _equal("Store", store["Body"]["dependencies"], document(served.told, served.flow, served.settings))
    yield from _equal("Start", _text(start["StateMachineArn"]), _MACHINE + deployed)
    yield from _equal("Start", start.get("Name.$"), run)
    uri = f"States.Format('s3://${{DatastoreBucket}}/{folder}sfn-{{}}.json', {run})"
    yield from _equal("Start", _text(start["Input"]["MetaflowTrigger"].get("uri.$")), uri)


def _place_of(storing: dict[str, Any]) -> dict[str, Any]:
    """What is asked for before a state stores: what is there already must not be replaced."""
    place = storing["Parameters"]
    return {"Bucket": place["Bucket"], "Prefix.$": place["Key.$"], "MaxKeys": 1}


def _keeping(states: dict[str, Any], which: Sequence[str], queue: Any, deployed: str) -> Iterator[str]:
    for name in (*which, *(["Refuse"] if "Refuse" in states else [])):
        yield from _equal(name, states[name]["Parameters"]["QueueUrl"], queue)
        whose = None if queue == {"Ref": "DeadLetterQueue"} else deployed
        yield from _equal(name, states[name]["Parameters"]["MessageBody"].get("deployed"), whose)


# arrival -----------------------------------------------------------------------------------------------------------


def _arrival(states: dict[str, Any], served: Served, then: str) -> Iterator[str]:
    """Knowing the event, filtering it, looking for required fields; `then` is what comes after."""
    settings = served.settings
    items = served.items
    finishes = [item for _, item in items if isinstance(item, FinishDependency)]
    filtered = [(item, finish_filter(item).error) for item in finishes]
    filtered = [(item, condition) for item, condition in filtered if condition is not None]
    needs = _needs(items, served.flow, settings)
    yield from _equal("TakeOutcome", "TakeOutcome" in states, bool(finishes))
    yield from _equal("Identify", len(states["Identify"]["Choices"]), 2 if finishes else 1)
    after_filter = "Require" if needs else then
    after_key = "ErrorText" if filtered else after_filter
    named = then == "Name" or any(
        isinstance(item, EventDependency) and "detail-type" not in (origin_of(item) or {"detail-type": item.name})
        for _, item in items
    )
    yield from _equal("NameAndId", "NameAndId" in states, named)
    last = "NameAndId" if named else "TakeEventId"
    for name in (last, "TakeTransportId", *(["TakeOutcome"] if finishes else [])):
        yield from _equal(name, states.get(name, {}).get("Next"), after_key)
    key = states[last]["Parameters"].get("key.$")
    yield from _equal(last, key, "States.Format('{} {}', $.name, $.id)" if named else "$.resources[0]")
    yield from _equal("ErrorText", "ErrorText" in states, bool(filtered))
    if filtered and "Filter" in states:
        yield from _equal("Filter", states["Filter"]["Default"], after_filter)
        said = [_choice(choice) for choice in states["Filter"]["Choices"]]
        meant = [(_sender(item, settings, False), [{"Not": condition}], "Excluded") for item, condition in filtered]
        yield from _equal("Filter", said, meant)
    yield from _equal("Require", "Require" in states, bool(needs))
    if needs and "Require" in states:
        yield from _equal("Require", states["Require"]["Default"], then)
        found = [_choice(choice) for choice in states["Require"]["Choices"]]
        read = [
            (sender, *_places(rest), states.get(following, {}).get("Result"), states.get(following, {}).get("Next"))
            for sender, rest, following in found
        ]
        yield from _equal("Require", read, [(*need, "Refuse") for need in needs])
        ways = [following for *_, following in found]
        yield from _equal("Require", len(set(ways)), len(needs))


Need = tuple[dict[str, Any], tuple[str, ...], list[Any], str]


def _needs(items: Sequence[tuple[Trigger, Dependency]], flow: Flow, settings: Settings) -> list[Need]:
    """(sender, places of the field, when else, what the dead letter says) of each required parameter without default.

    Where another dependency may take the event, it is refused only if none of them can start the flow by it.
    """
    out: list[Need] = []
    grouped = {id(trigger): Groups(trigger, settings) for trigger in {id(one): one for one, _ in items}.values()}
    places: tuple[str, ...]
    for trigger, item in items:
        others: list[Dependency] = []
        if isinstance(item, EventDependency) and not facts.is_set(trigger):
            group = grouped[id(trigger)].of(item)
            others = [one for one in group if one is not item and isinstance(one, EventDependency)]
        alike = [one for one in others if _asks(trigger, one, flow, settings) == _asks(trigger, item, flow, settings)]
        if others and len(alike) == len(others):
            if item is not group[0]:
                continue
            others = []
        ways = [_instead(trigger, one, item, flow, settings) for one in others]
        if [] in ways:
            continue
        when = [*may_match(_pattern(item)), *({"Not": {"And": way}} for way in ways)] if others else []
        for parameter, path in facts.required_fields(flow, trigger, item):
            if isinstance(item, FinishDependency):
                if facts.has_field(item, path):
                    continue
                both = ("$.event.detail['error']", "$.event.detail['cause']")
                places = both if path == "error" else ()
                what = f"the end of {item.flow}"
            elif not isinstance(item, EventDependency):
                assert_never(item)
            else:
                places, what = json_paths(path), f"event {item.name}"
            reason = f"{what} has no field {path}, which the required parameter {parameter} takes its value from"
            need = (_sender(item, settings, False), places, when, reason)
            if need not in out:
                out.append(need)
    return out


def _asks(trigger: Trigger, item: Dependency, flow: Flow, settings: Settings) -> Any:
    return _sender(item, settings, False), [path for _, path in facts.required_fields(flow, trigger, item)]


def _instead(trigger: Trigger, one: Dependency, item: Dependency, flow: Flow, settings: Settings) -> list[Any]:
    """What has to hold for an event to start the flow as one of another dependency; nothing where it always does."""
    sender, own = _sender(one, settings, False), _sender(item, settings, False)
    known = [{"Variable": key, "StringEquals": value} for key, value in sender.items()] if sender != own else []
    if len(known) == 1:  # all events of the source, and this is one
        known = []
    fields = [found(json_paths(path)) for _, path in facts.required_fields(flow, trigger, one)]
    return [*known, *may_match(_pattern(one)), *fields]


def _pattern(item: Dependency) -> Any:
    return item.filter.plain() if item.filter else None


def _sender(item: Dependency, settings: Settings, with_status: bool) -> dict[str, Any]:
    """By which fields a dependency's events are known; `with_status`: also by the outcome."""
    if isinstance(item, FinishDependency):
        machine = names.deployed_name(item.flow, item.project, item.branch, settings)
        out: dict[str, Any] = {
            "$.event.source": "aws.states",
            "$.event.detail.stateMachineArn": _MACHINE + machine,
        }
        return out | ({"$.event.detail.status": [STATUS[one] for one in item.match]} if with_status else {})
    if not isinstance(item, EventDependency):
        assert_never(item)
    own = origin_of(item)
    if own is None:
        return {"$.event['detail-type']": item.name, "$.event.source": settings.event_source}
    kind = own.get("detail-type")
    return ({"$.event['detail-type']": kind} if kind is not None else {}) | {"$.event.source": own["source"]}


def _choice(choice: dict[str, Any]) -> tuple[dict[str, Any], list[Any], str]:
    """(by which fields the event is known, the other conditions, the next state)."""
    sender: dict[str, Any] = {}
    rest = []
    for condition in choice["And"]:
        variable = condition.get("Variable")
        if variable is not None and set(condition) == {"Variable", "StringEquals"} and variable not in sender:
            sender[variable] = _text(condition["StringEquals"])
        elif set(condition) == {"Or"} and all(
            item.get("Variable") == "$.event.detail.status" for item in condition["Or"]
        ):
            sender["$.event.detail.status"] = [item.get("StringEquals") for item in condition["Or"]]
        else:
            rest.append(condition)
    return sender, rest, choice["Next"]


def _places(conditions: list[Any]) -> tuple[Any, list[Any]]:
    """The places of `not found in any of these` and what else is asked; all conditions where they say otherwise."""
    if not conditions:
        return (), []
    out = []
    left: Any = conditions[0].get("Not")
    while left is not None:
        place, left = _first_place(left)
        if place is None:
            return conditions, []
        out.append(place)
    return tuple(out), conditions[1:]


def _present(place: Any) -> Any:
    return {
        "And": [{"Variable": place, "IsPresent": True}, {"Not": {"Variable": place, "IsNull": True}}],
    }


def _first_place(condition: Any) -> tuple[Any, Any]:
    """(the place that is looked at first, the condition for when it is not there or None)."""
    if set(condition) == {"And"}:
        place = condition["And"][0].get("Variable")
        return (place, None) if condition == _present(place) else (None, None)
    if set(condition) == {"Or"} and len(condition["Or"]) == 2:
        place, _ = _first_place(condition["Or"][0])
        other = condition["Or"][1]
        absent = {"Not": {"Variable": place, "IsPresent": True}}
        if place is not None and set(other) == {"And"} and len(other["And"]) == 2 and other["And"][0] == absent:
            return place, other["And"][1]
    return None, None


# sets --------------------------------------------------------------------------------------------------------------


def _slots(
    states: dict[str, Any], members: Sequence[Dependency], served: Sequence[Dependency], settings: Settings
) -> Iterator[str]:
    said = []
    for choice in states["Slot"]["Choices"]:
        sender, rest, following = _choice(choice)
        said.append((sender, rest, states.get(following, {}).get("Result"), states.get(following, {}).get("Next")))
    meant: list[Any] = [
        (_sender(item, settings, True), [], f"slot_{place}", "Mark")
        for place, item in enumerate(members)
        if any(item is one for one in served)
    ]
    yield from _equal("Slot", said, meant)


def _expressions(states: dict[str, Any], count: int, join: str, resets: bool) -> Iterator[str]:
    """What is written into the table, and when."""
    slots = [f"slot_{number}" for number in range(count)]
    claims = [f"claim_{number}" for number in range(count)]
    oldest = [f"{slot}[0]" if join == "queue" else slot for slot in slots]
    taken = ", ".join(f"{claim} = {slot}" for claim, slot in zip(claims, oldest, strict=True))
    record: dict[str, Any] = {
        "UpdateExpression": "SET #slot = :event",
        "ExpressionAttributeValues": {":event": {"S.$": "$.mark"}},
    }
    if join == "queue":
        record = {
            "UpdateExpression": "SET #slot = list_append(if_not_exists(#slot, :none), :event)",
            "ExpressionAttributeValues": {":none": {"L": []}, ":event": {"L": [{"S.$": "$.mark"}]}},
        }
    update = states["Record"]["Parameters"]["TransactItems"][-1].get("Update", {})
    yield from _equal("Record", {key: update.get(key) for key in record}, record)
    claim, release = states["Claim"]["Parameters"], states["Release"]["Parameters"]
    yield from _equal("Claim", claim.get("UpdateExpression"), f"SET {taken} REMOVE {', '.join(oldest)}")
    whole = ["attribute_not_exists(claim_0)", *(f"attribute_exists({slot})" for slot in oldest)]
    yield from _equal("Claim", claim.get("ConditionExpression"), " AND ".join(whole))
    yield from _equal("Read", states["Read"]["Parameters"].get("ProjectionExpression"), ", ".join(claims))
    yield from _equal("Release", release.get("UpdateExpression"), f"REMOVE {', '.join(claims)}")
    fence = " AND ".join(f"{item} = :{item}" for item in claims)
    yield from _equal("Release", release.get("ConditionExpression"), fence)
    values = {f":{item}": {"S.$": f"$.row.Item.{item}.S"} for item in claims}
    yield from _equal("Release", release.get("ExpressionAttributeValues"), values)
    yield from _equal("Reset", "Reset" in states, resets)
    if resets and "Reset" in states:
        forgotten = states["Reset"]["Parameters"].get("UpdateExpression")
        yield from _equal("Reset", forgotten, f"REMOVE {', '.join(slots)}")
