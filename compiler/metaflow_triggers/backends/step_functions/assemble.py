"""Assemble: resources through their templates, into one CloudFormation template.

In:   `resources.Triggers`, upstream's state machine and job definitions, settings.
Out:  the template, trigger objects first, the flow's state machine last.

Not here: deciding names, checking.
"""

from __future__ import annotations

from typing import Any

from ...model import Flow
from ...render import render
from ...settings import Settings
from .lower import deployed, lower_job_definitions, lower_triggers
from .open_settings import fill, used
from .parameters import PSEUDO, parameters
from .resources import EventRule, OutcomeRule, Triggers

STATE_MACHINE = "StateMachine"
TAG_FLOW = "metaflow-triggers/flow"
TAG_DEPLOYED_NAME = "metaflow-triggers/deployed-name"

ALREADY_STARTED = (
    "StepFunctions.ExecutionAlreadyExistsException",
    "StepFunctions.ExecutionAlreadyExists",
    "Sfn.ExecutionAlreadyExistsException",
    "Sfn.ExecutionAlreadyExists",
    "ExecutionAlreadyExists",
)
"""Every spelling of "this key has started a run": AWS's, and those of emulators."""


def template(flow: Flow, workflow: Any, settings: Settings) -> dict[str, Any] | None:
    """The flow's template; without `workflow` its trigger objects alone, or None if it has none."""
    name = deployed(flow, settings)
    triggers = lower_triggers(flow, settings)
    tags = {TAG_FLOW: flow.name, TAG_DEPLOYED_NAME: name}
    resources: dict[str, Any] = {}
    if triggers is not None:
        resources |= _trigger_resources(triggers, tags, settings, whole=workflow is not None)
    if workflow is not None:
        resources |= _workflow_resources(workflow, name, tags, settings)
    if not resources:
        return None
    names = used(resources)
    out: dict[str, Any] = render(
        "step_functions/template",
        description=f"Metaflow flow {flow.name}, deployed as {name}",
        parameters={
            item.name: render(
                "step_functions/parameter", description=item.description, pattern=item.pattern, default=item.default
            )
            for item in parameters(settings)
            if item.name in names
        },
        resources=resources,
    )
    return out


def _trigger_resources(triggers: Triggers, tags: dict[str, str], settings: Settings, *, whole: bool) -> dict[str, Any]:
    tag_list = _tag_list(tags)
    folder = f"{triggers.flow}/_triggers/"
    if triggers.prefixed:
        folder = "${DatastorePrefix}/" + folder
    out: dict[str, Any] = {}
    for rule in triggers.rules:
        out[rule.logical] = render(
            f"step_functions/{'event' if isinstance(rule, EventRule) else 'outcome'}_rule",
            rule=rule,
            own_rules_role=triggers.own_rules_role,
            # An event that arrives while a stack is made must find the flow.
            depends_on=[STATE_MACHINE] if whole else [],
            tags=tag_list,
        )
    after_key = "Require" if triggers.starter.requirements else "Name"
    key = f"States.Format('{folder}sfn-{{}}.json', $.run)"
    out["Starter"] = render(
        "step_functions/starter",
        starter=triggers.starter,
        flow=triggers.flow,
        deployed=triggers.deployed,
        event_source=settings.event_source,
        after_key=after_key,
        key={"Fn::Sub": key} if triggers.prefixed else key,
        folder=folder,
        already=ALREADY_STARTED,
        tags=tag_list,
    )
    out["StarterRole"] = render(
        "step_functions/starter_role",
        flow=triggers.flow,
        deployed=triggers.deployed,
        folder=folder,
        tags=tag_list,
    )
    if triggers.own_rules_role:
        out["RulesRole"] = render("step_functions/rules_role", flow=triggers.flow, tags=tag_list)
    out["DeadLetterQueue"] = render("step_functions/queue", queue=triggers.queue, tags=tag_list)
    out["DeadLetterQueuePolicy"] = render(
        "step_functions/queue_policy", rules=[_rule_path(rule) for rule in triggers.rules]
    )
    return out


def _rule_path(rule: EventRule | OutcomeRule) -> str:
    """What follows `rule/` in a rule's ARN."""
    bus = rule.bus.rpartition("event-bus/")[2] if isinstance(rule, EventRule) else "default"
    return rule.name if bus == "default" else f"{bus}/{rule.name}"


def _workflow_resources(workflow: Any, name: str, tags: dict[str, str], settings: Settings) -> dict[str, Any]:
    definitions = lower_job_definitions(workflow, name)
    references = {item.name: item.name for item in parameters(settings)}
    references |= {item: item for item in PSEUDO}
    out: dict[str, Any] = {}
    for item in definitions:
        own = dict(item.properties)
        users_tags = own.pop("Tags", {})
        out[item.logical] = render(
            "step_functions/job_definition",
            job_definition=item.name,
            properties=fill(own, references),
            tags=users_tags | tags,
        )
    references |= {f"JobDefinition.{item.step}": item.logical for item in definitions}
    out[STATE_MACHINE] = render(
        "step_functions/state_machine",
        deployed=name,
        definition=fill(workflow["definition"], references),
        tags=_tag_list(tags),
    )
    return out


def _tag_list(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def trigger_part(whole: dict[str, Any]) -> dict[str, Any]:
    """The trigger objects of a whole template: what `template` gives without a workflow."""
    kept = {
        name: {key: value for key, value in resource.items() if key != "DependsOn"}
        for name, resource in whole["Resources"].items()
        if name != STATE_MACHINE and resource["Type"] != "AWS::Batch::JobDefinition"
    }
    names = used(kept)
    out = dict(whole) | {"Resources": kept}
    if "Parameters" in whole:
        out["Parameters"] = {key: value for key, value in whole["Parameters"].items() if key in names}
        if not out["Parameters"]:
            del out["Parameters"]
    return out
