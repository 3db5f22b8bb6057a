"""Objects: what each resource of a template needs, given what the account has of it.

In:   a resource's properties, resolved; where we are.
Out:  `Planned`: the calls that make or change it, and what `Ref` and `Fn::GetAtt` of it give.

Not here: order, resolving, what an earlier deployment had (`former.py`), carrying anything out. Nothing here writes.
An object of the same name is planned for only if it has our tag (else FT703), except the flow's own state
machine, which upstream Metaflow may have deployed before.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ..compile.names import role_name
from .alarms import ALARM, plan_alarm
from .calls import absent, calling
from .instructions import Instruction, JsonText, Place, Planned, Result, Step
from .ownership import is_ours, refuse, retagged, tag_list, tag_map
from .rules_and_schedules import GROUP, RULE, SCHEDULE, plan_group, plan_rule, plan_schedule
from .state_machines import JOB_DEFINITION, MACHINE, plan_job_definition, plan_machine

QUEUE, QUEUE_POLICY = "AWS::SQS::Queue", "AWS::SQS::QueuePolicy"
ROLE, TABLE = "AWS::IAM::Role", "AWS::DynamoDB::Table"
_ATTRIBUTES = ("MessageRetentionPeriod", "SqsManagedSseEnabled", "KmsMasterKeyId", "Policy")
NO_QUEUE = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")


def planned(
    place: Place,
    logical: str,
    type_name: str,
    properties: dict[str, Any],
    *,
    own_roles: frozenset[str],
    reminders: dict[str, str],
) -> Planned:
    """The resource's step. `reminders`: more tags of a state machine. Raises DiagnosticError (FT701 to FT704)."""
    if type_name == MACHINE:
        return plan_machine(place, properties, own_roles, reminders)
    return _PLANNERS[type_name](place, logical, properties)


def queue_url(place: Place, name: str) -> str | None:
    """The address of a queue, or None."""
    sqs = place.clients["sqs"]
    with calling("sqs:GetQueueUrl", name):
        url: str | None = absent(lambda: sqs.get_queue_url(QueueName=name)["QueueUrl"], *NO_QUEUE)
    return url


def queue_is_ours(place: Place, name: str, url: str) -> bool:
    return is_ours(place, _queue_tags(place, name, url))


def _queue_tags(place: Place, name: str, url: str) -> dict[str, str]:
    sqs = place.clients["sqs"]
    with calling("sqs:ListQueueTags", name):
        # A deleted queue still has an address for a while.
        found = absent(lambda: sqs.list_queue_tags(QueueUrl=url), *NO_QUEUE)
    tags: dict[str, str] = (found or {}).get("Tags", {})
    return tags


def attributes_of(url: str) -> dict[str, Any]:
    """What SQS is asked of a queue."""
    return {"QueueUrl": url, "AttributeNames": list(_ATTRIBUTES)}


def _queue(place: Place, logical: str, properties: dict[str, Any]) -> Planned:
    name = properties["QueueName"]
    key = properties.get("KmsMasterKeyId")
    wanted = {
        "MessageRetentionPeriod": str(properties["MessageRetentionPeriod"]),
        # One of the two: SQS's own key, or the customer's.
        "SqsManagedSseEnabled": "false" if key else str(properties["SqsManagedSseEnabled"]).lower(),
    }
    if key:
        wanted["KmsMasterKeyId"] = key
    attributes = {"Arn": place.arn("sqs", name), "QueueName": name}
    url = queue_url(place, name)
    if url is None:
        make = Instruction(
            "sqs",
            "create_queue",
            {"QueueName": name, "Attributes": wanted, "tags": tag_map(properties["Tags"])},
            name,
            logical,
            "QueueUrl",
            # SQS keeps the name of a deleted queue for a minute.
            again=(("AWS.SimpleQueueService.QueueDeletedRecently", ""), ("QueueDeletedRecently", "")),
        )
        return Planned(Step("created", QUEUE, name, (make,), None, wanted), Result(logical), attributes)
    tags = _queue_tags(place, name, url)
    if not is_ours(place, tags):
        raise refuse(f"the queue {name}")
    sqs = place.clients["sqs"]
    with calling("sqs:GetQueueAttributes", name):
        present = sqs.get_queue_attributes(**attributes_of(url)).get("Attributes", {})
    if not key and present.get("KmsMasterKeyId"):
        wanted["KmsMasterKeyId"] = ""
    place.seen[f"policy {url}"] = present.get("Policy")
    was: dict[str, Any] = {key: present.get(key) for key in wanted}
    change = Instruction("sqs", "set_queue_attributes", {"QueueUrl": url, "Attributes": wanted}, name)
    calls, tags_were, tags_are = retagged(
        tags,
        tag_map(properties["Tags"]),
        lambda missing: Instruction("sqs", "tag_queue", {"QueueUrl": url, "Tags": missing}, name),
        lambda stale: Instruction("sqs", "untag_queue", {"QueueUrl": url, "TagKeys": stale}, name),
    )
    if was != wanted:
        calls = (change, *calls)
    step = Step("updated" if calls else "unchanged", QUEUE, name, calls, was | tags_were, wanted | tags_are)
    return Planned(step, url, attributes)


def _queue_policy(place: Place, logical: str, properties: dict[str, Any]) -> Planned:
    (url,) = properties["Queues"]
    document = properties["PolicyDocument"]
    name = document["Statement"][0]["Resource"].rpartition(":")[2]
    # The queue was planned before: the policy refers to it.
    text = None if isinstance(url, Result) else place.seen.get(f"policy {url}")
    was = json.loads(text) if text else None
    if was == document:
        return Planned(Step("unchanged", QUEUE_POLICY, name, (), was, was), url)
    arguments = {"QueueUrl": url, "Attributes": {"Policy": JsonText(document)}}
    change = Instruction("sqs", "set_queue_attributes", arguments, name)
    return Planned(Step("updated" if was else "created", QUEUE_POLICY, name, (change,), was, document), url)


def role_is_ours(place: Place, name: str) -> bool | None:
    """None if there is no such role."""
    tags = _role_tags(place, name)
    return None if tags is None else is_ours(place, tags)


def _role_tags(place: Place, name: str) -> dict[str, str] | None:
    iam = place.clients["iam"]
    with calling("iam:ListRoleTags", name):
        found = absent(lambda: iam.list_role_tags(RoleName=name), "NoSuchEntity")
    return None if found is None else tag_map(found["Tags"])


def role_policies(place: Place, name: str) -> list[str]:
    """Names of the policies that stand in a role."""
    with calling("iam:ListRolePolicies", name):
        return list(place.clients["iam"].list_role_policies(RoleName=name)["PolicyNames"])


