"""Waits: what each flow waits for, prepared for looking events up.

In:   flows.
Out:  `LocalFlow`s, and `index`: kind and name of an event -> the dependencies that wait for it.

Not here: the database. On the local engine an event's own name counts: `origin` names another system's event, and
whoever brings it here brings it under its name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from metaflow_extensions.triggers.contract.words import outcome_event

from ..graph import entries
from ..model import facts
from ..model.flows import Dependency, EventDependency, FinishDependency, Flow, Trigger
from ..model.kinds import assert_never
from ..model.names import digest


@dataclass(frozen=True)
class LocalFlow:
    """A flow and the key it has in the database: `Flow` or `project.branch.Flow`."""

    key: str
    flow: Flow


@dataclass(frozen=True)
class LocalTrigger:
    """One trigger of a flow, and its place among them. `key` stays the same as long as the trigger waits for the same
    things."""

    place: int
    key: str
    join: str
    queue: bool
    reset_cron: str | None
    reset_timezone: str | None
    dependencies: tuple[dict[str, Any], ...]
    """As they stand in the trigger document."""


@dataclass(frozen=True)
class Wait:
    """One dependency, by its place in a trigger of a flow. `arrival_fields`: without one an event never counts."""

    flow: LocalFlow
    trigger: LocalTrigger
    number: int
    filter: dict[str, Any] | None
    arrival_fields: tuple[tuple[str, str], ...]


Index = dict[tuple[str, str], list[Wait]]


def local_flow(flow: Flow) -> LocalFlow:
    """The flow with its key."""
    return LocalFlow(facts.qualified_name(facts.identity(flow)), flow)


def index(flows: Iterable[LocalFlow]) -> Index:
    """(kind, name in the log) -> what waits for it, in the order of flows and triggers."""
    found: Index = {}
    for flow in flows:
        keys: dict[str, int] = {}
        for place, trigger in enumerate(flow.flow.triggers):
            local = _trigger(place, trigger, keys)
            for number, dependency in enumerate(trigger.dependencies):
                wait = Wait(
                    flow,
                    local,
                    number,
                    dependency.filter.plain() if dependency.filter else None,
                    _arrival_fields(flow.flow, trigger, dependency),
                )
                for name in names(dependency):
                    found.setdefault(name, []).append(wait)
    return found


def names(dependency: Dependency) -> list[tuple[str, str]]:
    """(kind, name in the log) of what a dependency waits for."""
    if isinstance(dependency, EventDependency):
        return [("event", dependency.name)]
    if not isinstance(dependency, FinishDependency):
        assert_never(dependency)
    key = facts.qualified_name(facts.wanted(dependency))
    return [("finish", outcome_event(key, outcome)) for outcome in dependency.match]


def _trigger(place: int, trigger: Trigger, keys: dict[str, int]) -> LocalTrigger:
    waited = [[*sorted(map(list, names(item))), facts.filter_text(item) or ""] for item in trigger.dependencies]
    key = digest(trigger.kind, trigger.join, json.dumps(waited))
    keys[key] = keys.get(key, 0) + 1
    reset = trigger.options.reset_at
    return LocalTrigger(
        place=place,
        key=key if keys[key] == 1 else f"{key}-{keys[key]}",
        join="all" if facts.is_set(trigger) else "any",
        queue=trigger.options.join == "queue",
        reset_cron=reset.cron if reset else None,
        reset_timezone=reset.timezone if reset else None,
        dependencies=tuple(_dependency(trigger, item) for item in trigger.dependencies),
    )


def _dependency(trigger: Trigger, item: Dependency) -> dict[str, Any]:
    if isinstance(item, FinishDependency):
        return entries.finish_entry(trigger, item, facts.qualified_name(facts.wanted(item)))
    if isinstance(item, EventDependency):
        return entries.event_entry(trigger, item)
    assert_never(item)


def _arrival_fields(flow: Flow, trigger: Trigger, item: Dependency) -> tuple[tuple[str, str], ...]:
    """(required parameter, field) that only this event of a set gives: an event without it would spoil the set."""
    if not facts.is_set(trigger):
        return ()
    needed = {parameter.name for parameter in facts.needed(flow)}
    return tuple(pair for pair in facts.mapped_fields(item) if pair[0] in needed)
