"""Objects: one handler per type of resource that our templates hold; creates or updates it with boto3.

In:   a resource's properties, resolved; clients; where we are.
Out:  what `Ref` and `Fn::GetAtt` of the resource give, and whether anything changed.

Not here: order, resolving, deleting (`deploy.py`).
A handler touches an object of the same name only if it has our tag (else FT703), except the flow's own state
machine, which upstream Metaflow may have deployed before.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ...diagnostics import Diagnostic, DiagnosticError
from .assemble import TAG_DEPLOYED_NAME
from .calls import Clients, absent, calling, once_roles_are_known
from .names import role_name


@dataclass(frozen=True)
class Place:
    """Where a deployment goes, and the flow's name there."""

    clients: Clients
    partition: str
    region: str
    account: str
    deployed: str

    def arn(self, service: str, rest: str) -> str:
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{rest}"


@dataclass(frozen=True)
class Applied:
    """`name` is the object's name for the report; `verb` is created, updated or unchanged."""

    name: str
    verb: str
    ref: str
    attributes: dict[str, str] = field(default_factory=dict)


def apply(place: Place, logical: str, type_name: str, properties: dict[str, Any]) -> Applied:
    """Make the object, or make it equal to `properties`. Raises DiagnosticError (FT701 to FT704)."""
    return _HANDLERS[type_name](place, logical, properties)


def is_ours(place: Place, tags: dict[str, str]) -> bool:
    return tags.get(TAG_DEPLOYED_NAME) == place.deployed


def _refuse(what: str) -> DiagnosticError:
    return DiagnosticError(
        [
            Diagnostic(
                "FT703",
                f"{what} exists and was not made for this flow",
                helps=("delete it if nobody needs it, and repeat the command",),
            )
        ]
    )


def tag_map(tags: list[dict[str, str]], key: str = "Key", value: str = "Value") -> dict[str, str]:
    return {item[key]: item[value] for item in tags}


def _queue(place: Place, logical: str, properties: dict[str, Any]) -> Applied:
    sqs = place.clients["sqs"]
    name = properties["QueueName"]
    wanted = {
        "MessageRetentionPeriod": str(properties["MessageRetentionPeriod"]),
        "SqsManagedSseEnabled": str(properties["SqsManagedSseEnabled"]).lower(),
    }
    with calling("sqs:GetQueueUrl", name):
        found = absent(
            lambda: sqs.get_queue_url(QueueName=name),
            "AWS.SimpleQueueService.NonExistentQueue",
            "QueueDoesNotExist",
        )
    attributes = {"Arn": place.arn("sqs", name)}
    if found is None:
        with calling("sqs:CreateQueue", name):
            url = sqs.create_queue(QueueName=name, Attributes=wanted, tags=tag_map(properties["Tags"]))["QueueUrl"]
        return Applied(name, "created", url, attributes)
    url = found["QueueUrl"]
    with calling("sqs:ListQueueTags", name):
        if not is_ours(place, sqs.list_queue_tags(QueueUrl=url).get("Tags", {})):
            raise _refuse(f"the queue {name}")
        now = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(wanted)).get("Attributes", {})
    if all(now.get(key) == value for key, value in wanted.items()):
        return Applied(name, "unchanged", url, attributes)
    with calling("sqs:SetQueueAttributes", name):
        sqs.set_queue_attributes(QueueUrl=url, Attributes=wanted)
    return Applied(name, "updated", url, attributes)


def _queue_policy(place: Place, logical: str, properties: dict[str, Any]) -> Applied:
    sqs = place.clients["sqs"]
    (url,) = properties["Queues"]
    with calling("sqs:GetQueueAttributes", url):
        now = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"]).get("Attributes", {}).get("Policy")
    if now and json.loads(now) == properties["PolicyDocument"]:
        return Applied(url, "unchanged", url)
    with calling("sqs:SetQueueAttributes", url):
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(properties["PolicyDocument"])})
    return Applied(url, "updated" if now else "created", url)


