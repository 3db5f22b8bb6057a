"""Policies: every IAM role that a flow needs, as a CloudFormation template of roles alone.

In:   the flow's template, settings; whether its code emits events.
Out:  a template; deployed as it is, or read by who manages roles by hand.

Not here: what a role may do (`templates/step_functions/*_role.json.j2`). The roles of the triggers are those of the
flow's template, also where a setting gives one and the template has none; what they refer to is spelled out as ARNs.
ARNs are exact. `UNRESTRICTED` lists the actions for which IAM knows no resource. The Service Authorization Reference,
AWS Batch (as in parliament 1.6's data): SubmitJob is asked of a queue, a definition and the job, TerminateJob and
TagResource of the job, which has an id and, if it was submitted with them, tags (`aws:ResourceTag`, `aws:RequestTag`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from metaflow_extensions.triggers.contract import words

from ....manifests.templates import render
from ....model.settings import Settings
from ..compile.assemble import TAG_DEPLOYED_NAME, one_or_all, unique
from ..compile.encryption import key_services, stores_by_key
from ..compile.failure_log import DELIVERY
from ..compile.lower import FLOW, datastore
from ..compile.open_settings import used
from ..compile.parameters import parameters
from ..compile.poller_job import loads_packages, queue_arn
from ..compile.resources import JOB
from ..compile.resources import MACHINE as POLL_MACHINE
from ..compile.roles import PARAMETERS
from ..compile.sources import TASKS, group_sources, machine_sources, rule_sources, workflow_sources
from .objects import QUEUE, ROLE, TABLE
from .ownership import tag_map
from .rules_and_schedules import RULE, SCHEDULE, bus_name
from .state_machines import JOB_DEFINITION, MACHINE

SCHEMA = "step_functions/policies"

UNRESTRICTED = {
    "batch:DescribeJobs": "Service Authorization Reference, AWS Batch: no resource type",
}
"""Actions that are allowed on `*`, and where AWS says that nothing narrower is possible; `DELIVERY` beside them where
starter, correlator and what submits a poller's job log."""

_ARNS = {
    MACHINE: ("states", "stateMachine:", "StateMachineName"),
    QUEUE: ("sqs", "", "QueueName"),
    TABLE: ("dynamodb", "table/", "TableName"),
}
FLOW_TAG = "metaflow.flow_name"
_MADE_HERE = {"StateMachineRoleArn", "BatchJobRoleArn", "FargateExecutionRoleArn", *PARAMETERS.values()}


def policies(template: dict[str, Any], settings: Settings, *, emits: bool) -> dict[str, Any]:
    """A template of the roles. `template` is the flow's whole template, `emits` whether its code calls emit_event."""
    resources = template["Resources"]
    machine = resources[FLOW]["Properties"]
    arns = {logical: _arn(item) for logical, item in resources.items() if item["Type"] in _ARNS}
    roles = {logical: _spelled(item, arns) for logical, item in resources.items() if item["Type"] == ROLE}
    folder = "${DatastorePrefix}/" if datastore(settings)[1] != "" else ""
    common = {
        "flow": template["Description"].partition(", deployed as ")[0].removeprefix("Metaflow flow "),
        "deployed": tag_map(machine["Tags"])[TAG_DEPLOYED_NAME],
        "tags": machine["Tags"],
        "log_rights": DELIVERY if settings.log_group else (),
    }
    roles |= _spelled(_given_roles(resources, settings, folder, common), arns)
    roles |= _settings_roles(resources, settings, folder, common, emits=emits)
    names = used(roles)
    out: dict[str, Any] = render(
        "step_functions/template",
        description=f"Roles of the Metaflow flow {common['flow']}, deployed as {common['deployed']}",
        parameters={
            item.name: render(
                "step_functions/parameter", description=item.description, pattern=item.pattern, default=item.default
            )
            for item in parameters(settings)
            if item.name in names and item.name not in _MADE_HERE
        },
        mappings={},
        resources=roles,
    )
    return out


def _settings_roles(
    resources: dict[str, Any], settings: Settings, folder: str, common: dict[str, Any], *, emits: bool
) -> dict[str, Any]:
    """The roles that the template always takes from settings: of the flow's state machine and of its tasks."""
    definition = resources[FLOW]["Properties"]["Definition"]
    text = json.dumps(definition)
    common = common | {"foreach": "dynamodb:getItem" in text, "folder": folder}
    machine = render(
        "step_functions/state_machine_role",
        definitions=[
            item["Properties"]["JobDefinitionName"]
            for logical, item in resources.items()
            if item["Type"] == JOB_DEFINITION and logical != JOB
        ],
        queues=unique(queue_arn(item, settings) for item in _values(definition, "JobQueue")),
        distributed='"DISTRIBUTED"' in text,
        job_tag=_job_tag(definition, common["flow"]),
        sources=workflow_sources(common["deployed"]),
        **common,
    )
    task = render(
        "step_functions/task_role",
        bus=bus_name(settings.event_bus) if emits else None,
        source=settings.event_source,
        reads_by_key=stores_by_key(settings),
        sources=TASKS,
        **common,
    )
    return {"StateMachineRole": machine, "TaskRole": task}


