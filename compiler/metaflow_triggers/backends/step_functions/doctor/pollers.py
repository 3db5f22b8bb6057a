"""Pollers: whether what polls for these flows on AWS is at work.

In:   flows that poll triggers start, the settings, the account.
Out:  a finding for each flow's poller, and for each of its triggers.

Not here: what `create` may do (`rights`), the queue and the roles (`things`, `roles`), which a poller shares with its
flow. A flow that is not deployed lacks nothing: `create` makes its poller.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from ....doctor.findings import Finding, fine, lacking
from ....model.flows import Flow
from ....model.settings import Settings
from ....polling.aws import store
from ... import poll_health
from .. import NAME
from ..compile import names
from ..polls.tables import Region, Table, Trigger, table
from .asking import Account, ask, each

_SCHEDULE = "polls"
"""Of the flow's group (`templates/step_functions/poll_schedule.json.j2`)."""


def pollers(settings: Settings, flows: Sequence[Flow], account: Account) -> Iterator[Finding]:
    """Flow by flow."""
    for flow in flows:
        yield from each(_of_flow(names.own_name(flow, settings), account))


def _of_flow(deployed: str, account: Account) -> Iterator[Callable[[], Finding]]:
    """What is asked of one; questions that follow from an answer come after it."""
    thing, name = f"poller of {deployed}", names.poll_table_name(deployed)
    found: dict[str, Table] = {}

    def poller() -> Finding:
        there = ask(thing, "dynamodb:Scan", name, lambda: table(Region(account.clients, ""), deployed))
        if there is None:
            return fine(thing, f"no table {name}: `create` makes it")
        found["table"] = there
        return _at_work(thing, there, account)

    yield poller
    if "table" not in found:
        return
    for one in found["table"].triggers:
        if one.is_declared:
            yield partial(_trigger, one, account)


def _at_work(thing: str, there: Table, account: Account) -> Finding:
    """Whether the schedule asks for its job, and somebody polls."""
    create = f"metaflow-triggers create PATHS --backend {NAME}"
    if not there.version:
        machine = names.poller_name(there.deployed)
        return lacking(thing, f"there is no state machine {machine}: nothing submits the job that polls", create)
    group = names.schedule_group_name(there.deployed)
    scheduler = account.clients["scheduler"]
    schedule = ask(
        thing,
        "scheduler:GetSchedule",
        f"{group}/{_SCHEDULE}",
        lambda: scheduler.get_schedule(GroupName=group, Name=_SCHEDULE),
        "ResourceNotFoundException",
    )
    if schedule is None:
        return lacking(thing, f"there is no schedule {group}/{_SCHEDULE}: nothing begins the job that polls", create)
    if schedule.get("State") == "DISABLED":
        return lacking(thing, f"the schedule {group}/{_SCHEDULE} is disabled: nothing begins the job anew", create)
    down = ask(thing, "states:ListExecutions", names.poller_name(there.deployed), lambda: there.down)
    if down:
        return lacking(thing, f"nothing is polled: {_one_line(down)}", _executions(there, account))
    return fine(thing)


def _trigger(one: Trigger, account: Account) -> Finding:
    """What is remembered of a trigger that says that it is not polled, or cannot start anything."""
    thing = f"poll trigger {one.identity}"
    state, problem = one.read
    key = shlex.quote(f'{{"pk": {{"S": "{store.key_of(one.declared.name)}"}}}}')
    item = f"aws dynamodb delete-item --table-name {one.table.name} --key {key} --region {account.region}"
    forget = f"{item}: what it remembers is forgotten"
    if problem is not None:
        return lacking(thing, problem, forget)
    if state.get("down"):
        return lacking(thing, f"it is not polled: {_one_line(state['down'])}", _executions(one.table, account))
    size = len(store.text(one.item, "state")) + len(one.declared.text().encode())
    ails = poll_health.ailment(state, size, store.LARGEST)
    if ails is None:
        return fine(thing)
    if ails.is_full:
        return lacking(thing, ails.told, "fewer contexts by `dedup_keys`, or by another name", forget)
    return lacking(thing, ails.told, f"metaflow-triggers history {shlex.quote(one.identity)} --backend {NAME}")


def _executions(there: Table, account: Account) -> str:
    """The command that lists what the poller's machine did: its jobs, and with them their logs."""
    states = f"arn:{account.partition}:states:{account.region}:{account.number}:stateMachine"
    arn = f"{states}:{names.poller_name(there.deployed)}"
    return f"aws stepfunctions list-executions --state-machine-arn {arn} --region {account.region}"


def _one_line(text: str) -> str:
    return " ".join(text.split())
