"""What many flows cost on AWS: lists of each kind, one question for each object that no list has, no write.

When flows are new or changed, all of this once more when they are carried out, for those alone.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from metaflow_triggers.deploying import run
from metaflow_triggers.diagnostics import DiagnosticError
from metaflow_triggers.model.flows import Schedule

from ...unit.backends.step_functions.samples import SPAN, event, finish, flow, trigger
from .account import Watched, content, is_write
from .inside import in_a_copy
from .many_flows import part, wanted
from .test_deploy_many import account, deploy, verbs

NOT_LISTED = {
    "DescribeStateMachine": 2,
    "ListTargetsByRule": 1,
    "GetQueueAttributes": 1,
    "ListTagsForResource": 1,
}
"""What each of these flows costs at a look. AWS has no list of definitions, of targets, of attributes. The emulator's
tagging API has no rules; AWS's has."""


def flows(count: int) -> list[Any]:
    return [
        flow("Flow0", trigger(event("order-placed"))),
        *(flow(f"Flow{number}", trigger(finish(f"Flow{number - 1}"))) for number in range(1, count)),
    ]


def costs(count: int) -> dict[str, Any]:
    with account() as aws:
        watched = Watched(aws)
        deploy(watched.client, flows(count))
        found: dict[str, Any] = {"first": Counter(watched.calls)}
        watched.calls.clear()
        _, done, _ = deploy(watched.client, flows(1))
        found |= {"one alone": Counter(watched.calls), "verbs": verbs(done)}
        watched.calls.clear()
        _, done, _ = deploy(watched.client, flows(count))
        found |= {"unchanged": Counter(watched.calls), "writes": list(watched.writes), "verbs of all": verbs(done)}
        changed = [flow("Flow0", trigger(event("paid"))), *flows(count)[1:]]
        watched.calls.clear()
        deploy(watched.client, changed[:1])
        found["one alone, changed"] = Counter(watched.calls)
        deploy(aws.client, flows(1))
        watched.calls.clear()
        _, done, _ = deploy(watched.client, changed)
        found["one of all changed"] = (Counter(watched.calls), verbs(done)["Flow0"])
        return found


def bounded(count: int) -> None:
    found = in_a_copy(lambda: costs(count))
    print({name: value.total() for name, value in found.items() if isinstance(value, Counter)}, found["unchanged"])
    assert set(found["verbs of all"].values()) == {"unchanged"} and found["writes"] == []
    alone, together = found["one alone"], found["unchanged"]
    for kind, asked in together.items():
        each = NOT_LISTED.get(kind, 0) * count
        assert asked <= max(alone[kind], each) + math.ceil(count / 10), (kind, asked)
    listed = sum(asked for kind, asked in together.items() if kind not in NOT_LISTED)
    kinds = len(set(together) - set(NOT_LISTED))
    assert listed <= alone.total() + kinds * math.ceil(count / 10)
    # A first `create` looks before, where nothing is there, and after; AWS is asked about each pattern.
    for kind, asked in found["first"].items():
        if not is_write(kind):
            each = count if kind == "TestEventPattern" else NOT_LISTED.get(kind, 0) * count
            assert asked <= each + 2 * math.ceil(count / 10), (kind, asked)
    one, verb = found["one of all changed"]
    assert verb == "changed"
    assert one.total() <= together.total() + found["one alone, changed"].total()


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METAFLOW_TOKEN_HOME", str(tmp_path))


def test_ten_flows_are_listed_and_only_what_no_list_has_is_asked_one_by_one() -> None:
    bounded(10)


@pytest.mark.long
def test_so_are_fifty() -> None:
    bounded(50)


def test_schedules_of_all_groups_are_one_list() -> None:
    def work() -> Any:
        timed = [
            dataclasses.replace(item, schedule=Schedule(f"{number} 0 * * ? *", None, SPAN))
            for number, item in enumerate(flows(6))
        ]
        with account() as aws:
            deploy(aws.client, timed)
            watched = Watched(aws)
            _, done, _ = deploy(watched.client, timed)
            return set(verbs(done).values()), Counter(watched.calls)

    found, calls = in_a_copy(work)
    assert found == {"unchanged"}
    assert (calls["ListSchedules"], calls["GetSchedule"]) == (1, 6)


