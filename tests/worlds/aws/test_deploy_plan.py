"""The plan of a deployment: which calls it needs, how it is printed, and how it says what differs."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any

import pytest
from metaflow_triggers.backends.step_functions.compile import names
from metaflow_triggers.backends.step_functions.deploy import converge
from metaflow_triggers.backends.step_functions.deploy.converge import create, delete
from metaflow_triggers.backends.step_functions.deploy.drift import words
from metaflow_triggers.backends.step_functions.deploy.ownership import BUSES, FORMER_STEPS, remembered, reminders
from metaflow_triggers.backends.step_functions.deploy.plan import where
from metaflow_triggers.backends.step_functions.deploy.state_machines import production_token

from ...unit.backends.step_functions.samples import (
    CONFIGURED,
    MAPPING_FLOW,
    SET_FLOW,
    WORKFLOW,
    batch_state,
    event,
    flow,
    trigger,
)
from .account import Watched, clients, content
from .service import Aws
from .test_deploy import GRAPH, TOKEN, step_functions, template

EVENT_RULE = names.rule_name("OrderFlow", "events", "default", "1")


def deployed(aws: Aws, item: Any = MAPPING_FLOW) -> Watched:
    watched = Watched(aws)
    create(template(item), TOKEN, CONFIGURED, watched.client)
    watched.calls.clear()
    return watched


def steps(*names_of_steps: str) -> Any:
    """A step workflow of these steps, one after the other."""
    states = {
        step: batch_state(step, **({"Next": names_of_steps[number]} if number < len(names_of_steps) else {"End": True}))
        for number, step in enumerate(names_of_steps, 1)
    }
    definitions = dict.fromkeys(names_of_steps, WORKFLOW["job_definitions"]["start"])
    return {"definition": {"StartAt": "start", "States": states}, "job_definitions": definitions}


def with_steps(*names_of_steps: str, memory: str = "4096") -> Any:
    workflow = json.loads(json.dumps(steps(*names_of_steps)).replace("4096", memory))
    return step_functions.manifests(MAPPING_FLOW, GRAPH, workflow, CONFIGURED)[0].content


def definitions(aws: Aws) -> list[str]:
    found = clients(aws)("batch").describe_job_definitions(status="ACTIVE")["jobDefinitions"]
    return sorted(f"{item['jobDefinitionName'].split('-')[1]}:{item['revision']}" for item in found)


def test_an_unchanged_flow_is_only_asked_about(aws: Aws) -> None:
    for item in (MAPPING_FLOW, SET_FLOW):
        if item is SET_FLOW:
            aws.client("events").create_event_bus(Name="orders")
        watched = deployed(aws, item)
        create(template(item), TOKEN, CONFIGURED, watched.client)
        assert watched.writes == []
        assert watched.calls, "nothing was asked either"


def test_a_changed_trigger_needs_only_its_own_calls(aws: Aws) -> None:
    watched = deployed(aws)
    first, second = MAPPING_FLOW.triggers
    renamed = dataclasses.replace(first, dependencies=(first.dependencies[0], event("order-cancelled")))
    create(template(dataclasses.replace(MAPPING_FLOW, triggers=(renamed, second))), TOKEN, CONFIGURED, watched.client)
    # The rule's pattern, and the starter, which knows what an event sets.
    assert sorted(watched.writes) == ["PutRule", "UpdateStateMachine"]
    watched.calls.clear()
    create(template(dataclasses.replace(MAPPING_FLOW, triggers=(renamed,))), TOKEN, CONFIGURED, watched.client)
    gone = ["DeleteRule", "RemoveTargets"] * 3
    assert sorted(watched.writes) == sorted([*gone, "SetQueueAttributes", "UpdateStateMachine"])


def test_the_questions_do_not_grow_with_the_account(aws: Aws) -> None:
    watched = deployed(aws)
    create(template(), TOKEN, CONFIGURED, watched.client)
    alone = list(watched.calls)
    # Confusable neighbours: their names begin as ours do.
    for number in range(4):
        create(template(flow(f"OrderFlow{number}", trigger(event("a")))), TOKEN, CONFIGURED, clients(aws))
    events = aws.client("events")
    events.put_rule(Name=EVENT_RULE[:-1], EventPattern='{"source": ["x"]}')
    watched.calls.clear()
    create(template(), TOKEN, CONFIGURED, watched.client)
    assert watched.calls == alone


def test_a_plan_is_printed_call_by_call_and_changes_nothing(aws: Aws) -> None:
    before = content(aws)
    plan = converge.plan(template(), TOKEN, CONFIGURED, aws.client)
    lines = str(plan).splitlines()
    assert [line.split()[1] for line in lines[:3]] == [
        "batch:RegisterJobDefinition",
        "batch:RegisterJobDefinition",
        "states:CreateStateMachine",
    ]
    assert any(re.fullmatch(rf" +\d+\. events:PutRule {EVENT_RULE}", line) for line in lines)
    assert content(aws) == before
    create(template(), TOKEN, CONFIGURED, aws.client)
    assert str(converge.plan(template(), TOKEN, CONFIGURED, aws.client)) == "nothing to do"


def test_drift_is_said_in_words(aws: Aws) -> None:
    create(template(), TOKEN, CONFIGURED, clients(aws))
    client = clients(aws)
    assert words(converge.plan(template(), TOKEN, CONFIGURED, client)).startswith("no difference")
    events, iam = client("events"), client("iam")
    pattern = {"source": ["metaflow"], "detail-type": ["order-placed", "order-lost"]}
    events.put_rule(Name=EVENT_RULE, EventPattern=json.dumps(pattern), State="DISABLED", Description="by hand")
    iam.delete_role_policy(
        RoleName=names.role_name("OrderFlow", "RulesRole", "eu-west-1"), PolicyName="start-the-starter"
    )
    client("sqs").delete_queue(
        QueueUrl=client("sqs").get_queue_url(QueueName=names.queue_name("OrderFlow"))["QueueUrl"]
    )
    plan = converge.plan(template(), TOKEN, CONFIGURED, client)
    said = words(plan)
    assert "OrderFlow does not start on order-changed of metaflow yet" in said
    assert f"the rule {EVENT_RULE} differs:" in said
    assert "state is DISABLED; it would be ENABLED" in said
    assert "pattern.detail-type[1] is order-lost; it would be order-changed" in said
    assert f"the queue {names.queue_name('OrderFlow')} is not there" in said
    assert re.search(r"the role OrderFlow-RulesRole-\w+ differs:\n  policies.start-the-starter is not there", said)
    full = words(plan, full=True)
    assert '-    "order-lost"' in full or '-      "order-lost"' in full
    create(template(), TOKEN, CONFIGURED, client)
    assert converge.plan(template(), TOKEN, CONFIGURED, client).same


def test_drift_does_not_tell_the_production_token(aws: Aws) -> None:
    create(template(), {"ProductionToken": "orderflow-0-abcd"}, CONFIGURED, aws.client)
    token = production_token(where("OrderFlow", converge.Clients(aws.client)))
    assert token == "orderflow-0-abcd"
    plan = converge.plan(with_steps("start", "middle", "end"), {"ProductionToken": token}, CONFIGURED, aws.client)
    said = words(plan, token, full=True)
    assert "<production token>" in said and token not in said


def test_job_definitions_of_former_versions_go_when_no_run_can_need_them(aws: Aws) -> None:
    client = clients(aws)

    def version(*names_of_steps: str, memory: str = "4096") -> None:
        create(with_steps(*names_of_steps, memory=memory), TOKEN, CONFIGURED, client)

    version("start", "middle", "end")
    assert definitions(aws) == ["end:1", "middle:1", "start:1"]
    # A run of the first version can begin until the second is deployed, so that this stays.
    version("start", "end", memory="2048")
    assert definitions(aws) == ["end:1", "end:2", "middle:1", "start:1", "start:2"]
    version("start", "end", memory="1024")
    assert definitions(aws) == ["end:2", "end:3", "start:2", "start:3"]
    version("start", "end", memory="1024")
    assert definitions(aws) == ["end:2", "end:3", "start:2", "start:3"]
    delete("OrderFlow", client)
    assert definitions(aws) == []


def test_job_definitions_stay_while_a_run_needs_them(aws: Aws) -> None:
    client = clients(aws)
    create(with_steps("start", "end"), TOKEN, CONFIGURED, client)
    for memory in ("2048", "1024"):
        with_run = with_steps("start", "end", memory=memory)
        states = client("stepfunctions")
        arn = "arn:aws:states:eu-west-1:123456789012:stateMachine:OrderFlow"
        wait = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 600, "End": True}}}
        before = states.describe_state_machine(stateMachineArn=arn)["definition"]
        if memory == "2048":
            states.update_state_machine(stateMachineArn=arn, definition=json.dumps(wait))
            run = states.start_execution(stateMachineArn=arn, name="long")["executionArn"]
            states.update_state_machine(stateMachineArn=arn, definition=before)
        done = create(with_run, TOKEN, CONFIGURED, client)
    assert [(one.verb, one.reason) for one in done if one.name.endswith("-definition:1") or one.verb == "kept"] != []
    assert definitions(aws) == ["end:1", "end:2", "end:3", "start:1", "start:2", "start:3"]
    states.stop_execution(executionArn=run)
    delete("OrderFlow", client)
    assert definitions(aws) == []


@pytest.mark.parametrize("kind", [BUSES, FORMER_STEPS])
def test_names_are_kept_in_tags_that_aws_accepts(kind: str) -> None:
    many = [f"{'step' * 10}-{number}" for number in range(40)]
    tags = reminders(kind, many)
    assert remembered(kind, tags) == sorted(many)
    assert len(tags) > 1 and all(len(value) <= 256 for value in tags.values())
    assert all(re.fullmatch(r"[\w\s.:/=+\-@]{1,128}", key) for key in tags)
    assert reminders(kind, []) == {}


def test_a_rule_on_a_bus_that_the_flow_no_longer_uses_is_removed(aws: Aws) -> None:
    aws.client("events").create_event_bus(Name="orders")
    client = clients(aws)
    on_bus = trigger(event("a"), options=json.dumps({"step-functions": {"bus": "orders"}}))
    create(template(flow("OrderFlow", on_bus)), TOKEN, CONFIGURED, client)
    tags = client("stepfunctions").list_tags_for_resource(
        resourceArn="arn:aws:states:eu-west-1:123456789012:stateMachine:OrderFlow"
    )["tags"]
    assert {"key": BUSES, "value": "orders"} in tags
    create(template(flow("OrderFlow", trigger(event("a")))), TOKEN, CONFIGURED, client)
    assert client("events").list_rules(EventBusName="orders")["Rules"] == []
    assert converge.plan(template(flow("OrderFlow", trigger(event("a")))), TOKEN, CONFIGURED, client).same
