"""Conditions: questions about an event as conditions of a Choice state.

In:   a sender, places of fields, a filter.
Out:  JSON values, `$.event` being the event.

Not here: what is done with the answers (`templates/step_functions/`). A state machine cannot ask a filter as
EventBridge does: `may_match` is true wherever it cannot tell, above all for lists.
"""

from __future__ import annotations

from typing import Any

from ....language.apart import fields
from .resources import Sender

MACHINE = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:stateMachine:"


def belongs(sender: Sender) -> list[Any]:
    """Conditions that together tell an event of the sender."""
    if sender.machine is not None:
        out: list[Any] = [
            {"Variable": "$.event.source", "StringEquals": "aws.states"},
            {"Variable": "$.event.detail.stateMachineArn", "StringEquals": {"Fn::Sub": MACHINE + sender.machine}},
        ]
        if sender.statuses:
            each = [{"Variable": "$.event.detail.status", "StringEquals": status} for status in sender.statuses]
            out.append({"Or": each})
        return out
    kind = [{"Variable": "$.event['detail-type']", "StringEquals": sender.detail_type}]
    return [*(kind if sender.detail_type is not None else []), _is("$.event.source", StringEquals=sender.source)]


def present(place: str) -> Any:
    """Whether something that is not null stands there."""
    return {"And": [_is(place, IsPresent=True), {"Not": _is(place, IsNull=True)}]}


def found(places: tuple[str, ...]) -> Any:
    """Whether the first of the places that exists holds something."""
    if len(places) == 1:
        return present(places[0])
    rest = {"And": [{"Not": _is(places[0], IsPresent=True)}, found(places[1:])]}
    return {"Or": [present(places[0]), rest]}


def json_paths(path: str) -> tuple[str, ...]:
    """The places of a field in an event's payload, as the run looks for it: longer keys before shorter ones."""

    def steps(parts: list[str]) -> list[str]:
        if not parts:
            return [""]
        return [
            _step(".".join(parts[:length])) + rest
            for length in range(len(parts), 0, -1)
            for rest in steps(parts[length:])
        ]

    return tuple("$.event.detail" + text for text in steps(path.split(".")))


def _step(key: str) -> str:
    escaped = key.replace("\\", "\\\\").replace("'", "\\'")
    return f"['{escaped}']"


def may_match(pattern: dict[str, Any] | None) -> list[Any]:
    """Conditions one of which is false only for an event that the filter excludes."""
    asked = fields(pattern) if pattern is not None else {}
    return [_field(path, items) for path, items in sorted(asked.items()) if {"exists": False} not in items]


def _field(path: str, alternatives: list[Any]) -> Any:
    places = json_paths(path)
    out = [
        {"And": [_is(place, IsPresent=True), {"Or": [_no_scalar(place), *_any(place, alternatives)]}]}
        for place in places
    ]
    parts = path.split(".")
    above = [place for length in range(1, len(parts)) for place in json_paths(".".join(parts[:length]))]
    if above:
        # Nothing is there, or it stands in the elements of a list.
        nowhere = [{"Not": _is(place, IsPresent=True)} for place in places]
        lists = [{"And": [_is(place, IsPresent=True), _no_scalar(place)]} for place in above]
        out.append({"And": [*nowhere, {"Or": lists}]})
    return out[0] if len(out) == 1 else {"Or": out}


def _any(place: str, alternatives: list[Any]) -> list[Any]:
    found = [_alternative(place, item) for item in alternatives]
    return [item for number, item in enumerate(found) if item not in found[:number]]


def _alternative(place: str, item: Any) -> Any:
    if item is None:
        return _is(place, IsNull=True)
    if isinstance(item, bool):
        return {"And": [_is(place, IsBoolean=True), _is(place, BooleanEquals=item)]}
    if isinstance(item, str):
        return {"And": [_is(place, IsString=True), _is(place, StringEquals=item)]}
    if isinstance(item, (int, float)):
        return {"And": [_is(place, IsNumeric=True), _is(place, NumericEquals=item)]}
    ((operator, operand),) = item.items()
    if operator == "numeric":
        bounds = [
            _is(place, **{_NUMERIC[sign]: bound}) for sign, bound in zip(operand[::2], operand[1::2], strict=True)
        ]
        return {"And": [_is(place, IsNumeric=True), *bounds]}
    if operator in ("prefix", "suffix") and isinstance(operand, str):
        text = f"{literal(operand)}*" if operator == "prefix" else f"*{literal(operand)}"
        return {"And": [_is(place, IsString=True), _is(place, StringMatches=text)]}
    if operator in ("prefix", "suffix", "equals-ignore-case"):
        return _is(place, IsString=True)
    return {"Or": _scalars(place)}


def literal(text: str) -> str:
    """The text in a pattern of `StringMatches`."""
    return text.replace("\\", "\\\\").replace("*", "\\*")


_NUMERIC = {
    "=": "NumericEquals",
    "<": "NumericLessThan",
    "<=": "NumericLessThanEquals",
    ">": "NumericGreaterThan",
    ">=": "NumericGreaterThanEquals",
}


def _scalars(place: str) -> list[Any]:
    return [
        _is(place, IsNull=True),
        _is(place, IsString=True),
        _is(place, IsNumeric=True),
        _is(place, IsBoolean=True),
    ]


def _no_scalar(place: str) -> Any:
    return {"Not": {"Or": _scalars(place)}}


def _is(place: str, **test: Any) -> dict[str, Any]:
    return {"Variable": place, **test}