def test_what_somebody_else_changes_meanwhile_is_seen_at_the_end_and_mended() -> None:
    """The first flow is done and told of; its rule goes while the last one is carried out."""

    def work() -> Any:
        with account() as aws:
            parts = [part(aws.client, map(wanted, flows(6)))]
            lines: list[str] = []

            def told(row: Any, number: int, of: int) -> None:
                lines.append(f"{row.name} {row.verb}")
                if len(lines) == of:
                    (rule,) = [name for name in content(aws) if name.startswith("rule default/Flow0-")]
                    name = rule.partition("/")[2]
                    (target,) = aws.client("events").list_targets_by_rule(Rule=name)["Targets"]
                    aws.client("events").remove_targets(Rule=name, Ids=[target["Id"]])
                    aws.client("events").delete_rule(Name=name)

            done = run.carry_out(run.plan(parts, {}), parts, {}, told)
            there = [name for name in content(aws) if name.startswith("rule default/Flow0-")]
            return verbs(done), lines, there, deploy(aws.client, flows(6))[0].same

    found, lines, there, same = in_a_copy(work)
    assert set(found.values()) == {"created"} and len(there) == 1 and same
    assert lines == [f"Flow{number} created" for number in range(6)]


def test_a_connection_that_is_lost_while_the_account_is_looked_at_is_told_in_a_word() -> None:
    """Before anything is changed, and when all is carried out: then the next `create` has nothing to do."""

    def lost(**_: Any) -> Any:
        raise EndpointConnectionError(endpoint_url="https://states.example")

    def work() -> Any:
        with account() as aws:
            machines = aws.client("stepfunctions").meta.events
            machines.register("before-call.stepfunctions.ListStateMachines", lost)
            with pytest.raises(DiagnosticError) as error:
                run.plan([part(aws.client, map(wanted, flows(6)))], {})
            machines.unregister("before-call.stepfunctions.ListStateMachines", lost)
            parts = [part(aws.client, map(wanted, flows(6)))]
            whole = run.plan(parts, {})
            machines.register("before-call.stepfunctions.ListStateMachines", lost)
            done = run.carry_out(whole, parts, {}, lambda row, number, of: None)
            machines.unregister("before-call.stepfunctions.ListStateMachines", lost)
            return [item.code for item in error.value.diagnostics], verbs(done), deploy(aws.client, flows(6))[0].same

    codes, found, same = in_a_copy(work)
    assert codes == ["FT701"]
    assert set(found.values()) == {"created"} and same  # who cannot list asks by name


def test_what_may_not_be_listed_is_asked_for_by_name() -> None:
    def work() -> Any:
        with account() as aws:
            deploy(aws.client, flows(6))
            before = content(aws)
            refused: list[str] = []
            denied = {"GetAccountAuthorizationDetails", "GetResources", "ListStateMachines", "ListQueues", "ListTables"}

            def deny(model: Any, **_: Any) -> Any:
                if model.name in denied:
                    refused.append(model.name)
                    return Denied(), {"Error": {"Code": "AccessDeniedException", "Message": "no"}}
                return None

            class Denied:
                status_code = 400

            for service in ("iam", "resourcegroupstaggingapi", "stepfunctions", "sqs", "dynamodb"):
                aws.client(service).meta.events.register("before-call", deny)
            whole = run.plan([part(aws.client, map(wanted, flows(6)))], {})
            for service in ("iam", "resourcegroupstaggingapi", "stepfunctions", "sqs", "dynamodb"):
                aws.client(service).meta.events.unregister("before-call", deny)
            return set(verbs(whole).values()), sorted(set(refused)), before == content(aws), len(refused)

    found, refused, same, times = in_a_copy(work)
    assert found == {"unchanged"} and same
    assert refused == [
        "GetAccountAuthorizationDetails",
        "GetResources",
        "ListQueues",
        "ListStateMachines",
        "ListTables",
    ]
    assert times == len(refused)  # nobody asks again
