"""ASL: the kinds of states and conditions of Amazon States Language, one function each.

In:   what one state has and another of its kind has not.
Out:  a state, or a part of one, its keys in the order in which they are written.

Not here: which states our machines have (`arrival`, `starter`, `correlator`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

State = dict[str, Any]

EVERY = ("States.ALL",)
SUCCEED: State = {"Type": "Succeed"}


def definition(comment: str, start: str, seconds: int, states: dict[str, State]) -> dict[str, Any]:
    return {
        "Comment": comment,
        "QueryLanguage": "JSONPath",
        "StartAt": start,
        "TimeoutSeconds": seconds,
        "States": states,
    }


def present(variable: str) -> Any:
    return {"Variable": variable, "IsPresent": True}


def equal(variable: str, value: Any) -> Any:
    return {"Variable": variable, "StringEquals": value}


def negated(condition: Any) -> Any:
    return {"Not": condition}


def every(*conditions: Any) -> Any:
    return {"And": list(conditions)}


def way(*conditions: Any, to: str) -> Any:
    """A way out of a choice, taken if every condition holds."""
    return every(*conditions) | {"Next": to}


def choice(*ways: Any, default: str) -> State:
    return {"Type": "Choice", "Choices": list(ways), "Default": default}


def put(parameters: Any, to: str, place: str | None = None) -> State:
    """Put values together at a place; without one they replace all that the execution knows."""
    return {"Type": "Pass", "Parameters": parameters, **_at(place), "Next": to}


def constant(value: Any, place: str, to: str) -> State:
    return {"Type": "Pass", "Result": value, **_at(place), "Next": to}


def copy(source: str, place: str, to: str) -> State:
    return {"Type": "Pass", "InputPath": source, **_at(place), "Next": to}


def wait(seconds: str, to: str) -> State:
    return {"Type": "Wait", "SecondsPath": seconds, "Next": to}


def pause(seconds: int, to: str) -> State:
    return {"Type": "Wait", "Seconds": seconds, "Next": to}


def fail(error: str, cause: str) -> State:
    return {"Type": "Fail", "Error": error, "Cause": cause}


def retry(attempts: int, never: Sequence[str] = ()) -> list[Any]:
    """Try again after each error but those of `never`."""
    at_once = [{"ErrorEquals": never, "MaxAttempts": 0}] if never else []
    return [*at_once, {"ErrorEquals": EVERY, "IntervalSeconds": 1, "BackoffRate": 2.0, "MaxAttempts": attempts}]


def catch(to: str, errors: Sequence[str] = EVERY, place: str = "$.failure") -> Any:
    return {"ErrorEquals": errors, "ResultPath": place, "Next": to}


def task(service: str, parameters: Any, to: str, *catches: Any, again: list[Any], place: str = "$.discarded") -> State:
    """Call a service; `again` is a `retry`. A template can have no null path: unread answers go to `$.discarded`."""
    return {
        "Type": "Task",
        "Resource": {"Fn::Sub": f"arn:${{AWS::Partition}}:states:::{service}"},
        "Parameters": parameters,
        "ResultPath": place,
        "Retry": again,
        **({"Catch": list(catches)} if catches else {}),
        "Next": to,
    }


def _at(place: str | None) -> dict[str, str]:
    return {} if place is None else {"ResultPath": place}
