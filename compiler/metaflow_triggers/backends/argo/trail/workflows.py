"""Workflows: what a Workflow object says of its run.

In:   the object as the cluster has it, the flow.
Out:  `Told`: state, outcome, parameters, why it has not begun, why it failed before user code.

Not here: requests, words of causes. The payload stands in the object, so that parameters are worked out as the run does
it (`contract.parameter_values`); its log is on its pods.

What Argo's controller writes (argo-workflows 4.0.5): the phases of workflow_types.go; `markWorkflowPhase` with the
message of a run that is held back in controller.go and operator.go; `inferFailedReason` in operator.go.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from metaflow_extensions.triggers.contract import event_reader, exact_json, parameter_values, words
from metaflow_extensions.triggers.plugins import argo_source

from ....model.flows import Flow
from ....polling.argo.starting import POLL_LABEL
from ....trail import answer
from ....trail.answer import Poll
from ...poll_trail import context_of
from ..compile.outcome_script import describe
from ..deploy.ownership import labels_of
from .fields import field as field_at
from .fields import part, parts, word

STATES = {"success": answer.SUCCEEDED, "failure": answer.FAILED, "timeout": answer.TIMED_OUT, "aborted": answer.ABORTED}
_HELD_BACK = re.compile(r"Workflow processing has been postponed\b.*", re.DOTALL)
_BEFORE_MAIN = re.compile(r"Pod failed before \S+ container starts\b.*|init: .*", re.DOTALL)
_WRONG_TYPE = " does not fit parameter "
"""In what `parameter_values.parameters_for` says of a value; what else it says is no matter of types."""
_POD_DELETED = "pod deleted"
_NEVER_LOOKED = "Argo's controller has not looked at it yet"


@dataclass(frozen=True)
class Told:
    """`events` are the names of the events that started it, none for another start. `held`: why it has not begun;
    `is_throttled`: by the controller's bound on all runs. `wrong_type`, `before_user_code`: why it failed so early.
    `poll`: the fire that started it."""

    name: str
    namespace: str
    template: str
    state: str
    started_at: str | None = None
    ended_at: str | None = None
    step: str | None = None
    error: str | None = None
    events: tuple[str, ...] = ()
    event_ids: tuple[str, ...] = ()
    payloads: tuple[Any, ...] = field(default=(), hash=False)
    parameters: dict[str, Any] | None = field(default=None, hash=False)
    held: str | None = None
    is_throttled: bool = False
    is_suspended: bool = False
    wrong_type: str | None = None
    before_user_code: str | None = None
    poll: Poll | None = None

    @property
    def run_id(self) -> str:
        """Metaflow's id of the run."""
        return f"argo-{self.name}"

    @property
    def failed_at_start(self) -> bool:
        """Whether the first step failed and nothing tells why."""
        told = self.wrong_type or self.before_user_code
        return self.state == answer.FAILED and self.step == "start" and told is None


def told(workflow: Mapping[str, Any], flow: Flow | None) -> Told:
    """Of one Workflow. Without a flow nothing is said of types."""
    metadata, status = workflow["metadata"], part(workflow, "status")
    phase, message = word(status, "phase"), word(status, "message")
    failures = _failures(status)
    state, step, error = _state(phase, failures)
    error = error or (message if phase in ("Failed", "Error") and message else None)
    events, parameters, wrong = _given(dict(workflow), flow)
    is_suspended = phase not in ("Succeeded", "Failed", "Error") and _suspended(workflow)
    held = None
    if state == answer.WAITING and not is_suspended:
        held = message or _NEVER_LOOKED
    return Told(
        metadata["name"],
        metadata["namespace"],
        word(workflow, "spec", "workflowTemplateRef", "name"),
        answer.WAITING if is_suspended else state,
        word(status, "startedAt") or None,
        word(status, "finishedAt") or None,
        step,
        error,
        tuple(str(item.name) for item in events),
        tuple(str(item.id) for item in events),
        tuple(item.payload for item in events),
        parameters,
        held or _unscheduled(status, state),
        bool(_HELD_BACK.fullmatch(message)) and held is not None,
        is_suspended,
        wrong if state == answer.FAILED and wrong is not None and _WRONG_TYPE in wrong else None,
        (wrong if state == answer.FAILED else None) or _before_user_code(phase, message, status, failures),
        _poll(workflow, events),
    )


