"""`delete` leaves the account as it was before `create`, and neither touches what belongs to somebody else."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from metaflow_triggers.backends.step_functions.compile import names
from metaflow_triggers.backends.step_functions.compile.assemble import TAG_DEPLOYED_NAME
from metaflow_triggers.backends.step_functions.deploy.converge import create, delete

from ...unit.backends.step_functions.samples import CONFIGURED, MAPPING_FLOW, SET_FLOW, event, flow, trigger
from .account import content
from .inside import Inside, account, in_a_copy
from .service import ROLE
from .stories import STEPS
from .test_deploy import TOKEN, template

MACHINE = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}})
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]})
CONTAINER = {"image": "x", "memory": 10, "vcpus": 1}
TABLE: dict[str, Any] = {
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
}


def put_others(client: Callable[[str], Any], deployed: str) -> None:
    """Objects whose names begin or end like those of a flow, some with the tags of other flows."""
    tags = {TAG_DEPLOYED_NAME: f"{deployed}2"}
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    events, states, batch, iam = (client(name) for name in ("events", "stepfunctions", "batch", "iam"))
    sqs, dynamo, scheduler = (client(name) for name in ("sqs", "dynamodb", "scheduler"))
    rule = names.rule_name(deployed, "events", "default", "1")
    for number, name in enumerate((f"{rule}-x", rule[:-1], f"{deployed}-events-by-hand", f"x{rule}"[:64])):
        for bus in ("default", "orders"):
            more = {"Tags": listed} if number % 2 else {}
            events.put_rule(Name=name, EventBusName=bus, EventPattern='{"source": ["x"]}', **more)
            target = {
                "Id": "1",
                "Arn": f"arn:aws:states:eu-west-1:123456789012:stateMachine:{deployed}",
                "RoleArn": ROLE,
            }
            events.put_targets(Rule=name, EventBusName=bus, Targets=[target])
    # A rule of a name that this flow could give, of another flow.
    events.put_rule(
        Name=names.rule_name(deployed, "events", "default", "7"), EventPattern='{"source": ["x"]}', Tags=listed
    )
    for name in (f"{deployed}-starter", f"{deployed}2", f"{names.starter_name(deployed)}x", deployed.lower()):
        states.create_state_machine(name=name, definition=MACHINE, roleArn=ROLE)
    for name in (f"{deployed}-start", f"{names.job_definition_name(deployed, 'start')}x"):
        batch.register_job_definition(jobDefinitionName=name, type="container", containerProperties=CONTAINER)
    for name in (f"{deployed}-StarterRole", names.role_name(deployed, "StarterRole", "us-east-1")):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}", Tags=listed)
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=POLICY)
    for name in (f"{deployed}-dead-letters", f"{names.queue_name(deployed)}x"[:80]):
        sqs.create_queue(QueueName=name, tags=tags)
    for name in (f"{deployed}-sets", f"{names.table_name(deployed)}x"):
        dynamo.create_table(TableName=name, Tags=listed, **TABLE)
    group = names.schedule_group_name(deployed)
    for name in (f"{group}x"[:64], deployed):
        scheduler.create_schedule_group(Name=name, Tags=listed)
        scheduler.create_schedule(
            Name="schedule",
            GroupName=name,
            ScheduleExpression="rate(1 day)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": f"arn:aws:states:eu-west-1:123456789012:stateMachine:{deployed}", "RoleArn": ROLE},
        )


def as_before(aws: Inside, item: Any, *versions: Any) -> None:
    # Other flows of ours whose names begin alike, and one of another project.
    for name in (f"{item.name}2", item.name[:-1], f"proj.user.tester.{item.name}"):
        other = flow(name, trigger(event("order-placed")), trigger(event("a"), event("b"), join="all"))
        create(template(other), TOKEN, CONFIGURED, aws.client)
    put_others(aws.client, item.name)
    before = content(aws)
    assert delete(item.name, aws.client, steps=STEPS, flow=item.name) == []
    assert content(aws) == before
    for version in (item, *versions):
        create(template(version), TOKEN, CONFIGURED, aws.client)
        made = content(aws)
        assert {name: made[name] for name in before} == before
        assert len(made) > len(before)
    delete(item.name, aws.client, steps=STEPS, flow=item.name)
    assert content(aws) == before


@pytest.mark.parametrize(
    "item", [SET_FLOW, pytest.param(MAPPING_FLOW, marks=pytest.mark.long)], ids=lambda item: item.name
)
def test_create_and_delete_leave_the_account_as_it_was(item: Any) -> None:
    def work() -> None:
        with account() as aws:
            as_before(aws, item, flow(item.name, trigger(event("c"))), flow(item.name))

    in_a_copy(work)
