"""What many flows cost on AWS: lists of each kind, one question for each object that no list has, no write."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from metaflow_triggers.deploying import run

from ...unit.backends.step_functions.samples import event, finish, flow, trigger
from .account import Watched, content
from .inside import in_a_copy
from .many_flows import part, wanted
from .test_deploy_many import account, deploy, verbs

NOT_LISTED = {"DescribeStateMachine", "ListTargetsByRule", "GetQueueAttributes", "ListTagsForResource"}
"""AWS has no list of definitions, of targets, of attributes. The emulator's tagging API has no rules; AWS's has."""


def flows(count: int) -> list[Any]:
    return [
        flow("Flow0", trigger(event("order-placed"))),
        *(flow(f"Flow{number}", trigger(finish(f"Flow{number - 1}"))) for number in range(1, count)),
    ]


def costs(count: int) -> dict[str, Any]:
    with account() as aws:
        deploy(aws.client, flows(count))
        watched = Watched(aws)
        _, done, _ = deploy(watched.client, flows(1))
        found: dict[str, Any] = {"one alone": Counter(watched.calls), "verbs": verbs(done)}
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
        each = {"DescribeStateMachine": 2}.get(kind, 1) * count if kind in NOT_LISTED else 0
        assert asked <= max(alone[kind], each) + math.ceil(count / 10), (kind, asked)
    listed = sum(asked for kind, asked in together.items() if kind not in NOT_LISTED)
    kinds = len(set(together) - NOT_LISTED)
    assert listed <= alone.total() + kinds * math.ceil(count / 10)
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