def _role(place: Place, logical: str, properties: dict[str, Any]) -> Applied:
    iam = place.clients["iam"]
    name = role_name(place.deployed, logical, place.region)
    trust = json.dumps(properties["AssumeRolePolicyDocument"])
    with calling("iam:GetRole", name):
        found = absent(lambda: iam.get_role(RoleName=name), "NoSuchEntity")
    verb = "unchanged"
    if found is None:
        with calling("iam:CreateRole", name):
            found = iam.create_role(
                RoleName=name,
                AssumeRolePolicyDocument=trust,
                Description=properties["Description"],
                Tags=properties["Tags"],
            )
        verb = "created"
    else:
        with calling("iam:ListRoleTags", name):
            if not is_ours(place, tag_map(iam.list_role_tags(RoleName=name)["Tags"])):
                raise _refuse(f"the role {name}")
        if found["Role"]["AssumeRolePolicyDocument"] != properties["AssumeRolePolicyDocument"]:
            with calling("iam:UpdateAssumeRolePolicy", name):
                iam.update_assume_role_policy(RoleName=name, PolicyDocument=trust)
            verb = "updated"
    wanted = {policy["PolicyName"]: policy["PolicyDocument"] for policy in properties["Policies"]}
    with calling("iam:ListRolePolicies", name):
        present = set(iam.list_role_policies(RoleName=name)["PolicyNames"])
    for policy, document in wanted.items():
        if policy in present:
            with calling("iam:GetRolePolicy", name):
                if iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"] == document:
                    continue
            verb = "updated"
        with calling("iam:PutRolePolicy", name):
            iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(document))
    for policy in sorted(present - set(wanted)):
        with calling("iam:DeleteRolePolicy", name):
            iam.delete_role_policy(RoleName=name, PolicyName=policy)
        verb = "updated"
    return Applied(name, verb, name, {"Arn": found["Role"]["Arn"]})


def _state_machine(place: Place, logical: str, properties: dict[str, Any]) -> Applied:
    states = place.clients["stepfunctions"]
    name = properties["StateMachineName"]
    arn = place.arn("states", f"stateMachine:{name}")
    definition = json.dumps(properties["Definition"], ensure_ascii=False)
    tags = [{"key": item["Key"], "value": item["Value"]} for item in properties["Tags"]]
    with calling("states:DescribeStateMachine", name):
        found = absent(lambda: states.describe_state_machine(stateMachineArn=arn), "StateMachineDoesNotExist")
    if found is None:
        with calling("states:CreateStateMachine", name):
            once_roles_are_known(
                lambda: states.create_state_machine(
                    name=name,
                    definition=definition,
                    roleArn=properties["RoleArn"],
                    type=properties["StateMachineType"],
                    tags=tags,
                )
            )
        return Applied(name, "created", arn, {"Arn": arn, "Name": name})
    with calling("states:ListTagsForResource", name):
        ours = is_ours(place, tag_map(states.list_tags_for_resource(resourceArn=arn).get("tags", []), "key", "value"))
    before = json.loads(found["definition"])
    if not ours and not (properties["StateMachineType"] == "STANDARD" and made_by_metaflow(before, properties)):
        raise _refuse(f"the state machine {name}")
    verb = "unchanged"
    if before != properties["Definition"] or found["roleArn"] != properties["RoleArn"]:
        with calling("states:UpdateStateMachine", name):
            once_roles_are_known(
                lambda: states.update_state_machine(
                    stateMachineArn=arn, definition=definition, roleArn=properties["RoleArn"]
                )
            )
        verb = "updated"
    if not ours:
        with calling("states:TagResource", name):
            states.tag_resource(resourceArn=arn, tags=tags)
        verb = "updated"
    return Applied(name, verb, arn, {"Arn": arn, "Name": name})


def made_by_metaflow(before: Any, properties: dict[str, Any]) -> bool:
    """True if Metaflow deployed the definition `before` for the same flow as `properties` has.

    Metaflow leaves flow and owner in the start state's parameters (`StepFunctions.get_existing_deployment`, 2.19).
    """

    def flow_of(definition: Any) -> str | None:
        try:
            value = definition["States"][definition["StartAt"]]["Parameters"]["Parameters"]["metaflow.flow_name"]
        except (KeyError, TypeError):
            return None
        return str(value)

    flow = flow_of(before)
    return flow is not None and flow == flow_of(properties["Definition"])