def _role(place: Place, logical: str, properties: dict[str, Any]) -> Planned:
    iam = place.clients["iam"]
    name = role_name(place.deployed, logical, place.region)
    trust = properties["AssumeRolePolicyDocument"]
    wanted = {item["PolicyName"]: item["PolicyDocument"] for item in properties["Policies"]}
    now = {"trust": trust, "policies": wanted}
    with calling("iam:GetRole", name):
        found = absent(lambda: iam.get_role(RoleName=name), "NoSuchEntity")
    if found is None:
        make = {
            "RoleName": name,
            "AssumeRolePolicyDocument": JsonText(trust),
            "Description": properties["Description"],
            "Tags": properties["Tags"],
        }
        instructions = [Instruction("iam", "create_role", make, name)]
        instructions += [_put_policy(name, policy, document) for policy, document in wanted.items()]
        arn = place.role_arn(name)
        return Planned(Step("created", ROLE, name, tuple(instructions), None, now), name, {"Arn": arn})
    tags = _role_tags(place, name)
    if tags is None or not is_ours(place, tags):
        raise refuse(f"the role {name}")
    present: dict[str, Any] = {}
    for policy in role_policies(place, name):
        with calling("iam:GetRolePolicy", name):
            present[policy] = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
    was = {"trust": found["Role"]["AssumeRolePolicyDocument"], "policies": present}
    instructions = []
    if was["trust"] != trust:
        arguments = {"RoleName": name, "PolicyDocument": JsonText(trust)}
        instructions.append(Instruction("iam", "update_assume_role_policy", arguments, name))
    instructions += [
        _put_policy(name, policy, document) for policy, document in wanted.items() if present.get(policy) != document
    ]
    instructions += [_delete_policy(name, policy) for policy in sorted(set(present) - set(wanted))]
    calls, tags_were, tags_are = retagged(
        tags,
        tag_map(properties["Tags"]),
        lambda missing: Instruction("iam", "tag_role", {"RoleName": name, "Tags": tag_list(missing)}, name),
        lambda stale: Instruction("iam", "untag_role", {"RoleName": name, "TagKeys": stale}, name),
    )
    instructions += calls
    verb = "updated" if instructions else "unchanged"
    step = Step(verb, ROLE, name, tuple(instructions), was | tags_were, now | tags_are)
    return Planned(step, name, {"Arn": found["Role"]["Arn"]})


def _put_policy(role: str, policy: str, document: Any) -> Instruction:
    arguments = {"RoleName": role, "PolicyName": policy, "PolicyDocument": JsonText(document)}
    return Instruction("iam", "put_role_policy", arguments, role)


def _delete_policy(role: str, policy: str) -> Instruction:
    arguments = {"RoleName": role, "PolicyName": policy}
    return Instruction("iam", "delete_role_policy", arguments, role, done=("NoSuchEntity",))


def delete_role(place: Place, name: str) -> tuple[Instruction, ...]:
    """The calls that remove a role of ours."""
    policies = [_delete_policy(name, policy) for policy in role_policies(place, name)]
    return (*policies, Instruction("iam", "delete_role", {"RoleName": name}, name, done=("NoSuchEntity",)))


def read_table(place: Place, name: str) -> Any:
    """The table's description, or None; `Ours` in it says whether it is ours, `Tags` has its tags."""
    dynamo = place.clients["dynamodb"]
    with calling("dynamodb:DescribeTable", name):
        found = absent(lambda: dynamo.describe_table(TableName=name), "ResourceNotFoundException")
    if found is None:
        return None
    with calling("dynamodb:ListTagsOfResource", name):
        tags = absent(
            lambda: dynamo.list_tags_of_resource(ResourceArn=found["Table"]["TableArn"]).get("Tags", []),
            "ResourceNotFoundException",
        )
    return found["Table"] | {"Ours": is_ours(place, tag_map(tags or [])), "Tags": tag_map(tags or [])}


