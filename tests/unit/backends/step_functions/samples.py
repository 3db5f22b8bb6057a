"""Flows, settings and a step workflow by hand: what the AWS backend is given in these tests."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from metaflow_triggers.model.flows import (
    PollTrigger,
    Schedule,
    Span,
    TriggerGraph,
)
from metaflow_triggers.model.settings import Settings, open_setting

from tests.flows import At
from tests.settings import OPEN

SPAN = Span("flows/orders.py", 3, 1, 3, 9)


def configured(role: str) -> Settings:
    """Everything configured; `role` stands for every role."""
    return dataclasses.replace(
        OPEN,
        datastore_s3="s3://flows/metaflow/data",
        batch_job_queue="queue",
        batch_job_role=role,
        state_machine_role=role,
        dynamo_db_table="cardinality",
    )


CONFIGURED = configured("arn:aws:iam::123456789012:role/any")


_here = At(SPAN)
mapping, constant, event, finish = _here.mapping, _here.constant, _here.event, _here.finish
trigger, parameter, flow = _here.trigger, _here.parameter, _here.flow


def overrides(command: str) -> dict[str, Any]:
    return {
        "Environment": [
            {"Name": "METAFLOW_RUN_ID", "Value.$": "$$.Execution.Name"},
            {"Name": "METAFLOW_DATASTORE_SYSROOT_S3", "Value": f"s3://{open_setting('DatastoreBucket')}/x"},
            {"Name": "RULE", "Value": "${HOME:-/root} $(date) ${!x} {{y}} <z>"},
        ],
        "Command": ["bash", "-c", command],
    }


def batch_state(step: str, **more: Any) -> dict[str, Any]:
    prefix = "" if step == "start" else "$.Parameters."
    return {
        "Type": "Task",
        "Resource": f"arn:{open_setting('AWS::Partition')}:states:::batch:submitJob.sync",
        "Parameters": {
            "JobDefinition": open_setting(f"JobDefinition.{step}"),
            "JobName": f"OrderFlow-{step}",
            "JobQueue": open_setting("BatchJobQueue"),
            "Parameters": {
                "metaflow.owner": "tester",
                "metaflow.flow_name": "OrderFlow",
                "metaflow.production_token": open_setting("ProductionToken"),
                **({"split_parent_task_id_start.$": f"{prefix}x"} if step != "start" else {}),
            },
            "ContainerOverrides": overrides(
                f"true && mflog ${{AWS_BATCH_JOB_ID}} s3://{open_setting('DatastoreBucket')}/{open_setting('DatastorePrefix')}"
            ),
            "RetryStrategy": {"Attempts": 1},
        },
        "Retry": [{"ErrorEquals": ["Batch.AWSBatchException"], "BackoffRate": 2.0, "MaxAttempts": 10}],
        "OutputPath": "$.['JobId', 'Parameters', 'Index', 'SplitParentTaskId']",
        **more,
    }


def job_definition() -> dict[str, Any]:
    return {
        "type": "container",
        "containerProperties": {
            "image": "python:3.11",
            "jobRoleArn": open_setting("BatchJobRoleArn"),
            "command": ["echo", "hello world"],
            "resourceRequirements": [{"value": "1", "type": "VCPU"}, {"value": "4096", "type": "MEMORY"}],
            "linuxParameters": {"sharedMemorySize": 64},
            "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "flows"}},
        },
        "propagateTags": True,
    }


WORKFLOW: dict[str, Any] = {
    "definition": {
        "StartAt": "start",
        "States": {"start": batch_state("start", Next="end"), "end": batch_state("end", End=True)},
    },
    "job_definitions": {"start": job_definition(), "end": job_definition()},
    "at_start": {"command": "true && mflog 'Downloading code package...' && cd metaflow", "python": "python"},
}

BARE_FLOW = flow("PlainFlow")

MAPPING_FLOW = flow(
    "OrderFlow",
    trigger(
        event(
            "order-placed", mapping("order_id", "orderId"), mapping("who", "customer.name"), constant("env", "$.x ${y}")
        ),
        event("order-changed", mapping("order_id", "order.id")),
    ),
    trigger(finish("DataIngestion"), finish("OtherFlow", "failure", "success"), finish("Score", "failure")),
    parameters=(parameter("order_id", required=True), parameter("who", required=True), parameter("env", required=True)),
)

PROJECT_FLOW = flow(
    "TrainFlow",
    trigger(event("ml.production.model-trained")),
    trigger(finish("DataIngestion", project="ml_platform", branch="user.tester")),
    project="ml_platform",
    branch="user.tester",
)

MANY_EVENTS = flow("WideFlow", trigger(*[event(f"sensor-{number:04d}-" + "x" * 60) for number in range(60)]))

QUEUE_ARN = "arn:aws:sqs:eu-west-1:123456789012:alarms"

SET_FLOW = dataclasses.replace(
    flow(
        "SetFlow",
        trigger(
            event("order-placed", mapping("order_id", "orderId"), filter='{"country": ["DE", {"prefix": "A"}]}'),
            event("upload", origin='{"step-functions": {"source": "aws.s3", "detail-type": "Object Created"}}'),
            join="all",
            options=json.dumps(
                {
                    "join": "queue",
                    "reset_at": {"cron": "0 0 1 * 1", "timezone": "Europe/Berlin"},
                    "step-functions": {"bus": "orders", "retry": 3, "maximum-event-age": 600},
                }
            ),
        ),
        trigger(finish("A", "success"), finish("A", "aborted", "failure"), finish("B", "timeout"), join="all"),
        parameters=(parameter("order_id", required=True),),
    ),
    schedule=Schedule("0 8 ? * MON-FRI *", "Europe/Berlin", SPAN),
)

FILTER_FLOW = flow(
    "FilterFlow",
    trigger(
        event("a", filter='{"kind": ["x", null], "size": [{"numeric": [">", 0, "<=", 5]}]}'),
        event("b", filter='{"Ref": ["x"]}'),
        event("c"),
        event("any-of-billing", origin='{"step-functions": {"source": "billing"}}'),
        options=json.dumps({"step-functions": {"dead-letter-queue": QUEUE_ARN}}),
    ),
    trigger(
        finish("G", "failure", "success", filter='{"run_id": [{"prefix": "sfn-event-"}], "error": ["E", null]}'),
        finish("H", "aborted", "failure", "success", "timeout"),
    ),
)

TIMED_FLOW = dataclasses.replace(flow("TimedFlow"), schedule=Schedule("0 0 * * ? *", None, SPAN))

FLOWS = {
    item.name: item for item in (BARE_FLOW, MAPPING_FLOW, PROJECT_FLOW, MANY_EVENTS, SET_FLOW, FILTER_FLOW, TIMED_FLOW)
}

POLLED_FLOW = flow("PolledFlow", parameters=(parameter("order_id", required=True), parameter("env", has_default=True)))


def poll(name: str, seconds: int = 30, of: Any = POLLED_FLOW, **more: Any) -> PollTrigger:
    made = PollTrigger(name, of.name, seconds * 1000, False, SPAN, SPAN.file, interval=f"{seconds}s")
    return dataclasses.replace(made, **more)


def polled(of: Any, *polls: PollTrigger) -> TriggerGraph:
    """A graph in which these start the flow."""
    return TriggerGraph((of,), (), (), (), tuple((0, item) for item in polls))
