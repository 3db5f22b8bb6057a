"""What an account has of a project: few questions, others' deployments left out, whoever may not ask AWS's tag API."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any

import pytest
from metaflow_triggers.backends.inventory import Deployed
from metaflow_triggers.backends.step_functions import backend as step_functions
from metaflow_triggers.backends.step_functions.deploy.calls import Clients
from metaflow_triggers.backends.step_functions.deploy.converge import create, delete
from metaflow_triggers.backends.step_functions.deploy.inventory import inventory, marks_now
from metaflow_triggers.diagnostics import DiagnosticError
from metaflow_triggers.model.marks import Marks

from tests.flows import GRAPH

from ...unit.backends.step_functions.samples import BARE_FLOW, CONFIGURED, SET_FLOW, WORKFLOW
from .inside import account, in_a_copy
from .refusals import Refusing, denied

TOKEN = {"ProductionToken": "production-token-0"}
SHOP = dataclasses.replace(CONFIGURED, project_id="shop", user="ada")
MARKS = Marks("shop", None, False, "ada")


def deploy(aws: Any, flow: Any, settings: Any) -> None:
    create(step_functions.manifests(flow, GRAPH, WORKFLOW, settings)[0].content, TOKEN, settings, aws.client)


def named(name: str) -> Any:
    return dataclasses.replace(BARE_FLOW, name=name)


def test_all_of_the_project_and_nothing_else() -> None:
    def story() -> tuple[Any, ...]:
        with account() as aws:
            deploy(aws, SET_FLOW, SHOP)
            deploy(aws, named("Mine"), SHOP)
            deploy(aws, named("Theirs"), dataclasses.replace(SHOP, project_id="shop-2"))
            deploy(aws, named("Nobodys"), CONFIGURED)
            deploy(aws, named("Moved"), SHOP)
            with pytest.raises(DiagnosticError, match="FT703: the state machine Moved was"):
                deploy(aws, named("Moved"), dataclasses.replace(SHOP, project_id="shop-2"))
            deploy(aws, named("Moved"), CONFIGURED)
            deploy(aws, named("Moved"), dataclasses.replace(SHOP, project_id="shop-2"))
            watched = Refusing(aws)
            found = inventory("shop", Clients(watched.client), lambda item: item.name == "SetFlow")
            asked = Counter(watched.actions)
            watched.refuse = lambda action: denied(action) if action == "tagging:GetResources" else None
            without = inventory("shop", Clients(watched.client), lambda item: False)
            now = [marks_now(name, Clients(aws.client)) for name in ("Mine", "Theirs", "Nobodys", "Gone")]
            return found, without, now, asked

    found, without, now, asked = in_a_copy(story)
    assert [(item.name, item.flow, item.marks, item.whole) for item in found] == [
        ("Mine", "Mine", MARKS, True),
        ("SetFlow", "SetFlow", MARKS, True),
    ]
    assert [(item.running, item.waiting) for item in found] == [(None, None), (0, 0)]
    assert {noun.rpartition(" ")[0] for noun in found[1].objects} >= {"state machine", "queue", "table"}
    assert [(item.name, item.marks) for item in without] == [("Mine", MARKS), ("SetFlow", MARKS)]
    assert now == [(MARKS, True), (dataclasses.replace(MARKS, project="shop-2"), True), (None, True), (None, False)]
    # One question for all, and of what is counted a question for runs, table and queue each.
    assert asked["tagging:GetResources"] == 1
    assert sum(asked.values()) <= 8, asked


def test_leftovers_of_a_deployment_are_told_and_whose_they_are_not_are_left_out() -> None:
    def story() -> tuple[list[Deployed], list[Deployed]]:
        with account() as aws:
            deploy(aws, SET_FLOW, SHOP)
            table = next(name for name in aws.client("dynamodb").list_tables()["TableNames"])
            row = {"pk": {"S": "set-1"}, "slot_0": {"L": [{"S": "{}"}, {"S": "{}"}]}}
            aws.client("dynamodb").put_item(TableName=table, Item=row)
            delete("SetFlow", aws.client, flow="SetFlow")
            left = inventory("shop", Clients(aws.client))
            # Somebody else deploys the name anew: what is left is theirs now.
            deploy(aws, named("SetFlow"), CONFIGURED)
            return left, inventory("shop", Clients(aws.client))

    left, theirs = in_a_copy(story)
    (item,) = left
    assert (item.name, item.whole, item.running, item.waiting) == ("SetFlow", False, 0, 2)
    assert [noun.partition(" ")[0] for noun in item.objects] == ["table"]
    assert theirs == []
