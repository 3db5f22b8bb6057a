"""Marks read back: whose the objects of a finished template say that they are.

In:   properties of the resources by logical name, the flow, its deployed name, the settings.
Out:  texts: each thing that the one says and the other does not.

Not here: what carries no tag: a queue's policy, a schedule, which its group has. They are found by what they belong to.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ....model.flows import Flow
from ....model.marks import NAMES, mark_values
from ....model.settings import Settings

_TAGLESS = ("Queues", "ScheduleExpression")
"""A property that each object has which takes no tags."""


def mark_differences(given: dict[str, Any], flow: Flow, deployed: str, settings: Settings) -> Iterator[str]:
    """Each resource that takes tags has the flow's, its project's and no other project's."""
    own = {"metaflow-triggers/flow": flow.name, "metaflow-triggers/deployed-name": deployed}
    of_project = mark_values(flow, settings)
    for logical, properties in given.items():
        if any(key in properties for key in _TAGLESS):
            continue
        found = properties.get("Tags", {})
        if isinstance(found, list):
            found = {item["Key"]: item["Value"] for item in found}
        if any(found.get(key) != value for key, value in own.items()):
            yield f"does not mark {logical} as the flow's own"
        if {key: value for key, value in found.items() if key in NAMES} != of_project:
            yield f"does not mark {logical} with its project, branch and user"
