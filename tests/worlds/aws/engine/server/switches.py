"""Switches: faults, second deliveries, jobs that succeed at once; set over HTTP while the emulator runs.

In:   `POST /_engine` with a JSON object of `Switches`, or `{"publish": [entries]}`; `GET /_engine`.
Out:  `GET` gives the switches, how many executions run, and what was injected.

Not here: what AWS does when nothing goes wrong (`corrections`).
"""

from __future__ import annotations

import dataclasses
import json
import os
import random
import threading
from typing import Any

import corrections
import jobs
from ministack.services import eventbridge, scheduler, stepfunctions

ERRORS = {
    "dynamodb": "DynamoDB.InternalServerErrorException",
    "aws-sdk:dynamodb": "DynamoDb.InternalServerErrorException",
    "aws-sdk:s3": "S3.S3Exception",
    "states": "States.Timeout",
    "sqs": "SQS.SdkClientException",
}
"""What a call of each integration fails with that was carried out and whose answer was lost."""

CONFLICTS = {
    "dynamodb": "DynamoDB.TransactionConflictException",
    "aws-sdk:dynamodb": "DynamoDb.TransactionCanceledException",
}
"""What a write fails with, and is not carried out, because a transaction has the item."""

_READS = ("getItem", "batch:submitJob")


@dataclasses.dataclass
class Switches:
    """`faults`: share of the writes of state machines that are carried out and report failure.

    `conflicts`: share of their writes to DynamoDB that a transaction is in the way of. `deliveries`: how often
    EventBridge hands each event to a state machine. `run_jobs`: False lets each job succeed at once. `keep_logs`: False
    uploads no output of jobs. `jobs_at_once`: how many of Batch's jobs run; 0 holds those that have not begun. `seed`:
    of the faults. `waits`: how long a second of a Wait state or of a pause between two attempts takes, in seconds.
    `publishes_statuses`: False keeps back what Step Functions says of executions. `keeps_time`: False lets no schedule
    fire.
    """

    faults: float = 0.0
    conflicts: float = 0.0
    deliveries: int = 1
    run_jobs: bool = True
    keep_logs: bool = True
    jobs_at_once: int = os.cpu_count() or 2
    seed: int = 1
    publishes_statuses: bool = True
    keeps_time: bool = True
    waits: float = 0.01


switches = Switches()
_random = random.Random(1)
_lock = threading.Lock()
injected: dict[str, int] = {}


def apply() -> None:
    """Put them in place, all off."""
    invoke, dispatch = stepfunctions._invoke_resource, eventbridge._dispatch_to_stepfunctions

    def invoked(resource: str, data: Any) -> Any:
        service = resource.removeprefix("arn:aws:states:::").rpartition(":")[0]
        writes = not any(word in resource for word in _READS)
        if writes and service in CONFLICTS and _happens("conflict", switches.conflicts):
            raise stepfunctions._ExecutionError(CONFLICTS[service], "a transaction is in the way")
        result = invoke(resource, data)
        if writes and service in ERRORS and _happens(service, switches.faults):
            raise stepfunctions._ExecutionError(ERRORS[service], "the answer was lost")
        return result

    emit = stepfunctions._emit_execution_status_event

    def emitted(execution: Any) -> None:
        if switches.publishes_statuses:
            emit(execution)

    def dispatched(arn: str, payload: Any) -> None:
        for _ in range(switches.deliveries):
            dispatch(arn, payload)

    tick = scheduler._tick_schedules

    def ticked() -> None:
        if switches.keeps_time:
            tick()

    scheduler._tick_schedules = ticked
    stepfunctions._invoke_resource = invoked
    eventbridge._dispatch_to_stepfunctions = dispatched
    stepfunctions._emit_execution_status_event = emitted
    _set({})


def _happens(what: str, share: float) -> bool:
    with _lock:
        happens = _random.random() < share
        if happens:
            injected[what] = injected.get(what, 0) + 1
    return happens


def _set(values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(switches, name, value)
    jobs.run_jobs, jobs.keep_logs = switches.run_jobs, switches.keep_logs
    jobs.set_at_once(switches.jobs_at_once)
    stepfunctions._SFN_WAIT_SCALE = switches.waits
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
        said = json.loads(body) if scope["method"] == "POST" else {}
        if "publish" in said:  # also what only AWS itself may publish
            eventbridge._put_events({"Entries": said["publish"]}, allow_aws_source=True)
        elif said:
            _set(said)
        counts = {"waiting_for_jobs": jobs.waited_for, "running": corrections.running}
        state = dataclasses.asdict(switches) | counts | {"injected": injected}
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": json.dumps(state).encode()})

    return asgi
