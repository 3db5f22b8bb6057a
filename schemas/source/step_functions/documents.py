"""Documents: the template of a flow, and the one of its roles."""

from __future__ import annotations

from typing import Any

from ..notation import Schema, a, any_of, closed, document, open_object, some, text
from .asl import WORDS
from .machines import MACHINES
from .roles import REFERRED, SPELLED, STATEMENTS
from .values import GET_ATT, KEY, MACHINE_NAME, MARKS, QUEUE, REF, SUB, TAGS, VALUES, attribute, resource

_KEPT = {"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"}
_GROUP_NAME = text("^[0-9a-zA-Z_.-]{1,64}$")
_ROLE, _DELIVERY, _DEAD_LETTER = map(a, ("role", "delivery", "deadLetter"))
_AFTER = {"DependsOn?": some(text())}


def _template(parameters: list[str], resources: Schema, **more: Any) -> Schema:
    known = closed({f"{name}?": a("parameter") for name in parameters}, minProperties=1)
    return closed(
        {
            "AWSTemplateFormatVersion": "2010-09-09",
            "Description": text(at_most=1024),
            "Parameters?": known,
            **more,
            "Resources": resources,
        }
    )


def _rule(description: str, bus: Any, pattern: Any) -> Schema:
    return resource(
        "AWS::Events::Rule",
        {
            "Name": a("ruleName"),
            "Description": text(description, at_most=512),
            "EventBusName": bus,
            "EventPattern": pattern,
            "State": "ENABLED",
            "Targets": some(a("target"), 1, 5),
            "Tags": TAGS,
        },
        **_AFTER,
    )


_EVENTS = any_of(
    {
        "source": some(text(at_least=1)),
        "detail-type?": some(text(None, 1, 256), uniqueItems=True),
        "detail?": open_object(minProperties=1),
    },
    text('^\\{"source":', at_most=4096),
)
_OUTCOMES = {
    "source": ["aws.states"],
    "detail-type": ["Step Functions Execution Status Change"],
    "detail": {
        "status": some(any_of("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"), uniqueItems=True),
        "stateMachineArn": some(SUB, uniqueItems=True),
        "name?": Schema(type="array", minItems=1),
    },
}
_ONLY_ENCRYPTED = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "sqs:*",
    "Resource": QUEUE,
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
_FROM_RULES = {
    "Effect": "Allow",
    "Principal": {"Service": "events.amazonaws.com"},
    "Action": "sqs:SendMessage",
    "Resource": QUEUE,
    "Condition": {"ArnEquals": {"aws:SourceArn": some(SUB)}},
}

_POLLER = {
    "JobRoleArn": any_of(*attribute("PollerRole"), {"Ref": "PollerRoleArn"}),
    "ResourceRequirements": some(
        any_of({"Type": "VCPU", "Value": "1"}, {"Type": "VCPU", "Value": "0.25"}, {"Type": "MEMORY", "Value": "512"}),
        2,
        2,
    ),
    "LinuxParameters": False,
    "Privileged": Schema(type="boolean"),
}
"""Of its container what is ours; the rest is as Metaflow's compiler made it for the start step."""

