"""Statements: what a policy on a thing lets a service of AWS do.

In:   a statement of a policy, as IAM and SQS give it.
Out:  whether it lets the service do one of some actions; a condition may bound it.

Not here: rights of identities, which IAM itself is asked about (`rights`).
"""

from __future__ import annotations

from typing import Any


def lets(statement: Any, service: str, *actions: str) -> bool:
    """`actions` in small letters."""
    principal = statement.get("Principal")
    services = listed(principal.get("Service") if isinstance(principal, dict) else principal)
    if isinstance(principal, dict) and "*" in listed(principal.get("AWS")):
        services.append("*")
    allowed = {str(item).lower() for item in listed(statement.get("Action"))}
    return statement.get("Effect") == "Allow" and bool(allowed & set(actions)) and bool({service, "*"} & set(services))


def listed(value: Any) -> list[Any]:
    """One value may stand for a list of one."""
    return [] if value is None else list(value) if isinstance(value, list) else [value]
