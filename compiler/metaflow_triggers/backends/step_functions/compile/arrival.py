"""Arrival: the states in which a starter and a correlator do the same.

In:   `resources.Arrival`, `actions.Around`, where the last of them leads.
Out:  states by name, in the order in which they are passed.

Not here: what is done with an event that is known and not left out (`starter`, `correlator`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from metaflow_extensions.triggers.contract.words import EVENT_RESOURCE

from .actions import MACHINE_ARN, Around, keep
from .asl import SUCCEED, State, choice, constant, equal, every, negated, present, put, way
from .resources import Arrival, Requirement, Sender

_ERROR, _CAUSE = "$.event.detail.error", "$.event.detail.cause"


def arrival_states(arrival: Arrival, around: Around, to: str) -> dict[str, State]:
    """Know the event: `$` becomes {"event", "key"}. Leave out what a filter excludes or what lacks a required field."""
    after_filter = "Require" if arrival.requirements else to
    out = _identity(arrival, "ErrorText" if arrival.errors else after_filter)
    if arrival.errors:
        out |= _filter(arrival, after_filter)
    if arrival.requirements:
        out |= _requirements(arrival, around, to)
    return out


def _identity(arrival: Arrival, to: str) -> dict[str, State]:
    first = "$.resources[0]"
    own = way(present(first), {"Variable": first, "StringMatches": f"{EVENT_RESOURCE}*"}, to="TakeEventId")
    outcome = way(equal("$.source", "aws.states"), present("$.detail.executionArn"), to="TakeOutcome")
    ways = [own, outcome] if arrival.reads_outcomes else [own]
    out = {"Identify": choice(*ways, default="TakeTransportId")}
    if arrival.named:
        out["TakeEventId"] = put({"event.$": "$", "id.$": first}, "TakeEventName")
        named = {"event.$": "$.event", "id.$": "$.id", "name.$": "$.event['detail-type']"}
        out["TakeEventName"] = put(named, "NameAndId")
        out["NameAndId"] = put({"event.$": "$.event", "key.$": "States.Format('{} {}', $.name, $.id)"}, to)
    else:
        out["TakeEventId"] = put({"event.$": "$", "key.$": first}, to)
    if arrival.reads_outcomes:
        key = "States.Format('{}/{}', $.detail.executionArn, $.detail.status)"
        out["TakeOutcome"] = put({"event.$": "$", "key.$": key}, to)
    return out | {"TakeTransportId": put({"event.$": "$", "key.$": "$.id"}, to)}


def _filter(arrival: Arrival, to: str) -> dict[str, State]:
    def told(text: str) -> State:
        return put({"text.$": text}, "Filter", "$.error")

    excluded = (way(*belongs(error.sender), negated(error.condition), to="Excluded") for error in arrival.errors)
    return {
        "ErrorText": choice(
            way(_text(_ERROR), _text(_CAUSE), to="ErrorAndCause"),
            way(_text(_ERROR), to="OnlyError"),
            way(_text(_CAUSE), to="OnlyCause"),
            default="NoError",
        ),
        "ErrorAndCause": told(f"States.Format('{{}}: {{}}', {_ERROR}, {_CAUSE})"),
        "OnlyError": told(_ERROR),
        "OnlyCause": told(_CAUSE),
        "NoError": put({"text": ""}, "Filter", "$.error"),
        "Filter": choice(*excluded, default=to),
        "Excluded": SUCCEED,
    }


def _text(variable: str) -> Any:
    return every(present(variable), {"Variable": variable, "IsString": True}, negated(equal(variable, "")))


def _requirements(arrival: Arrival, around: Around, to: str) -> dict[str, State]:
    needs = {f"Missing{number}": need for number, need in enumerate(arrival.requirements, 1)}
    return {
        "Require": choice(*(way(*_lacks(need), to=name) for name, need in needs.items()), default=to),
        **{name: constant(need.reason, "$.reason", "Refuse") for name, need in needs.items()},
        "Refuse": keep(around, {"reason.$": "$.reason", "event.$": "$.event"}, "Refused"),
        "Refused": SUCCEED,
    }


def _lacks(need: Requirement) -> Iterator[Any]:
    yield from belongs(need.sender)
    if need.places:
        yield negated(_found(need.places))
    yield from need.when
    for conditions in need.unless:
        yield negated(every(*conditions))


def _found(places: tuple[str, ...]) -> Any:
    """The first place that is present decides."""
    first, *others = places
    there = every(present(first), negated({"Variable": first, "IsNull": True}))
    return {"Or": [there, every(negated(present(first)), _found(tuple(others)))]} if others else there


def belongs(sender: Sender) -> Iterator[Any]:
    """Conditions that hold if an event is one of the sender's."""
    if sender.machine is None:
        if sender.detail_type is not None:
            yield equal("$.event['detail-type']", sender.detail_type)
        yield equal("$.event.source", sender.source)
        return
    yield equal("$.event.source", "aws.states")
    yield equal("$.event.detail.stateMachineArn", {"Fn::Sub": MACHINE_ARN + sender.machine})
    if sender.statuses:
        yield {"Or": [equal("$.event.detail.status", status) for status in sender.statuses]}
