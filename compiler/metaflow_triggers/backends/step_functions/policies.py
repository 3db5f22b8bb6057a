"""Policies: every IAM role that a flow needs, as a CloudFormation template of roles alone.

In:   the flow's template, settings; whether its code emits events.
Out:  a template; deployed as it is, or read by who manages roles by hand.

Not here: the roles of the triggers themselves, which are what the flow's template has; only what they refer to is
spelled out as ARNs.
ARNs are exact. `UNRESTRICTED` lists the actions for which IAM knows no resource.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from ...render import render
from ...settings import Settings
from .assemble import TAG_DEPLOYED_NAME
from .lower import FLOW, datastore
from .machines import JOB_DEFINITION, MACHINE
from .objects import QUEUE, ROLE, TABLE
from .open_settings import used
from .owned import tag_map
from .parameters import parameters
from .rules import RULE, bus_name

UNRESTRICTED = {
    "batch:DescribeJobs": "Service Authorization Reference, AWS Batch: no resource type",
}
"""Actions that are allowed on `*`, and where AWS says that nothing narrower is possible."""

_ARNS = {
    MACHINE: ("states", "stateMachine:", "StateMachineName"),
    QUEUE: ("sqs", "", "QueueName"),
    TABLE: ("dynamodb", "table/", "TableName"),
}
_QUEUE = "arn:${AWS::Partition}:batch:${AWS::Region}:${AWS::AccountId}:job-queue/"
_MADE_HERE = {"StateMachineRoleArn", "BatchJobRoleArn", "EventsRoleArn", "FargateExecutionRoleArn"}


def policies(template: dict[str, Any], settings: Settings, *, emits: bool) -> dict[str, Any]:
    """A template of the roles. `template` is the flow's whole template, `emits` whether its code calls emit_event."""
    resources = template["Resources"]
    machine = resources[FLOW]["Properties"]
    arns = {logical: _arn(item) for logical, item in resources.items() if item["Type"] in _ARNS}
    roles = {logical: _spelled(item, arns) for logical, item in resources.items() if item["Type"] == ROLE}
    text = json.dumps(machine["Definition"])
    prefixed = datastore(settings)[1] != ""
    common = {
        "flow": template["Description"].partition(", deployed as ")[0].removeprefix("Metaflow flow "),
        "deployed": tag_map(machine["Tags"])[TAG_DEPLOYED_NAME],
        "tags": machine["Tags"],
        "foreach": "dynamodb:getItem" in text,
    }
    roles["StateMachineRole"] = render(
        "step_functions/state_machine_role",
        definitions=[
            item["Properties"]["JobDefinitionName"] for item in resources.values() if item["Type"] == JOB_DEFINITION
        ],
        queues=_unique(_queue_arn(item, settings) for item in _values(machine["Definition"], "JobQueue")),
        distributed='"DISTRIBUTED"' in text,
        folder="${DatastorePrefix}/" if prefixed else "",
        **common,
    )
    roles["TaskRole"] = render(
        "step_functions/task_role",
        folder="${DatastorePrefix}/" if prefixed else "",
        bus=bus_name(settings.event_bus) if emits else None,
        source=settings.event_source,
        **common,
    )
    targets = [item["Properties"]["Targets"][0] for item in resources.values() if item["Type"] == RULE]
    if targets and "RulesRole" not in roles:  # then a setting names it, and the flow's template makes none
        unique = _unique(_spelled(target["Arn"], arns) for target in targets)
        roles["RulesRole"] = render(
            "step_functions/rules_role", targets=unique[0] if len(unique) == 1 else unique, **common
        )
    names = used(roles)
    out: dict[str, Any] = render(
        "step_functions/template",
        description=f"Roles of the Metaflow flow {common['flow']}, deployed as {common['deployed']}",
        parameters={
            item.name: render(
                "step_functions/parameter", description=item.description, pattern=item.pattern, default=item.default
            )
            for item in parameters(settings)
            if item.name in names and item.name not in _MADE_HERE
        },
        resources=roles,
    )
    return out


def _arn(resource: dict[str, Any]) -> dict[str, str]:
    service, before, key = _ARNS[resource["Type"]]
    place = f"arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:"
    return {"Fn::Sub": f"{place}{before}{resource['Properties'][key]}"}


def _spelled(value: Any, arns: dict[str, dict[str, str]]) -> Any:
    """`value` with ARNs where it refers to resources of the flow's template."""
    if isinstance(value, dict):
        if list(value) == ["Fn::GetAtt"] and value["Fn::GetAtt"][0] in arns:
            return arns[value["Fn::GetAtt"][0]]
        return {key: _spelled(item, arns) for key, item in value.items()}
    return [_spelled(item, arns) for item in value] if isinstance(value, list) else value


def _values(definition: Any, key: str) -> Iterator[Any]:
    """The values of every `key` in a definition."""
    if isinstance(definition, dict):
        if key in definition:
            yield definition[key]
        for item in definition.values():
            yield from _values(item, key)
    elif isinstance(definition, list):
        for item in definition:
            yield from _values(item, key)


def _queue_arn(queue: Any, settings: Settings) -> Any:
    """A job queue is named, or given as an ARN; the setting too."""
    if isinstance(queue, str):
        return queue if queue.startswith("arn:") else {"Fn::Sub": f"{_QUEUE}{queue}"}
    is_arn = (settings.batch_job_queue or "").startswith("arn:")
    return queue if is_arn else {"Fn::Sub": f"{_QUEUE}${{BatchJobQueue}}"}


def _unique(items: Iterable[Any]) -> list[Any]:
    out: list[Any] = []
    for item in items:
        if item not in out:
            out.append(item)
    return out
