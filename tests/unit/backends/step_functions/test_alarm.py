"""The alarm of a dead-letter queue in a template: there with the setting, for the queues that the template makes."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import pytest
from metaflow_triggers.backends.step_functions import backend as step_functions
from metaflow_triggers.backends.step_functions.compile import names
from metaflow_triggers.backends.step_functions.verify.read_back import differences
from metaflow_triggers.manifests.schemas import findings
from metaflow_triggers.seams.configuration import read_settings

from tests.flows import GRAPH

from .samples import BARE_FLOW, CONFIGURED, MAPPING_FLOW, SET_FLOW, TIMED_FLOW, WORKFLOW, event, flow, trigger

TOPIC = "arn:aws:sns:eu-west-1:123456789012:on-call"
TOLD = dataclasses.replace(CONFIGURED, alarm_topic=TOPIC, project_id="shop", user="ada")
QUIET = dataclasses.replace(TOLD, alarm_topic=None)
ALARM, KIND = "DeadLetterAlarm", "AWS::CloudWatch::Alarm"
NAMED = flow(
    "NamedQueue",
    trigger(
        event("order-placed"),
        options='{"step-functions": {"dead-letter-queue": "arn:aws:sqs:eu-west-1:123456789012:shared"}}',
    ),
)


def template(item: Any, settings: Any, workflow: Any = WORKFLOW) -> Any:
    return step_functions.manifests(item, GRAPH, workflow, settings)[0].content


@pytest.mark.parametrize("item", [MAPPING_FLOW, SET_FLOW, TIMED_FLOW], ids=lambda item: item.name)
def test_each_queue_that_is_made_has_one_alarm_and_nothing_else_changes(item: Any) -> None:
    content, quiet = template(item, TOLD), template(item, QUIET)
    (alarm,) = [one["Properties"] for one in content["Resources"].values() if one["Type"] == KIND]
    assert alarm["AlarmName"] == names.alarm_name(item.name) and item.name in alarm["AlarmDescription"]
    # SQS counts each minute and a look hides letters for 30 seconds: one count may miss them, not all five.
    assert (alarm["Statistic"], alarm["Threshold"], alarm["TreatMissingData"]) == ("Maximum", 0, "notBreaching")
    assert alarm["Period"] >= 2 * 60 and alarm["EvaluationPeriods"] == 1
    assert {"Key": "metaflow-triggers/project", "Value": "shop"} in alarm["Tags"]
    assert content["Parameters"]["AlarmTopicArn"]["Default"] == TOPIC
    rest = copy.deepcopy(content)
    del rest["Resources"][ALARM], rest["Parameters"]["AlarmTopicArn"]
    assert rest == quiet
    for reference in (True, False):
        assert findings(content, "step_functions/template", reference) == []
    assert list(differences(content, item, TOLD)) == []
    assert list(differences(content, item, QUIET)) != [] and list(differences(quiet, item, TOLD)) != []


def test_where_no_queue_is_made_there_is_no_alarm() -> None:
    for item in (BARE_FLOW, NAMED):
        content = template(item, TOLD)
        assert ALARM not in content["Resources"] and "AlarmTopicArn" not in content.get("Parameters", {})
        assert list(differences(content, item, TOLD)) == []


BREAKS = {
    "another queue": {"Dimensions": [{"Name": "QueueName", "Value": "other"}]},
    "letters that somebody reads": {"MetricName": "ApproximateNumberOfMessagesNotVisible"},
    "the least of five": {"Statistic": "Minimum"},
    "one count": {"Period": 60},
    "two letters": {"Threshold": 1},
    "silent": {"ActionsEnabled": False},
    "tells nobody": {"AlarmActions": []},
    "rings where SQS counts nothing": {"TreatMissingData": "breaching"},
    "another's name": {"AlarmName": "metaflow-triggers-other"},
}


@pytest.mark.parametrize("name", BREAKS)
def test_another_alarm_is_noticed(name: str) -> None:
    content = copy.deepcopy(template(MAPPING_FLOW, TOLD))
    content["Resources"][ALARM]["Properties"] |= BREAKS[name]
    assert list(differences(content, MAPPING_FLOW, TOLD)) != []
    if name != "another's name":
        for reference in (True, False):
            assert findings(content, "step_functions/template", reference) != []


def test_what_is_no_topic_is_told_where_it_would_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    def told(item: Any, topic: str) -> list[str]:
        settings = dataclasses.replace(CONFIGURED, alarm_topic=topic)
        return [one.code for one in step_functions.refusals(item, GRAPH, settings)]

    assert told(MAPPING_FLOW, TOPIC) == told(BARE_FLOW, "mine") == []
    for wrong in (
        "on-call",
        TOPIC + "\n",
        TOPIC + ".fifo",
        TOPIC.replace("sns", "sqs"),
        TOPIC.rpartition(":")[0],
        TOPIC + ":subscription",
    ):
        assert told(MAPPING_FLOW, wrong) == ["FT017"], wrong
    monkeypatch.setenv("METAFLOW_TRIGGERS_ALARM_TOPIC", TOPIC)
    assert read_settings().alarm_topic == TOPIC
