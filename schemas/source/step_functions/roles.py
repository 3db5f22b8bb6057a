"""Roles: what each role may do, and on whose behalf.

Two templates have roles: that of a flow, where resources are referred to, and that of roles alone, where they are
ARNs. `*` stands only where IAM knows no resource.
"""

from __future__ import annotations

from typing import Any

from ..notation import Schema, a, any_of, some, text
from .values import KEY, QUEUE_ARN, SUB, TAGS, TEXT, resource

_VERSION = "2012-10-17"
ARN, ARNS = a("arn"), a("arns")


def allow(action: Any, on: Any, **more: Any) -> dict[str, Any]:
    """A statement that allows actions on resources; under a Condition, where there is one."""
    return {"Effect": "Allow", "Action": action, "Resource": on, **more}


def _equal(key: str, value: Any) -> dict[str, Any]:
    return {"StringEquals": {key: value}}


def role(service: str, policy: str, *statements: Any, policies: int | None = 1) -> Schema:
    """A role that a service takes on for resources of the account, with one policy."""
    trusted = {**_equal("aws:SourceAccount", {"Ref": "AWS::AccountId"}), "ArnLike": {"aws:SourceArn": some(SUB)}}
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": trusted,
    }
    document = {"Version": _VERSION, "Statement": some(any_of(*statements))}
    return resource(
        "AWS::IAM::Role",
        {
            "Description": text(at_most=1000),
            "AssumeRolePolicyDocument": {"Version": _VERSION, "Statement": some(trust, 1, 1)},
            "Policies": some({"PolicyName": policy, "PolicyDocument": document}, 1, policies),
            "Tags": TAGS,
        },
    )


def _services(*names: str) -> list[dict[str, str]]:
    return [{"Fn::Sub": f"{name}.${{AWS::Region}}.amazonaws.com"} for name in names]


def _may_use_key(*services: str) -> dict[str, Any]:
    through = some(Schema(enum=_services(*services)), uniqueItems=True)
    return allow(["kms:Decrypt", "kms:GenerateDataKey"], KEY, Condition=_equal("kms:ViaService", through))


_LOG_DELIVERIES = [
    "CreateLogDelivery",
    "DeleteLogDelivery",
    "DescribeLogGroups",
    "DescribeResourcePolicies",
    "GetLogDelivery",
    "ListLogDeliveries",
    "PutResourcePolicy",
    "UpdateLogDelivery",
]

STATEMENTS: dict[str, Any] = {
    "mayUseKey": _may_use_key("s3", "sqs"),
    "mayUseKeyForSets": _may_use_key("s3", "sqs", "dynamodb"),
    "mayUseKeyForQueue": _may_use_key("sqs"),
    "mayUseKeyForPolls": _may_use_key("s3", "dynamodb"),
    "mayLog": allow([f"logs:{name}" for name in _LOG_DELIVERIES], "*"),
    "arn": any_of(SUB, text("^arn:"), {"Ref": "BatchJobQueue"}),
    "arns": any_of(ARN, some(ARN)),
}


def _list_bucket(bucket: Any, prefix: Any) -> dict[str, Any]:
    return allow("s3:ListBucket", bucket, Condition={"StringLike": {"s3:prefix": prefix}})


def _of_triggers(one: Any, some_of: Any, policies: int | None) -> dict[str, Any]:
    """The roles of what starts a flow; `one` and `some_of` are how their resources are written."""
    store = any_of("s3:PutObject", "states:StartExecution", "sqs:SendMessage")
    table = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
    look, log = _list_bucket(SUB, TEXT), a("mayLog")
    start = allow("states:StartExecution", some_of)
    start_or_keep = allow(any_of("states:StartExecution", "sqs:SendMessage"), some_of)
    return {
        "starterRole": role(
            "states", "store-and-start", allow(store, one), look, a("mayUseKey"), log, policies=policies
        ),
        "correlatorRole": role(
            "states",
            "gather-and-start",
            allow(any_of(*store["enum"], table), one),
            look,
            a("mayUseKeyForSets"),
            log,
            policies=policies,
        ),
        "rulesRole": role("events", "start-the-starter", start, policies=policies),
        "schedulerRole": role("scheduler", "start-at-times", start_or_keep, a("mayUseKeyForQueue"), policies=policies),
        "pollMachineRole": role(
            "states",
            "submit-the-poller",
            allow(["dynamodb:GetItem", "dynamodb:UpdateItem"], one),
            allow("states:ListExecutions", SUB),
            allow("batch:SubmitJob", some(any_of(SUB, text("^arn:"), {"Ref": "BatchJobQueue"}), 3, 3)),
            allow("batch:TagResource", SUB, Condition=_equal("aws:RequestTag/metaflow-triggers/deployed-name", TEXT)),
            allow("batch:DescribeJobs", "*"),
            allow("batch:TerminateJob", SUB, Condition=_equal("aws:ResourceTag/metaflow-triggers/deployed-name", TEXT)),
            allow(["events:DescribeRule", "events:PutRule", "events:PutTargets"], SUB),
            a("mayUseKeyForPolls"),
            log,
            policies=policies,
        ),
        "pollerRole": role(
            "ecs-tasks",
            "poll-and-start",
            allow("s3:GetObject", any_of(SUB, some(SUB, 2, 2))),
            allow("s3:PutObject", SUB),
            allow(["dynamodb:GetItem", "dynamodb:UpdateItem"], one),
            allow(any_of("states:StartExecution", "states:DescribeExecution"), SUB),
            a("mayUseKeyForPolls"),
            policies=policies,
        ),
    }


_referred = any_of(SUB, QUEUE_ARN)
REFERRED = _of_triggers(_referred, any_of(SUB, QUEUE_ARN, some(_referred, 2)), None)
_tag = text(at_least=1)
SPELLED = {
    **_of_triggers(ARNS, ARNS, 1),
    "stateMachineRole": role(
        "states",
        "run-the-steps",
        allow("batch:SubmitJob", ARNS),
        allow("batch:DescribeJobs", "*"),
        allow("batch:TagResource", ARNS, Condition=_equal("aws:RequestTag/metaflow.flow_name", _tag)),
        allow("batch:TerminateJob", ARNS, **{"Condition?": _equal("aws:ResourceTag/metaflow.flow_name", _tag)}),
        allow(any_of("dynamodb:GetItem", "states:StartExecution"), ARNS),
        allow(["states:DescribeExecution", "states:StopExecution"], ARNS),
        allow(["s3:GetObject", "s3:PutObject"], ARNS),
        allow(["events:DescribeRule", "events:PutRule", "events:PutTargets"], ARNS),
    ),
    "taskRole": role(
        "ecs-tasks",
        "keep-data",
        allow(["s3:GetObject", "s3:PutObject"], ARNS),
        {"Effect": "Deny", "Action": ["s3:DeleteObject", "s3:PutObject"], "Resource": SUB},
        allow(["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"], ARNS),
        allow("events:PutEvents", ARNS, Condition=_equal("events:source", _tag)),
        _list_bucket(ARNS, some(SUB, 1, 1)),
        allow("kms:Decrypt", KEY, Condition=_equal("kms:ViaService", _services("s3")[0])),
    ),
}
