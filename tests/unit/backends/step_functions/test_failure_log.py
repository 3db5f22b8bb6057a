"""What starter and correlator log where a log group is configured: that they failed, and nothing of an event."""

from __future__ import annotations

import copy
import dataclasses
import json
from typing import Any

import pytest
from metaflow_triggers.backends.step_functions import backend as step_functions
from metaflow_triggers.backends.step_functions.deploy.policies import SCHEMA, policies
from metaflow_triggers.backends.step_functions.verify.read_back import differences
from metaflow_triggers.manifests.schemas import findings
from metaflow_triggers.manifests.text import yaml_text
from metaflow_triggers.seams.configuration import read_settings

from tests.flows import GRAPH

from .samples import BARE_FLOW, CONFIGURED, MAPPING_FLOW, SET_FLOW, TIMED_FLOW, WORKFLOW

GROUP = "arn:aws:logs:eu-west-1:123456789012:log-group:/metaflow/failures:*"
LOGGED = dataclasses.replace(CONFIGURED, log_group=GROUP)
ROLES = ("starter_role", "correlator_role", "events_role", "scheduler_role")
GIVEN = dataclasses.replace(LOGGED, **dict.fromkeys(ROLES, "arn:aws:iam::1:role/x"))
MACHINE = "AWS::StepFunctions::StateMachine"


def template(item: Any, settings: Any) -> Any:
    return step_functions.manifests(item, GRAPH, WORKFLOW, settings)[0].content


def unrestricted(document: Any) -> dict[str, list[str]]:
    """Role -> what it may do with CloudWatch Logs."""
    return {
        name: one["Action"]
        for name, role in document["Resources"].items()
        for policy in role["Properties"].get("Policies", [])
        for one in policy["PolicyDocument"]["Statement"]
        if "logs:" in json.dumps(one["Action"])
    }


@pytest.mark.parametrize("item", [MAPPING_FLOW, SET_FLOW, TIMED_FLOW], ids=lambda item: item.name)
def test_every_machine_of_ours_logs_errors_without_data(item: Any) -> None:
    content = template(item, LOGGED)
    logs = {
        name: resource["Properties"].get("LoggingConfiguration")
        for name, resource in content["Resources"].items()
        if resource["Type"] == MACHINE and name != "StateMachine"
    }
    for found in logs.values():
        assert (found["Level"], found["IncludeExecutionData"]) == ("ERROR", False)
        assert found["Destinations"] == [{"CloudWatchLogsLogGroup": {"LogGroupArn": {"Ref": "LogGroupArn"}}}]
    assert "LoggingConfiguration" not in content["Resources"]["StateMachine"]["Properties"], "that is Metaflow's"
    made = unrestricted(content)
    assert set(made) == {name for name in content["Resources"] if name.endswith(("StarterRole", "CorrelatorRole"))}
    assert unrestricted(policies(template(item, GIVEN), GIVEN, emits=True)) == made
    for reference in (True, False):
        assert findings(content, "step_functions/template", reference) == []
        assert findings(policies(content, LOGGED, emits=True), SCHEMA, reference) == []
    assert list(differences(content, item, LOGGED)) == []
    if logs:
        assert content["Parameters"]["LogGroupArn"]["Default"] == GROUP
        assert list(differences(content, item, CONFIGURED)) != []
        assert list(differences(template(item, CONFIGURED), item, LOGGED)) != []


def test_a_failure_is_named_and_no_text_of_an_event_is_in_its_name() -> None:
    named = set()
    for item in (MAPPING_FLOW, SET_FLOW):
        for resource in template(item, LOGGED)["Resources"].values():
            states = (
                resource["Properties"].get("Definition", {}).get("States", {}) if resource["Type"] == MACHINE else {}
            )
            for state in states.values():
                if state["Type"] == "Fail":
                    assert not {"ErrorPath", "CausePath"} & set(state), state
                    named.add(state["Error"])
    assert {"NotStarted", "NotGathered"} <= named


@pytest.mark.parametrize(
    "change",
    [{"Level": "ALL"}, {"IncludeExecutionData": True}, {"Destinations": []}],
    ids=lambda item: next(iter(item)),
)
def test_a_template_that_logs_more_is_noticed(change: dict[str, Any]) -> None:
    content = copy.deepcopy(template(MAPPING_FLOW, LOGGED))
    content["Resources"]["Starter"]["Properties"]["LoggingConfiguration"] |= change
    assert list(differences(content, MAPPING_FLOW, LOGGED)) != []
    for reference in (True, False):
        assert findings(content, "step_functions/template", reference) != []


def test_cfn_lint() -> None:
    import cfnlint.api
    from cfnlint.config import ManualArgs

    # With an alarm, too: a lint takes seconds.
    settings = dataclasses.replace(LOGGED, alarm_topic="arn:aws:sns:eu-west-1:123456789012:on-call")
    found = cfnlint.api.lint(yaml_text(template(SET_FLOW, settings)), config=ManualArgs(regions=["eu-west-1"]))
    assert [f"{one.rule.id} {one.message}" for one in found] == []


def test_a_log_group_that_step_functions_would_not_take_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def told(item: Any, group: str) -> list[str]:
        settings = dataclasses.replace(CONFIGURED, log_group=group)
        return [one.code for one in step_functions.refusals(item, GRAPH, settings)]

    assert told(MAPPING_FLOW, GROUP) == []
    for wrong in (GROUP.removesuffix(":*"), "/metaflow/failures", GROUP + "\n"):
        assert told(MAPPING_FLOW, wrong) == ["FT017"], wrong
    assert told(BARE_FLOW, "mine") == []
    monkeypatch.setenv("METAFLOW_SFN_EXECUTION_LOG_GROUP_ARN", GROUP)
    assert read_settings().log_group == GROUP
