"""Jobs: what is submitted to Batch runs as a local process, with the command and the environment of its job.

In:   SubmitJob, by itself or as a task of a state machine.
Out:  the process's exit code as the job's status.

Not here: queues, sizes, images. Nothing of this process's environment reaches a job, only what `apply` was given.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ministack.services import batch, stepfunctions

run_jobs = True
"""False: a job succeeds at once, without a process (`switches`)."""

keep_logs = True
"""False: what a job prints is not uploaded, for which Metaflow takes half of a task's processes (`switches`)."""

_WITHOUT_LOGS = """#!/bin/sh
case "$1 $2" in
"-m metaflow.mflog.save_logs") exit 0 ;;
"-m metaflow.mflog.tee") exec tee -a "$4" ;;
esac
exec {python} "$@"
"""

waited_for = 0
"""Tasks of state machines that wait for their job."""

_slots = threading.Condition()
_taken: set[int] = set()
_at_once = 0
_processes: set[int] = set()
_base: dict[str, str] = {}
_folder = Path()
_current = threading.local()


def apply(environment: dict[str, str], folder: Path) -> None:
    """Put it in place. `environment`: what a container's image and host give. `folder`: above the jobs' folders."""
    global _folder
    _base.update(environment)
    _folder = folder
    # An unpacked code package has never been compiled. A slot's path is the same for each job, so what one job
    # compiled of Metaflow serves the next.
    _base["PYTHONPYCACHEPREFIX"] = str(folder.parent / "compiled")
    python = shutil.which("python", path=environment["PATH"])
    shim = folder.parent / "without-logs" / "python"
    shim.parent.mkdir()
    shim.write_text(_WITHOUT_LOGS.format(python=python))
    shim.chmod(0o755)
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


def set_at_once(count: int) -> None:
    """Let as many jobs run at once; 0 holds all that have not begun."""
    global _at_once
    with _slots:
        _at_once = count
        _slots.notify_all()


@contextlib.contextmanager
def _slot(job: dict[str, Any]) -> Iterator[Path | None]:
    """An empty folder, once there is room; None if the job was stopped before that."""
    with _slots:
        _slots.wait_for(lambda: job.get("stopped") or len(_taken) < _at_once)
        if job.get("stopped"):
            yield None
            return
        number = next(number for number in range(len(_taken) + 1) if number not in _taken)
        _taken.add(number)
    place = _folder / f"slot-{number}"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    try:
        yield place
    finally:
        with _slots:
            _taken.discard(number)
            _slots.notify_all()


def _forget_compiled_user_code(place: Path) -> None:
    """Files of two packages may have the same name, time and size, and other contents."""
    compiled = Path(_base["PYTHONPYCACHEPREFIX"], *place.parts[1:], "metaflow")
    for path in compiled.iterdir() if compiled.is_dir() else ():
        if path.name != ".mf_code":  # Metaflow's own
            shutil.rmtree(path) if path.is_dir() else path.unlink()


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
        again = arguments.get("retryStrategy") or definition.get("retryStrategy") or {}
        attempts = 1 if _gives_up(again) else again.get("attempts", 1)
        limit = (arguments.get("timeout") or definition.get("timeout") or {}).get("attemptDurationSeconds")
        environment = dict(_base)
        for item in [*properties.get("environment", []), *overrides.get("environment", [])]:
            environment[item["name"]] = str(item["value"])
        if not keep_logs:
            environment["PATH"] = f"{_folder.parent / 'without-logs'}:{environment['PATH']}"
        command = overrides.get("command") or properties.get("command") or ["true"]
        for attempt in range(1, attempts + 1):
            with _slot(job) as place:
                if place is None:
                    break
                _forget_compiled_user_code(place)
                own = {"AWS_BATCH_JOB_ID": job["jobId"], "AWS_BATCH_JOB_ATTEMPT": str(attempt), "HOME": str(place)}
                code = _process(job, command, environment | own, place, limit)
                place.rename(_folder / f"{job['jobId']}-{attempt}")
            if code == 0 or job.get("stopped"):
                break
    except Exception as error:
        job["statusReason"] = f"{type(error).__name__}: {error}"
    job["container"] = {"exitCode": code}
    job["stoppedAt"] = int(time.time() * 1000)
    job["status"] = "SUCCEEDED" if code == 0 else "FAILED"


def _gives_up(strategy: dict[str, Any]) -> bool:
    """Whether what a job itself does is no reason to run it again: no host goes away here."""
    return any(
        rule.get("onReason") == "*" and rule["action"].upper() == "EXIT" for rule in strategy.get("evaluateOnExit", ())
    )


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
        with contextlib.suppress(ProcessLookupError):  # a container's other processes end with its first
            os.killpg(process.pid, signal.SIGKILL)
        _processes.discard(process.pid)


def _kill(identity: str) -> None:
    job = batch._jobs[identity]
    job["stopped"] = True
    with _slots:
        _slots.notify_all()
    with contextlib.suppress(ProcessLookupError, KeyError):
        os.killpg(job["process"], signal.SIGKILL)


def _task(resource: str, data: dict[str, Any]) -> dict[str, Any]:
    """The integration `batch:submitJob[.sync]`: PascalCase in and out; a failed job raises."""
    global waited_for
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
    with _slots:
        waited_for += 1
    while resource.endswith(".sync") and job["status"] not in ("SUCCEEDED", "FAILED"):
        if execution["status"] != "RUNNING":
            _kill(job["jobId"])
        time.sleep(0.05)
    with _slots:
        waited_for -= 1
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
