"""Runs: the answer that a Workflow is.

In:   looks at a Workflow and its WorkflowTemplate, the flow as it is deployed.
Out:  an `Answer` with its run.

Not here: which Workflow, and why there is none (`target`).
"""

from __future__ import annotations

from typing import Any

from metaflow_extensions.triggers.contract import event_check, exact_json

from .... import seams
from ....model.flows import Flow
from ....trail import answer, causes
from ....trail.answer import Answer, Run
from ....trail.causes import Cause
from ....trail.question import Asked
from .. import NAME
from . import commands, obstacles, workflows
from .fields import field, word
from .looks import Look, Looks
from .workflows import Told

_ENDED = (answer.SUCCEEDED, answer.FAILED, answer.TIMED_OUT, answer.ABORTED, answer.LOST)


def run_answer(  # noqa: PLR0917 - what was looked at, and for whom
    looks: Looks, asked: Asked, event: str | None, workflow: Look, template: Look, flow: Flow | None, payload: Any
) -> Answer:
    """`payload` is what the event is said to have held, or None. Raises DiagnosticError (FT701)."""
    told = workflows.told(workflow.item, flow)
    cause = _cause(looks, told, workflow, template, event)
    log = commands.run_log(told.namespace, told.name)
    more = (commands.outcomes_of(told.run_id),) if told.state in _ENDED else ()
    if cause.code in ("paused", "queued", "throttled"):
        more = (commands.described(workflow),)
    first, *also = (causes.OTHER_PAYLOAD(), cause) if _is_other(told, event, payload) else (cause,)
    run = _run(told, log)
    return Answer(NAME, asked.name, asked.deployed, event, first, tuple(also), run, more, told.poll)


def _run(told: Told, log: str) -> Run:
    page = seams.configured("ARGO_WORKFLOWS_UI_URL")
    place = f"{page.rstrip('/')}/workflows/{told.namespace}/{told.name}" if page else log
    error = told.wrong_type or told.before_user_code or told.error
    return Run(
        told.run_id, told.state, told.started_at, told.ended_at, told.step, error, parameters=told.parameters, log=place
    )


def _cause(looks: Looks, told: Told, workflow: Look, template: Look, event: str | None) -> Cause:
    run = told.run_id
    if told.wrong_type is not None:
        return causes.WRONG_TYPE(run=run, why=told.wrong_type)
    if told.before_user_code is not None:
        return causes.FAILED_BEFORE_USER_CODE(run=run, why=told.before_user_code)
    if told.failed_at_start and workflows.is_by_event(workflow.item):
        lacks = obstacles.lacks_run_right(looks, template, workflow.namespace)
        if lacks is not None:
            return causes.FAILED_BEFORE_USER_CODE(
                run=run, why=f"{lacks.facts['who']} lacks the right {lacks.facts['right']}"
            )
    if told.state == answer.LOST:
        return causes.LOST(run=run, why=f"in step {told.step}: {told.error}")
    if told.is_suspended:
        own = field(workflow.item, "spec", "suspend")
        return causes.PAUSED(what=str(workflow if own else template))
    if told.is_throttled:
        return causes.THROTTLED(why=told.held)
    if told.held is not None:
        return causes.QUEUED(why=told.held)
    return causes.RUN(run=run, set=_others(told, event))


def _others(told: Told, event: str | None) -> str | None:
    """The other events of a set."""
    rest = [f"{name} ({identity})" for name, identity in zip(told.events, told.event_ids, strict=True) if name != event]
    return ", ".join(rest) if len(told.events) > 1 and rest else None


def _is_other(told: Told, event: str | None, payload: Any) -> bool:
    """Whether the run has another payload of the event than it is said to have held."""
    if payload is None:
        return False
    return any(
        name == event and not event_check.same_payload(exact_json.dumps(kept), exact_json.dumps(payload))
        for name, kept in zip(told.events, told.payloads, strict=True)
    )


def is_of(workflow: Any, deployed: str) -> bool:
    """Whether a Workflow is a run of a deployed flow."""
    return word(workflow, "spec", "workflowTemplateRef", "name") == deployed
