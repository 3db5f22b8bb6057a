"""Assemble: resources through their templates, into one CloudFormation template.

In:   `resources.Triggers`, upstream's state machine and job definitions, settings.
Out:  the template, trigger objects first, the flow's state machine last.

Not here: deciding names, the states of our machines (`starter`, `correlator`), checking.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Sequence
from typing import Any

from metaflow_extensions.triggers.contract import words

from ....manifests.templates import Whole, render
from ....model.flows import Flow, PollTrigger
from ....model.marks import mark_values
from ....model.settings import Settings
from .actions import MACHINE_ARN, Around
from .alarm import METRIC, NAMESPACE, PERIOD
from .code_place import mappings, opened, stands
from .correlator import correlator_definition
from .encryption import has_key, key_services, object_fields
from .failure_log import DELIVERY
from .lower import FLOW, deployed, event_pattern, lower_job_definitions, lower_triggers, pascal_case
from .open_settings import Stands, fill, used
from .options import queue_url
from .parameters import PSEUDO, parameters, pattern_of
from .resources import JOB, MACHINE, TABLE, WATCHDOG, EventRule, OutcomeRule, Poller, Triggers
from .roles import PARAMETERS, POLL_MACHINE, POLLER, RULES, SCHEDULER, arn, is_made
from .sources import TASKS, group_sources, machine_sources, rule_sources
from .starter import starter_definition

TAG_FLOW = "metaflow-triggers/flow"
TAG_DEPLOYED_NAME = "metaflow-triggers/deployed-name"


def template(flow: Flow, workflow: Any, settings: Settings, polls: Sequence[PollTrigger] = ()) -> dict[str, Any] | None:
    """The flow's template; without `workflow` its trigger objects alone, or None if it has none.

    `polls` start the flow; without `workflow` nobody knows the job that polls, and there is what it needs alone.
    """
    name = deployed(flow, settings)
    made = _poller(flow, polls, workflow, settings) if polls else None
    triggers = lower_triggers(flow, settings, polled=made is not None)
    tags = {TAG_FLOW: flow.name, TAG_DEPLOYED_NAME: name} | mark_values(flow, settings)
    resources: dict[str, Any] = {}
    if triggers is not None:
        watched = made is not None and made.job is not None
        resources |= _trigger_resources(triggers, tags, settings, made if watched else None, whole=workflow is not None)
        if made is not None:
            resources |= _poller_resources(made, triggers, workflow, tags, settings)
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
                "step_functions/parameter",
                description=item.description,
                pattern=pattern_of(item, resources, settings),
                default=item.default,
            )
            for item in parameters(settings)
            if item.name in names
        },
        mappings=mappings(workflow),
        resources=Whole(resources),
    )
    return out


def _poller(flow: Flow, polls: Sequence[PollTrigger], workflow: Any, settings: Settings) -> Poller | None:
    from .poller import poller  # few flows are polled

    return poller(flow, polls, None if workflow is None else opened(workflow), settings)


def _folder(triggers: Triggers) -> str:
    """Where the flow's documents are, below the datastore's bucket."""
    return f"{'${DatastorePrefix}/' if triggers.prefixed else ''}{triggers.flow}/{words.TRIGGERS_FOLDER}/"


def _trigger_resources(
    triggers: Triggers, tags: dict[str, str], settings: Settings, watched: Poller | None, *, whole: bool
) -> dict[str, Any]:
    """`watched`: what the poller's schedule looks after."""
    tag_list = _tag_list(tags)
    folder = _folder(triggers)
    # An event that arrives while a stack is made must find the flow.
    depends_on = [FLOW] if whole else []
    own_queue = triggers.queue_arn is None and triggers.queue is not None
    around = Around(
        flow=triggers.flow,
        deployed=triggers.deployed,
        folder=folder,
        prefixed=triggers.prefixed,
        queue_url={"Ref": "DeadLetterQueue"} if triggers.queue_arn is None else queue_url(triggers.queue_arn),
        shared=not own_queue,
        encryption=object_fields(settings),
    )
    common = {
        "flow": triggers.flow,
        "deployed": triggers.deployed,
        "folder": folder,
        "queue_arn": {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]} if own_queue else triggers.queue_arn,
        "tags": tag_list,
        "has_key": has_key(settings),
        "log_rights": DELIVERY if settings.log_group else (),
    }
    out: dict[str, Any] = {}
    for rule in triggers.rules:
        out[rule.logical] = _rule(rule, depends_on, common | {"role": arn(RULES, settings)})
    for starter in triggers.starters:
        out[starter.logical] = render(
            "step_functions/state_machine",
            name=starter.name,
            kind="EXPRESS",
            role=arn(starter.role, settings),
            definition=starter_definition(starter, around),
            **common,
        )
        if is_made(starter.role, settings):
            sources = machine_sources(item.name for item in triggers.starters)
            used_by = key_services(settings, "s3", "sqs")
            out[starter.role] = render("step_functions/starter_role", sources=sources, key_services=used_by, **common)
    for correlator in triggers.correlators:
        resets = any(schedule.target == correlator.logical for schedule in triggers.schedules)
        out[correlator.logical] = render(
            "step_functions/state_machine",
            name=correlator.name,
            kind="STANDARD",
            role=arn(correlator.role, settings),
            definition=correlator_definition(correlator, around, resets=resets),
            **common,
        )
        if is_made(correlator.role, settings):
            sources = machine_sources(item.name for item in triggers.correlators if item.role == correlator.role)
            used_by = key_services(settings, "s3", "sqs", "dynamodb")
            out[correlator.role] = render(
                "step_functions/correlator_role", sources=sources, key_services=used_by, **common
            )
    if triggers.correlators:
        out["SetTable"] = render("step_functions/set_table", table=triggers.table, **common)
    if triggers.rules and is_made(RULES, settings):
        targets = unique({"Fn::GetAtt": [rule.target, "Arn"]} for rule in triggers.rules)
        sources = rule_sources(triggers.deployed, map(_bus, triggers.rules))
        out[RULES] = render("step_functions/rules_role", targets=one_or_all(targets), sources=sources, **common)
    if triggers.schedules or watched:
        out["ScheduleGroup"] = render("step_functions/schedule_group", group=triggers.group, **common)
        for schedule in triggers.schedules:
            out[schedule.logical] = render(
                "step_functions/schedule",
                schedule=schedule,
                target=_machine_arn(schedule.target, triggers),
                role=arn(SCHEDULER, settings),
                depends_on=depends_on,
                **common,
            )
        if watched:
            out[WATCHDOG] = render(
                "step_functions/poll_schedule",
                minutes=watched.minutes,
                role=arn(SCHEDULER, settings),
                depends_on=depends_on,
                **common,
            )
        if is_made(SCHEDULER, settings):
            arns = unique(_machine_arn(schedule.target, triggers) for schedule in triggers.schedules)
            arns += [_machine_arn(MACHINE, triggers)] if watched else []
            sources = group_sources(triggers.group)
            out[SCHEDULER] = render(
                "step_functions/scheduler_role",
                targets=one_or_all(arns),
                sources=sources,
                key_services=key_services(settings, "sqs") if triggers.schedules else (),
                **common | ({} if triggers.schedules else {"queue_arn": None}),
            )
    if own_queue:
        out["DeadLetterQueue"] = render("step_functions/queue", queue=triggers.queue, **common)
        out["DeadLetterQueuePolicy"] = render(
            "step_functions/queue_policy", rules=[_rule_path(rule) for rule in triggers.rules]
        )
    if triggers.alarm is not None:
        out["DeadLetterAlarm"] = render(
            "step_functions/alarm", alarm=triggers.alarm, namespace=NAMESPACE, metric=METRIC, period=PERIOD, **common
        )
    return out


