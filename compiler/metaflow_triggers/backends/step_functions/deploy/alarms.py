"""Alarms: the alarm of a flow's dead-letter queue, made, changed and removed.

In:   where we are; an alarm's properties, resolved, or its name.
Out:  `Planned`, or the `Step` that removes it.

Not here: when a flow has one (`compile.lower`), that it has, which is remembered with its state machine (`ownership`):
who makes none needs no right to ask for one. Nothing in this module writes.
"""

from __future__ import annotations

from typing import Any

from .calls import absent, calling
from .instructions import Instruction, Place, Planned, Step
from .ownership import is_ours, refuse, retagged, tag_list, tag_map

ALARM = "AWS::CloudWatch::Alarm"
_GONE = "ResourceNotFound", "ResourceNotFoundException"


def read_alarm(place: Place, name: str) -> tuple[dict[str, Any], dict[str, str]] | None:
    """(the alarm, its tags), or None."""
    cloudwatch = place.clients["cloudwatch"]
    with calling("cloudwatch:DescribeAlarms", name):
        found = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    if not found:
        return None
    alarm: dict[str, Any] = found[0]
    with calling("cloudwatch:ListTagsForResource", name):
        tags = absent(lambda: cloudwatch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"], *_GONE)
    return alarm, tag_map(tags or [])


def plan_alarm(place: Place, logical: str, properties: dict[str, Any]) -> Planned:
    """An alarm has a name of the caller's choice, so nothing refers to what it will be."""
    name = properties["AlarmName"]
    now = {key: value for key, value in properties.items() if key not in ("AlarmName", "Tags")}
    arn = place.arn("cloudwatch", f"alarm:{name}")
    put = Instruction("cloudwatch", "put_metric_alarm", properties, name)
    found = read_alarm(place, name)
    if found is None:
        return Planned(Step("created", ALARM, name, (put,), None, now), name, {"Arn": arn})
    alarm, tags = found
    if not is_ours(place, tags):
        raise refuse(f"the alarm {name}")
    was = {key: alarm.get(key) for key in now}
    calls, tags_were, tags_are = retagged(
        tags,
        tag_map(properties["Tags"]),
        lambda missing: Instruction(
            "cloudwatch", "tag_resource", {"ResourceARN": arn, "Tags": tag_list(missing)}, name
        ),
        lambda stale: Instruction("cloudwatch", "untag_resource", {"ResourceARN": arn, "TagKeys": stale}, name),
    )
    if was != now:
        # CloudWatch takes tags with an alarm that it makes alone.
        calls = (put, *calls)
    step = Step("updated" if calls else "unchanged", ALARM, name, calls, was | tags_were, now | tags_are)
    return Planned(step, name, {"Arn": arn})


def delete_alarm(place: Place, name: str) -> Step | None:
    """The step that removes an alarm of ours, or None if there is none."""
    found = read_alarm(place, name)
    if found is None or not is_ours(place, found[1]):
        return None
    drop = Instruction("cloudwatch", "delete_alarms", {"AlarmNames": [name]}, name, done=_GONE)
    return Step("deleted", ALARM, name, (drop,), was={"name": name})
