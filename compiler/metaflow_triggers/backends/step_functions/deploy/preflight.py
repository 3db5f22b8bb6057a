"""Preflight: is there what the settings name?

In:   the template's parameters with their values, clients.
Out:  diagnostics (FT706).

Not here: changing anything. A question that AWS does not let this identity ask counts as answered with yes.
A setting of another region or account is a common mistake, and without these questions it shows in the first run only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ....diagnostics import Diagnostic, DiagnosticError
from ....model.settings import Settings
from ..compile import roles
from ..compile.alarm import TOPIC
from ..compile.encryption import KEY
from ..compile.parameters import parameters
from .calls import Clients, absent, calling

NO_TOPIC = ("NotFound", "NotFoundException")
_ROLES = {"BatchJobRoleArn", "FargateExecutionRoleArn", "StateMachineRoleArn", *roles.PARAMETERS.values()}


def missing_things(template: dict[str, Any], settings: Settings, clients: Clients) -> list[Diagnostic]:
    """FT706 for each queue, role, bucket, key, topic or table that a setting of the template names and nobody has."""
    known = {item.name: item for item in parameters(settings)}
    values = {name: item["Default"] for name, item in template.get("Parameters", {}).items() if "Default" in item}
    out: dict[str, Diagnostic] = {}
    for name, value in values.items():
        question = _question(name, value, clients)
        if question is None:
            continue
        action, ask = question
        try:
            with calling(action, value):
                there = ask()
        except DiagnosticError as error:
            if error.diagnostics[0].code == "FT701":
                raise
            continue
        if not there:
            region = clients["events"].meta.region_name
            what = known[name].description
            out.setdefault(
                value,
                Diagnostic(
                    "FT706",
                    f"{_inside(what)}: there is no `{value}` in this account and region ({region})",
                    helps=(f"set {known[name].setting} to one that exists, or choose its account and region",),
                ),
            )
    return [*out.values(), *_missing_buses(template, clients)]


def _inside(text: str) -> str:
    """A sentence's first word as it is written within one: `AWS` and `ARN` stay."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def _missing_buses(template: dict[str, Any], clients: Clients) -> Iterator[Diagnostic]:
    events = clients["events"]

    def there(bus: str) -> Any:
        with calling("events:DescribeEventBus", bus):
            return absent(lambda: events.describe_event_bus(Name=bus), "ResourceNotFoundException")

    rules = [item["Properties"] for item in template["Resources"].values() if item["Type"] == "AWS::Events::Rule"]
    for bus in sorted({rule["EventBusName"] for rule in rules} - {"default"}):
        try:
            found = there(bus)
        except DiagnosticError:
            continue
        if found is None:
            yield Diagnostic(
                "FT706",
                f"event bus: there is no `{bus}` in this account and region ({events.meta.region_name})",
                helps=(
                    "make it, or name one that exists in METAFLOW_TRIGGERS_EVENT_BUS or in the trigger's `options`",
                ),
            )


def _question(name: str, value: str, clients: Clients) -> tuple[str, Callable[[], Any]] | None:
    if name == "BatchJobQueue":
        return "batch:DescribeJobQueues", lambda: clients["batch"].describe_job_queues(jobQueues=[value])["jobQueues"]
    if name in _ROLES and ":role/" in value:
        role = value.rpartition("/")[2]
        return "iam:GetRole", lambda: absent(lambda: clients["iam"].get_role(RoleName=role), "NoSuchEntity")
    if name == "DatastoreBucket":
        codes = ("404", "NoSuchBucket", "NotFound")
        return "s3:ListBucket", lambda: absent(lambda: clients["s3"].head_bucket(Bucket=value), *codes)
    if name == KEY:  # SQS takes one that is not there, and then keeps nothing
        kms = clients["kms"]
        return "kms:DescribeKey", lambda: absent(lambda: kms.describe_key(KeyId=value), "NotFoundException")
    if name == TOPIC:  # CloudWatch takes one that is not there, and then tells nobody
        sns = clients["sns"]
        return "sns:GetTopicAttributes", lambda: absent(lambda: sns.get_topic_attributes(TopicArn=value), *NO_TOPIC)
    if name == "DynamoDbTable":
        dynamo = clients["dynamodb"]
        code = "ResourceNotFoundException"
        return "dynamodb:DescribeTable", lambda: absent(lambda: dynamo.describe_table(TableName=value), code)
    return None