def _poller_resources(
    made: Poller, triggers: Triggers, workflow: Any, tags: dict[str, str], settings: Settings
) -> dict[str, Any]:
    """Without the job what it needs: its table and its role."""
    from .poller import poller_definition
    from .poller_job import loads_packages, queue_arn

    common = {
        "flow": triggers.flow,
        "deployed": triggers.deployed,
        "tags": _tag_list(tags),
        "has_key": has_key(settings),
        "log_rights": DELIVERY if settings.log_group else (),
    }
    out: dict[str, Any] = {}
    if made.job is not None:
        references = _references(workflow, settings) | {PARAMETERS[POLLER]: _reference(POLLER, settings)}
        queue = fill(made.job.queue, references)
        out[MACHINE] = render(
            "step_functions/state_machine",
            name=made.machine,
            kind="STANDARD",
            role=arn(POLL_MACHINE, settings),
            definition=poller_definition(made, triggers.flow, {TAG_DEPLOYED_NAME: triggers.deployed}, queue),
            **common,
        )
        if is_made(POLL_MACHINE, settings):
            out[POLL_MACHINE] = render(
                "step_functions/poll_machine_role",
                machine=made.machine,
                job_definition=made.job_name,
                job_tag=TAG_DEPLOYED_NAME,
                queue_arn=queue_arn(queue, settings),
                sources=machine_sources([made.machine]),
                key_services=key_services(settings, "dynamodb"),
                **common,
            )
        own = pascal_case(dict(made.job.definition))
        users_tags = own.pop("Tags", {})
        out[JOB] = render(
            "step_functions/job_definition",
            job_definition=made.job_name,
            properties={key: Whole(item) for key, item in fill(own, references).items()},
            tags=users_tags | tags,
        )
    if is_made(POLLER, settings):
        out[POLLER] = render(
            "step_functions/poller_role",
            folder=_folder(triggers),
            root="${DatastorePrefix}/" if triggers.prefixed else "",
            packages=workflow is not None and loads_packages(workflow["at_start"]["command"]),
            sources=TASKS,
            key_services=key_services(settings, "s3", "dynamodb"),
            **common,
        )
    out[TABLE] = render("step_functions/poll_table", table=made.table, **common)
    return out


def _reference(logical: str, settings: Settings) -> Stands:
    """What stands for a role in a text that leaves it open."""
    return arn(logical, settings) if is_made(logical, settings) else PARAMETERS[logical]


