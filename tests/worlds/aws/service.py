"""An AWS API on 127.0.0.1, as the tests use it."""

from __future__ import annotations

import dataclasses
import json
import time
from typing import Any

ROLE = "arn:aws:iam::123456789012:role/any"
ACCOUNT = "eu-west-1:123456789012"


@dataclasses.dataclass
class Aws:
    """`client` makes boto3 clients of the emulator."""

    url: str

    def client(self, service: str) -> Any:
        import boto3

        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name="eu-west-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def run(self, machine: str, name: str, event: dict[str, Any]) -> dict[str, Any]:
        """The description of an execution of `machine` that was started with `event` and has ended."""
        states = self.client("stepfunctions")
        arn = f"arn:aws:states:eu-west-1:123456789012:stateMachine:{machine}"
        execution = states.start_execution(stateMachineArn=arn, name=name, input=json.dumps(event))["executionArn"]
        for _ in range(300):
            described: dict[str, Any] = states.describe_execution(executionArn=execution)
            if described["status"] != "RUNNING":
                return described
            time.sleep(0.05)
        raise AssertionError(f"{name} did not end")

    def messages(self, queue: str) -> list[Any]:
        sqs = self.client("sqs")
        url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        for message in found:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in found]


def order(detail: Any, **more: Any) -> dict[str, Any]:
    return {
        "version": "0",
        "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        "detail-type": "order-placed",
        "source": "metaflow",
        "account": "123456789012",
        "time": "2026-01-02T03:04:05Z",
        "region": "eu-west-1",
        "resources": [],
        "detail": detail,
    } | more


def ended(machine: str, status: str) -> dict[str, Any]:
    execution = f"arn:aws:states:{ACCOUNT}:execution:{machine}:run-1"
    detail = {
        "executionArn": execution,
        "stateMachineArn": f"arn:aws:states:{ACCOUNT}:stateMachine:{machine}",
        "name": "run-1",
        "status": status,
        "startDate": 1,
        "stopDate": 2,
    }
    return order(
        detail,
        **{"detail-type": "Step Functions Execution Status Change", "source": "aws.states", "resources": [execution]},
    )


def documents(aws: Aws) -> dict[str, Any]:
    s3 = aws.client("s3")
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket="flows").get("Contents", [])]
    return {key: json.loads(s3.get_object(Bucket="flows", Key=key)["Body"].read()) for key in keys}


def starts(aws: Aws, machine: str) -> list[dict[str, Any]]:
    states = aws.client("stepfunctions")
    arn = f"arn:aws:states:{ACCOUNT}:stateMachine:{machine}"
    found = states.list_executions(stateMachineArn=arn)["executions"]
    return [states.describe_execution(executionArn=item["executionArn"]) for item in found]
