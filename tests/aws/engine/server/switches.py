"""Switches: faults, second deliveries, jobs that succeed at once; set over HTTP while the emulator runs.

In:   `POST /_engine` with a JSON object of `Switches`; `GET /_engine`.
Out:  `GET` gives the switches, how many executions run, and what was injected.

Not here: what AWS does when nothing goes wrong (`corrections`).
"""

from __future__ import annotations

import dataclasses
import json
import random
import threading
from typing import Any

import corrections
import jobs
from ministack.services import eventbridge, stepfunctions

ERRORS = {
    "dynamodb": "DynamoDB.InternalServerErrorException",
    "aws-sdk:dynamodb": "DynamoDb.InternalServerErrorException",
    "aws-sdk:s3": "S3.S3Exception",
    "states": "States.Timeout",
    "sqs": "SQS.SdkClientException",
}
"""What a call of each integration fails with that was carried out and whose answer was lost."""

_READS = ("getItem", "batch:submitJob")


@dataclasses.dataclass
class Switches:
    """`faults`: share of the writes of state machines that are carried out and report failure.

    `deliveries`: how often EventBridge hands each event to a state machine. `run_jobs`: False lets each job succeed
    at once. `seed`: of the faults.
    """

    faults: float = 0.0
    deliveries: int = 1
    run_jobs: bool = True
    seed: int = 1


switches = Switches()
_random = random.Random(1)
_lock = threading.Lock()
injected: dict[str, int] = {}


def apply() -> None:
    """Put them in place, all off."""
    invoke, dispatch = stepfunctions._invoke_resource, eventbridge._dispatch_to_stepfunctions

    def invoked(resource: str, data: Any) -> Any:
        result = invoke(resource, data)
        service = resource.removeprefix("arn:aws:states:::").rpartition(":")[0]
        if switches.faults and service in ERRORS and not any(word in resource for word in _READS):
            with _lock:
                fails = _random.random() < switches.faults
                if fails:
                    injected[service] = injected.get(service, 0) + 1
            if fails:
                raise stepfunctions._ExecutionError(ERRORS[service], "the answer was lost")
        return result

    def dispatched(arn: str, payload: Any) -> None:
        for _ in range(switches.deliveries):
            dispatch(arn, payload)

    stepfunctions._invoke_resource = invoked
    eventbridge._dispatch_to_stepfunctions = dispatched


def _set(values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(switches, name, value)
    jobs.run_jobs = switches.run_jobs
    _random.seed(switches.seed)
    injected.clear()


def with_controls(application: Any) -> Any:
    """The ASGI application with `/_engine` in front."""

    async def asgi(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] != "/_engine":
            await application(scope, receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        if scope["method"] == "POST":
            _set(json.loads(body))
        state = dataclasses.asdict(switches) | {"running": corrections.running, "injected": injected}
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": json.dumps(state).encode()})

    return asgi
