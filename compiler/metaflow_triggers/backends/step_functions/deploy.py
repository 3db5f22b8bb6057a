"""Deploy: a template's resources, made and removed with boto3.

In:   a template, values of its parameters; or a deployed name.
Out:  effects, and a list of `Action`: what was made, changed, left or removed.

Not here: compiling. `create` gives what CloudFormation would give of the same template, can be repeated, and
removes what an earlier template of the same flow had and this one has not. It does not undo a failed half.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ...diagnostics import Diagnostic, DiagnosticError
from ...settings import Settings
from . import names
from .assemble import TAG_DEPLOYED_NAME
from .calls import Clients, absent, calling
from .lower import FLOW
from .objects import Place, apply, is_ours, tag_map
from .open_settings import resolve, used
from .parameters import parameters as all_parameters

ROLES = ("StarterRole", "EventCorrelatorRole", "FinishCorrelatorRole", "RulesRole", "SchedulerRole")
"""Logical names of all roles that a template of ours can have."""


@dataclass(frozen=True)
class Action:
    """`verb` is created, updated, unchanged, deleted or kept; `reason` says why something was kept."""

    verb: str
    type: str
    name: str
    reason: str = ""


def missing_values(template: dict[str, Any], values: dict[str, str], settings: Settings) -> list[Diagnostic]:
    """FT002 for each parameter of the template that has neither a value nor a default."""
    known = {item.name: item for item in all_parameters(settings)}
    return [
        Diagnostic("FT002", f"{known[name].description} is not known", helps=(f"set {known[name].setting}",))
        for name, parameter in template.get("Parameters", {}).items()
        if name not in values and "Default" not in parameter
    ]


def create(
    template: dict[str, Any],
    values: dict[str, str],
    settings: Settings,
    make_client: Callable[[str], Any] | None = None,
) -> list[Action]:
    """Deploy `template`. `values` are of its parameters and win over their defaults.

    Raises DiagnosticError: FT002 before any effect, FT701 to FT704 at the object that failed; what was made before
    it stays, and a repetition goes on.
    """
    missing = missing_values(template, values, settings)
    if missing:
        raise DiagnosticError(missing)
    place = where(deployed_as(template), Clients(make_client))
    scope = {name: item["Default"] for name, item in template.get("Parameters", {}).items() if "Default" in item}
    scope |= values
    scope |= {"AWS::Partition": place.partition, "AWS::Region": place.region, "AWS::AccountId": place.account}
    attributes: dict[str, dict[str, str]] = {}
    actions = []
    for logical in order(template["Resources"]):
        resource = template["Resources"][logical]
        properties = resolve(resource["Properties"], scope.__getitem__, lambda name, key: attributes[name][key])
        applied = apply(place, logical, resource["Type"], properties)
        scope[logical] = applied.ref
        attributes[logical] = applied.attributes
        actions.append(Action(applied.verb, resource["Type"], applied.name))
    kept = {action.name for action in actions}
    actions += [_remove(place, *found) for found in _trigger_objects(place) if found[1] not in kept]
    return actions + _retire_upstreams_schedule(place)


def delete(deployed: str, make_client: Callable[[str], Any] | None = None) -> list[Action]:
    """Remove everything that `create` made under `deployed`, and nothing else; [] if there is nothing.

    Job definitions stay while an execution of the flow runs: its later steps need them. Raises DiagnosticError.
    """
    place = where(deployed, Clients(make_client))
    actions = [_remove(place, *found) for found in _trigger_objects(place)] + _retire_upstreams_schedule(place)
    states = place.clients["stepfunctions"]
    arn = place.arn("states", f"stateMachine:{deployed}")
    running = False
    if _machine_is_ours(place, arn, deployed):
        with calling("states:ListExecutions", deployed):
            running = bool(states.list_executions(stateMachineArn=arn, statusFilter="RUNNING")["executions"])
        actions.append(_remove(place, "AWS::StepFunctions::StateMachine", deployed, ""))
    for definition in _job_definitions(place):
        name = definition["jobDefinitionArn"].rpartition("/")[2]
        if running:
            actions.append(Action("kept", "AWS::Batch::JobDefinition", name, "an execution still runs"))
            continue
        with calling("batch:DeregisterJobDefinition", name):
            place.clients["batch"].deregister_job_definition(jobDefinition=definition["jobDefinitionArn"])
        actions.append(Action("deleted", "AWS::Batch::JobDefinition", name))
    return actions


def deployed_as(template: dict[str, Any]) -> str:
    """The deployed name that a template is for."""
    for resource in template["Resources"].values():
        tags = resource["Properties"].get("Tags")
        if isinstance(tags, list):  # a map on job definitions
            return tag_map(tags)[TAG_DEPLOYED_NAME]
    raise ValueError("no resource of the template has our tags")


def where(deployed: str, clients: Clients) -> Place:
    """Account and region of the clients' credentials."""
    with calling("sts:GetCallerIdentity", "the caller"):
        identity = clients["sts"].get_caller_identity()
        region = clients["events"].meta.region_name
    return Place(clients, identity["Arn"].split(":")[1], region, identity["Account"], deployed)


