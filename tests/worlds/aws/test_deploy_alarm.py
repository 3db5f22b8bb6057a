"""The alarm of a dead-letter queue: deployed, changed, taken away, mended, and asked for by nobody who has none."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from metaflow_triggers.backends.step_functions.compile import names
from metaflow_triggers.backends.step_functions.deploy import converge
from metaflow_triggers.backends.step_functions.deploy.alarms import ALARM
from metaflow_triggers.backends.step_functions.deploy.calls import Clients
from metaflow_triggers.backends.step_functions.deploy.converge import create, delete
from metaflow_triggers.backends.step_functions.deploy.drift import words
from metaflow_triggers.backends.step_functions.deploy.inventory import inventory
from metaflow_triggers.backends.step_functions.deploy.looked import Looked
from metaflow_triggers.backends.step_functions.deploy.plan import plan_create
from metaflow_triggers.backends.step_functions.deploy.preflight import missing_things
from metaflow_triggers.diagnostics import DiagnosticError

from ...unit.backends.step_functions.samples import CONFIGURED, event, flow, trigger
from .account import Watched, clients, content
from .boundaries import Work
from .inside import account, in_a_copy
from .refusals import Refusing, denied
from .service import Aws
from .test_deploy import TOKEN, template
from .test_deploy_interrupted import cut_off_at_every_boundary

ORDERS = flow("OrderFlow", trigger(event("order-placed")))
FLOW = ORDERS.name
NAME = names.alarm_name(FLOW)
TOPICS = [f"arn:aws:sns:eu-west-1:123456789012:{name}" for name in ("on-call", "others")]
QUIET = dataclasses.replace(CONFIGURED, project_id="shop", user="ada")
FIRST, SECOND = (dataclasses.replace(QUIET, alarm_topic=topic) for topic in TOPICS)
STEPS = ("start", "end")
EMPTY: dict[str, Any] = {"group default": []}


def deploy(aws: Aws, settings: Any) -> list[str]:
    """Deploys, and gives the writes."""
    watched = Watched(aws)
    create(template(ORDERS, settings), TOKEN, settings, watched.client)
    return sorted(watched.writes)


def alarms(aws: Aws) -> dict[str, list[str]]:
    """Name of an alarm -> whom it tells."""
    found = aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    return {item["AlarmName"]: item["AlarmActions"] for item in found}


def remembered(aws: Aws) -> set[str]:
    """What the flow's state machine says of alarms."""
    states = aws.client("stepfunctions")
    (arn,) = [item["stateMachineArn"] for item in states.list_state_machines()["stateMachines"] if item["name"] == FLOW]
    tags = states.list_tags_for_resource(resourceArn=arn)["tags"]
    return {item["value"] for item in tags if item["key"] == "metaflow-triggers/alarm"}


def test_an_alarm_is_deployed_changed_and_taken_away() -> None:
    def work() -> None:
        with account() as aws:
            deploy(aws, QUIET)
            before = content(aws)
            for settings in (FIRST, SECOND):
                assert "PutMetricAlarm" in deploy(aws, settings)
                assert alarms(aws) == {NAME: [settings.alarm_topic]} and remembered(aws) == {NAME}
                assert deploy(aws, settings) == []
            tags = content(aws)[f"alarm {NAME}"][1]
            assert {item["Key"] for item in tags} >= {"metaflow-triggers/deployed-name", "metaflow-triggers/project"}
            (found,) = inventory("shop", Clients(aws.client))
            assert found.whole
            assert deploy(aws, QUIET) == ["DeleteAlarms", "UntagResource"]
            assert content(aws) == before and deploy(aws, QUIET) == []
            deploy(aws, FIRST)
            delete(FLOW, make_client=aws.client, steps=STEPS, flow=FLOW)
            assert content(aws) == EMPTY

    in_a_copy(work)


def test_who_has_no_alarm_needs_no_right_of_cloudwatch() -> None:
    def work() -> None:
        with account() as aws:
            watched = Refusing(aws)
            watched.refuse = lambda action: denied(action) if action.startswith("cloudwatch:") else None
            create(template(ORDERS, QUIET), TOKEN, QUIET, watched.client)
            create(template(ORDERS, QUIET), TOKEN, QUIET, watched.client)
            assert not [action for action in watched.actions if action.startswith("cloudwatch:")]
            delete(FLOW, make_client=watched.client, steps=STEPS, flow=FLOW)
            with pytest.raises(DiagnosticError, match=r"FT702: .*cloudwatch:DescribeAlarms"):
                create(template(ORDERS, FIRST), TOKEN, FIRST, watched.client)
            watched.refuse = lambda action: None
            delete(FLOW, make_client=watched.client, steps=STEPS, flow=FLOW)
            assert content(aws) == EMPTY

    in_a_copy(work)


