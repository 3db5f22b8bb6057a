"""Poller job: what the job that polls has of the job of the flow's start step.

In:   upstream's job definition and state of that step, the command with which the seam begins.
Out:  a `Job`: the properties of the job definition, what a submission needs beside them.

Not here: what is polled (`poller`). Each field that upstream writes of a step's job is decided below, once: the poller
has it, or there is a reason why not. What nobody has decided is refused (FT004), never silently left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ....diagnostics import DiagnosticError
from ....model.settings import Settings
from ....seams.shape import unknown_shape

CARRIED = ""
OF_DEFINITION: Mapping[str, str] = {
    "containerProperties": CARRIED,
    "platformCapabilities": CARRIED,
    "propagateTags": CARRIED,
    "tags": CARRIED,
    "type": CARRIED,
}
"""Field of the step's job definition -> why the poller's does not have it."""
OF_CONTAINER: Mapping[str, str] = {
    "environment": CARRIED,
    "ephemeralStorage": CARRIED,
    "executionRoleArn": CARRIED,
    "image": CARRIED,
    "logConfiguration": CARRIED,
    "mountPoints": CARRIED,
    "networkConfiguration": CARRIED,
    "privileged": CARRIED,
    "volumes": CARRIED,
    "command": "its own",
    "jobRoleArn": "a role of its own, which may start the flow",
    "linuxParameters": "memory and accelerators, of which a poll needs little and holds it for ever",
    "resourceRequirements": "a poll needs little of what a step works with, and holds it for ever",
}
OF_SUBMISSION: Mapping[str, str] = {
    "ContainerOverrides": CARRIED,
    "JobQueue": CARRIED,
    "JobDefinition": "its own",
    "JobName": "its own",
    "Parameters": "of a task of a run",
    "RetryStrategy": "its own",
    "Tags": "of a task of a run",
    "Timeout": "a poller has no end",
}
"""Field of the step's SubmitJob -> why the poller's does not have it."""
OF_OVERRIDES: Mapping[str, str] = {
    "Command": "its own",
    "Environment": CARRIED,
    "ResourceRequirements": "a poll needs little of what a step works with, and holds it for ever",
}
_OF_A_RUN = frozenset(
    (
        "METAFLOW_DEFAULT_PARAMETERS",
        "METAFLOW_PARAMETERS",
        "METAFLOW_PRODUCTION_TOKEN",
        "METAFLOW_RUN_ID",
        "METAFLOW_STEP_NAME",
        "METAFLOW_TEMPDIR",  # in memory that the step alone has
    )
)
_SMALL = {
    "EC2": (("VCPU", "1"), ("MEMORY", "512")),
    "FARGATE": (("VCPU", "0.25"), ("MEMORY", "512")),
}
"""The least vCPU that Batch gives there (AWS Batch user guide, "ResourceRequirement"), MiB for a few processes."""
RETRIES: Mapping[str, Any] = {
    "attempts": 10,
    "evaluateOnExit": [
        {"onStatusReason": "Host EC2*", "action": "retry"},
        {"onStatusReason": "Your Spot Task was interrupted*", "action": "retry"},
        {"onReason": "*", "action": "exit"},
    ],
}
"""Hosts go away, and the job with them; what ends by itself is begun again by the next tick (AWS Batch user guide,
"Automated job retries"). The actions are in small letters because Batch gives them back so."""


@dataclass(frozen=True)
class Job:
    """`definition` are arguments of RegisterJobDefinition without a name. `queue` is where the start step's jobs go."""

    definition: Mapping[str, Any]
    queue: Any


def of_start_step(workflow: Any, call: str, more: Iterable[Mapping[str, str]], role: str) -> Job:
    """The job in which `call`, words of a shell, follows what makes code and packages be there.

    `role` is an open setting. Raises DiagnosticError (FT004) for what is not known.
    """
    machine, begun = workflow["definition"], workflow["at_start"]
    step = machine["StartAt"]
    definition = workflow["job_definitions"][step]
    container = definition["containerProperties"]
    submitted = machine["States"][step]["Parameters"]
    overrides = submitted["ContainerOverrides"]
    undecided = [
        *(f"{name} of its job definition" for name in definition if name not in OF_DEFINITION),
        *(f"{name} of its container" for name in container if name not in OF_CONTAINER),
        *(f"{name} of its job" for name in submitted if name not in OF_SUBMISSION),
        *(f"{name} of its overrides" for name in overrides if name not in OF_OVERRIDES),
    ]
    told = {item["Name"]: item for item in overrides.get("Environment", ()) if item["Name"] not in _OF_A_RUN}
    undecided += [f"{name} of its environment" for name, item in told.items() if "Value" not in item]
    if undecided:
        what = f"the job of step `{step}` has what a poller is not known to need: {', '.join(undecided)}"
        raise DiagnosticError([unknown_shape(what)])
    environment = {item["name"]: item["value"] for item in container.get("environment", ())}
    environment |= {name: item["Value"] for name, item in told.items()}
    environment |= {item["name"]: item["value"] for item in more}
    platform = "FARGATE" if "FARGATE" in definition.get("platformCapabilities", ()) else "EC2"
    own = {
        "image": container["image"],
        "jobRoleArn": role,
        "command": ["bash", "-c", f"{begun['command']} && exec {begun['python']} {call}"],
        "resourceRequirements": [{"type": kind, "value": value} for kind, value in _SMALL[platform]],
        "environment": [{"name": name, "value": value} for name, value in environment.items()],
    }
    own |= {key: value for key, value in container.items() if OF_CONTAINER[key] == CARRIED and key not in own}
    whole = {key: value for key, value in definition.items() if OF_DEFINITION[key] == CARRIED}
    return Job(whole | {"containerProperties": own, "retryStrategy": dict(RETRIES)}, submitted["JobQueue"])


def loads_packages(command: str) -> bool:
    """Whether what makes the packages be there takes them from the datastore (@conda, @pypi)."""
    return " -m metaflow.plugins.pypi.bootstrap " in command


QUEUE_NAME = "[A-Za-z0-9][A-Za-z0-9_-]{0,127}"
QUEUE_ARN = f"arn:[a-z-]+:batch:[a-z0-9-]+:[0-9]{{12}}:job-queue/{QUEUE_NAME}"
"""AWS Batch API reference, CreateJobQueue."""
_QUEUE = "arn:${AWS::Partition}:batch:${AWS::Region}:${AWS::AccountId}:job-queue/"


def queue_pattern(settings: Settings) -> str:
    """What the open setting of the queue may be, where `queue_arn` has taken it for a name, or for an ARN."""
    return QUEUE_ARN if _is_arn(settings) else QUEUE_NAME


def _is_arn(settings: Settings) -> bool:
    return (settings.batch_job_queue or "").startswith("arn:")


def queue_arn(queue: Any, settings: Settings) -> Any:
    """A job queue is named, or given as an ARN; the setting too."""
    if isinstance(queue, str):
        return queue if queue.startswith("arn:") else {"Fn::Sub": f"{_QUEUE}{queue}"}
    return queue if _is_arn(settings) else {"Fn::Sub": f"{_QUEUE}${{BatchJobQueue}}"}
