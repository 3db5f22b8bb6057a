"""create, again, over others' objects, and delete, against an emulated AWS API."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from typing import Any

import pytest
from metaflow_triggers.backends.step_functions import backend as step_functions
from metaflow_triggers.backends.step_functions.compile import names
from metaflow_triggers.backends.step_functions.deploy.converge import create, delete
from metaflow_triggers.backends.step_functions.deploy.plan import order
from metaflow_triggers.diagnostics import DiagnosticError

from tests.flows import GRAPH

from ...unit.backends.step_functions.samples import (
    CONFIGURED,
    MAPPING_FLOW,
    OPEN,
    SET_FLOW,
    TIMED_FLOW,
    WORKFLOW,
    event,
    flow,
    trigger,
)
from .service import ROLE, Aws

TOKEN = {"ProductionToken": "production-token-0"}


def template(item: Any = MAPPING_FLOW, settings: Any = CONFIGURED) -> Any:
    return step_functions.manifests(item, GRAPH, WORKFLOW, settings)[0].content


def everything(aws: Aws) -> dict[str, list[str]]:
    """All that exists, by service."""
    events, states, iam = aws.client("events"), aws.client("stepfunctions"), aws.client("iam")
    sqs, batch = aws.client("sqs"), aws.client("batch")
    scheduler, dynamo = aws.client("scheduler"), aws.client("dynamodb")
    buses = [bus["Name"] for bus in events.list_event_buses()["EventBuses"]]
    return {
        "rules": sorted(rule["Name"] for bus in buses for rule in events.list_rules(EventBusName=bus)["Rules"]),
        "machines": sorted(item["name"] for item in states.list_state_machines()["stateMachines"]),
        "roles": sorted(item["RoleName"] for item in iam.list_roles()["Roles"]),
        "queues": sorted(url.rpartition("/")[2] for url in sqs.list_queues().get("QueueUrls", [])),
        "schedules": sorted(item["Name"] for item in scheduler.list_schedules()["Schedules"]),
        "groups": sorted(item["Name"] for item in scheduler.list_schedule_groups()["ScheduleGroups"]),
        "tables": sorted(dynamo.list_tables()["TableNames"]),
        "definitions": sorted(
            item["jobDefinitionName"] for item in batch.describe_job_definitions(status="ACTIVE")["jobDefinitions"]
        ),
    }


def test_create_makes_all_and_a_repetition_changes_nothing(aws: Aws) -> None:
    before = everything(aws)
    first = create(template(), TOKEN, CONFIGURED, aws.client)
    assert {action.verb for action in first} == {"created"}
    made = everything(aws)
    assert {kind: len(found) for kind, found in made.items()} == {
        "rules": 4,
        "machines": 2,
        "roles": 2,
        "queues": 1,
        "schedules": 0,
        "groups": 1,  # `default`, of AWS
        "tables": 0,
        "definitions": 2,
    }
    second = create(template(), TOKEN, CONFIGURED, aws.client)
    assert {action.verb for action in second} == {"unchanged"}, [a for a in second if a.verb != "unchanged"]
    assert everything(aws) == made
    delete("OrderFlow", aws.client)
    assert everything(aws) == before


def test_what_is_deployed_is_what_the_template_says(aws: Aws) -> None:
    create(template(), TOKEN, CONFIGURED, aws.client)
    events, states, iam = aws.client("events"), aws.client("stepfunctions"), aws.client("iam")
    rule = names.rule_name("OrderFlow", "events", "default", "1")
    assert json.loads(events.describe_rule(Name=rule)["EventPattern"]) == {
        "source": ["metaflow"],
        "detail-type": ["order-placed", "order-changed"],
    }
    (target,) = events.list_targets_by_rule(Rule=rule)["Targets"]
    starter = f"arn:aws:states:eu-west-1:123456789012:stateMachine:{names.starter_name('OrderFlow')}"
    queue = f"arn:aws:sqs:eu-west-1:123456789012:{names.queue_name('OrderFlow')}"
    assert target["Arn"] == starter
    assert target["DeadLetterConfig"] == {"Arn": queue}
    role = names.role_name("OrderFlow", "RulesRole", "eu-west-1")
    assert target["RoleArn"] == f"arn:aws:iam::123456789012:role/{role}"
    document = iam.get_role_policy(RoleName=role, PolicyName="start-the-starter")["PolicyDocument"]
    assert document["Statement"] == [{"Effect": "Allow", "Action": "states:StartExecution", "Resource": starter}]
    policy = iam.get_role_policy(
        RoleName=names.role_name("OrderFlow", "StarterRole", "eu-west-1"), PolicyName="store-and-start"
    )["PolicyDocument"]
    assert [item["Resource"] for item in policy["Statement"]] == [
        "arn:aws:s3:::flows/metaflow/data/OrderFlow/_triggers/*",
        "arn:aws:s3:::flows",
        "arn:aws:states:eu-west-1:123456789012:stateMachine:OrderFlow",
        queue,
    ]
    machine = states.describe_state_machine(
        stateMachineArn="arn:aws:states:eu-west-1:123456789012:stateMachine:OrderFlow"
    )
    assert machine["roleArn"] == ROLE
    assert machine["type"] == "STANDARD"
    start = json.loads(machine["definition"])["States"]["start"]["Parameters"]
    assert start["JobDefinition"].startswith("arn:aws:batch:eu-west-1:123456789012:job-definition/OrderFlow-start-")
    assert start["Parameters"]["metaflow.production_token"] == "production-token-0"
    assert start["ContainerOverrides"]["Environment"][2]["Value"] == "${HOME:-/root} $(date) ${!x} {{y}} <z>"
    assert start["ContainerOverrides"]["Command"][2] == "true && mflog ${AWS_BATCH_JOB_ID} s3://flows/metaflow/data"


def test_what_a_new_version_no_longer_has_is_removed(aws: Aws) -> None:
    create(template(), TOKEN, CONFIGURED, aws.client)
    actions = create(template(flow("OrderFlow", trigger(event("order-placed")))), TOKEN, CONFIGURED, aws.client)
    assert Counter((a.verb, a.type) for a in actions if a.verb in ("deleted", "created")) == {
        ("deleted", "AWS::Events::Rule"): 3
    }
    assert everything(aws)["rules"] == [names.rule_name("OrderFlow", "events", "default", "1")]
    create(template(flow("OrderFlow")), TOKEN, CONFIGURED, aws.client)
    left = everything(aws)
    assert (left["rules"], left["machines"], left["roles"], left["queues"]) == ([], ["OrderFlow"], [], [])


def test_further_machines_of_a_set_are_removed_with_what_needed_them(aws: Aws) -> None:
    def pushes(count: int) -> Any:
        found = [event("push", filter=json.dumps({"n": [number]})) for number in range(count)]
        return flow("OrderFlow", trigger(*found, event("other"), join="all"))

    def machines() -> list[str]:
        return everything(aws)["machines"]

    before = everything(aws)
    create(template(pushes(3)), TOKEN, CONFIGURED, aws.client)
    further = [names.correlator_name("OrderFlow", "event", number) for number in (1, 2, 3)]
    assert machines() == sorted(["OrderFlow", *further])
    second = create(template(pushes(3)), TOKEN, CONFIGURED, aws.client)
    assert {action.verb for action in second} == {"unchanged"}
    changed = create(template(pushes(1)), TOKEN, CONFIGURED, aws.client)
    gone = [action.name for action in changed if action.verb == "deleted" and action.type.endswith("StateMachine")]
    assert gone == further[:0:-1], "from the last one, so that an interruption leaves no gap"
    assert machines() == sorted(["OrderFlow", further[0]])
    create(template(pushes(2)), TOKEN, CONFIGURED, aws.client)
    delete("OrderFlow", aws.client)
    assert everything(aws) == before


def test_another_flows_objects_stay(aws: Aws) -> None:
    create(template(flow("Order", trigger(event("a")))), TOKEN, CONFIGURED, aws.client)
    alone = everything(aws)
    create(template(), TOKEN, CONFIGURED, aws.client)
    delete("OrderFlow", aws.client)
    assert everything(aws) == alone
    assert delete("OrderFlow", aws.client) == []


@pytest.mark.parametrize("kind", ["rule", "starter", "queue", "role", "machine", "definition"])
def test_an_object_that_is_not_ours_is_refused(aws: Aws, kind: str) -> None:
    empty = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}})
    if kind == "rule":
        name = names.rule_name("OrderFlow", "events", "default", "1")
        aws.client("events").put_rule(Name=name, EventPattern='{"source": ["x"]}')
    elif kind in ("starter", "machine"):
        name = names.starter_name("OrderFlow") if kind == "starter" else "OrderFlow"
        aws.client("stepfunctions").create_state_machine(name=name, definition=empty, roleArn=ROLE)
    elif kind == "queue":
        aws.client("sqs").create_queue(QueueName=names.queue_name("OrderFlow"))
    elif kind == "role":
        name = names.role_name("OrderFlow", "StarterRole", "eu-west-1")
        aws.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument="{}")
    else:
        aws.client("batch").register_job_definition(
            jobDefinitionName=names.job_definition_name("OrderFlow", "end"),
            type="container",
            containerProperties={"image": "x", "memory": 10, "vcpus": 1},
        )
    before = everything(aws)
    with pytest.raises(DiagnosticError) as caught:
        create(template(), TOKEN, CONFIGURED, aws.client)
    assert [item.code for item in caught.value.diagnostics] == ["FT703"]
    delete("OrderFlow", aws.client)
    assert everything(aws) == before


def test_a_deployment_of_upstreams_is_adopted(aws: Aws) -> None:
    states = aws.client("stepfunctions")
    upstream = json.dumps(
        {
            "StartAt": "start",
            "States": {
                "start": {
                    "Type": "Task",
                    "Resource": "arn:aws:states:::batch:submitJob.sync",
                    "Parameters": {"Parameters": {"metaflow.flow_name": "OrderFlow", "metaflow.owner": "someone"}},
                    "End": True,
                }
            },
        }
    )
    states.create_state_machine(name="OrderFlow", definition=upstream, roleArn=ROLE)
    actions = create(template(), TOKEN, CONFIGURED, aws.client)
    assert [a.verb for a in actions if a.name == "OrderFlow"] == ["updated"]
    delete("OrderFlow", aws.client)
    assert everything(aws)["machines"] == []


def test_a_missing_value_is_named_before_anything_is_made(aws: Aws) -> None:
    before = everything(aws)
    with pytest.raises(DiagnosticError) as caught:
        create(template(settings=OPEN), {}, OPEN, aws.client)
    assert {item.code for item in caught.value.diagnostics} == {"FT002"}
    text = " ".join(line for item in caught.value.diagnostics for line in item.helps)
    for setting in ("METAFLOW_DATASTORE_SYSROOT_S3", "METAFLOW_BATCH_JOB_QUEUE", "METAFLOW_SFN_IAM_ROLE"):
        assert setting in text
    assert everything(aws) == before


def test_without_a_connection_there_is_a_code_and_no_traceback() -> None:
    with pytest.raises(DiagnosticError) as caught:
        create(template(), TOKEN, CONFIGURED, Aws("http://127.0.0.1:9").client)
    assert [item.code for item in caught.value.diagnostics] == ["FT701"]


def test_the_flow_is_made_before_what_starts_it() -> None:
    names_in_order = order(template()["Resources"])
    assert names_in_order.index("StateMachine") < names_in_order.index("Starter")
    assert names_in_order.index("DeadLetterQueue") < names_in_order.index("EventRule1")


def test_sets_and_schedules_are_made_repeated_and_removed(aws: Aws) -> None:
    aws.client("events").create_event_bus(Name="orders")
    before = everything(aws)
    assert {action.verb for action in create(template(SET_FLOW), TOKEN, CONFIGURED, aws.client)} == {"created"}
    made = everything(aws)
    assert made["tables"] == [names.table_name("SetFlow")]
    assert made["schedules"] == ["event-reset-1", "event-reset-2", "schedule"]
    assert [len(made[kind]) for kind in ("machines", "roles", "groups")] == [3, 4, 2]
    second = create(template(SET_FLOW), TOKEN, CONFIGURED, aws.client)
    assert {action.verb for action in second} == {"unchanged"}, [a for a in second if a.verb != "unchanged"]
    changed = dataclasses.replace(SET_FLOW, schedule=dataclasses.replace(SET_FLOW.schedule, timezone="Asia/Tokyo"))
    third = create(template(changed), TOKEN, CONFIGURED, aws.client)
    assert [a.name for a in third if a.verb != "unchanged"] == [f"{names.schedule_group_name('SetFlow')}/schedule"]
    # Without its triggers the flow keeps its state machine, its job definitions, and nothing else.
    create(template(flow("SetFlow")), TOKEN, CONFIGURED, aws.client)
    left = everything(aws)
    assert left["machines"] == ["SetFlow"]
    for kind in ("rules", "roles", "queues", "schedules", "groups", "tables"):
        assert left[kind] == before[kind], kind
    create(template(SET_FLOW), TOKEN, CONFIGURED, aws.client)
    delete("SetFlow", aws.client)
    assert everything(aws) == before


@pytest.mark.parametrize("item", [TIMED_FLOW, flow("TimedFlow")], ids=["with @schedule", "without"])
def test_upstreams_schedule_goes_when_ours_comes(aws: Aws, item: Any) -> None:
    events = aws.client("events")
    machine = "arn:aws:states:eu-west-1:123456789012:stateMachine:"
    for name, target in (("TimedFlow", "TimedFlow"), ("Another", "TimedFlow")):
        events.put_rule(Name=name, ScheduleExpression="cron(0 0 * * ? *)")
        events.put_targets(Rule=name, Targets=[{"Id": name, "Arn": machine + target, "RoleArn": ROLE}])
    actions = create(template(item), TOKEN, CONFIGURED, aws.client)
    assert [a.name for a in actions if a.verb == "deleted"] == ["TimedFlow"]
    assert everything(aws)["rules"] == ["Another"]


def test_a_rule_of_upstreams_name_that_does_something_else_stays(aws: Aws) -> None:
    events = aws.client("events")
    events.put_rule(Name="TimedFlow", ScheduleExpression="cron(0 0 * * ? *)")
    events.put_targets(Rule="TimedFlow", Targets=[{"Id": "x", "Arn": "arn:aws:sqs:eu-west-1:123456789012:other"}])
    create(template(TIMED_FLOW), TOKEN, CONFIGURED, aws.client)
    assert everything(aws)["rules"] == ["TimedFlow"]


def test_the_schedulers_role_may_start_the_flow_and_nothing_else(aws: Aws) -> None:
    create(template(TIMED_FLOW), TOKEN, CONFIGURED, aws.client)
    iam = aws.client("iam")
    role = names.role_name("TimedFlow", "SchedulerRole", "eu-west-1")
    document = iam.get_role_policy(RoleName=role, PolicyName="start-at-times")["PolicyDocument"]
    assert [(one["Action"], one["Resource"]) for one in document["Statement"]] == [
        ("states:StartExecution", "arn:aws:states:eu-west-1:123456789012:stateMachine:TimedFlow"),
        ("sqs:SendMessage", f"arn:aws:sqs:eu-west-1:123456789012:{names.queue_name('TimedFlow')}"),
    ]
    trust = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]["Statement"]
    assert [one["Principal"] for one in trust] == [{"Service": "scheduler.amazonaws.com"}]


def test_a_bus_that_is_not_there_is_said_after_a_few_attempts(aws: Aws) -> None:
    pauses: list[float] = []
    with pytest.raises(DiagnosticError) as caught:
        create(template(SET_FLOW), TOKEN, CONFIGURED, aws.client, sleep=pauses.append)
    (found,) = caught.value.diagnostics
    assert found.code == "FT704"
    assert "events:PutRule on SetFlow-events-" in found.message and "ResourceNotFoundException" in found.message
    assert len(pauses) < 10
    # What was made is taken up when the bus is there.
    aws.client("events").create_event_bus(Name="orders")
    again = create(template(SET_FLOW), TOKEN, CONFIGURED, aws.client)
    assert ("unchanged", "SetFlow") in {(step.verb, step.name) for step in again}