def _given_roles(resources: dict[str, Any], settings: Settings, folder: str, common: dict[str, Any]) -> dict[str, Any]:
    """The roles of the triggers that settings give, so that the template makes none."""
    out: dict[str, Any] = {}
    buses = [item["Properties"]["EventBusName"] for item in resources.values() if item["Type"] == RULE]
    rules = [item["Properties"]["Targets"][0] for item in resources.values() if item["Type"] == RULE]
    timed = [item["Properties"]["Target"] for item in resources.values() if item["Type"] == SCHEDULE]
    group = resources.get("ScheduleGroup", {}).get("Properties", {}).get("Name", "")
    for logical, name, targets, sources in (
        ("RulesRole", "rules_role", rules, rule_sources(common["deployed"], buses)),
        ("SchedulerRole", "scheduler_role", timed, group_sources(group)),
    ):
        if targets and logical not in resources:
            queues = [target["DeadLetterConfig"]["Arn"] for target in targets if "DeadLetterConfig" in target]
            out[logical] = render(
                f"step_functions/{name}",
                targets=one_or_all(unique(target["Arn"] for target in targets)),
                queue_arn=queues[0] if queues else None,
                sources=sources,
                key_services=key_services(settings, "sqs") if queues else (),
                **common,
            )
    queue_arn = next((target["DeadLetterConfig"]["Arn"] for target in rules), None)
    for logical in ("Starter", "EventCorrelator", "FinishCorrelator"):
        if logical in resources and f"{logical}Role" not in resources:
            name = "starter_role" if logical == "Starter" else "correlator_role"
            place = f"{folder}{common['flow']}/{words.TRIGGERS_FOLDER}/"
            sources = machine_sources(
                item["Properties"]["StateMachineName"]
                for key, item in resources.items()
                if item["Type"] == MACHINE and key.rstrip("0123456789") == logical
            )
            services = ("s3", "sqs") if logical == "Starter" else ("s3", "sqs", "dynamodb")
            out[f"{logical}Role"] = render(
                f"step_functions/{name}",
                folder=place,
                queue_arn=queue_arn,
                sources=sources,
                key_services=key_services(settings, *services),
                **common,
            )
    if POLL_MACHINE in resources:
        out |= _poller_roles(resources, settings, folder, common)
    return out


def _poller_roles(resources: dict[str, Any], settings: Settings, folder: str, common: dict[str, Any]) -> dict[str, Any]:
    """Those of them that settings give."""
    machine = resources[POLL_MACHINE]["Properties"]
    name, queue = machine["StateMachineName"], machine["Definition"]["States"]["Poll"]["Parameters"]["JobQueue"]
    command = json.dumps(resources[JOB]["Properties"]["ContainerProperties"]["Command"])
    more: dict[str, dict[str, Any]] = {
        "PollMachineRole": {
            "machine": name,
            "job_definition": resources[JOB]["Properties"]["JobDefinitionName"],
            "job_tag": TAG_DEPLOYED_NAME,
            "queue_arn": queue_arn(queue, settings),
            "sources": machine_sources([name]),
            "key_services": key_services(settings, "dynamodb"),
        },
        "PollerRole": {
            "folder": f"{folder}{common['flow']}/{words.TRIGGERS_FOLDER}/",
            "root": folder,
            "packages": loads_packages(command),
            "sources": TASKS,
            "key_services": key_services(settings, "s3", "dynamodb"),
        },
    }
    templates = {"PollMachineRole": "poll_machine_role", "PollerRole": "poller_role"}
    return {
        logical: render(f"step_functions/{templates[logical]}", **values, **common)
        for logical, values in more.items()
        if logical not in resources
    }


def _job_tag(definition: Any, flow: str) -> str | None:
    """The tag that every job of the flow is submitted with, or None: jobs have ids, so only a tag tells whose they are.

    METAFLOW_BATCH_EMIT_TAGS makes Metaflow set it (`Batch.create_job`, 2.19).
    """
    jobs = [item for item in _values(definition, "Parameters") if isinstance(item, dict) and "JobDefinition" in item]
    tagged = [item for item in jobs if item.get("Tags", {}).get(FLOW_TAG) == flow]
    return FLOW_TAG if jobs and len(tagged) == len(jobs) else None


def _arn(resource: dict[str, Any]) -> dict[str, str]:
    service, before, key = _ARNS[resource["Type"]]
    place = f"arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:"
    return {"Fn::Sub": f"{place}{before}{resource['Properties'][key]}"}


def _spelled(value: Any, arns: dict[str, dict[str, str]]) -> Any:
    """`value` with ARNs where it refers to resources of the flow's template."""
    if isinstance(value, dict):
        if list(value) == ["Fn::GetAtt"] and value["Fn::GetAtt"][0] in arns:
            return arns[value["Fn::GetAtt"][0]]
        return {key: _spelled(item, arns) for key, item in value.items()}
    return [_spelled(item, arns) for item in value] if isinstance(value, list) else value


def _values(definition: Any, key: str) -> Iterator[Any]:
    """The values of every `key` in a definition."""
    if isinstance(definition, dict):
        if key in definition:
            yield definition[key]
        for item in definition.values():
            yield from _values(item, key)
    elif isinstance(definition, list):
        for item in definition:
            yield from _values(item, key)