def is_by_event(workflow: Mapping[str, Any]) -> bool:
    """Whether a Sensor of ours made it, or a poller."""
    return labels_of(workflow).get(words.STARTED_BY_LABEL) == "event"


def _state(phase: str, failures: list[dict[str, str]]) -> tuple[str, str | None, str | None]:
    if phase in ("", "Pending"):
        return answer.WAITING, None, None
    if phase == "Running":
        return answer.RUNNING, None, None
    outcome, step, error = describe("Succeeded" if phase == "Succeeded" else "Failed", failures)
    if error == _POD_DELETED:
        return answer.LOST, step, error
    return STATES[outcome], step, error


def nodes(status: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The nodes of a run, none where they are kept in a database."""
    found: Any = part(status, "nodes")
    if not found and word(status, "compressedNodes"):
        try:
            found = json.loads(gzip.decompress(base64.b64decode(word(status, "compressedNodes"))))
        except (ValueError, OSError, EOFError):
            found = {}
    return [item for item in part(found).values() if isinstance(item, dict)]


def _failures(status: Mapping[str, Any]) -> list[dict[str, str]]:
    names = ("displayName", "message", "templateName", "phase", "finishedAt")
    return [
        {name: word(item, name) for name in names}
        for item in nodes(status)
        if word(item, "phase") in ("Failed", "Error")
    ]


def _before_user_code(
    phase: str, message: str, status: Mapping[str, Any], failures: list[dict[str, str]]
) -> str | None:
    if phase not in ("Failed", "Error"):
        return None
    if phase == "Error" and not nodes(status) and message:
        return message
    if any(word(item, "type") == "Pod" and word(item, "phase") == "Succeeded" for item in nodes(status)):
        return None
    return next((item["message"] for item in failures if _BEFORE_MAIN.fullmatch(item["message"])), None)


def _unscheduled(status: Mapping[str, Any], state: str) -> str | None:
    """Why no pod of a run has begun: no node for it, an image that cannot be had."""
    pods = [item for item in nodes(status) if word(item, "type") == "Pod"]
    if state != answer.RUNNING or not pods or any(word(item, "phase") != "Pending" for item in pods):
        return None
    return next((word(item, "message") for item in pods if word(item, "message")), None)


def _suspended(workflow: Mapping[str, Any]) -> bool:
    stored = field_at(workflow, "status", "storedWorkflowTemplateSpec", "suspend")
    return field_at(workflow, "spec", "suspend") is True or stored is True


def _given(workflow: dict[str, Any], flow: Flow | None) -> tuple[list[Any], dict[str, Any] | None, str | None]:
    """The events of a run, what they give to parameters, why a value has the wrong type."""
    if not is_by_event(workflow):
        return [], _by_hand(workflow), None
    try:
        document = argo_source.document_of(workflow)
        events = event_reader.select(document) if document is not None else []
    except (ValueError, TypeError, AttributeError) as error:  # the run itself fails of it
        return [], None, f"its Workflow does not hold its event: {error}"
    declared = {} if flow is None else {item.name: item.type for item in flow.parameters if not item.is_config}
    wrong = None
    if flow is not None and document is not None:
        try:
            parameter_values.parameters_for(document, declared)
        except ValueError as error:
            wrong = str(error)
    return events, parameter_values.values_for(events, declared), wrong


def _poll(workflow: Mapping[str, Any], events: list[Any]) -> Poll | None:
    """The fire of a run that a poller started."""
    if POLL_LABEL not in labels_of(workflow) or len(events) != 1:
        return None
    (event,) = events
    return Poll(str(event.name), workflow["metadata"]["name"], context_of(event.payload))


def _by_hand(workflow: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a run that no event started, as they were typed."""
    found: dict[str, Any] = {}
    for item in parts(workflow, "spec", "arguments", "parameters"):
        name = word(item, "name")
        if name.startswith((words.EVENT_ARGUMENT, words.PAYLOAD_ARGUMENT)):
            continue
        try:
            found[name] = exact_json.loads(word(item, "value"))
        except ValueError:
            found[name] = item.get("value")
    return found
