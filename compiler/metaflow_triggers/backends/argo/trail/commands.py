"""Commands: what leads on from an answer, for who has kubectl.

In:   a cause, a flow, its Sensors, a run.
Out:  command lines. What was typed is quoted.

Not here: running them.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from metaflow_extensions.triggers.contract import exact_json, words

from ....model.facts import is_set
from ....trail.causes import Cause
from ....trail.question import Asked, Question
from .. import NAME
from ..compile.resources import Sensor
from ..deploy.instructions import DEPLOYED_NAME
from .looks import Look
from .start_names import StartName

_CREATES = ("gone", "other-version", "no-right", "wrong-bus", "wrong-endpoint")


def run_log(namespace: str, workflow: str) -> str:
    """What the containers of a run printed."""
    pods = f"--selector workflows.argoproj.io/workflow={workflow} --container main"
    return f"kubectl logs --namespace {namespace} {pods} --tail -1"


def sensor_log(namespace: str, sensor: str) -> str:
    """What a Sensor printed: events that its filters discard, starts that were refused."""
    return f"kubectl logs --namespace {namespace} --selector sensor-name={sensor} --tail -1"


def described(look: Look) -> str:
    """What the cluster says of an object, and its latest events."""
    return f"kubectl describe {look.kind.lower()} --namespace {look.namespace} {look.name}"


def outcomes_of(run_id: str) -> str:
    """What the end of a run has started."""
    return f"metaflow-triggers trail {shlex.quote(run_id)} --backend {NAME}"


def again(start: StartName, question: Question, deployed: str) -> tuple[str, ...]:
    """Of a start that was given up: what shows it, and sends it again. Its record has no payload."""
    rest = f"{start.name} --backend {NAME} --flow {deployed}"
    show = f"metaflow-triggers dead-letters show {rest}"
    if is_set(start.trigger):
        return show, f"metaflow-triggers emit {start.event} --id {shlex.quote(question.identity)} --backend {NAME}"
    if words.PUBLISHED_BY_RUNS.fullmatch(start.event):
        return (show,)
    payload = "..." if question.payload is None else shlex.quote(exact_json.dumps(question.payload))
    return show, f"metaflow-triggers dead-letters send-again {rest} --payload {payload}"


def after(cause: Cause, asked: Asked, sensors: Sequence[Sensor], namespace: str) -> tuple[str, ...]:
    """What to look at or to do next. `namespace` is that of the runs."""
    found: list[str] = []
    if cause.code in _CREATES and asked.flow is not None:
        found.append(f"metaflow-triggers create {shlex.quote(asked.flow.file)} --backend {NAME}")
    elif cause.code in ("paused", "not-ready"):
        kind, _, place = cause.facts["what"].partition(" ")
        where, _, name = place.partition("/")
        found.append(f"kubectl describe {kind.lower()} --namespace {where} {name}")
        if cause.code == "paused":  # of a run that is suspended `described` is said
            patch = """--type merge --patch '{"spec":{"replicas":1}}'"""
            found.append(f"kubectl patch {kind.lower()} --namespace {where} {name} {patch}")
    elif cause.code == "set-not-kept":
        labels = f"metaflow-triggers/started-by=event,{DEPLOYED_NAME}={asked.deployed}"
        found.append(f"kubectl get workflows --namespace {namespace} --selector {labels}")
    if cause.code in ("dead-letter", "set-not-kept", "not-kept", "not-arrived", "may-be-deleted", "no-right"):
        found += [sensor_log(item.namespace, item.name) for item in sensors]
    return tuple(found)
