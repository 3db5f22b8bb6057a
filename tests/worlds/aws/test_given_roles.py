"""Roles that somebody made by hand: with all of them given, a deployment makes none and asks for no right to."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from metaflow_triggers.backends.step_functions import backend as step_functions
from metaflow_triggers.backends.step_functions.deploy.converge import create
from metaflow_triggers.backends.step_functions.deploy.policies import policies
from metaflow_triggers.diagnostics import DiagnosticError

from tests.flows import GRAPH

from ...unit.backends.step_functions.samples import CONFIGURED, MAPPING_FLOW, SET_FLOW, TIMED_FLOW, WORKFLOW
from .account import is_write
from .service import Aws

TOKEN = {"ProductionToken": "production-token-0"}
ARN = "arn:aws:iam::123456789012:role/"
GIVEN = dataclasses.replace(
    CONFIGURED,
    events_role=f"{ARN}made-by-hand-rules",
    starter_role=f"{ARN}made-by-hand-starter",
    correlator_role=f"{ARN}made-by-hand-correlator",
    scheduler_role=f"{ARN}made-by-hand-scheduler",
)
FLOWS = [MAPPING_FLOW, SET_FLOW, TIMED_FLOW]


def template(item: Any, settings: Any) -> Any:
    return step_functions.manifests(item, GRAPH, WORKFLOW, settings)[0].content


def only_reading_iam(aws: Aws) -> Callable[[str], Any]:
    """Makes clients of an identity to which IAM refuses every change, as AWS says it."""

    def refuse(model: Any, **_: Any) -> None:
        if is_write(model.name):
            error = {"Code": "AccessDenied", "Message": f"not authorized to perform: iam:{model.name}"}
            raise ClientError({"Error": error, "ResponseMetadata": {"HTTPStatusCode": 403}}, model.name)

    def client(service: str) -> Any:
        made = aws.client(service)
        made.meta.events.register("before-call.iam", refuse)
        return made

    return client


def made_of(aws: Aws) -> list[str]:
    return [item["RoleName"] for item in aws.client("iam").list_roles()["Roles"]]


@pytest.mark.parametrize("item", FLOWS, ids=lambda item: item.name)
def test_a_flow_is_deployed_with_roles_made_by_hand_and_no_right_to_make_any(aws: Aws, item: Any) -> None:
    aws.client("events").create_event_bus(Name="orders")
    client = only_reading_iam(aws)
    steps = create(template(item, GIVEN), TOKEN, GIVEN, client)
    again = create(template(item, GIVEN), TOKEN, GIVEN, client)
    assert {step.verb for step in steps} == {"created"} and {step.verb for step in again} == {"unchanged"}
    assert made_of(aws) == []
    states = aws.client("stepfunctions")
    roles = {
        states.describe_state_machine(stateMachineArn=one["stateMachineArn"])["roleArn"].rpartition("/")[2]
        for one in states.list_state_machines()["stateMachines"]
    }
    assert "any" in roles and roles <= {"any", "made-by-hand-starter", "made-by-hand-correlator"}


def test_without_the_settings_the_refused_right_is_named(aws: Aws) -> None:
    with pytest.raises(DiagnosticError) as refused:
        create(template(MAPPING_FLOW, CONFIGURED), TOKEN, CONFIGURED, only_reading_iam(aws))
    (told,) = refused.value.diagnostics
    assert told.code == "FT702" and "iam:CreateRole" in told.message
    assert made_of(aws) == []


@pytest.mark.parametrize("item", FLOWS, ids=lambda item: item.name)
def test_the_template_has_no_role_and_a_parameter_for_each(item: Any) -> None:
    found = template(item, GIVEN)
    assert not [one for one in found["Resources"].values() if one["Type"] == "AWS::IAM::Role"]
    wanted = {name for name in ("rules", "starter", "correlator", "scheduler") if f"-{name}" in json.dumps(found)}
    defaults = {str(one.get("Default")) for one in found["Parameters"].values()}
    assert {f"{ARN}made-by-hand-{name}" for name in wanted} <= defaults


def test_roles_given_later_are_used_and_those_that_were_made_go(aws: Aws) -> None:
    create(template(MAPPING_FLOW, CONFIGURED), TOKEN, CONFIGURED, aws.client)
    assert len(made_of(aws)) == 2
    create(template(MAPPING_FLOW, GIVEN), TOKEN, GIVEN, aws.client)
    assert made_of(aws) == []


@pytest.mark.parametrize("item", FLOWS, ids=lambda item: item.name)
def test_what_is_printed_for_who_makes_them_does_not_change_when_they_are_given(item: Any) -> None:
    before = policies(template(item, CONFIGURED), CONFIGURED, emits=True)
    after = policies(template(item, GIVEN), GIVEN, emits=True)
    assert before == after
