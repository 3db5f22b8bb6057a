"""A template's rules, machines, table and queue, made without `create`: for tests whose subject is what they do.

In:   an account, a template.
Out:  what an event needs on its way; roles stand for any.

Not here: roles, schedules, plans (`deploy`), which take ten times as long.
"""

from __future__ import annotations

import json
from typing import Any

from metaflow_triggers.backends.step_functions.compile.open_settings import resolve
from metaflow_triggers.backends.step_functions.deploy.ownership import tag_list, tag_map
from metaflow_triggers.backends.step_functions.deploy.plan import order

from .service import ACCOUNT, ROLE


def lay(client: Any, template: dict[str, Any]) -> None:
    """Make, or change, what is there of a flow. `client` gives boto3 clients by service."""
    region, account = ACCOUNT.split(":")
    scope: dict[str, Any] = {
        name: item["Default"] for name, item in template.get("Parameters", {}).items() if "Default" in item
    }
    scope |= {"AWS::Partition": "aws", "AWS::Region": region, "AWS::AccountId": account}
    attributes: dict[str, dict[str, str]] = {}
    for logical in order(template["Resources"]):
        resource = template["Resources"][logical]
        known = resolve(resource["Properties"], scope.__getitem__, lambda name, key: attributes[name][key])
        kind = resource["Type"]
        name = known.get("StateMachineName") or known.get("QueueName") or known.get("TableName") or ROLE
        scope[logical], attributes[logical] = name, {"Arn": ROLE}
        if kind == "AWS::StepFunctions::StateMachine":
            attributes[logical] = {"Arn": _machine(client("stepfunctions"), known), "Name": name}
        elif kind == "AWS::SQS::Queue":
            scope[logical] = client("sqs").create_queue(QueueName=name, tags=tag_map(known["Tags"]))["QueueUrl"]
            attributes[logical] = {"Arn": f"arn:aws:sqs:{ACCOUNT}:{name}", "QueueName": name}
        elif kind == "AWS::DynamoDB::Table":
            wanted = ("TableName", "KeySchema", "AttributeDefinitions", "BillingMode")
            client("dynamodb").create_table(**{key: known[key] for key in wanted})
        elif kind == "AWS::Events::Rule":
            _rule(client("events"), known)


def _machine(states: Any, known: dict[str, Any]) -> str:
    arn = f"arn:aws:states:{ACCOUNT}:stateMachine:{known['StateMachineName']}"
    text = json.dumps(known["Definition"])
    try:
        states.update_state_machine(stateMachineArn=arn, definition=text)
    except states.exceptions.StateMachineDoesNotExist:
        # Express ones are run as standard ones are: an answer shows how they ended.
        tags = tag_list(tag_map(known["Tags"]), "key", "value")
        states.create_state_machine(name=known["StateMachineName"], definition=text, roleArn=ROLE, tags=tags)
    return arn


def _rule(events: Any, known: dict[str, Any]) -> None:
    bus = known["EventBusName"]
    pattern = known["EventPattern"]
    text = pattern if isinstance(pattern, str) else json.dumps(pattern)
    events.put_rule(Name=known["Name"], EventBusName=bus, EventPattern=text, State=known["State"])
    events.put_targets(Rule=known["Name"], EventBusName=bus, Targets=known["Targets"])
