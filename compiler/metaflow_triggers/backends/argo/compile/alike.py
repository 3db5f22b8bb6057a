"""Alike: dependencies of one trigger that wait for the same events, told apart by filters or mappings only.

In:   a trigger.
Out:  for each dependency, in written order: whom it shares events with, and what its names need beside the usual parts.

Not here: which of them an event starts the flow for (`event_delivery`, and the run), refusing two that say the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from ....model.flows import Dependency, EventDependency, FinishDependency, Trigger
from ....model.kinds import assert_never
from .options import origin


@dataclass(frozen=True)
class Alike:
    """`group`: all that share events with the dependency, itself included, in written order.

    `parts` go into its names. The first of a name has none, so that its names do not change when another one is added:
    a Sensor that renames a dependency forgets what has arrived for it.
    """

    group: tuple[Dependency, ...]
    parts: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name under which an event with an `origin` is known, which may stand under several."""
        return _readable(self.group[0])[1]

    @property
    def is_several(self) -> bool:
        return len(self.group) > 1


def alike(trigger: Trigger) -> list[Alike]:
    """One for each dependency of the trigger."""
    groups: dict[tuple[str, ...], list[Dependency]] = {}
    for item in trigger.dependencies:
        groups.setdefault(_senders(item), []).append(item)
    found = []
    taken: dict[tuple[str, ...], int] = {}
    for item in trigger.dependencies:
        parts: tuple[str, ...] = ()
        if _readable(item) in taken:
            parts = (_filter(item), *_narrowed(item))
        same = (*_readable(item), *parts)
        taken[same] = taken.get(same, 0) + 1
        found.append(Alike(tuple(groups[_senders(item)]), (*parts, str(taken[same])) if parts else ()))
    return found


def shared(items: Iterable[Alike]) -> bool:
    """Whether one event may belong to several of them."""
    return any(item.is_several for item in items)


def _senders(item: Dependency) -> tuple[str, ...]:
    """The same for dependencies that wait for the same events, their filters aside."""
    return ("origin", *origin(item)) if isinstance(item, EventDependency) and item.origin else _readable(item)


def _readable(item: Dependency) -> tuple[str, ...]:
    """What the names have of the dependency anyway."""
    if isinstance(item, EventDependency):
        return "event", item.name
    if isinstance(item, FinishDependency):
        return "outcome", item.flow, item.project or "", item.branch or ""
    assert_never(item)


def _narrowed(item: Dependency) -> tuple[str, ...]:
    """Which events of that name it waits for, its filter aside."""
    if isinstance(item, EventDependency):
        return (item.origin.text if item.origin else "",)
    if isinstance(item, FinishDependency):
        return item.match
    assert_never(item)


def _filter(item: Dependency) -> str:
    return "" if item.filter is None else json.dumps(item.filter.plain(), sort_keys=True)