def _table(place: Place, logical: str, properties: dict[str, Any]) -> Planned:
    dynamo = place.clients["dynamodb"]
    name = properties["TableName"]
    attributes = {"Arn": place.arn("dynamodb", f"table/{name}")}
    found = read_table(place, name)
    ready = Instruction("dynamodb", "table_exists", {"TableName": name}, name, waits=True)
    forgets = "TimeToLiveSpecification" in properties  # the table of sets does, that of polls does not
    lives = {"TableName": name, "TimeToLiveSpecification": properties.get("TimeToLiveSpecification")}
    # Refused where it is so already; whether it is, the next plan sees.
    forget = Instruction("dynamodb", "update_time_to_live", lives, name, done=("ValidationException",))
    backups = {"TableName": name, "PointInTimeRecoverySpecification": properties["PointInTimeRecoverySpecification"]}
    # Refused for the first moments of a table's life.
    recover = Instruction(
        "dynamodb", "update_continuous_backups", backups, name, again=(("ContinuousBackupsUnavailableException", ""),)
    )
    missing = {**({"expires": forget} if forgets else {}), "recovery": recover}
    now: dict[str, Any] = dict.fromkeys(missing, "ENABLED")
    keys = ("TableName", "BillingMode", "AttributeDefinitions", "KeySchema", "Tags")
    encrypted = _encrypted(properties)
    if encrypted["Enabled"]:
        now["key"] = encrypted["KMSMasterKeyId"]
    more = {"SSESpecification": encrypted} if encrypted["Enabled"] else {}
    make = Instruction("dynamodb", "create_table", {key: properties[key] for key in keys} | more, name)
    if found is None or found.get("TableStatus") == "DELETING":
        gone = Instruction("dynamodb", "table_not_exists", {"TableName": name}, name, waits=True)
        before = (gone,) if found else ()
        calls = (*before, make, ready, *missing.values())
        return Planned(Step("created", TABLE, name, calls, None, now), name, attributes)
    if not found["Ours"]:
        raise refuse(f"the table {name}")
    # A creation that was cut short goes on here.
    if found.get("TableStatus") == "CREATING":
        was: dict[str, Any] = dict.fromkeys(missing) | _key_of(found)
        return Planned(Step("updated", TABLE, name, (ready, *missing.values()), was, now), name, attributes)
    lasts: dict[str, Any] = {}
    if forgets:
        with calling("dynamodb:DescribeTimeToLive", name):
            state = dynamo.describe_time_to_live(TableName=name)["TimeToLiveDescription"].get("TimeToLiveStatus")
        lasts["expires"] = "ENABLED" if state == "ENABLING" else state
    with calling("dynamodb:DescribeContinuousBackups", name):
        answer = dynamo.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    recovery = answer.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus")
    was = lasts | {"recovery": recovery} | _key_of(found)
    calls = tuple(call for key, call in missing.items() if was[key] != now[key])
    if was.get("key") != now.get("key"):
        change = {"TableName": name, "SSESpecification": encrypted}
        # Last: a table that changes takes no other change.
        calls += (ready, Instruction("dynamodb", "update_table", change, name), ready)
    arn = found["TableArn"]
    more_calls, tags_were, tags_are = retagged(
        found["Tags"],
        tag_map(properties["Tags"]),
        lambda missing: Instruction("dynamodb", "tag_resource", {"ResourceArn": arn, "Tags": tag_list(missing)}, name),
        lambda stale: Instruction("dynamodb", "untag_resource", {"ResourceArn": arn, "TagKeys": stale}, name),
    )
    calls, was, now = (*more_calls, *calls), was | tags_were, now | tags_are
    return Planned(Step("updated" if calls else "unchanged", TABLE, name, calls, was, now), name, attributes)


def _encrypted(properties: dict[str, Any]) -> dict[str, Any]:
    """DynamoDB's own spelling of the template's `SSESpecification`."""
    said = properties.get("SSESpecification")
    if said is None:
        return {"Enabled": False}
    return {"Enabled": said["SSEEnabled"], "SSEType": said["SSEType"], "KMSMasterKeyId": said["KMSMasterKeyId"]}


def _key_of(found: dict[str, Any]) -> dict[str, str]:
    """The key of a table as `key`; nothing where DynamoDB uses its own."""
    said = found.get("SSEDescription", {})
    by_key = said.get("Status") in ("ENABLED", "ENABLING", "UPDATING") and said.get("KMSMasterKeyArn")
    return {"key": said["KMSMasterKeyArn"]} if by_key else {}


_PLANNERS: dict[str, Callable[[Place, str, dict[str, Any]], Planned]] = {
    ALARM: plan_alarm,
    QUEUE: _queue,
    QUEUE_POLICY: _queue_policy,
    ROLE: _role,
    JOB_DEFINITION: plan_job_definition,
    RULE: plan_rule,
    TABLE: _table,
    GROUP: plan_group,
    SCHEDULE: plan_schedule,
}
