"""The rights that `doctor` asks about are those that `create` and `delete` use."""

from __future__ import annotations

import dataclasses
from typing import Any

from metaflow_triggers.backends.step_functions.compile import names
from metaflow_triggers.backends.step_functions.deploy.converge import create, delete
from metaflow_triggers.backends.step_functions.doctor.rights import OF_GROUPS, OF_SERVICES
from metaflow_triggers.model.flows import Schedule

from ...unit.backends.step_functions.samples import CONFIGURED, POLLED_FLOW, SPAN, event, flow, poll, trigger
from .inside import account, in_a_copy
from .refusals import Refusing
from .test_deploy import template
from .test_deploy_costs import VALUES
from .test_deploy_polls import template as polled_template

FLOW = flow("OrderFlow", trigger(event("order-placed")))
ALL = dataclasses.replace(
    flow("Whole", trigger(event("a"), event("b"), join="all")), schedule=Schedule("0 0 * * ? *", None, SPAN)
)

SHARED = {
    # Questions that `create` asks without needing the answer, or that are about no object of the flow.
    "sts:GetCallerIdentity", "events:ListRules", "events:ListEventBuses", "events:ListRuleNamesByTarget",
    "events:TestEventPattern", "tag:GetResources", "states:ListStateMachines",
}  # fmt: skip


def _ticked(aws: Any, refusing: Refusing) -> None:
    """The poller is at work, so that who replaces it has something to stop. It is not `create` that asks for this."""
    known = len(refusing.actions)
    arn = f"arn:aws:states:eu-west-1:123456789012:stateMachine:{names.poller_name(POLLED_FLOW.name)}"
    states = aws.client("stepfunctions")
    if any(item["stateMachineArn"] == arn for item in states.list_state_machines()["stateMachines"]):
        states.start_execution(stateMachineArn=arn)
    del refusing.actions[known:]


def _called() -> set[str]:
    with account() as aws:
        refusing = Refusing(aws)
        told = dataclasses.replace(CONFIGURED, alarm_topic="arn:aws:sns:eu-west-1:123456789012:on-call")
        for one, settings in ((FLOW, told), (ALL, CONFIGURED)):
            made = template(one, settings)
            create(made, VALUES, settings, refusing.client)
            create(
                template(dataclasses.replace(one, triggers=(trigger(event("c")),)), CONFIGURED),
                VALUES,
                CONFIGURED,
                refusing.client,
            )
            delete(one.name, make_client=refusing.client, steps=("start", "end"), flow=one.name)
        for polls in ((poll("inbox"),), (poll("inbox", 60),), (), (poll("inbox"),)):
            create(polled_template(*polls, settings=CONFIGURED), VALUES, CONFIGURED, refusing.client)
            _ticked(aws, refusing)
        delete(POLLED_FLOW.name, make_client=refusing.client, steps=("start", "end"), flow=POLLED_FLOW.name)
        return set(refusing.actions)


def test_the_rights_are_those_that_create_and_delete_use() -> None:
    called = in_a_copy(_called)
    known = {f"{service}:{action}" for service, actions in OF_SERVICES.items() for action in actions}
    assert "states:StopExecution" in called  # asked of what runs, not of what is deployed
    known |= {"states:StopExecution"} | {f"scheduler:{action}" for action in OF_GROUPS}
    assert called - known - SHARED == set()
    assert len(called & known) > 30
