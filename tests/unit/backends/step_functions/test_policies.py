"""The roles that are printed for who manages them by hand: exact, complete, and deployable as they are."""

from __future__ import annotations

import dataclasses
import fnmatch
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from metaflow_triggers.backends.step_functions import backend as step_functions
from metaflow_triggers.backends.step_functions.compile.sources import machine_sources, rule_sources
from metaflow_triggers.backends.step_functions.deploy.policies import SCHEMA, UNRESTRICTED, policies
from metaflow_triggers.manifests.schemas import findings
from metaflow_triggers.manifests.text import yaml_text

from tests.flows import GRAPH

from .samples import CONFIGURED, FILTER_FLOW, MAPPING_FLOW, OPEN, SET_FLOW, TIMED_FLOW, WORKFLOW


def roles(item: Any, settings: Any = CONFIGURED, workflow: Any = WORKFLOW, *, emits: bool = False) -> dict[str, Any]:
    template = step_functions.manifests(item, GRAPH, workflow, settings)[0].content
    return policies(template, settings, emits=emits)


def statements(document: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(role, action, resource as text) of everything that is allowed."""
    for name, role in document["Resources"].items():
        for policy in role["Properties"]["Policies"]:
            for one in policy["PolicyDocument"]["Statement"]:
                actions = one["Action"] if isinstance(one["Action"], list) else [one["Action"]]
                resources = one["Resource"] if isinstance(one["Resource"], list) else [one["Resource"]]
                yield from ((name, action, json.dumps(item)) for action in actions for item in resources)


FLOWS = [MAPPING_FLOW, SET_FLOW, TIMED_FLOW]


@pytest.mark.parametrize("item", FLOWS, ids=lambda item: item.name)
@pytest.mark.parametrize("settings", [OPEN, CONFIGURED], ids=["open", "configured"])
def test_nothing_is_allowed_on_everything_but_what_iam_cannot_narrow(item: Any, settings: Any) -> None:
    found = list(statements(roles(item, settings)))
    assert {action for _, action, resource in found if resource == '"*"'} == set(UNRESTRICTED)
    assert all("*" not in action for _, action, _ in found)
    assert all("GetAtt" not in resource for _, _, resource in found), "it refers to what is not in it"


@pytest.mark.parametrize("item", FLOWS, ids=lambda item: item.name)
def test_every_task_of_a_state_machine_is_allowed_to_its_role(item: Any) -> None:
    template = step_functions.manifests(item, GRAPH, WORKFLOW, CONFIGURED)[0].content
    allowed = {(role, action) for role, action, _ in statements(roles(item))}
    calls = {
        "sqs:sendMessage": ["sqs:SendMessage"],
        "states:startExecution": ["states:StartExecution"],
        "aws-sdk:s3:listObjectsV2": ["s3:ListBucket"],
        "aws-sdk:s3:putObject": ["s3:PutObject"],
        "aws-sdk:dynamodb:transactWriteItems": ["dynamodb:UpdateItem", "dynamodb:PutItem"],
        "dynamodb:getItem": ["dynamodb:GetItem"],
        "dynamodb:updateItem": ["dynamodb:UpdateItem"],
        "batch:submitJob.sync": ["batch:SubmitJob", "batch:DescribeJobs", "batch:TerminateJob", "events:PutRule"],
    }
    for logical, resource in template["Resources"].items():
        if resource["Type"] != "AWS::StepFunctions::StateMachine":
            continue
        role = resource["Properties"]["RoleArn"]
        name = role["Fn::GetAtt"][0] if "Fn::GetAtt" in role else "StateMachineRole"
        for state in resource["Properties"]["Definition"]["States"].values():
            if state["Type"] == "Task":
                action = json.dumps(state["Resource"]).rpartition(":states:::")[2].rstrip('"}')
                assert {(name, one) for one in calls[action]} <= allowed, (logical, action)


def test_queues_are_named_as_the_steps_name_them() -> None:
    workflow = json.loads(json.dumps(WORKFLOW))
    states = workflow["definition"]["States"]
    states["end"]["Parameters"]["JobQueue"] = "gpu"
    queues = [one for role, action, one in statements(roles(MAPPING_FLOW, workflow=workflow)) if "job-queue" in one]
    assert [one.rpartition("job-queue/")[2] for one in queues] == ['${BatchJobQueue}"}', 'gpu"}']
    arn = "arn:aws:batch:eu-west-1:123456789012:job-queue/q"
    settings = dataclasses.replace(CONFIGURED, batch_job_queue=arn)
    allowed = [one for _, action, one in statements(roles(MAPPING_FLOW, settings)) if action == "batch:SubmitJob"]
    assert json.dumps({"Ref": "BatchJobQueue"}) in allowed


def machine_role(workflow: Any) -> dict[str, Any]:
    (policy,) = roles(MAPPING_FLOW, workflow=workflow)["Resources"]["StateMachineRole"]["Properties"]["Policies"]
    found = policy["PolicyDocument"]["Statement"]
    return {one["Action"]: one for one in found if one["Action"] in ("batch:TerminateJob", "batch:TagResource")}


def test_jobs_are_the_flows_own_where_metaflow_tags_them() -> None:
    plain = machine_role(WORKFLOW)
    assert list(plain) == ["batch:TerminateJob"] and "Condition" not in plain["batch:TerminateJob"]
    tagged = json.loads(json.dumps(WORKFLOW))
    jobs = [state["Parameters"] for state in tagged["definition"]["States"].values()]
    for job in jobs:  # as METAFLOW_BATCH_EMIT_TAGS has it
        job["Tags"] = {"app": "metaflow", "metaflow.flow_name": "OrderFlow", "metaflow.run_id.$": "$$.Execution.Name"}
    found = machine_role(tagged)
    assert {action: one["Condition"] for action, one in found.items()} == {
        "batch:TagResource": {"StringEquals": {"aws:RequestTag/metaflow.flow_name": "OrderFlow"}},
        "batch:TerminateJob": {"StringEquals": {"aws:ResourceTag/metaflow.flow_name": "OrderFlow"}},
    }
    assert all(one["Resource"]["Fn::Sub"].endswith(":job/*") for one in found.values())
    # One job without the tag could not be ended.
    del jobs[0]["Tags"]["metaflow.flow_name"]
    assert "Condition" not in machine_role(tagged)["batch:TerminateJob"]


def test_only_a_flow_that_emits_may_publish_and_only_under_our_source() -> None:
    def publishing(*, emits: bool) -> list[Any]:
        document = roles(MAPPING_FLOW, emits=emits)
        (policy,) = document["Resources"]["TaskRole"]["Properties"]["Policies"]
        return [one for one in policy["PolicyDocument"]["Statement"] if one["Action"] == "events:PutEvents"]

    assert publishing(emits=False) == []
    (one,) = publishing(emits=True)
    assert one["Condition"] == {"StringEquals": {"events:source": "metaflow"}}
    assert one["Resource"]["Fn::Sub"].endswith(":event-bus/default")


ACCOUNT = "${AWS::Region}:${AWS::AccountId}:"
NAMED = {
    "states.amazonaws.com": f"arn:${{AWS::Partition}}:states:{ACCOUNT}stateMachine:",
    "events.amazonaws.com": f"arn:${{AWS::Partition}}:events:{ACCOUNT}rule/",
    "scheduler.amazonaws.com": f"arn:${{AWS::Partition}}:scheduler:{ACCOUNT}schedule-group/",
    "ecs-tasks.amazonaws.com": f"arn:${{AWS::Partition}}:ecs:{ACCOUNT}*",
}
"""What each service says of itself in `aws:SourceArn` (its documentation, "confused deputy")."""


def trusted(role: dict[str, Any]) -> tuple[str, list[str]]:
    (one,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert one["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    return one["Principal"]["Service"], [item["Fn::Sub"] for item in one["Condition"]["ArnLike"]["aws:SourceArn"]]


@pytest.mark.parametrize("item", FLOWS, ids=lambda item: item.name)
def test_a_service_takes_a_role_for_what_uses_it_alone(item: Any) -> None:
    content = step_functions.manifests(item, GRAPH, WORKFLOW, CONFIGURED)[0].content
    given = {"events_role", "starter_role", "correlator_role", "scheduler_role"}
    others = dataclasses.replace(CONFIGURED, **dict.fromkeys(given, "arn:aws:iam::123456789012:role/given"))
    for document in (content, roles(item), roles(item, others)):
        for logical, role in document["Resources"].items():
            if role["Type"] != "AWS::IAM::Role":
                continue
            service, sources = trusted(role)
            assert sources and all(one.startswith(NAMED[service]) for one in sources), logical
            machines = [
                one["Properties"]["StateMachineName"]
                for one in content["Resources"].values()
                if one["Properties"].get("RoleArn") == {"Fn::GetAtt": [logical, "Arn"]}
            ]
            if machines:
                assert sources == [NAMED["states.amazonaws.com"] + name for name in machines]
            if service == "events.amazonaws.com":
                patterns = [one.removeprefix(NAMED[service]) for one in sources]
                rules = [
                    one["Properties"] for one in content["Resources"].values() if "EventPattern" in one["Properties"]
                ]
                paths = [one["EventBusName"].rpartition("event-bus/")[2] + "/" + one["Name"] for one in rules]
                for path in (one.removeprefix("default/") for one in paths):
                    assert len([one for one in patterns if fnmatch.fnmatchcase(path, one)]) == 1, path


def test_many_names_still_fit_a_trust_policy() -> None:
    """AWS takes 2,048 characters of it; a machine for each of many dependencies would need more."""
    several = machine_sources(f"{'x' * 50}-event-sets-{number}-0123456789abcdef" for number in range(9))
    assert several == (NAMED["states.amazonaws.com"] + "*",)
    assert rule_sources("F", [f"{'b' * 200}{number}" for number in range(9)]) == (NAMED["events.amazonaws.com"] + "*",)
    assert rule_sources("F", ["default", "arn:aws:events:eu-west-1:1:event-bus/b", "b"]) == (
        NAMED["events.amazonaws.com"] + "F-*",
        NAMED["events.amazonaws.com"] + "b/F-*",
    )


def test_a_task_may_not_write_what_runs_are_started_with() -> None:
    (policy,) = roles(MAPPING_FLOW)["Resources"]["TaskRole"]["Properties"]["Policies"]
    (deny,) = (one for one in policy["PolicyDocument"]["Statement"] if one["Effect"] == "Deny")
    assert set(deny["Action"]) == {"s3:PutObject", "s3:DeleteObject"}
    place = deny["Resource"]["Fn::Sub"].replace("${DatastorePrefix}", "metaflow/data")
    event = "arn:${AWS::Partition}:s3:::${DatastoreBucket}/metaflow/data/%s/_triggers/events/1.json"
    assert all(fnmatch.fnmatchcase(event % flow, place) for flow in ("OrderFlow", "Other"))
    assert not fnmatch.fnmatchcase("arn:aws:s3:::flows/metaflow/data/OrderFlow/1/start/2/x", place)


@pytest.mark.parametrize("item", FLOWS, ids=lambda item: item.name)
def test_the_queue_refuses_requests_without_tls(item: Any) -> None:
    content = step_functions.manifests(item, GRAPH, WORKFLOW, CONFIGURED)[0].content
    document = content["Resources"]["DeadLetterQueuePolicy"]["Properties"]["PolicyDocument"]
    assert document["Statement"][-1] == {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sqs:*",
        "Resource": {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]},
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def test_the_role_of_a_setting_is_printed_though_the_template_does_not_make_it() -> None:
    settings = dataclasses.replace(CONFIGURED, events_role="arn:aws:iam::123456789012:role/events")
    template = step_functions.manifests(MAPPING_FLOW, GRAPH, WORKFLOW, settings)[0].content
    assert "RulesRole" not in template["Resources"]
    found = roles(MAPPING_FLOW, settings)
    assert [resource for role, _, resource in statements(found) if role == "RulesRole"] != []
    assert "EventsRoleArn" not in found.get("Parameters", {})


@pytest.mark.parametrize("reference", [True, False])
@pytest.mark.parametrize("emits", [True, False])
def test_our_schema_takes_them(emits: bool, reference: bool) -> None:
    for item in [*FLOWS, FILTER_FLOW]:
        for settings in (OPEN, CONFIGURED):
            assert findings(roles(item, settings, emits=emits), SCHEMA, reference) == []


def test_our_schema_is_closed() -> None:
    whole = roles(SET_FLOW, emits=True)
    places = list(objects(whole, ()))
    assert len(places) > 100
    for path in places:
        broken = json.loads(json.dumps(whole))
        target = broken
        for step in path:
            target = target[step]
        target["Foreign"] = "x"
        assert findings(broken, SCHEMA), path


def objects(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """The places of all objects in a JSON value."""
    if isinstance(value, dict):
        yield path
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from objects(item, (*path, key))


@pytest.mark.parametrize("action", ["s3:*", "iam:PassRole", "*"])
def test_no_role_may_have_another_action(action: str) -> None:
    whole = roles(SET_FLOW, emits=True)
    for name in whole["Resources"]:
        broken = json.loads(json.dumps(whole))
        (policy,) = broken["Resources"][name]["Properties"]["Policies"]
        policy["PolicyDocument"]["Statement"][0]["Action"] = action
        assert findings(broken, SCHEMA), name


def test_cloudformation_takes_them_as_they_are(tmp_path: Path) -> None:
    for item in FLOWS:
        for name, settings in (("open", OPEN), ("configured", CONFIGURED)):
            (tmp_path / f"{item.name}-{name}.yaml").write_text(yaml_text(roles(item, settings, emits=True)))
    command = [str(Path(sys.executable).with_name("cfn-lint")), *map(str, sorted(tmp_path.glob("*.yaml")))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout
