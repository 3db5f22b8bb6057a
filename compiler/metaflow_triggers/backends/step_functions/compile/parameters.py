"""Parameters: the settings that a template leaves open, as CloudFormation Parameters.

In:   settings.
Out:  name, description, pattern, default and the METAFLOW_* setting behind each.

Not here: which of them a template uses (`assemble.py`).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from ....model.settings import Settings
from .alarm import TOPIC, TOPIC_ARN
from .encryption import KEY, KEY_ARN
from .failure_log import LOG_GROUP, LOG_GROUP_ARN
from .lower import datastore
from .roles import POLL_MACHINE


@dataclass(frozen=True)
class Parameter:
    """`setting` names what a user sets to give the value; `default` is None where nothing is configured."""

    name: str
    description: str
    setting: str
    pattern: str | None
    default: str | None


_ARN = "arn:.+"

PSEUDO = ("AWS::Region", "AWS::Partition", "AWS::AccountId")


def pattern_of(parameter: Parameter, resources: Collection[str], settings: Settings) -> str | None:
    """What the parameter's value has to match in a template with these resources, by their logical names."""
    if parameter.name == "BatchJobQueue" and POLL_MACHINE in resources:  # whose rights name the queue
        from .poller_job import queue_pattern  # few flows are polled

        return queue_pattern(settings)
    return parameter.pattern


def parameters(settings: Settings) -> tuple[Parameter, ...]:
    """All of them, in the order in which a template lists those that it uses."""
    bucket, prefix = datastore(settings)
    root = "METAFLOW_DATASTORE_SYSROOT_S3"
    return (
        Parameter(
            "DatastoreBucket", "Bucket of Metaflow's datastore", root, r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", bucket
        ),
        Parameter(
            "DatastorePrefix",
            "Path of Metaflow's datastore in its bucket, without slashes at its ends",
            root,
            # An empty path is written into the template, so that no key begins with a slash; quotes, braces and
            # backslashes would end or change the text of an intrinsic function of the state machine.
            r"[A-Za-z0-9!_.*()-]+(/[A-Za-z0-9!_.*()-]+)*" if prefix != "" else None,
            prefix,
        ),
        Parameter("BatchJobQueue", "AWS Batch job queue", "METAFLOW_BATCH_JOB_QUEUE", None, settings.batch_job_queue),
        Parameter(
            "BatchJobRoleArn",
            "Role of the tasks",
            "METAFLOW_ECS_S3_ACCESS_IAM_ROLE",
            _ARN,
            settings.batch_job_role,
        ),
        Parameter(
            "FargateExecutionRoleArn",
            "Role with which Fargate starts the tasks",
            "METAFLOW_ECS_FARGATE_EXECUTION_ROLE",
            _ARN,
            settings.fargate_execution_role,
        ),
        Parameter(
            "StateMachineRoleArn",
            "Role of the flow's state machine",
            "METAFLOW_SFN_IAM_ROLE",
            _ARN,
            settings.state_machine_role,
        ),
        Parameter(
            "EventsRoleArn",
            "Role with which EventBridge starts the starter",
            "METAFLOW_EVENTS_SFN_ACCESS_IAM_ROLE",
            _ARN,
            settings.events_role,
        ),
        Parameter(
            "StarterRoleArn",
            "Role of the state machine that starts the flow",
            "METAFLOW_TRIGGERS_STARTER_ROLE",
            _ARN,
            settings.starter_role,
        ),
        Parameter(
            "CorrelatorRoleArn",
            "Role of the state machines that gather the events of a set",
            "METAFLOW_TRIGGERS_CORRELATOR_ROLE",
            _ARN,
            settings.correlator_role,
        ),
        Parameter(
            "SchedulerRoleArn",
            "Role with which EventBridge Scheduler starts state machines of the flow",
            "METAFLOW_TRIGGERS_SCHEDULER_ROLE",
            _ARN,
            settings.scheduler_role,
        ),
        Parameter(
            "PollerRoleArn",
            "Role of the job that polls",
            "METAFLOW_TRIGGERS_POLLER_ROLE",
            _ARN,
            settings.poller_role,
        ),
        Parameter(
            "PollMachineRoleArn",
            "Role of the state machine that submits the job that polls",
            "METAFLOW_TRIGGERS_POLL_MACHINE_ROLE",
            _ARN,
            settings.poll_machine_role,
        ),
        Parameter(
            "DynamoDbTable",
            "Table in which Metaflow keeps the sizes of foreach steps",
            "METAFLOW_SFN_DYNAMO_DB_TABLE",
            None,
            settings.dynamo_db_table,
        ),
        Parameter(
            KEY,
            "Key with which S3, SQS and DynamoDB encrypt what the triggers keep",
            "METAFLOW_TRIGGERS_KMS_KEY",
            KEY_ARN,
            settings.kms_key,
        ),
        Parameter(
            LOG_GROUP,
            "Log group in which starter and correlator say that they failed",
            "METAFLOW_SFN_EXECUTION_LOG_GROUP_ARN",
            LOG_GROUP_ARN,
            settings.log_group,
        ),
        Parameter(
            TOPIC,
            "Topic that is told when something lies in the dead-letter queue",
            "METAFLOW_TRIGGERS_ALARM_TOPIC",
            TOPIC_ARN,
            settings.alarm_topic,
        ),
        Parameter("ProductionToken", "Metaflow's production token of the flow", "--authorize", None, None),
        Parameter(
            "CodePackagePath",
            "Where the flow's code package lies below the datastore's root",
            "without --no-code-package",
            r"[A-Za-z0-9!_.*()-]+(/[A-Za-z0-9!_.*()-]+)*",
            None,
        ),
        Parameter("CodePackageSha", "SHA-1 of the flow's code package", "without --no-code-package", None, None),
    )
