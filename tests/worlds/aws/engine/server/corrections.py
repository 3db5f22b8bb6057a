"""Corrections: where ministack 1.5.33 does unlike AWS what our state machines depend on.

In:   the emulator's modules, imported.
Out:  the same modules, with functions replaced.

Not here: Batch's jobs (`jobs`), faults (`switches`). Each correction says what AWS does.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
import sys
import threading
from decimal import Decimal
from typing import Any

from ministack import app
from ministack.services import batch, dynamodb, eventbridge, s3, scheduler, stepfunctions

_UNION = re.compile(r"\$\.?\[('[^']+'(?:, ?'[^']+')+)\]")

WRITES = threading.RLock()
"""Held by each write: AWS's are atomic, the emulator's are not where a state machine makes them."""

running = 0
"""Executions that have been started and whose last event has not been published."""
_count = threading.Lock()
_ending = threading.Lock()


def apply() -> None:
    """Replace them all."""
    for name in ("_put_item", "_delete_item", "_update_item", "_transact_write_items", "_get_item"):
        setattr(dynamodb, name, _locked(getattr(dynamodb, name)))
    _starts()
    _ends()
    _status_events()
    stepfunctions._SERVICE_DISPATCH["arn:aws:states:::aws-sdk:s3:putObject"] = _put_object
    _times()
    _unions()
    _job_definitions()
    _numbers()
    # Its clock is the machine's, in UTC whatever the timezone: a test would depend on the time of day (`../clock.py`).
    scheduler._tick_schedules = lambda: None


def _locked(function: Any) -> Any:
    def locked(*arguments: Any) -> Any:
        with WRITES:
            return function(*arguments)

    return locked


def _starts() -> None:
    """Two starts of one name: one wins. And the count of what runs."""
    start, run = stepfunctions._start_execution, stepfunctions._run_execution

    def started(data: Any) -> Any:
        global running
        with WRITES:
            answer = start(data)
            if answer[0] == 200:
                with _count:
                    running += 1
            return answer

    def ran(execution: str) -> None:
        global running
        found = stepfunctions._executions.get(execution)
        machine = stepfunctions._state_machines.get((found or {}).get("stateMachineArn"))
        seconds = json.loads(machine["definition"]).get("TimeoutSeconds") if machine else None
        timer = None
        if found and seconds:
            import contextvars

            # AWS ends an execution at its machine's TimeoutSeconds; the emulator knows none.
            timer = threading.Timer(seconds, contextvars.copy_context().run, (_time_out, found))
            timer.daemon = True
            timer.start()
        try:
            run(execution)
        finally:
            if timer:
                timer.cancel()
            with _count:
                running -= 1

    stepfunctions._start_execution = started
    stepfunctions._run_execution = ran


def _time_out(execution: dict[str, Any]) -> None:
    with _ending:
        if execution["status"] != "RUNNING":
            return
        execution |= {"status": "TIMED_OUT", "stopDate": stepfunctions.now_iso()}
    stepfunctions._add_event(execution, "ExecutionTimedOut", {"executionTimedOutEventDetails": {}})
    stepfunctions._emit_execution_status_event(execution)


def _ends() -> None:
    """An execution that was stopped stays stopped: what its task raises then changes nothing."""
    fail = stepfunctions._fail_execution

    def failed(execution: dict[str, Any], error: str, cause: str) -> None:
        with _ending:
            if execution["status"] != "RUNNING":
                return
        fail(execution, error, cause)

    stepfunctions._fail_execution = failed


def _status_events() -> None:
    """Express executions publish no status (AWS: "Standard Workflows only")."""
    emit = stepfunctions._emit_execution_status_event

    def emitted(execution: dict[str, Any]) -> None:
        machine = stepfunctions._state_machines.get(execution["stateMachineArn"])
        if machine is None or machine.get("type") != "EXPRESS":
            emit(execution)

    stepfunctions._emit_execution_status_event = emitted


def _put_object(resource: str, data: dict[str, Any]) -> dict[str, Any]:
    """`aws-sdk:s3:putObject`, which the emulator lacks. A Body that is no text is written as its JSON."""
    body = data["Body"]
    content = (body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)).encode("utf-8")
    headers = {
        "host": "s3.us-east-1.amazonaws.com",
        "authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request",
        "content-type": data.get("ContentType", "application/octet-stream"),
        "content-length": str(len(content)),
    }
    status, _, answer = app.call_service_handler_sync(
        s3.handle_request, "PUT", f"/{data['Bucket']}/{data['Key']}", headers, content, {}
    )
    if status >= 400:
        raise stepfunctions._ExecutionError("S3.S3Exception", str(answer))
    return {"ETag": "x"}


def _numbers() -> None:
    """Numbers of any length are read; what no double holds goes on as an integer of its value, not as `Infinity`."""

    def finite(text: str) -> Any:
        number = float(text)
        return int(Decimal(text)) if math.isinf(number) else number

    sys.set_int_max_str_digits(0)
    json._default_decoder = json.JSONDecoder(parse_float=finite)  # type: ignore[attr-defined]


def _times() -> None:
    """An event keeps the `Time` that its publisher gave it."""
    put = eventbridge._put_events
    given = threading.local()

    def put_events(data: dict[str, Any], **options: Any) -> Any:
        answers: list[Any] = []
        for entry in data.get("Entries", []):
            time = entry.get("Time")
            given.time = time if isinstance(time, (int, float)) else None
            answers.append(put({**data, "Entries": [entry]}, **options))
        given.time = None
        if not answers or len(answers) > 10:
            return put(data, **options)
        status, headers, _ = answers[0]
        bodies = [json.loads(answer[2]) for answer in answers]
        whole = {
            "FailedEntryCount": sum(body["FailedEntryCount"] for body in bodies),
            "Entries": [entry for body in bodies for entry in body["Entries"]],
        }
        return status, headers, json.dumps(whole).encode()

    now = eventbridge._now_ts
    eventbridge._now_ts = lambda: getattr(given, "time", None) or now()
    eventbridge._put_events = put_events


def _unions() -> None:
    """`$['a','b']` is an object with those keys (upstream's OutputPath); the emulator reads it as nothing."""
    resolve = stepfunctions._resolve_path

    def resolved(path: str, data: Any) -> Any:
        keys = _UNION.fullmatch(path or "")
        if keys is None:
            return resolve(path, data)
        return {key: data[key] for key in re.findall("'([^']+)'", keys[1]) if key in data}

    stepfunctions._resolve_path = resolved


def _job_definitions() -> None:
    """All arguments of a job definition are kept, revisions can be deregistered, and `status` filters."""
    register, describe = batch._register_job_definition, batch._describe_job_definitions

    def registered(arguments: dict[str, Any]) -> Any:
        answer = register(arguments)
        if answer[0] == 200:
            batch._job_definitions[arguments["jobDefinitionName"]][-1] |= arguments
        return answer

    def described(arguments: dict[str, Any]) -> Any:
        # The emulator's own function adds all other definitions to the first one's list.
        name, wanted = arguments.get("jobDefinitionName"), arguments.get("status")
        found = (
            batch._job_definitions.get(name, [])
            if name
            else [item for revisions in batch._job_definitions.values() for item in revisions]
        )
        status, headers, _ = describe({"jobDefinitionName": name or "-"})
        kept = [item for item in found if wanted is None or item["status"] == wanted]
        return status, headers, json.dumps({"jobDefinitions": kept}).encode()

    def deregistered(arguments: dict[str, Any]) -> Any:
        for revisions in batch._job_definitions.values():
            for item in revisions:
                name = f"{item['jobDefinitionName']}:{item['revision']}"
                if arguments["jobDefinition"] in (item["jobDefinitionArn"], name):
                    item["status"] = "INACTIVE"
        return batch._json(200, {})

    batch._DISPATCH["/v1/registerjobdefinition"] = registered
    batch._DISPATCH["/v1/describejobdefinitions"] = described
    batch._DISPATCH["/v1/deregisterjobdefinition"] = deregistered
    with contextlib.suppress(AttributeError):
        batch._register_job_definition, batch._describe_job_definitions = registered, described
