"""`create` over what upstream Metaflow deployed: nothing that starts the flow today changes unasked."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from metaflow_triggers.backends.step_functions.deploy.converge import create, delete, plan
from metaflow_triggers.diagnostics import DiagnosticError
from metaflow_triggers.model.flows import Schedule

from ...unit.backends.step_functions.samples import CONFIGURED, SPAN, event, flow, trigger
from .account import clients, content
from .service import ROLE, Aws
from .test_deploy import TOKEN, template

MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:OrderFlow"
DAILY = "0 0 * * ? *"


def upstreams(aws: Aws, cron: str | None = DAILY, state: str = "ENABLED") -> None:
    client = clients(aws)
    parameters = {"metaflow.flow_name": "OrderFlow", "metaflow.owner": "someone"}
    start = {"Type": "Task", "Resource": "arn:aws:states:::batch:submitJob.sync", "End": True}
    start["Parameters"] = {"Parameters": parameters}  # type: ignore[assignment]
    definition = json.dumps({"StartAt": "start", "States": {"start": start}})
    client("stepfunctions").create_state_machine(name="OrderFlow", definition=definition, roleArn=ROLE)
    if cron:
        rule(aws, "OrderFlow", ScheduleExpression=f"cron({cron})", State=state)


def rule(aws: Aws, name: str, **more: Any) -> None:
    events = clients(aws)("events")
    events.put_rule(Name=name, **more)
    events.put_targets(Rule=name, Targets=[{"Id": name, "Arn": MACHINE, "RoleArn": ROLE}])


def timed(cron: str | None, timezone: str | None = None, *triggers: Any) -> Any:
    schedule = Schedule(cron, timezone, SPAN) if cron else None
    return dataclasses.replace(flow("OrderFlow", *triggers), schedule=schedule)


def test_the_same_schedule_is_taken_over_and_there_is_one(aws: Aws) -> None:
    upstreams(aws)
    create(template(timed(DAILY)), TOKEN, CONFIGURED, clients(aws))
    found = content(aws)
    assert [name for name in found if name.startswith("rule ")] == []
    (schedule,) = (item for name, item in found.items() if name.startswith("schedule "))
    assert schedule["ScheduleExpression"] == f"cron({DAILY})"
    assert schedule["Target"]["Arn"] == MACHINE


@pytest.mark.parametrize(
    ("deployed", "ours", "said"),
    [
        ((DAILY, "ENABLED"), timed("0 6 * * ? *"), "would start at cron(0 6 * * ? *) (UTC); today it starts at"),
        ((DAILY, "ENABLED"), timed(DAILY, "Asia/Tokyo"), "(Asia/Tokyo); today it starts at cron(0 0 * * ? *) (UTC)"),
        ((DAILY, "ENABLED"), timed(None), "OrderFlow would no longer start at cron(0 0 * * ? *)"),
        ((DAILY, "DISABLED"), timed(DAILY), "today its schedule is disabled"),
    ],
    ids=["another time", "another timezone", "no schedule", "a disabled one"],
)
def test_a_start_that_would_change_stops_create_until_it_is_accepted(
    aws: Aws, deployed: Any, ours: Any, said: str
) -> None:
    upstreams(aws, *deployed)
    before = content(aws)
    with pytest.raises(DiagnosticError) as caught:
        create(template(ours), TOKEN, CONFIGURED, clients(aws))
    (found,) = caught.value.diagnostics
    assert found.code == "FT705"
    assert said in "\n".join(found.notes)
    assert any("--accept-changes" in line for line in found.helps)
    assert content(aws) == before
    create(template(ours), TOKEN, CONFIGURED, clients(aws), accept_changes=True)
    assert plan(template(ours), TOKEN, CONFIGURED, clients(aws)).same
    # What is ours now is changed as the flow says.
    create(template(timed("0 7 * * ? *")), TOKEN, CONFIGURED, clients(aws))


def test_a_rule_by_hand_that_would_start_the_flow_a_second_time_is_named(aws: Aws) -> None:
    upstreams(aws, None)
    rule(aws, "by-hand", EventPattern='{"detail-type": ["order-placed"]}')
    rule(aws, "asleep", EventPattern='{"detail-type": ["order-placed"]}', State="DISABLED")
    rule(aws, "at-night", ScheduleExpression="cron(0 3 * * ? *)")
    with pytest.raises(DiagnosticError) as caught:
        create(template(timed(None, None, trigger(event("order-placed")))), TOKEN, CONFIGURED, clients(aws))
    (found,) = caught.value.diagnostics
    (note,) = found.notes
    assert "the rule `by-hand` on the bus default starts OrderFlow too" in note
    assert '{"detail-type":["order-placed"]}' in note
    # Without a trigger of ours nothing would start twice.
    create(template(timed(None)), TOKEN, CONFIGURED, clients(aws))
    left = [item["Name"] for item in clients(aws)("events").list_rules()["Rules"]]
    assert sorted(left) == ["asleep", "at-night", "by-hand"]


def test_delete_removes_what_upstream_deployed_of_this_flow_and_of_no_other(aws: Aws) -> None:
    before = content(aws)
    upstreams(aws)
    deployed = content(aws)
    assert delete("OrderFlow", clients(aws), flow="AnotherFlow") == []
    assert content(aws) == deployed
    delete("OrderFlow", clients(aws), flow="OrderFlow")
    assert content(aws) == before


def test_a_new_trigger_beside_the_same_schedule_needs_no_word(aws: Aws) -> None:
    upstreams(aws)
    create(template(timed(DAILY, None, trigger(event("order-placed")))), TOKEN, CONFIGURED, clients(aws))
    assert len([name for name in content(aws) if name.startswith("schedule ")]) == 1