def test_what_somebody_changes_by_hand_is_said_and_mended() -> None:
    def work() -> None:
        with account() as aws:
            deploy(aws, FIRST)
            cloudwatch, wanted = aws.client("cloudwatch"), content(aws)

            def said() -> str:
                return words(converge.plan(template(ORDERS, FIRST), TOKEN, FIRST, clients(aws)))

            assert said().startswith("no difference")
            put = template(ORDERS, FIRST)["Resources"]["DeadLetterAlarm"]["Properties"]
            queue = names.queue_name(FLOW)
            more = {"AlarmActions": TOPICS, "Threshold": 5, "Dimensions": [{"Name": "QueueName", "Value": queue}]}
            cloudwatch.put_metric_alarm(**{key: value for key, value in put.items() if key != "Tags"} | more)
            assert f"the alarm {NAME}" in said() and "Threshold is 5" in said() and "AlarmActions is" in said()
            assert deploy(aws, FIRST) == ["PutMetricAlarm"]
            arn = cloudwatch.describe_alarms()["MetricAlarms"][0]["AlarmArn"]
            cloudwatch.untag_resource(ResourceARN=arn, TagKeys=["metaflow-triggers/project"])
            assert deploy(aws, FIRST) == ["TagResource"] and content(aws) == wanted
            cloudwatch.delete_alarms(AlarmNames=[NAME])
            assert f"the alarm {NAME}" in said()
            assert deploy(aws, FIRST) == ["PutMetricAlarm"] and content(aws) == wanted

    in_a_copy(work)


def test_an_alarm_of_somebody_else_is_left_alone() -> None:
    def work() -> None:
        with account() as aws:
            deploy(aws, QUIET)
            more = {"Statistic": "Maximum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 9}
            looks = {"Namespace": "AWS/SQS", "MetricName": "m", "ComparisonOperator": "GreaterThanThreshold"}
            aws.client("cloudwatch").put_metric_alarm(AlarmName=NAME, AlarmActions=["arn:aws:sns:x"], **looks, **more)
            with pytest.raises(DiagnosticError, match=r"FT703: the alarm .* was not made for this flow"):
                deploy(aws, FIRST)
            deploy(aws, QUIET)
            delete(FLOW, make_client=aws.client, steps=STEPS, flow=FLOW)
            assert set(content(aws)) == {*EMPTY, f"alarm {NAME}"}

    in_a_copy(work)


def test_what_ended_too_early_is_finished_by_the_next() -> None:
    def make(settings: Any) -> Work:
        made = template(ORDERS, settings)
        return lambda client: create(made, TOKEN, settings, client)

    for before, after in ((QUIET, FIRST), (FIRST, QUIET)):
        ends, writes = cut_off_at_every_boundary(make(before), make(after))
        assert ends == 2 * writes >= 4


def test_two_that_disagree_about_the_alarm_leave_none_behind() -> None:
    def work() -> None:
        with account() as aws:
            deploy(aws, FIRST)
            known: dict[str, set[str]] = {}
            values = {**TOKEN}
            first = plan_create(template(ORDERS, QUIET), values, Clients(aws.client), known)
            assert [step.verb for step in first.steps if step.type == ALARM] == ["deleted"]
            deploy(aws, QUIET)
            # Somebody who has the setting makes it, and forgets to remember it.
            put = template(ORDERS, FIRST)["Resources"]["DeadLetterAlarm"]["Properties"]
            queue = [{"Name": "QueueName", "Value": names.queue_name(FLOW)}]
            aws.client("cloudwatch").put_metric_alarm(**put | {"AlarmActions": TOPICS[:1], "Dimensions": queue})
            again = plan_create(template(ORDERS, QUIET), values, Clients(aws.client), known)
            assert [step.verb for step in again.steps if step.type == ALARM] == ["deleted"]
            # Nobody remembers it: `delete` finds it by its name.
            delete(FLOW, make_client=aws.client, steps=STEPS, flow=FLOW)
            delete(FLOW, make_client=aws.client, steps=STEPS, flow=FLOW)
            assert content(aws) == EMPTY

    in_a_copy(work)


def test_alarms_of_many_flows_are_listed_once() -> None:
    def work() -> None:
        with account() as aws:
            deploy(aws, FIRST)
            watched = Watched(aws)
            looked = Looked(Clients(watched.client))
            for _ in range(3):
                found = looked["cloudwatch"].describe_alarms(AlarmNames=[NAME])["MetricAlarms"]
                assert [item["AlarmName"] for item in found] == [NAME]
                assert looked["cloudwatch"].describe_alarms(AlarmNames=["metaflow-triggers-x"])["MetricAlarms"] == []
            assert watched.calls == ["DescribeAlarms"]

    in_a_copy(work)


def test_a_topic_that_is_not_there_is_told_before_anything_is_made(aws: Aws) -> None:
    made = aws.client("sns").create_topic(Name="on-call")["TopicArn"]
    for topic, codes in ((made, []), (TOPICS[1], ["FT706"])):
        settings = dataclasses.replace(QUIET, alarm_topic=topic)
        told = missing_things(template(ORDERS, settings), settings, Clients(aws.client))
        assert [one.code for one in told if "METAFLOW_TRIGGERS_ALARM_TOPIC" in one.helps[0]] == codes
