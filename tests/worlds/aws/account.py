"""The whole content of an emulated account, and clients that count their calls."""

from __future__ import annotations

import json
import os
import re
import traceback
from collections.abc import Callable
from typing import Any

from .service import Aws

_made: dict[tuple[int, str, str], Any] = {}


def clients(aws: Aws) -> Callable[[str], Any]:
    """Clients that this process makes once: making them takes longer than what they are asked."""

    def client(service: str) -> Any:
        key = (os.getpid(), aws.url, service)
        if key not in _made:
            _made[key] = aws.client(service)
        return _made[key]

    return client


_REVISION = re.compile(r"(job-definition/[^:\"]+):\d+")


def content(aws: Aws) -> dict[str, Any]:
    """All that is there, in a form that does not depend on how often something was made."""
    found: dict[str, Any] = {}
    client = clients(aws)
    _rules(client, found)
    _machines(client, found)
    _roles(client, found)
    sqs, batch = client("sqs"), client("batch")
    for url in sqs.list_queues().get("QueueUrls", []):
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        kept = {
            key: attributes.get(key) for key in ("MessageRetentionPeriod", "SqsManagedSseEnabled", "KmsMasterKeyId")
        }
        kept["Policy"] = json.loads(attributes["Policy"]) if "Policy" in attributes else None
        found[f"queue {url.rpartition('/')[2]}"] = kept | {"tags": sqs.list_queue_tags(QueueUrl=url).get("Tags")}
    for item in batch.describe_job_definitions(status="ACTIVE")["jobDefinitions"]:
        kept = {key: item[key] for key in ("type", "containerProperties", "tags")}
        found.setdefault(f"job definition {item['jobDefinitionName']}", []).append(kept)
    # Two deployments at once may both register what is then one and the same.
    for name, revisions in found.items():
        if name.startswith("job definition "):
            found[name] = sorted({json.dumps(one, sort_keys=True) for one in revisions})
    _tables_and_schedules(client, found)
    _alarms(client, found)
    return found


def _alarms(client: Callable[[str], Any], found: dict[str, Any]) -> None:
    cloudwatch = client("cloudwatch")
    for alarm in cloudwatch.describe_alarms()["MetricAlarms"]:
        tags = cloudwatch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"]
        tags.sort(key=lambda tag: tag["Key"])
        kept = ("AlarmActions", "ActionsEnabled", "Dimensions", "MetricName", "Period", "Statistic", "Threshold")
        found[f"alarm {alarm['AlarmName']}"] = [{key: alarm[key] for key in kept}, tags]


def _rules(client: Callable[[str], Any], found: dict[str, Any]) -> None:
    events = client("events")
    for bus in [bus["Name"] for bus in events.list_event_buses()["EventBuses"]]:
        for rule in events.list_rules(EventBusName=bus)["Rules"]:
            targets = events.list_targets_by_rule(Rule=rule["Name"], EventBusName=bus)["Targets"]
            tags = events.list_tags_for_resource(ResourceARN=rule["Arn"])["Tags"]
            found[f"rule {bus}/{rule['Name']}"] = [rule, targets, tags]


def _machines(client: Callable[[str], Any], found: dict[str, Any]) -> None:
    states = client("stepfunctions")
    for item in states.list_state_machines()["stateMachines"]:
        arn = item["stateMachineArn"]
        machine = states.describe_state_machine(stateMachineArn=arn)
        tags = states.list_tags_for_resource(resourceArn=arn)["tags"]
        definition = json.loads(_REVISION.sub(r"\1", machine["definition"]))
        found[f"state machine {item['name']}"] = [
            definition,
            machine["roleArn"],
            machine["type"],
            sorted((one["key"], one["value"]) for one in tags),
        ]


def _roles(client: Callable[[str], Any], found: dict[str, Any]) -> None:
    iam = client("iam")
    for role in iam.list_roles()["Roles"]:
        name = role["RoleName"]
        policies = iam.list_role_policies(RoleName=name)["PolicyNames"]
        found[f"role {name}"] = [
            role["AssumeRolePolicyDocument"],
            {one: iam.get_role_policy(RoleName=name, PolicyName=one)["PolicyDocument"] for one in policies},
            iam.list_role_tags(RoleName=name)["Tags"],
        ]


def _tables_and_schedules(client: Callable[[str], Any], found: dict[str, Any]) -> None:
    scheduler, dynamo = client("scheduler"), client("dynamodb")
    for name in dynamo.list_tables()["TableNames"]:
        table = dynamo.describe_table(TableName=name)["Table"]
        lives = dynamo.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        tags = dynamo.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"]
        backups = dynamo.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
        recovery = backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]
        found[f"table {name}"] = [table["KeySchema"], lives, tags, recovery, table.get("SSEDescription")]
    for group in scheduler.list_schedule_groups()["ScheduleGroups"]:
        found[f"group {group['Name']}"] = scheduler.list_tags_for_resource(ResourceArn=group["Arn"])["Tags"]
    for schedule in scheduler.list_schedules()["Schedules"]:
        one = scheduler.get_schedule(GroupName=schedule["GroupName"], Name=schedule["Name"])
        keys = ("ScheduleExpression", "ScheduleExpressionTimezone", "State", "Target")
        found[f"schedule {schedule['GroupName']}/{schedule['Name']}"] = {key: one[key] for key in keys}


# clients ------------------------------------------------------------------------------------------------------------


def is_write(operation: str) -> bool:
    return not operation.startswith(("Describe", "Get", "List", "Head", "Scan", "TestEventPattern"))


class Watched:
    """Makes clients; `calls` are the operations that they were asked for."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self.calls: list[str] = []
        self._made: dict[str, Any] = {}

    @property
    def writes(self) -> list[str]:
        return [call for call in self.calls if is_write(call)]

    def client(self, service: str) -> Any:
        if service not in self._made:
            self._made[service] = self._aws.client(service)
            self._made[service].meta.events.register("before-call", self._called)
        return self._made[service]

    def _called(self, model: Any, **_: Any) -> None:
        self.calls.append(model.name)


def in_a_process(work: Callable[[], None]) -> int:
    """The process id of a child that does `work` and ends with 0, or 1 if it raised."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        work()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def ended(child: int) -> int:
    """Wait for a child: its exit code, or the negative number of the signal that ended it."""
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)
