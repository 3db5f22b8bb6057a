"""Read logs: where a template's starters and correlators say that they failed, held against the settings.

In:   the properties of a template's resources, settings.
Out:  texts: each state machine that logs otherwise, or more than that; the rights that a role needs to log.

Not here: the other rights (`read_back.py`). Worked out from the settings alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ....model.settings import Settings

_VERBS = ("CreateLogDelivery", "DeleteLogDelivery", "GetLogDelivery", "ListLogDeliveries", "UpdateLogDelivery")
_OTHERS = ("DescribeLogGroups", "DescribeResourcePolicies", "PutResourcePolicy")


def log_differences(given: dict[str, Any], settings: Settings) -> Iterator[str]:
    """What is logged otherwise than the settings say."""
    group = {"CloudWatchLogsLogGroup": {"LogGroupArn": {"Ref": "LogGroupArn"}}}
    wanted = {"Level": "ERROR", "IncludeExecutionData": False, "Destinations": [group]}
    for logical, properties in given.items():
        if "Definition" not in properties or logical == "StateMachine":
            continue
        found = properties.get("LoggingConfiguration")
        if found != (wanted if settings.log_group else None):
            yield f"{logical} logs by {found!r}"


def log_rights(settings: Settings) -> list[tuple[str, str, str]]:
    """(action, on what, on which condition)."""
    return [(f"logs:{verb}", "*", "") for verb in (*_VERBS, *_OTHERS)] if settings.log_group else []
