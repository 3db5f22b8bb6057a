"""Rules: EventBridge's rules and schedules, as they are planned.

In:   resolved properties, what the account has.
Out:  `Planned`.

Not here: carrying anything out. Nothing in this module writes.
"""

from __future__ import annotations

import json
from typing import Any

from ...plans import covers
from .calls import absent, calling
from .instructions import Instruction, JsonText, Place, Planned, Step, part
from .ownership import is_ours, refuse, retagged, tag_list, tag_map
from .state_machines import ROLE_UNKNOWN

RULE, GROUP, SCHEDULE = "AWS::Events::Rule", "AWS::Scheduler::ScheduleGroup", "AWS::Scheduler::Schedule"


def bus_name(bus: str) -> str:
    """The name in a bus's ARN, or the name itself."""
    return bus.rpartition("event-bus/")[2]


def plan_rule(place: Place, logical: str, properties: dict[str, Any]) -> Planned:
    events = place.clients["events"]
    name, bus = properties["Name"], properties["EventBusName"]
    with calling("events:DescribeRule", name):
        found = absent(lambda: events.describe_rule(Name=name, EventBusName=bus), "ResourceNotFoundException")
    pattern = properties["EventPattern"]
    if isinstance(pattern, str):
        pattern = json.loads(pattern)
    now = {
        "bus": bus_name(bus),
        "pattern": pattern,
        "state": properties["State"],
        "description": properties["Description"],
        "targets": properties["Targets"],
    }
    put = {
        "Name": name,
        "EventBusName": bus,
        "Description": properties["Description"],
        "EventPattern": JsonText(pattern),
        "State": properties["State"],
        # Of a rule that is there AWS ignores them; PutRule also makes one that somebody has deleted meanwhile.
        "Tags": properties["Tags"],
    }
    aim = {"Rule": name, "EventBusName": bus, "Targets": properties["Targets"]}
    targets = Instruction("events", "put_targets", aim, name, again=ROLE_UNKNOWN)
    if found is None:
        path = name if bus_name(bus) == "default" else f"{bus_name(bus)}/{name}"
        make = Instruction("events", "put_rule", put, name)
        arn = place.arn("events", f"rule/{path}")
        return Planned(Step("created", RULE, name, (make, targets), None, now), name, {"Arn": arn})
    with calling("events:ListTagsForResource", name):
        tags = tag_map(events.list_tags_for_resource(ResourceARN=found["Arn"])["Tags"])
    if not is_ours(place, tags):
        raise refuse(f"the rule {name}")
    with calling("events:ListTargetsByRule", name):
        present = events.list_targets_by_rule(Rule=name, EventBusName=bus)["Targets"]
    was = {
        "bus": bus_name(bus),
        "pattern": json.loads(found.get("EventPattern") or "{}"),
        "state": found.get("State"),
        "description": found.get("Description"),
        "targets": part(present, properties["Targets"]),
    }
    instructions = []
    if any(was[key] != now[key] for key in ("pattern", "state", "description")):
        instructions.append(Instruction("events", "put_rule", put, name))
    if not covers(present, properties["Targets"]):
        instructions.append(targets)
        wanted = {item["Id"] for item in properties["Targets"]}
        others = [item["Id"] for item in present if item["Id"] not in wanted]
        if others:
            arguments = {"Rule": name, "EventBusName": bus, "Ids": others}
            instructions.append(Instruction("events", "remove_targets", arguments, name))
    calls, tags_were, tags_are = retagged(
        tags,
        tag_map(properties["Tags"]),
        lambda missing: Instruction(
            "events", "tag_resource", {"ResourceARN": found["Arn"], "Tags": tag_list(missing)}, name
        ),
        lambda stale: Instruction("events", "untag_resource", {"ResourceARN": found["Arn"], "TagKeys": stale}, name),
    )
    instructions += calls
    was, now = was | tags_were, now | tags_are
    verb = "updated" if instructions else "unchanged"
    return Planned(Step(verb, RULE, name, tuple(instructions), was, now), name, {"Arn": found["Arn"]})


def plan_group(place: Place, logical: str, properties: dict[str, Any]) -> Planned:
    scheduler = place.clients["scheduler"]
    name = properties["Name"]
    with calling("scheduler:GetScheduleGroup", name):
        found = absent(lambda: scheduler.get_schedule_group(Name=name), "ResourceNotFoundException")
    arn = place.arn("scheduler", f"schedule-group/{name}")
    if found is None or found.get("State") == "DELETING":
        place.seen["no schedules"] = True
        make = Instruction(
            "scheduler",
            "create_schedule_group",
            {"Name": name, "Tags": properties["Tags"]},
            name,
            # A group that was deleted a moment ago is still there for a while.
            again=(("ConflictException", ""),) if found else (),
        )
        return Planned(Step("created", GROUP, name, (make,), None, {"name": name}), name, {"Arn": arn})
    with calling("scheduler:ListTagsForResource", name):
        tags = tag_map(scheduler.list_tags_for_resource(ResourceArn=found["Arn"]).get("Tags", []))
    if not is_ours(place, tags):
        raise refuse(f"the schedule group {name}")
    calls, was, now = retagged(
        tags,
        tag_map(properties["Tags"]),
        lambda missing: Instruction(
            "scheduler", "tag_resource", {"ResourceArn": found["Arn"], "Tags": tag_list(missing)}, name
        ),
        lambda stale: Instruction("scheduler", "untag_resource", {"ResourceArn": found["Arn"], "TagKeys": stale}, name),
    )
    step = Step("updated", GROUP, name, calls, was, now) if calls else Step("unchanged", GROUP, name)
    return Planned(step, name, {"Arn": found["Arn"]})


def plan_schedule(place: Place, logical: str, properties: dict[str, Any]) -> Planned:
    scheduler = place.clients["scheduler"]
    name, group = properties["Name"], properties["GroupName"]
    shown = f"{group}/{name}"
    found = None
    if not place.seen.get("no schedules"):
        with calling("scheduler:GetSchedule", shown):
            found = absent(lambda: scheduler.get_schedule(Name=name, GroupName=group), "ResourceNotFoundException")
    if found is None:
        make = Instruction("scheduler", "create_schedule", properties, shown, again=ROLE_UNKNOWN)
        return Planned(Step("created", SCHEDULE, shown, (make,), None, properties), name)
    was = part(found, properties)
    if covers(found, properties):
        return Planned(Step("unchanged", SCHEDULE, shown, (), was, was), name)
    change = Instruction("scheduler", "update_schedule", properties, shown, again=ROLE_UNKNOWN)
    return Planned(Step("updated", SCHEDULE, shown, (change,), was, properties), name)
