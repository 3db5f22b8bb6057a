"""An id of the project on everything that takes a tag: from the first `create`, changed, taken away, put on later."""

from __future__ import annotations

import dataclasses
from typing import Any

from metaflow_triggers.backends.step_functions import backend as step_functions
from metaflow_triggers.backends.step_functions.deploy.converge import create, plan
from metaflow_triggers.model.marks import NAMES

from tests.flows import GRAPH

from ...unit.backends.step_functions.samples import CONFIGURED, SET_FLOW, WORKFLOW
from .inside import account, in_a_copy
from .service import Aws

TOKEN = {"ProductionToken": "production-token-0"}
WITH_ID = dataclasses.replace(CONFIGURED, project_id="shop", user="ada")
OTHERS = dataclasses.replace(WITH_ID, user="bob", production=True)
MARKS = {"project": "shop", "production": "false", "user": "ada"}


def template(settings: Any) -> Any:
    return step_functions.manifests(SET_FLOW, GRAPH, WORKFLOW, settings)[0].content


def marked(aws: Aws) -> dict[str, dict[str, str]]:
    """Marks of every object of the account that takes tags, by kind and name."""
    events, states, iam = aws.client("events"), aws.client("stepfunctions"), aws.client("iam")
    sqs, batch = aws.client("sqs"), aws.client("batch")
    scheduler, dynamo = aws.client("scheduler"), aws.client("dynamodb")
    found: dict[str, Any] = {}
    rules = [rule for bus in ("default", "orders") for rule in events.list_rules(EventBusName=bus)["Rules"]]
    for rule in rules:
        found[f"rule {rule['Name']}"] = events.list_tags_for_resource(ResourceARN=rule["Arn"])["Tags"]
    for machine in states.list_state_machines()["stateMachines"]:
        answer = states.list_tags_for_resource(resourceArn=machine["stateMachineArn"])["tags"]
        found[f"machine {machine['name']}"] = [{"Key": item["key"], "Value": item["value"]} for item in answer]
    for role in iam.list_roles()["Roles"]:
        found[f"role {role['RoleName']}"] = iam.list_role_tags(RoleName=role["RoleName"])["Tags"]
    for url in sqs.list_queues().get("QueueUrls", []):
        answer = sqs.list_queue_tags(QueueUrl=url).get("Tags", {})
        found[f"queue {url.rpartition('/')[2]}"] = [{"Key": key, "Value": value} for key, value in answer.items()]
    for group in scheduler.list_schedule_groups()["ScheduleGroups"]:
        if group["Name"] != "default":
            found[f"group {group['Name']}"] = scheduler.list_tags_for_resource(ResourceArn=group["Arn"])["Tags"]
    for name in dynamo.list_tables()["TableNames"]:
        arn = dynamo.describe_table(TableName=name)["Table"]["TableArn"]
        found[f"table {name}"] = dynamo.list_tags_of_resource(ResourceArn=arn)["Tags"]
    newest: dict[str, Any] = {}
    for item in batch.describe_job_definitions(status="ACTIVE")["jobDefinitions"]:
        if item["revision"] >= newest.get(item["jobDefinitionName"], {"revision": 0})["revision"]:
            newest[item["jobDefinitionName"]] = item
    for name, item in newest.items():
        found[f"definition {name}"] = [{"Key": key, "Value": value} for key, value in item.get("tags", {}).items()]
    return {
        name: {tag["Key"].partition("/")[2]: tag["Value"] for tag in tags if tag["Key"] in NAMES}
        for name, tags in found.items()
    }


def test_an_id_is_on_everything_that_takes_tags_and_changes_and_goes_and_comes() -> None:
    def story() -> list[dict[str, dict[str, str]]]:
        out = []
        with account() as aws:
            for settings in (WITH_ID, OTHERS, CONFIGURED, WITH_ID):
                create(template(settings), TOKEN, settings, aws.client)
                out.append(marked(aws))
            assert not plan(template(WITH_ID), TOKEN, WITH_ID, aws.client).instructions
        return out

    first, changed, gone, again = in_a_copy(story)
    assert {name.split()[0] for name in first} == {"rule", "machine", "role", "queue", "group", "table", "definition"}
    assert {name: found for name, found in first.items() if found != MARKS} == {}
    others = MARKS | {"production": "true", "user": "bob"}
    assert {name: found for name, found in changed.items() if found != others} == {}
    # A revision of a job definition keeps its tags; nobody looks a deployment up by it alone.
    assert {name.split()[0] for name, found in gone.items() if found} == {"definition"}
    assert again == first