_RESOURCES: dict[str, Any] = {
    "rule": any_of(
        _rule("on events$", text(None, 1, 1600), _EVENTS), _rule("ends \\([a-z ]+\\)$", "default", _OUTCOMES)
    ),
    "target": {
        "Id": "starter",
        "Arn": GET_ATT,
        "RoleArn": _ROLE,
        "RetryPolicy": _DELIVERY,
        "DeadLetterConfig": _DEAD_LETTER,
    },
    "queue": resource(
        "AWS::SQS::Queue",
        closed(
            {
                "QueueName": text("^[A-Za-z0-9_-]{1,80}$"),
                "MessageRetentionPeriod": 1209600,
                "SqsManagedSseEnabled?": True,
                "KmsMasterKeyId?": KEY,
                "Tags": TAGS,
            },
            oneOf=[{"required": ["SqsManagedSseEnabled"]}, {"required": ["KmsMasterKeyId"]}],
        ),
        **_KEPT,
    ),
    "queuePolicy": resource(
        "AWS::SQS::QueuePolicy",
        {
            "Queues": [{"Ref": "DeadLetterQueue"}],
            "PolicyDocument": {
                "Version": "2012-10-17",
                "Statement": some(any_of(_FROM_RULES, _ONLY_ENCRYPTED), contains=_ONLY_ENCRYPTED),
            },
        },
    ),
    "alarm": resource(
        "AWS::CloudWatch::Alarm",
        {
            "AlarmName": text("^metaflow-triggers-[A-Za-z0-9_-]{1,80}$"),
            "AlarmDescription": text("dead-letters list", at_most=1024),
            "ActionsEnabled": True,
            "AlarmActions": [{"Ref": "AlarmTopicArn"}],
            "Namespace": "AWS/SQS",
            "MetricName": "ApproximateNumberOfMessagesVisible",
            "Dimensions": [{"Name": "QueueName", "Value": {"Fn::GetAtt": ["DeadLetterQueue", "QueueName"]}}],
            "Statistic": "Maximum",
            "Period": 300,
            "EvaluationPeriods": 1,
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": 0,
            "TreatMissingData": "notBreaching",
            "Tags": TAGS,
        },
    ),
    "table": resource(
        "AWS::DynamoDB::Table",
        {
            "TableName": text("^[A-Za-z0-9_.-]{3,255}$"),
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            "TimeToLiveSpecification": {"AttributeName": "expires", "Enabled": True},
            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
            "SSESpecification?": {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": KEY},
            "Tags": TAGS,
        },
        **_KEPT,
    ),
    "pollTable": resource(
        "AWS::DynamoDB::Table",
        {
            "TableName": text("^[A-Za-z0-9_.-]{3,255}$"),
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
            "SSESpecification?": {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": KEY},
            "Tags": TAGS,
        },
        **_KEPT,
    ),
    "pollSchedule": resource(
        "AWS::Scheduler::Schedule",
        {
            "Name": "polls",
            "GroupName": {"Ref": "ScheduleGroup"},
            "Description": text(at_most=512),
            "ScheduleExpression": text("^rate\\((1 minute|([2-9]|[1-9][0-9]+) minutes)\\)$"),
            "ScheduleExpressionTimezone": "UTC",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "State": "ENABLED",
            "Target": {
                "Arn": {"Fn::GetAtt": ["PollMachine", "Arn"]},
                "RoleArn": any_of(*attribute("SchedulerRole"), {"Ref": "SchedulerRoleArn"}),
                "Input": "{}",
                "RetryPolicy": {"MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 3},
            },
        },
        **{"DependsOn?": ["StateMachine"]},
    ),
    "pollerJob": resource(
        "AWS::Batch::JobDefinition",
        {
            "JobDefinitionName": text("^[A-Za-z0-9_-]{1,128}$"),
            "Type": "container",
            "ContainerProperties": open_object(
                "Command", "Environment", "Image", "JobRoleArn", "ResourceRequirements", properties=_POLLER
            ),
            "PlatformCapabilities?": some(any_of("EC2", "FARGATE")),
            "PropagateTags?": Schema(type="boolean"),
            "RetryStrategy": {
                "Attempts": 10,
                "EvaluateOnExit": [
                    {"OnStatusReason": "Host EC2*", "Action": "retry"},
                    {"OnStatusReason": "Your Spot Task was interrupted*", "Action": "retry"},
                    {"OnReason": "*", "Action": "exit"},
                ],
            },
            "ResourceRetentionPolicy": {"SkipDeregisterOnUpdate": True},
            "Tags": open_object(
                "metaflow-triggers/flow",
                "metaflow-triggers/deployed-name",
                properties=MARKS,
                additionalProperties=text(),
            ),
        },
    ),
    "scheduleGroup": resource("AWS::Scheduler::ScheduleGroup", {"Name": _GROUP_NAME, "Tags": TAGS}),
    "schedule": resource(
        "AWS::Scheduler::Schedule",
        {
            "Name": _GROUP_NAME,
            "GroupName": {"Ref": "ScheduleGroup"},
            "Description": text(at_most=512),
            "ScheduleExpression": text("^cron\\(.+\\)$", at_most=256),
            "ScheduleExpressionTimezone": text(None, 1, 50),
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "State": "ENABLED",
            "Target": {
                "Arn": any_of(GET_ATT, SUB),
                "RoleArn": any_of(*attribute("SchedulerRole"), {"Ref": "SchedulerRoleArn"}),
                "Input": any_of('{"Parameters": "{}"}', '{"reset": true}'),
                "RetryPolicy": {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185},
                "DeadLetterConfig": _DEAD_LETTER,
            },
        },
        **{"DependsOn?": ["StateMachine"]},
    ),
    "jobDefinition": resource(
        "AWS::Batch::JobDefinition",
        {
            "JobDefinitionName": text("^[A-Za-z0-9_-]{1,128}$"),
            "Type": "container",
            "ContainerProperties": open_object(),
            "PlatformCapabilities?": some(any_of("EC2", "FARGATE")),
            "PropagateTags?": Schema(type="boolean"),
            **dict.fromkeys(("RetryStrategy?", "Timeout?", "Parameters?"), open_object()),
            "SchedulingPriority?": Schema(type="integer"),
            "ResourceRetentionPolicy": {"SkipDeregisterOnUpdate": True},
            "Tags": open_object(
                "metaflow-triggers/flow",
                "metaflow-triggers/deployed-name",
                properties=MARKS,
                additionalProperties=text(),
            ),
        },
    ),
    "stateMachine": resource(
        "AWS::StepFunctions::StateMachine",
        {
            "StateMachineName": MACHINE_NAME,
            "StateMachineType": "STANDARD",
            "RoleArn": REF,
            "Tags": TAGS,
            "Definition": open_object("StartAt", "States"),
        },
    ),
}

_PARAMETERS = [
    "DatastoreBucket",
    "DatastorePrefix",
    "BatchJobQueue",
    "BatchJobRoleArn",
    "FargateExecutionRoleArn",
    "StateMachineRoleArn",
    "EventsRoleArn",
    "StarterRoleArn",
    "CorrelatorRoleArn",
    "SchedulerRoleArn",
    "PollerRoleArn",
    "PollMachineRoleArn",
    "DynamoDbTable",
    "KmsKeyArn",
    "ProductionToken",
    "CodePackagePath",
    "CodePackageSha",
    "LogGroupArn",
    "AlarmTopicArn",
]

# Metaflow's datastore has a package below the name of its flow, by its SHA-1.
_CODE = {"Code": {"Package": {"Path": text("^[A-Za-z_][A-Za-z0-9_]*/data/[0-9a-f]{2}/[0-9a-f]{40}$")}}}

_OF_A_FLOW = closed(
    {
        "Starter?": a("starter"),
        "StarterRole?": a("starterRole"),
        "RulesRole?": a("rulesRole"),
        "DeadLetterQueue?": a("queue"),
        "DeadLetterQueuePolicy?": a("queuePolicy"),
        "DeadLetterAlarm?": a("alarm"),
        "StateMachine?": a("stateMachine"),
        "EventCorrelator?": a("correlator"),
        "FinishCorrelator?": a("correlator"),
        "EventCorrelatorRole?": a("correlatorRole"),
        "FinishCorrelatorRole?": a("correlatorRole"),
        "SetTable?": a("table"),
        "ScheduleGroup?": a("scheduleGroup"),
        "Schedule?": a("schedule"),
        "SchedulerRole?": a("schedulerRole"),
        "PollTable?": a("pollTable"),
        "PollMachine?": a("pollMachine"),
        "PollMachineRole?": a("pollMachineRole"),
        "PollerJob?": a("pollerJob"),
        "PollerRole?": a("pollerRole"),
        "PollSchedule?": a("pollSchedule"),
        "^EventRule[0-9]+$": a("rule"),
        "^(Aborted|Failure|Success|Timeout)(Or(Failure|Success|Timeout)){0,3}Rule[0-9]+$": a("rule"),
        "^(Event|Finish)Reset[12]$": a("schedule"),
        "^JobDefinition[A-Za-z0-9]+$": a("jobDefinition"),
        "^(Event|Finish)Correlator([2-9]|[1-9][0-9]+)$": a("correlator"),
        "^Starter([2-9]|[1-9][0-9]+)$": a("starter"),
    },
    minProperties=1,
)
_ROLES_ALONE = closed(
    {
        "StarterRole?": a("starterRole"),
        "EventCorrelatorRole?": a("correlatorRole"),
        "FinishCorrelatorRole?": a("correlatorRole"),
        "RulesRole?": a("rulesRole"),
        "SchedulerRole?": a("schedulerRole"),
        "PollMachineRole?": a("pollMachineRole"),
        "PollerRole?": a("pollerRole"),
        "StateMachineRole": a("stateMachineRole"),
        "TaskRole": a("taskRole"),
    }
)

DOCUMENTS = {
    **document(
        "step_functions/template.schema.json",
        "The CloudFormation template of one flow",
        _template(_PARAMETERS, _OF_A_FLOW, **{"Mappings?": _CODE}),
        VALUES | WORDS | MACHINES | _RESOURCES | STATEMENTS | REFERRED,
        description="Closed for all that is ours. What Metaflow's compiler made is open: Definition of StateMachine, "
        "ContainerProperties and the like of job definitions.",
    ),
    **document(
        "step_functions/policies.schema.json",
        "The CloudFormation template of the IAM roles of one flow",
        _template(["DatastoreBucket", "DatastorePrefix", "BatchJobQueue", "DynamoDbTable", "KmsKeyArn"], _ROLES_ALONE),
        VALUES | STATEMENTS | SPELLED,
        description="Closed: each role has its own actions. `*` stands only where IAM knows no resource.",
    ),
}