def _rule(rule: EventRule | OutcomeRule, depends_on: list[str], common: dict[str, Any]) -> dict[str, Any]:
    values = common | {"rule": rule, "depends_on": depends_on}
    out: dict[str, Any]
    if isinstance(rule, OutcomeRule):
        out = render("step_functions/outcome_rule", **values)
        return out
    pattern: Any = event_pattern(rule.source, rule.detail_types, rule.detail)
    if not plain(rule.detail):
        # CloudFormation refuses a null and reads some keys as functions; a pattern may also be a text.
        pattern = json.dumps(pattern, ensure_ascii=False, separators=(",", ":"))
    out = render("step_functions/event_rule", pattern=pattern, **values)
    return out


def plain(value: Any) -> bool:
    """Whether CloudFormation leaves a JSON value as it is when it stands in a template."""
    if isinstance(value, dict):
        keys_are_plain = not any(key in ("Ref", "Condition") or key.startswith("Fn::") for key in value)
        return keys_are_plain and all(plain(item) for item in value.values())
    if isinstance(value, list):
        return all(item is not None and plain(item) for item in value)
    return True


def _machine_arn(logical: str, triggers: Triggers) -> Any:
    # The flow's own machine is named, not referred to: the trigger objects also stand without it.
    if logical == FLOW:
        return {"Fn::Sub": MACHINE_ARN + triggers.deployed}
    return {"Fn::GetAtt": [logical, "Arn"]}


def unique(items: Iterable[Any]) -> list[Any]:
    """Each item once, in order."""
    out: list[Any] = []
    for item in items:
        if item not in out:
            out.append(item)
    return out


def one_or_all(items: list[Any]) -> Any:
    """As IAM writes it: one by itself, several as a list."""
    return items[0] if len(items) == 1 else items


def _rule_path(rule: EventRule | OutcomeRule) -> str:
    """What follows `rule/` in a rule's ARN."""
    bus = _bus(rule).rpartition("event-bus/")[2]
    return rule.name if bus == "default" else f"{bus}/{rule.name}"


def _bus(rule: EventRule | OutcomeRule) -> str:
    return rule.bus if isinstance(rule, EventRule) else "default"


def _workflow_resources(workflow: Any, name: str, tags: dict[str, str], settings: Settings) -> dict[str, Any]:
    definitions = lower_job_definitions(workflow, name)
    references = _references(workflow, settings)
    workflow = opened(workflow)
    out: dict[str, Any] = {}
    for item in definitions:
        own = dict(item.properties)
        users_tags = own.pop("Tags", {})
        out[item.logical] = render(
            "step_functions/job_definition",
            job_definition=item.name,
            properties={key: Whole(item) for key, item in fill(own, references).items()},
            tags=users_tags | tags,
        )
    references |= {f"JobDefinition.{item.step}": item.logical for item in definitions}
    out[FLOW] = render(
        "step_functions/state_machine",
        name=name,
        kind="STANDARD",
        role={"Ref": "StateMachineRoleArn"},
        tags=_tag_list(tags),
        log_rights=(),
        definition=Whole(fill(workflow["definition"], references)),
    )
    return out


def _references(workflow: Any, settings: Settings) -> dict[str, Stands]:
    """What stands for each setting that upstream's texts leave open."""
    references: dict[str, Stands] = {item.name: item.name for item in parameters(settings)}
    return references | {item: item for item in PSEUDO} | stands(workflow)


def _tag_list(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def trigger_part(whole: dict[str, Any]) -> dict[str, Any]:
    """The trigger objects of a whole template: what `template` gives without a workflow."""
    timed = [name for name, item in whole["Resources"].items() if item["Type"] == "AWS::Scheduler::Schedule"]
    of_steps = {FLOW, *((MACHINE, POLL_MACHINE, WATCHDOG) if WATCHDOG in timed else ())}
    of_steps |= {"ScheduleGroup", SCHEDULER} if timed == [WATCHDOG] else set()
    kept = {
        name: {key: value for key, value in resource.items() if key != "DependsOn"}
        for name, resource in whole["Resources"].items()
        if name not in of_steps and resource["Type"] != "AWS::Batch::JobDefinition"
    }
    if SCHEDULER in kept and WATCHDOG in timed:
        kept[SCHEDULER] = _without_target(kept[SCHEDULER], {"Fn::GetAtt": [MACHINE, "Arn"]})
    names = used(kept)
    out = dict(whole) | {"Resources": kept}
    if "Parameters" in whole:
        out["Parameters"] = {key: value for key, value in whole["Parameters"].items() if key in names}
        if not out["Parameters"]:
            del out["Parameters"]
    out.pop("Mappings", None)  # tells of the code package, which the steps load
    return out


def _without_target(role: dict[str, Any], target: Any) -> dict[str, Any]:
    """The role of schedules, which lets start what each of them does, without one of these."""
    out = copy.deepcopy(role)
    statement = out["Properties"]["Policies"][0]["PolicyDocument"]["Statement"][0]
    statement["Resource"] = one_or_all([one for one in statement["Resource"] if one != target])
    return out
