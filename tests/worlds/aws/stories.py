"""What `create` and `delete` are asked to do in the tests that interrupt or refuse them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

from metaflow_triggers.backends.step_functions.deploy.converge import create, delete
from metaflow_triggers.model.flows import Schedule

from ...unit.backends.step_functions.samples import (
    CONFIGURED,
    MAPPING_FLOW,
    SET_FLOW,
    SPAN,
    event,
    finish,
    flow,
    trigger,
)
from .boundaries import Work
from .service import ROLE
from .test_deploy import TOKEN, template

STEPS = ("start", "end")


def deploy(item: Any, **more: Any) -> Work:
    """`create` of a flow."""
    made = template(item)
    return lambda client: create(made, TOKEN, CONFIGURED, client, accept_changes=True, **more)


def remove(name: str, **more: Any) -> Work:
    """`delete` of the flow deployed under `name`."""
    return lambda client: delete(name, client, steps=STEPS, **more)


def nothing(client: Callable[[str], Any]) -> None:
    """Nothing was there before."""


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
FILTERED = flow(
    "OrderFlow",
    trigger(event("order-placed", filter=json.dumps({"id": [{"numeric": [">", 10**12]}]}))),
    trigger(finish("Ingest")),
)
OTHERS = flow(
    "SetFlow", trigger(event("order-placed"), event("paid"), join="all"), trigger(event("c"), options=json.dumps({}))
)
TIMED = dataclasses.replace(
    MAPPING_FLOW, schedule=Schedule("0 0 * * ? *", None, SPAN), triggers=MAPPING_FLOW.triggers[:1]
)
RENAMED = dataclasses.replace(MAPPING_FLOW, name="RenamedFlow")

STORIES: dict[str, tuple[Work, Work]] = {
    "a first create": (nothing, deploy(SET_FLOW)),
    "fewer triggers": (deploy(MAPPING_FLOW), deploy(FEWER)),
    "more triggers": (deploy(FEWER), deploy(MAPPING_FLOW)),
    "another set": (deploy(SET_FLOW), deploy(OTHERS)),
    "over upstream's": (upstreams, deploy(TIMED)),
    "renamed": (deploy(MAPPING_FLOW), deploy(RENAMED, replaces=("OrderFlow",))),
    "delete": (deploy(SET_FLOW), remove("SetFlow")),
    "delete upstream's": (upstreams, remove("OrderFlow", flow="OrderFlow")),
}
"""What was there before, and what is done."""
