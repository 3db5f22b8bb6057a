"""Runs: an execution of the flow, as a trail tells of it.

In:   an execution, the document that it was started with, its events in it.
Out:  the cause (started, and failed before user code where that is certain), the run with its parameters and its log.

Not here: finding the execution (`gather`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from metaflow_extensions.triggers.contract import event_reader, exact_json, parameter_values
from metaflow_extensions.triggers.plugins.aws_answers import one_line

from ....model.flows import Flow
from ....trail import answer, causes
from .asking import Asking, Run, Unanswered

_STATES = {
    "RUNNING": answer.RUNNING,
    "PENDING_REDRIVE": answer.RUNNING,
    "SUCCEEDED": answer.SUCCEEDED,
    "FAILED": answer.FAILED,
    "TIMED_OUT": answer.TIMED_OUT,
    "ABORTED": answer.ABORTED,
}
_BATCH_LOGS = "/aws/batch/job"
"""The log group into which AWS Batch writes unless a job definition says another (its user guide, "Using the awslogs
log driver")."""


def run_id(name: str) -> str:
    """Metaflow's id of the execution of that name."""
    return f"sfn-{name}"


@dataclass(frozen=True)
class Around:
    """What is known of a run beside it: the flow, if its file was read; the document, its events in it; where the runs
    of the flow are in the datastore; the other events of its set, in words."""

    flow: Flow | None
    document: dict[str, Any] | None
    root: str | None
    together: str | None


def told(run: Run, around: Around, asking: Asking) -> tuple[causes.Cause, answer.Run]:
    """Why the run is there, and the run."""
    identity = run_id(run.name)
    given, unfit = parameters(around.flow, around.document)
    error = failure(run.error, run.cause)
    found = answer.Run(
        identity,
        _STATES.get(run.status, answer.RUNNING),
        run.started.isoformat(),
        run.ended.isoformat() if run.ended is not None else None,
        _step(run),
        error,
        given,
        _log(run, around.root),
    )
    if run.status == "FAILED":
        if unfit is not None:
            return causes.WRONG_TYPE(run=identity, why=unfit), found
        came = asking.came_to_a_task(run)
        if not isinstance(came, Unanswered) and not came:
            why = error or "no task of the flow was begun"
            return causes.FAILED_BEFORE_USER_CODE(run=identity, why=why), found
    return causes.RUN(run=identity, set=around.together), found


def parameters(flow: Flow | None, document: dict[str, Any] | None) -> tuple[dict[str, Any] | None, str | None]:
    """(parameter -> JSON value, why the run cannot convert them), as the run itself works them out."""
    if flow is None or document is None:
        return None, None
    types = {item.name: item.type for item in flow.parameters if not item.is_config}
    try:
        texts = parameter_values.parameters_for(document, types)
    except event_reader.EventError as error:
        return None, str(error)
    return {name: text if types[name] in ("str", "file") else _value(text) for name, text in texts.items()}, None


def _value(text: str) -> Any:
    try:
        return exact_json.loads(text)
    except ValueError:  # an integer with leading zeros, as Python reads it
        return text


def _job(cause: str) -> dict[str, Any]:
    """The job of AWS Batch with which an execution failed, as Step Functions quotes it; else nothing."""
    try:
        found = json.loads(cause)
    except ValueError:
        return {}
    return found if isinstance(found, dict) and "JobName" in found else {}


def failure(error: str | None, cause: str | None) -> str | None:
    """Why an execution failed, in a line: of a job what Batch says of it."""
    job = _job(cause or "")
    why = job.get("StatusReason") if job else cause
    parts = [part for part in (error, why) if part]
    return one_line(": ".join(map(str, parts))) if parts else None


def _step(run: Run) -> str | None:
    """The step whose job failed: Metaflow's jobs say it in their environment."""
    container = _job(run.cause).get("Container") or {}
    said = {item.get("Name"): item.get("Value") for item in container.get("Environment") or []}
    step = said.get("METAFLOW_STEP_NAME")
    return str(step) if step else None


def job_log(cause: str) -> str | None:
    """Where the output is of the job with which an execution failed; None where it had none."""
    stream = (_job(cause).get("Container") or {}).get("LogStreamName")
    return f"CloudWatch Logs, group {_BATCH_LOGS}, stream {stream}" if stream else None


def _log(run: Run, root: str | None) -> str | None:
    stream = job_log(run.cause)
    if stream is not None:
        return stream
    return f"{root}{run_id(run.name)}/" if root is not None else None