def order(resources: dict[str, Any]) -> list[str]:
    """Logical names, each after what it refers to; otherwise in the template's order."""
    needs = {
        name: [other for other in resources if other in used(item["Properties"]) | set(item.get("DependsOn", []))]
        for name, item in resources.items()
    }
    out: list[str] = []

    def visit(name: str) -> None:
        if name not in out:
            for other in needs[name]:
                visit(other)
            out.append(name)

    # The flow first: a trigger must never find it missing.
    for name in sorted(resources, key=lambda name: name != FLOW):
        visit(name)
    return out


def _trigger_objects(place: Place) -> Iterator[tuple[str, str, str]]:
    """(type, name, bus) of our trigger objects that exist, in the order in which they can be removed."""
    yield from _rules(place)
    yield from _schedules(place)
    machines = [names.starter_name(place.deployed)]
    machines += [names.correlator_name(place.deployed, kind) for kind in ("event", "finish")]
    for machine in machines:
        if _machine_is_ours(place, place.arn("states", f"stateMachine:{machine}"), machine):
            yield "AWS::StepFunctions::StateMachine", machine, ""
    iam, sqs = place.clients["iam"], place.clients["sqs"]
    for logical in ROLES:
        role = names.role_name(place.deployed, logical, place.region)
        with calling("iam:ListRoleTags", role):
            tags = absent(lambda role=role: iam.list_role_tags(RoleName=role), "NoSuchEntity")  # type: ignore[misc]
        if tags is not None and is_ours(place, tag_map(tags["Tags"])):
            yield "AWS::IAM::Role", role, ""
    yield from _tables(place)
    queue = names.queue_name(place.deployed)
    with calling("sqs:GetQueueUrl", queue):
        url = absent(
            lambda: sqs.get_queue_url(QueueName=queue)["QueueUrl"],
            "AWS.SimpleQueueService.NonExistentQueue",
            "QueueDoesNotExist",
        )
        if url is not None and is_ours(place, sqs.list_queue_tags(QueueUrl=url).get("Tags", {})):
            yield "AWS::SQS::Queue", queue, url


def _schedules(place: Place) -> Iterator[tuple[str, str, str]]:
    scheduler = place.clients["scheduler"]
    group = names.schedule_group_name(place.deployed)
    with calling("scheduler:GetScheduleGroup", group):
        found = absent(lambda: scheduler.get_schedule_group(Name=group), "ResourceNotFoundException")
        if found is None or found.get("State") == "DELETING":
            return
        tags = tag_map(scheduler.list_tags_for_resource(ResourceArn=found["Arn"]).get("Tags", []))
        if not is_ours(place, tags):
            return
        schedules = list(_pages(lambda **more: scheduler.list_schedules(GroupName=group, **more), "Schedules"))
    for schedule in schedules:
        yield "AWS::Scheduler::Schedule", f"{group}/{schedule['Name']}", ""
    yield "AWS::Scheduler::ScheduleGroup", group, ""


def _tables(place: Place) -> Iterator[tuple[str, str, str]]:
    dynamo = place.clients["dynamodb"]
    table = names.table_name(place.deployed)
    with calling("dynamodb:DescribeTable", table):
        found = absent(lambda: dynamo.describe_table(TableName=table), "ResourceNotFoundException")
        if found is None or found["Table"].get("TableStatus") == "DELETING":
            return
        tags = dynamo.list_tags_of_resource(ResourceArn=found["Table"]["TableArn"]).get("Tags", [])
    if is_ours(place, tag_map(tags)):
        yield "AWS::DynamoDB::Table", table, ""


