"""Stacks: where ministack 1.5.33 does less than CloudFormation with what our templates hold.

In:   properties in CloudFormation's spelling, its functions evaluated by the emulator.
Out:  what is missing: the type AWS::Batch::JobDefinition, a schedule's timezone, a table's time to live and recovery.

Not here: all the rest, which the emulator does (`services/cloudformation/provisioners.py`).
"""

from __future__ import annotations

import json
from typing import Any

from jobs import spelled
from ministack.services import batch, dynamodb, scheduler
from ministack.services.cloudformation import provisioners


def apply() -> None:
    """Add what is missing."""
    handlers = provisioners._RESOURCE_HANDLERS
    assert "AWS::Batch::JobDefinition" not in handlers
    handlers["AWS::Batch::JobDefinition"] = {"create": _create, "update": _update, "delete": _delete}
    for kind, finish in (("AWS::Scheduler::Schedule", _timezone), ("AWS::DynamoDB::Table", _time_to_live_and_recovery)):
        handlers[kind] = handlers[kind] | {"create": _then(handlers[kind]["create"], finish)}


def _create(logical: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, str]]:
    """`Ref` is the ARN with the revision."""
    given = {key: value for key, value in properties.items() if key != "ResourceRetentionPolicy"}
    status, _, answer = batch._DISPATCH["/v1/registerjobdefinition"](spelled(given, str.lower))
    body = json.loads(answer)
    if status >= 400:
        raise ValueError(f"AWS::Batch::JobDefinition {logical}: {body.get('message')}")
    arn = str(body["jobDefinitionArn"])
    return arn, {"JobDefinitionArn": arn}


def _update(
    physical: str, old: dict[str, Any], new: dict[str, Any], stack: str, logical: str | None = None
) -> tuple[str, dict[str, str]]:
    """A change is a new revision; the old one stays with `SkipDeregisterOnUpdate`, else it is deregistered."""
    if old == new:
        return physical, {"JobDefinitionArn": physical}
    made = _create(logical or physical, new, stack)
    if not new.get("ResourceRetentionPolicy", {}).get("SkipDeregisterOnUpdate"):
        _delete(physical, old)
    return made


def _delete(physical: str, properties: dict[str, Any]) -> None:
    batch._DISPATCH["/v1/deregisterjobdefinition"]({"jobDefinition": physical})


def _then(create: Any, finish: Any) -> Any:
    def created(logical: str, properties: dict[str, Any], stack: str) -> Any:
        made = create(logical, properties, stack)
        finish(made[0], properties)
        return made

    return created


def _timezone(name: str, properties: dict[str, Any]) -> None:
    """The emulator leaves it at UTC."""
    key = f"{properties.get('GroupName', 'default')}/{name}"
    scheduler._schedules[key]["ScheduleExpressionTimezone"] = properties.get("ScheduleExpressionTimezone", "UTC")


def _time_to_live_and_recovery(name: str, properties: dict[str, Any]) -> None:
    """The emulator passes them over."""
    for key, change in (
        ("TimeToLiveSpecification", dynamodb._update_ttl),
        ("PointInTimeRecoverySpecification", dynamodb._update_continuous_backups),
    ):
        if key in properties:
            change({"TableName": name, key: properties[key]})
