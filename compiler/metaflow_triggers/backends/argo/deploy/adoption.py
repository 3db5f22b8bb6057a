"""Adoption: what `create` would change about the starts of a deployment that upstream Metaflow made.

In:   upstream's WorkflowTemplate, Sensor and CronWorkflow as the cluster has them, the flow.
Out:  the changes in words.

Not here: refusing them (`deploy.py`), requests.

Only what installing this package changes counts (semantics, section 13): where the flow itself says something new,
Metaflow's next `create` would change it as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ....language.cron import CronError, cut_to_five_fields, parse_five, to_five_fields
from ....model.flows import EventDependency, Flow
from ....model.settings import Settings
from ...shape import About

# Metaflow's prefix of namespaced events, METAFLOW_NAMESPACED_EVENTS_PREFIX in metaflow_config.py.
_PREFIX = "mfns."
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


def changed_starts(sensor: Any, schedule: Any, about: About, settings: Settings) -> Iterator[str]:
    """A line for each start of upstream's deployment that would not be what it is."""
    flow = about.flow
    if sensor is not None:
        yield from about.by_installing()
        yield from _renamed_events(sensor, flow)
    if schedule is not None and flow.schedule is not None:
        yield from _schedule(schedule, flow, settings)


def _renamed_events(sensor: Any, flow: Flow) -> Iterator[str]:
    ours = {
        item.name for trigger in flow.triggers for item in trigger.dependencies if isinstance(item, EventDependency)
    }
    for name in sorted(_event_names(sensor) - ours):
        if name.startswith(_PREFIX):
            short = name.removeprefix(_PREFIX)
            for new in sorted({short, re.sub(r"^([^.]+)\.prod\.", r"\1.production.", short)} & ours):
                yield f"{flow.name} starts on {new} instead of {name}"


def _event_names(sensor: Any) -> set[str]:
    """Names that upstream's Sensor compares with (`name == '...'`, _compile_sensor in argo_workflows.py)."""
    found = set()
    for dependency in (sensor.get("spec") or {}).get("dependencies") or []:
        for entry in (dependency.get("filters") or {}).get("exprs") or []:
            match = re.fullmatch(r"name == '(.*)'", entry.get("expr", ""))
            if match:
                found.add(match[1])
    return found


def _schedule(schedule: Any, flow: Flow, settings: Settings) -> Iterator[str]:
    spec = schedule.get("spec") or {}
    was = [item for item in (spec.get("schedules") or [spec.get("schedule")]) if item]
    if spec.get("suspend") or len(was) != 1 or flow.schedule is None:
        return
    if settings.compatibility == "upstream":
        return  # upstream's rules for schedules are in force
    if _plain(cut_to_five_fields(flow.schedule.cron)) != _plain(was[0]):
        return  # the flow's schedule is another one than it was
    # Argo's controller reads a cron without timezone in its own time, which is UTC unless somebody set it.
    zones = spec.get("timezone") or "UTC", flow.schedule.timezone or "UTC"
    now = to_five_fields(flow.schedule.cron)
    if _canonical(was[0]) != _canonical(now) or zones[0] != zones[1]:
        yield f"{flow.name} starts at {now} ({zones[1]}) instead of {was[0]} ({zones[0]})"


def _plain(cron: str) -> str:
    return " ".join(cron.split()).replace("?", "*").upper()


def _canonical(cron: str) -> str:
    *rest, month, weekday = _plain(cron).split()
    for place, name in enumerate(_MONTHS, 1):
        month = month.replace(name, str(place))
    for place, name in enumerate(_WEEKDAYS):
        weekday = weekday.replace(name, str(place))
    try:
        return parse_five(" ".join([*rest, month, weekday])).text
    except CronError:
        return f"not understood: {cron}"
