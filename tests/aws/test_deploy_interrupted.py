"""`create` and `delete` that are killed anywhere, and two at once: afterwards all is as if nothing had happened."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from metaflow_triggers.backends.step_functions.deploy import create, delete
from metaflow_triggers.model import Schedule

from .account import clients, content, ended, in_a_process, killed_at_write, reset
from .samples import CONFIGURED, MAPPING_FLOW, SET_FLOW, SPAN, event, flow, trigger
from .service import ROLE, Aws
from .test_deploy import TOKEN, template

Work = Callable[[Callable[[str], Any]], Any]
STEPS = ("start", "end")


def deploy(item: Any) -> Work:
    made = template(item)
    return lambda client: create(made, TOKEN, CONFIGURED, client, accept_changes=True)


def remove(name: str) -> Work:
    return lambda client: delete(name, client, steps=STEPS)


def nothing(client: Callable[[str], Any]) -> None:
    pass


def upstreams(client: Callable[[str], Any]) -> None:
    """What Metaflow alone deployed of the flow, with a schedule."""
    start = {
        "Type": "Task",
        "Resource": "arn:aws:states:::batch:submitJob.sync",
        "Parameters": {"Parameters": {"metaflow.flow_name": "OrderFlow", "metaflow.owner": "someone"}},
        "End": True,
    }
    definition = json.dumps({"StartAt": "start", "States": {"start": start}})
    arn = client("stepfunctions").create_state_machine(name="OrderFlow", definition=definition, roleArn=ROLE)
    events = client("events")
    events.put_rule(Name="OrderFlow", ScheduleExpression="cron(0 0 * * ? *)")
    events.put_targets(Rule="OrderFlow", Targets=[{"Id": "OrderFlow", "Arn": arn["stateMachineArn"], "RoleArn": ROLE}])


FEWER = flow("OrderFlow", trigger(event("order-placed")))
OTHERS = flow(
    "SetFlow", trigger(event("order-placed"), event("paid"), join="all"), trigger(event("c"), options=json.dumps({}))
)
TIMED = MAPPING_FLOW.__class__(
    **{**MAPPING_FLOW.__dict__, "schedule": Schedule("0 0 * * ? *", None, SPAN), "triggers": MAPPING_FLOW.triggers[:1]}
)

STORIES: dict[str, tuple[Work, Work]] = {
    "a first create": (nothing, deploy(SET_FLOW)),
    "fewer triggers": (deploy(MAPPING_FLOW), deploy(FEWER)),
    "other triggers": (deploy(SET_FLOW), deploy(OTHERS)),
    "over upstream's": (upstreams, deploy(TIMED)),
    "delete": (deploy(SET_FLOW), remove("SetFlow")),
}


def prepare(aws: Aws, before: Work) -> None:
    reset(aws)
    clients(aws)("events").create_event_bus(Name="orders")
    before(clients(aws))


def killed_everywhere(aws: Aws, story: str, every: int, first: int = 0) -> int:
    """Kill at each `every`-th write and begin again; returns at how many."""
    before, work = STORIES[story]
    prepare(aws, before)
    work(clients(aws))
    wanted = content(aws)
    for done, number in enumerate(itertools.count(first, every)):
        prepare(aws, before)
        if not killed_at_write(aws, number, work):
            return done
        work(clients(aws))
        assert content(aws) == wanted, f"{story}, killed before write {number}"
    raise AssertionError("not reached")


@pytest.mark.parametrize(("story", "every"), [("a first create", 23), ("fewer triggers", 5)])
def test_what_was_killed_is_finished_by_the_next(server: Aws, story: str, every: int) -> None:
    assert killed_everywhere(server, story, every, first=every // 2) > 0


@pytest.mark.long
@pytest.mark.parametrize("story", STORIES)
def test_what_was_killed_anywhere_is_finished_by_the_next(server: Aws, story: str) -> None:
    assert killed_everywhere(server, story, 1) > 5


def together(aws: Aws, *works: Work) -> list[int]:
    children = [in_a_process(lambda work=work: work(aws.client)) for work in works]  # type: ignore[misc]
    return [ended(child) for child in children]


def after(aws: Aws, before: Work, work: Work) -> dict[str, Any]:
    prepare(aws, before)
    work(clients(aws))
    return content(aws)


def test_two_creates_of_one_flow_at_once_make_it_once(server: Aws) -> None:
    wanted = after(server, nothing, deploy(SET_FLOW))
    prepare(server, nothing)
    assert together(server, deploy(SET_FLOW), deploy(SET_FLOW)) == [0, 0]
    assert content(server) == wanted


def test_of_two_versions_at_once_one_is_deployed_whole(server: Aws) -> None:
    one, other = (after(server, nothing, deploy(item)) for item in (MAPPING_FLOW, FEWER))
    prepare(server, nothing)
    assert together(server, deploy(MAPPING_FLOW), deploy(FEWER)) == [0, 0]
    assert content(server) in (one, other)


@pytest.mark.long
def test_of_two_versions_at_once_one_is_deployed_whole_however_often(server: Aws) -> None:
    one, other = (after(server, nothing, deploy(item)) for item in (SET_FLOW, OTHERS))
    for _ in range(15):
        prepare(server, nothing)
        assert together(server, deploy(SET_FLOW), deploy(OTHERS)) == [0, 0]
        assert content(server) in (one, other)
