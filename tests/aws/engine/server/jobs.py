"""Jobs: what is submitted to Batch runs as a local process, with the command and the environment of its job.

In:   SubmitJob, by itself or as a task of a state machine.
Out:  the process's exit code as the job's status.

Not here: queues, sizes, images. Nothing of this process's environment reaches a job, only what `apply` was given.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from ministack.services import batch, stepfunctions

run_jobs = True
"""False: a job succeeds at once, without a process (`switches`)."""

_processes: set[int] = set()
_base: dict[str, str] = {}
_folder = Path()
_current = threading.local()


def apply(environment: dict[str, str], folder: Path) -> None:
    """Put it in place. `environment`: what a container's image and host give. `folder`: above the jobs' folders."""
    global _folder
    _base.update(environment)
    _folder = folder
    submit = batch._submit_job

    def submitted(arguments: dict[str, Any]) -> Any:
        answer = submit(arguments)
        if answer[0] == 200 and run_jobs:
            job = batch._jobs[batch.json.loads(answer[2])["jobId"]]
            job.update(status="RUNNING", statusReason="", parameters=arguments.get("parameters", {}), stoppedAt=None)
            threading.Thread(target=_run, args=(job, arguments), daemon=True).start()
        return answer

    batch._submit_job = submitted
    batch._DISPATCH["/v1/submitjob"] = submitted
    batch._DISPATCH["/v1/terminatejob"] = lambda arguments: (_kill(arguments["jobId"]), batch._json(200, {}))[1]
    stepfunctions._SERVICE_DISPATCH["arn:aws:states:::batch:submitJob"] = _task
    _know_the_execution()


def kill_all() -> None:
    """End every process that was started here."""
    for group in list(_processes):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)


def _know_the_execution() -> None:
    """A task that waits for its job looks whether its execution still runs."""
    execute = stepfunctions._execute_task

    def executed(state: Any, data: Any, execution: Any, context: Any) -> Any:
        _current.execution = execution
        return execute(state, data, execution, context)

    stepfunctions._execute_task = executed


def _definition(arguments: dict[str, Any]) -> dict[str, Any]:
    wanted = arguments["jobDefinition"].rpartition("/")[2]
    name, _, revision = wanted.partition(":")
    revisions = [item for item in batch._job_definitions.get(name, []) if item["status"] == "ACTIVE"]
    found: dict[str, Any] = next(
        item for item in reversed(revisions) if not revision or str(item["revision"]) == revision
    )
    return found


def _run(job: dict[str, Any], arguments: dict[str, Any]) -> None:
    code: int | None = None
    try:
        definition = _definition(arguments)
        overrides = arguments.get("containerOverrides", {})
        properties = definition["containerProperties"]
        attempts = (arguments.get("retryStrategy") or definition.get("retryStrategy") or {}).get("attempts", 1)
        limit = (arguments.get("timeout") or definition.get("timeout") or {}).get("attemptDurationSeconds")
        environment = dict(_base)
        for item in [*properties.get("environment", []), *overrides.get("environment", [])]:
            environment[item["name"]] = str(item["value"])
        command = overrides.get("command") or properties.get("command") or ["true"]
        for attempt in range(1, attempts + 1):
            folder = _folder / f"{job['jobId']}-{attempt}"
            folder.mkdir(parents=True)
            own = {"AWS_BATCH_JOB_ID": job["jobId"], "AWS_BATCH_JOB_ATTEMPT": str(attempt), "HOME": str(folder)}
            code = _process(job, command, environment | own, folder, limit)
            if code == 0 or job.get("stopped"):
                break
    except Exception as error:
        job["statusReason"] = f"{type(error).__name__}: {error}"
    job["container"] = {"exitCode": code}
    job["stoppedAt"] = int(time.time() * 1000)
    job["status"] = "SUCCEEDED" if code == 0 else "FAILED"


def _process(
    job: dict[str, Any], command: list[str], environment: dict[str, str], folder: Path, limit: float | None
) -> int:
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    _processes.add(process.pid)
    job["process"] = process.pid
    try:
        return process.wait(limit)
    except subprocess.TimeoutExpired:
        job["statusReason"] = "Job attempt duration exceeded timeout"
        _kill(job["jobId"])
        return process.wait()
    finally:
        _processes.discard(process.pid)


def _kill(identity: str) -> None:
    job = batch._jobs[identity]
    job["stopped"] = True
    with contextlib.suppress(ProcessLookupError, KeyError):
        os.killpg(job["process"], signal.SIGKILL)


def _task(resource: str, data: dict[str, Any]) -> dict[str, Any]:
    """The integration `batch:submitJob[.sync]`: PascalCase in and out; a failed job raises."""
    execution = _current.execution
    arguments = spelled(data, str.lower)
    if resource.endswith(".sync"):
        overrides = arguments.setdefault("containerOverrides", {})
        overrides.setdefault("environment", []).append({"name": "MANAGED_BY_AWS", "value": "STARTED_BY_STEP_FUNCTIONS"})
    status, _, answer = batch._submit_job(arguments)
    body = batch.json.loads(answer)
    if status >= 400:
        raise stepfunctions._ExecutionError("Batch.ClientException", body.get("message", ""))
    job = batch._jobs[body["jobId"]]
    while resource.endswith(".sync") and job["status"] not in ("SUCCEEDED", "FAILED"):
        if execution["status"] != "RUNNING":
            _kill(job["jobId"])
        time.sleep(0.05)
    shown = {key: value for key, value in job.items() if key not in ("process", "stopped")}
    result: dict[str, Any] = spelled(shown | {"parameters": arguments.get("parameters", {})}, str.upper)
    if job["status"] == "FAILED":
        raise stepfunctions._ExecutionError("States.TaskFailed", batch.json.dumps(result))
    return result


def spelled(value: Any, case: Any) -> Any:
    """The first letters of all keys in `case`, but for the keys that are a user's."""
    if isinstance(value, list):
        return [spelled(item, case) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        case(key[:1]) + key[1:]: item if key.lower() in ("parameters", "tags") else spelled(item, case)
        for key, item in value.items()
    }