def _job_definition(place: Place, logical: str, properties: dict[str, Any]) -> Applied:
    batch = place.clients["batch"]
    name = properties["JobDefinitionName"]
    arguments = {
        camel(key): _camel_case(value) if key not in ("Tags", "Parameters") else value
        for key, value in properties.items()
        if key != "ResourceRetentionPolicy"
    }
    with calling("batch:DescribeJobDefinitions", name):
        found = batch.describe_job_definitions(jobDefinitionName=name, status="ACTIVE")["jobDefinitions"]
    if found:
        newest = max(found, key=lambda item: int(item["revision"]))
        if not is_ours(place, newest.get("tags", {})):
            raise _refuse(f"the job definition {name}")
        if _covers(newest, arguments):
            return Applied(name, "unchanged", newest["jobDefinitionArn"])
    with calling("batch:RegisterJobDefinition", name):
        arn = batch.register_job_definition(**arguments)["jobDefinitionArn"]
    return Applied(name, "updated" if found else "created", arn)


_FREE_MAPS = frozenset({"Options", "Limits", "Requests", "Labels", "Annotations"})


def camel(key: str) -> str:
    return key[:1].lower() + key[1:]


def _camel_case(value: Any) -> Any:
    """CloudFormation's spelling back to the API's."""
    if isinstance(value, list):
        return [_camel_case(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {camel(key): dict(item) if key in _FREE_MAPS else _camel_case(item) for key, item in value.items()}


def _covers(found: Any, wanted: Any) -> bool:
    """True if all that we want is there; AWS adds defaults of its own."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(key in found and _covers(found[key], wanted[key]) for key in wanted)
    if isinstance(wanted, list):
        return (
            isinstance(found, list)
            and len(found) == len(wanted)
            and all(_covers(one, other) for one, other in zip(found, wanted, strict=True))
        )
    return bool(found == wanted)


def _rule(place: Place, logical: str, properties: dict[str, Any]) -> Applied:
    events = place.clients["events"]
    name, bus = properties["Name"], properties["EventBusName"]
    with calling("events:DescribeRule", name):
        found = absent(lambda: events.describe_rule(Name=name, EventBusName=bus), "ResourceNotFoundException")
    bus_name = bus.rpartition("event-bus/")[2]
    arn = place.arn("events", f"rule/{name}" if bus_name == "default" else f"rule/{bus_name}/{name}")
    pattern = properties["EventPattern"]
    if isinstance(pattern, str):
        pattern = json.loads(pattern)
    arguments = {
        "Name": name,
        "EventBusName": bus,
        "Description": properties["Description"],
        "EventPattern": json.dumps(pattern),
        "State": properties["State"],
    }
    verb = "unchanged"
    if found is None:
        verb = "created"
        arguments["Tags"] = properties["Tags"]
    else:
        arn = found["Arn"]
        with calling("events:ListTagsForResource", name):
            if not is_ours(place, tag_map(events.list_tags_for_resource(ResourceARN=arn)["Tags"])):
                raise _refuse(f"the rule {name}")
        if (
            json.loads(found.get("EventPattern") or "{}") != pattern
            or found.get("State") != properties["State"]
            or found.get("Description") != properties["Description"]
        ):
            verb = "updated"
    if verb != "unchanged":
        with calling("events:PutRule", name):
            events.put_rule(**arguments)
    with calling("events:ListTargetsByRule", name):
        targets = events.list_targets_by_rule(Rule=name, EventBusName=bus)["Targets"]
    if targets != properties["Targets"]:
        with calling("events:PutTargets", name):
            _complete(events.put_targets(Rule=name, EventBusName=bus, Targets=properties["Targets"]))
        others = [item["Id"] for item in targets if item["Id"] not in {one["Id"] for one in properties["Targets"]}]
        if others:
            with calling("events:RemoveTargets", name):
                _complete(events.remove_targets(Rule=name, EventBusName=bus, Ids=others))
        verb = "updated" if verb == "unchanged" else verb
    return Applied(name, verb, name, {"Arn": arn})


def _table(place: Place, logical: str, properties: dict[str, Any]) -> Applied:
    dynamo = place.clients["dynamodb"]
    name = properties["TableName"]
    with calling("dynamodb:DescribeTable", name):
        found = absent(lambda: dynamo.describe_table(TableName=name), "ResourceNotFoundException")
    verb = "unchanged"
    if found is None:
        with calling("dynamodb:CreateTable", name):
            dynamo.create_table(
                TableName=name,
                BillingMode=properties["BillingMode"],
                AttributeDefinitions=properties["AttributeDefinitions"],
                KeySchema=properties["KeySchema"],
                Tags=properties["Tags"],
            )
            dynamo.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 2, "MaxAttempts": 60})
        verb = "created"
    else:
        with calling("dynamodb:ListTagsOfResource", name):
            tags = dynamo.list_tags_of_resource(ResourceArn=found["Table"]["TableArn"]).get("Tags", [])
        if not is_ours(place, tag_map(tags)):
            raise _refuse(f"the table {name}")
    # A repetition after a half-done creation turns it on as well.
    with calling("dynamodb:DescribeTimeToLive", name):
        now = dynamo.describe_time_to_live(TableName=name)["TimeToLiveDescription"].get("TimeToLiveStatus")
    if now not in ("ENABLED", "ENABLING"):
        with calling("dynamodb:UpdateTimeToLive", name):
            dynamo.update_time_to_live(TableName=name, TimeToLiveSpecification=properties["TimeToLiveSpecification"])
        verb = "updated" if verb == "unchanged" else verb
    return Applied(name, verb, name, {"Arn": place.arn("dynamodb", f"table/{name}")})


def _schedule_group(place: Place, logical: str, properties: dict[str, Any]) -> Applied:
    scheduler = place.clients["scheduler"]
    name = properties["Name"]
    with calling("scheduler:GetScheduleGroup", name):
        found = absent(lambda: scheduler.get_schedule_group(Name=name), "ResourceNotFoundException")
    if found is None:
        with calling("scheduler:CreateScheduleGroup", name):
            arn = scheduler.create_schedule_group(Name=name, Tags=properties["Tags"])["ScheduleGroupArn"]
        return Applied(name, "created", name, {"Arn": arn})
    with calling("scheduler:ListTagsForResource", name):
        if not is_ours(place, tag_map(scheduler.list_tags_for_resource(ResourceArn=found["Arn"]).get("Tags", []))):
            raise _refuse(f"the schedule group {name}")
    return Applied(name, "unchanged", name, {"Arn": found["Arn"]})


def _schedule(place: Place, logical: str, properties: dict[str, Any]) -> Applied:
    scheduler = place.clients["scheduler"]
    name, group = properties["Name"], properties["GroupName"]
    shown = f"{group}/{name}"
    with calling("scheduler:GetSchedule", shown):
        found = absent(lambda: scheduler.get_schedule(Name=name, GroupName=group), "ResourceNotFoundException")
    if found is None:
        with calling("scheduler:CreateSchedule", shown):
            once_roles_are_known(lambda: scheduler.create_schedule(**properties))
        return Applied(shown, "created", name)
    if _covers(found, properties):
        return Applied(shown, "unchanged", name)
    with calling("scheduler:UpdateSchedule", shown):
        once_roles_are_known(lambda: scheduler.update_schedule(**properties))
    return Applied(shown, "updated", name)


def _complete(answer: dict[str, Any]) -> None:
    # These two calls answer 200 and list what failed.
    if answer.get("FailedEntryCount"):
        entries = answer["FailedEntries"]
        text = "; ".join(f"{item.get('TargetId')}: {item.get('ErrorMessage')}" for item in entries)
        raise DiagnosticError([Diagnostic("FT704", "AWS refused a target of a rule", notes=(text,))])


_HANDLERS: dict[str, Callable[[Place, str, dict[str, Any]], Applied]] = {
    "AWS::SQS::Queue": _queue,
    "AWS::SQS::QueuePolicy": _queue_policy,
    "AWS::IAM::Role": _role,
    "AWS::StepFunctions::StateMachine": _state_machine,
    "AWS::Batch::JobDefinition": _job_definition,
    "AWS::Events::Rule": _rule,
    "AWS::DynamoDB::Table": _table,
    "AWS::Scheduler::ScheduleGroup": _schedule_group,
    "AWS::Scheduler::Schedule": _schedule,
}
