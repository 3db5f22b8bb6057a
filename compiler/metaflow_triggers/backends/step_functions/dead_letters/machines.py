"""Machines: what of a flow takes events in the account, found by the names that its deployment has.

In:   where we are, with the flow's deployed name.
Out:  `Deployment`: starters, correlators, queues; which machine an event is for, and the run that it would start.

Not here: letters. Nothing here writes. What the machines do with an event stands in their definitions
(`compile.starter`, `compile.correlator`): these are read, so that what is deployed counts, not what a checkout is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from metaflow_extensions.triggers.contract.words import EVENT_RESOURCE

from ....language.filters import matches
from ..compile import names
from ..compile.assemble import TAG_FLOW
from ..deploy.calls import absent, calling
from ..deploy.instructions import Place
from ..deploy.objects import queue_is_ours, queue_url
from ..deploy.ownership import BUSES, is_ours
from ..deploy.state_machines import read_machine
from .queue import Queue


@dataclass(frozen=True)
class Machine:
    """A starter or a correlator. `claims`: how many events a set of a correlator has, 0 for a starter."""

    name: str
    arn: str
    states: dict[str, Any]
    claims: int = 0


@dataclass(frozen=True)
class Deployment:
    """`flow` is the name of its class where the account tells it; `there`: its own state machine is. `shared` queues
    are not the flow's own: `dead-letter-queue` of its options names them."""

    place: Place
    flow: str
    there: bool
    machines: tuple[Machine, ...]
    queues: tuple[tuple[Queue, bool], ...]
    buses: tuple[str, ...]

    def machine(self, arn: str) -> Machine | None:
        """The one of this ARN."""
        return next((one for one in self.machines if one.arn == arn), None)

    def owns(self, arn: str) -> bool:
        """Whether a target is of this flow, be it there or not: EventBridge names it in what it could not deliver."""
        name = arn.rpartition(":")[2]
        return arn == self.place.arn("states", f"stateMachine:{name}") and name in _computed(self.place.deployed)


def _computed(deployed: str) -> set[str]:
    """Names that starters and correlators of the flow may have."""
    numbers = range(1, _MOST + 1)
    found = {names.starter_name(deployed, number) for number in numbers}
    return found | {names.correlator_name(deployed, kind, number) for kind in _KINDS for number in numbers}


_KINDS = ("event", "finish")
_MOST = 20
"""Machines of one kind that are looked for; a flow has a second one where an event belongs to two decorators."""


def deployment(place: Place) -> Deployment:
    """What the account has of the flow. Raises DiagnosticError (FT701 to FT704)."""
    whole = read_machine(place, place.deployed)
    there = whole is not None and not whole.deleting and is_ours(place, whole.tags)
    tags = whole.tags if whole is not None else {}
    found = [*_numbered(place, partial(names.starter_name, place.deployed))]
    for kind in _KINDS:
        found += _numbered(place, partial(names.correlator_name, place.deployed, kind))
    flow = tags.get(TAG_FLOW) or place.deployed
    buses = ("default", *filter(None, tags.get(BUSES, "").split(" "))) if there else ("default",)
    return Deployment(place, flow, there, tuple(found), tuple(_queues(place, found)), buses)


def _numbered(place: Place, name: Callable[[int], str]) -> Iterator[Machine]:
    for number in range(1, _MOST + 1):
        found = read_machine(place, name(number))
        if found is None or found.deleting or not is_ours(place, found.tags):
            return
        states: dict[str, Any] = found.definition["States"]
        update = states.get("Release", {}).get("Parameters", {}).get("UpdateExpression", "")
        yield Machine(name(number), found.arn, states, len(update.split(",")) if update else 0)


def _queues(place: Place, machines: list[Machine]) -> Iterator[tuple[Queue, bool]]:
    own = names.queue_name(place.deployed)
    url = queue_url(place, own)
    if url is not None and queue_is_ours(place, own, url):
        yield Queue(place, own, url), False
    given = {state["Parameters"]["QueueUrl"] for one in machines for state in one.states.values() if _sends(state)}
    for other in sorted(given):
        name = other.rpartition("/")[2]
        if name != own:
            yield Queue(place, name, other), True


def _sends(state: dict[str, Any]) -> bool:
    return str(state.get("Resource", "")).endswith(":sqs:sendMessage")


# which machine, which run ---------------------------------------------------------------------------------------------


def takers(found: Deployment, event: dict[str, Any]) -> list[Machine]:
    """The machines that an event is for: where there are several, their rules say it."""
    if len(found.machines) < 2:
        return list(found.machines)
    return [one for one in found.machines if any(_matches(text, event) for text in _patterns(found, one))]


def _patterns(found: Deployment, machine: Machine) -> Iterator[str]:
    """Of the rules of a machine, on the buses that the deployment has."""
    events = found.place.clients["events"]
    for bus in found.buses:
        asked = {"TargetArn": machine.arn, "EventBusName": bus}
        with calling("events:ListRuleNamesByTarget", machine.name):
            rules = absent(partial(events.list_rule_names_by_target, **asked), "ResourceNotFoundException")
        for rule in (rules or {}).get("RuleNames", ()):
            with calling("events:DescribeRule", rule):
                yield str(events.describe_rule(Name=rule, EventBusName=bus).get("EventPattern", ""))


def _matches(pattern: str, event: dict[str, Any]) -> bool:
    try:
        return matches(json.loads(pattern), event)
    except (ValueError, TypeError, KeyError, RecursionError):
        return True  # somebody wrote it by hand; the machine itself looks whose an event is


def start_key(machine: Machine, event: dict[str, Any]) -> str:
    """What tells an event from others, as the machine says it (`compile.arrival`)."""
    first = (event.get("resources") or [""])[0]
    if isinstance(first, str) and first.startswith(EVENT_RESOURCE):
        return f"{event['detail-type']} {first}" if "TakeEventName" in machine.states else first
    if "TakeOutcome" in machine.states and event.get("source") == "aws.states" and "executionArn" in event["detail"]:
        return f"{event['detail']['executionArn']}/{event['detail'].get('status')}"
    return str(event["id"])


def is_started(place: Place, run: str) -> bool:
    """Whether a run of this name is or was there. AWS knows it for 90 days after its end, a letter lies for 14."""
    states = place.clients["stepfunctions"]
    arn = place.arn("states", f"execution:{place.deployed}:{run}")
    with calling("states:DescribeExecution", run):
        return absent(lambda: states.describe_execution(executionArn=arn), "ExecutionDoesNotExist") is not None