def _retire_upstreams_schedule(place: Place) -> list[Action]:
    """Remove the rule that Metaflow made for @schedule; it would start the flow beside ours.

    Metaflow tags nothing. The rule is its own if it has the name that Metaflow gives it, a schedule, and the flow's
    state machine as its only target.
    """
    events = place.clients["events"]
    name = names.upstream_rule_name(place.deployed)
    with calling("events:DescribeRule", name):
        found = absent(lambda: events.describe_rule(Name=name), "ResourceNotFoundException")
    if found is None or not found.get("ScheduleExpression"):
        return []
    with calling("events:ListTargetsByRule", name):
        targets = {item["Arn"] for item in events.list_targets_by_rule(Rule=name)["Targets"]}
    if targets - {place.arn("states", f"stateMachine:{place.deployed}")}:
        return []
    return [_remove(place, "AWS::Events::Rule", name, "default")]


def _rules(place: Place) -> Iterator[tuple[str, str, str]]:
    events = place.clients["events"]
    prefix = names.rule_prefix(place.deployed)
    with calling("events:ListEventBuses", "all buses"):
        buses = [item["Name"] for item in _pages(events.list_event_buses, "EventBuses")]
    for bus in buses:
        with calling("events:ListRules", bus):
            rules = list(_pages(lambda **more: events.list_rules(EventBusName=bus, NamePrefix=prefix, **more), "Rules"))  # noqa: B023
        for rule in rules:
            with calling("events:ListTagsForResource", rule["Name"]):
                tags = tag_map(events.list_tags_for_resource(ResourceARN=rule["Arn"])["Tags"])
            if is_ours(place, tags):
                yield "AWS::Events::Rule", rule["Name"], bus


def _pages(call: Callable[..., Any], key: str) -> Iterator[Any]:
    more: dict[str, str] = {}
    while True:
        page = call(**more)
        yield from page[key]
        if not page.get("NextToken"):
            return
        more = {"NextToken": page["NextToken"]}


def _machine_is_ours(place: Place, arn: str, name: str) -> bool:
    states = place.clients["stepfunctions"]
    with calling("states:DescribeStateMachine", name):
        found = absent(lambda: states.describe_state_machine(stateMachineArn=arn), "StateMachineDoesNotExist")
    if found is None or found.get("status") == "DELETING":
        return False
    with calling("states:ListTagsForResource", name):
        tags = states.list_tags_for_resource(resourceArn=arn).get("tags", [])
    return is_ours(place, tag_map(tags, "key", "value"))


def _job_definitions(place: Place) -> list[dict[str, Any]]:
    batch = place.clients["batch"]
    with calling("batch:DescribeJobDefinitions", "all job definitions"):
        pages = batch.get_paginator("describe_job_definitions").paginate(status="ACTIVE")
        return [item for page in pages for item in page["jobDefinitions"] if is_ours(place, item.get("tags", {}))]


def _remove(place: Place, type_name: str, name: str, where_it_is: str) -> Action:
    clients = place.clients
    if type_name == "AWS::Events::Rule":
        events = clients["events"]
        with calling("events:RemoveTargets", name):
            targets = events.list_targets_by_rule(Rule=name, EventBusName=where_it_is)["Targets"]
            if targets:
                events.remove_targets(Rule=name, EventBusName=where_it_is, Ids=[item["Id"] for item in targets])
        with calling("events:DeleteRule", name):
            events.delete_rule(Name=name, EventBusName=where_it_is)
    elif type_name == "AWS::StepFunctions::StateMachine":
        with calling("states:DeleteStateMachine", name):
            clients["stepfunctions"].delete_state_machine(stateMachineArn=place.arn("states", f"stateMachine:{name}"))
    elif type_name == "AWS::IAM::Role":
        iam = clients["iam"]
        with calling("iam:DeleteRole", name):
            for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
                iam.delete_role_policy(RoleName=name, PolicyName=policy)
            iam.delete_role(RoleName=name)
    elif type_name == "AWS::Scheduler::Schedule":
        group, _, schedule = name.partition("/")
        with calling("scheduler:DeleteSchedule", name):
            clients["scheduler"].delete_schedule(GroupName=group, Name=schedule)
    elif type_name == "AWS::Scheduler::ScheduleGroup":
        with calling("scheduler:DeleteScheduleGroup", name):
            clients["scheduler"].delete_schedule_group(Name=name)
    elif type_name == "AWS::DynamoDB::Table":
        with calling("dynamodb:DeleteTable", name):
            clients["dynamodb"].delete_table(TableName=name)
    elif type_name == "AWS::SQS::Queue":
        with calling("sqs:DeleteQueue", name):
            clients["sqs"].delete_queue(QueueUrl=where_it_is)
    return Action("deleted", type_name, name)
