"""ASL: the words of the states of a state machine."""

from __future__ import annotations

from typing import Any

from ..notation import Schema, a, any_of, number, some, text

CONDITION = a("condition")

CHOICES = some({"And": some(CONDITION), "Next": text()})
ALL = ["States.ALL"]


def _comparison(**told: Any) -> dict[str, Any]:
    return {"Variable": text(), **told}


_number = number("number")
WORDS: dict[str, Any] = {
    "condition": any_of(
        {"Not": CONDITION},
        {"And": some(CONDITION)},
        {"Or": some(CONDITION)},
        *(_comparison(**{test: True}) for test in ("IsPresent", "IsNull", "IsString", "IsNumeric", "IsBoolean")),
        _comparison(StringEquals=a("text")),
        _comparison(StringMatches=text()),
        _comparison(StringEqualsPath=text()),
        _comparison(BooleanEquals=Schema(type="boolean")),
        *(
            _comparison(**{f"Numeric{test}": _number})
            for test in ("Equals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals")
        ),
    ),
    "choice": {"Type": "Choice", "Choices": CHOICES, "Default": text()},
    "retry": some(
        {
            "ErrorEquals": some(text()),
            "IntervalSeconds?": number("integer", 1),
            "BackoffRate?": number("number", 1),
            "MaxAttempts": number("integer", 0),
        }
    ),
    "catch": some({"ErrorEquals": some(text()), "ResultPath": text("^\\$\\.[a-z]+$"), "Next": text()}),
}


def has(variable: str, test: str = "IsPresent", value: Any = True) -> dict[str, Any]:
    """A condition over a variable."""
    return {"Variable": variable, test: value}


def when(*conditions: Any, then: str) -> dict[str, Any]:
    """A way out of a choice."""
    return {"And": list(conditions), "Next": then}


def choose(*ways: dict[str, Any], otherwise: Any) -> dict[str, Any]:
    """A choice between these ways."""
    return {"Type": "Choice", "Choices": list(ways), "Default": otherwise}


def choose_any(otherwise: Any) -> dict[str, Any]:
    """A choice whose ways depend on the flow."""
    return {"Type": "Choice", "Choices": CHOICES, "Default": otherwise}


def put(parameters: Any, then: Any, place: str | None = None) -> dict[str, Any]:
    """A state that puts values together; without a place they are all that is left."""
    return {"Type": "Pass", "Parameters": parameters, **({"ResultPath": place} if place else {}), "Next": then}


def wait(seconds: str, then: str) -> dict[str, Any]:
    """A state that waits."""
    return {"Type": "Wait", "SecondsPath": seconds, "Next": then}


def fail(error: str, cause: str) -> dict[str, Any]:
    """A state that ends the execution as failed."""
    return {"Type": "Fail", "Error": error, "Cause": cause}


SUCCEED = {"Type": "Succeed"}


def tried(times: int, but: list[str] | None = None) -> list[dict[str, Any]]:
    """Every error is tried again but some."""
    never = [{"ErrorEquals": but, "MaxAttempts": 0}] if but else []
    return [*never, {"ErrorEquals": ALL, "IntervalSeconds": 1, "BackoffRate": 2.0, "MaxAttempts": times}]


def caught(then: str, errors: list[str] = ALL, place: str = "$.failure") -> dict[str, Any]:
    """Where errors lead."""
    return {"ErrorEquals": errors, "ResultPath": place, "Next": then}


def task(
    service: Any, parameters: Any, then: str, *catches: Any, retry: Any = None, place: str = "$.discarded"
) -> dict[str, Any]:
    """A state that calls a service. Without `retry` it is tried six times more."""
    called = {"Fn::Sub": f"arn:${{AWS::Partition}}:states:::{service}"} if isinstance(service, str) else service
    return {
        "Type": "Task",
        "Resource": called,
        "Parameters": parameters,
        "ResultPath": place,
        "Retry": tried(6) if retry is None else retry,
        **({"Catch": list(catches)} if catches else {}),
        "Next": then,
    }
