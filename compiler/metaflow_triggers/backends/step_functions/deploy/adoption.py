"""Adoption: what `create` would change about the starts of a deployment that upstream Metaflow made.

In:   where we are, the template.
Out:  the changes in words.

Not here: refusing them (`deploy.py`). Nothing in this module writes.
Metaflow refuses every trigger but @schedule on Step Functions, so what starts such a flow is its schedule, and the
rules that people made by hand.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ..compile.lower import FLOW
from .calls import absent, calling
from .instructions import Place
from .ownership import is_ours
from .previous import pages, upstreams_schedule
from .rules_and_schedules import RULE, SCHEDULE, bus_name
from .state_machines import made_by_metaflow, read_machine


def is_upstreams(place: Place, template: dict[str, Any]) -> bool:
    """Whether the flow's state machine is one that Metaflow deployed without us."""
    found = read_machine(place, place.deployed)
    if found is None or found.deleting or is_ours(place, found.tags):
        return False
    return made_by_metaflow(found.definition, template["Resources"][FLOW]["Properties"]["Definition"])


def changed_starts(place: Place, template: dict[str, Any]) -> Iterator[str]:
    """A line for each start of upstream's deployment that would not be what it is."""
    yield from _schedule(place, template)
    buses = {"default"}
    for resource in template["Resources"].values():
        if resource["Type"] == RULE:
            buses.add(resource["Properties"]["EventBusName"])
    if any(resource["Type"] == RULE for resource in template["Resources"].values()):
        for bus in sorted(buses):
            yield from _rules_by_hand(place, bus)


def _schedule(place: Place, template: dict[str, Any]) -> Iterator[str]:
    before = upstreams_schedule(place)
    if before is None:
        return
    was = before["ScheduleExpression"]
    ours = [
        resource["Properties"]
        for resource in template["Resources"].values()
        if resource["Type"] == SCHEDULE and resource["Properties"]["Name"] == "schedule"
    ]
    if before.get("State") == "DISABLED":
        for schedule in ours:
            yield f"{place.deployed} would start at {_when(schedule)}; today its schedule is disabled"
        return
    if not ours:
        yield f"{place.deployed} would no longer start at {was}"
    for schedule in ours:
        if (schedule["ScheduleExpression"], schedule["ScheduleExpressionTimezone"]) != (was, "UTC"):
            yield f"{place.deployed} would start at {_when(schedule)}; today it starts at {was} (UTC)"


def _when(schedule: dict[str, Any]) -> str:
    return f"{schedule['ScheduleExpression']} ({schedule['ScheduleExpressionTimezone']})"


def _rules_by_hand(place: Place, bus: str) -> Iterator[str]:
    events = place.clients["events"]
    arn = place.arn("states", f"stateMachine:{place.deployed}")
    with calling("events:ListRuleNamesByTarget", bus):
        names = absent(
            lambda: list(
                pages(
                    lambda **more: events.list_rule_names_by_target(TargetArn=arn, EventBusName=bus, **more),
                    "RuleNames",
                )
            ),
            "ResourceNotFoundException",
        )
    for name in names or []:
        with calling("events:DescribeRule", name):
            rule = events.describe_rule(Name=name, EventBusName=bus)
        if rule.get("EventPattern") and rule.get("State") != "DISABLED":
            pattern = json.dumps(json.loads(rule["EventPattern"]), separators=(",", ":"), ensure_ascii=False)
            yield (
                f"the rule `{name}` on the bus {bus_name(bus)} starts {place.deployed} too, on {pattern}: "
                "an event that is also in a trigger of the flow would start it twice"
            )
