"""Machines: to which of our state machines the events of each dependency go.

In:   a flow, the settings.
Out:  `Machine`s: starters for events that are starts of their own, correlators for those of sets.

Not here: states, rules, roles' rights. One machine is told by the event alone which dependency it belongs to. Where one
event may fill several dependencies of a set, each has a correlator of its own, with one row for all of them; and where
one event starts the flow for two decorators, each has a starter of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from metaflow_extensions.triggers.contract.words import STATUS, STATUS_CHANGE

from ....model.facts import is_set
from ....model.flows import Dependency, EventDependency, FinishDependency, Flow, Trigger
from ....model.kinds import assert_never
from ....model.settings import Settings
from .. import NAME
from . import names
from .resources import Sender

STARTER = "Starter"
_STATES = "aws.states"


@dataclass(frozen=True)
class Machine:
    """`serves`: dependencies whose events come here. `told`: triggers of which its runs are told. `number` from 1."""

    logical: str
    role: str
    name: str
    number: int
    serves: tuple[tuple[Trigger, Dependency], ...]
    told: tuple[Trigger, ...]


def correlator_logical(trigger: Trigger, number: int = 1) -> str:
    return f"{trigger.kind.capitalize()}Correlator{'' if number == 1 else number}"


def sender(item: Dependency, settings: Settings) -> Sender:
    """How an event of the dependency is known among all that reach the state machine."""
    if isinstance(item, FinishDependency):
        machine = names.deployed_name(item.flow, item.project, item.branch, settings)
        return Sender(machine=machine, statuses=tuple(STATUS[outcome] for outcome in item.match))
    if not isinstance(item, EventDependency):
        assert_never(item)
    own = origin_of(item)
    if own is not None:
        return Sender(source=own["source"], detail_type=own.get("detail-type"))
    return Sender(source=settings.event_source, detail_type=item.name)


def origin_of(item: EventDependency) -> dict[str, str] | None:
    """`source` and perhaps `detail-type` of an event that exists on AWS already; None for a named event."""
    return item.origin.plain().get(NAME) if item.origin else None


def may_be_one(one: Sender, other: Sender) -> bool:
    """Whether one event may come from both, filters aside."""
    if one.machine is not None and other.machine is not None:
        return one.machine == other.machine and bool(set(one.statuses) & set(other.statuses))
    if one.machine is not None or other.machine is not None:
        own = one if one.machine is None else other
        return own.source == _STATES and own.detail_type in (None, STATUS_CHANGE)
    return one.source == other.source and (
        None in (one.detail_type, other.detail_type) or one.detail_type == other.detail_type
    )


def groups(trigger: Trigger, settings: Settings) -> list[list[Dependency]]:
    """The trigger's dependencies, those together that one event may come from; all in written order."""
    senders = [sender(item, settings) for item in trigger.dependencies]
    whole = {one.source for one in senders if one.machine is None and one.detail_type is None}
    any_end = any(one.source == _STATES and one.detail_type in (None, STATUS_CHANGE) for one in senders)

    def shared(one: Sender) -> tuple[str | None, ...]:
        """The same for all that one event may come from; ends of one flow may still differ in their outcomes."""
        if one.machine is not None:
            return (_STATES,) if any_end else (_STATES, STATUS_CHANGE, one.machine)
        if any_end and one.source == _STATES and (_STATES in whole or one.detail_type == STATUS_CHANGE):
            return (_STATES,)
        return (one.source,) if one.source in whole else (one.source, one.detail_type)

    together: dict[tuple[str | None, ...], list[int]] = {}
    for place, one in enumerate(senders):
        together.setdefault(shared(one), []).append(place)
    found: list[list[int]] = []
    for key, places in together.items():
        found += _overlapping(places, senders) if len(key) == 3 else [places]
    return [[trigger.dependencies[place] for place in places] for places in sorted(found)]


class Groups:
    """`groups` for those who ask for one dependency after the other: worked out once for a trigger."""

    def __init__(self, trigger: Trigger, settings: Settings) -> None:
        self._of = {id(item): group for group in groups(trigger, settings) for item in group}

    def of(self, item: Dependency) -> list[Dependency]:
        """The group of a dependency of the trigger."""
        return self._of[id(item)]


def _overlapping(places: list[int], senders: list[Sender]) -> list[list[int]]:
    """Ends of one flow in groups that have an outcome in common: at most as many as there are outcomes."""
    found: list[list[int]] = []
    for place in places:
        near = [group for group in found if any(may_be_one(senders[place], senders[one]) for one in group)]
        found = [
            *(group for group in found if group not in near),
            sorted([*(one for group in near for one in group), place]),
        ]
    return found


def machines(flow: Flow, settings: Settings) -> list[Machine]:
    """All that the flow's events need, starters first."""
    deployed = names.own_name(flow, settings)
    single = [trigger for trigger in flow.triggers if trigger.dependencies and not is_set(trigger)]
    found = []
    for number, triggers in enumerate(_apart(single, settings), 1):
        logical = STARTER if number == 1 else f"{STARTER}{number}"
        name = names.starter_name(deployed, number)
        serves = tuple((trigger, item) for trigger in triggers for item in trigger.dependencies)
        found.append(Machine(logical, "StarterRole", name, number, serves, tuple(triggers)))
    for trigger in flow.triggers:
        if not is_set(trigger):
            continue
        role = f"{trigger.kind.capitalize()}CorrelatorRole"
        for number, items in enumerate(_told_apart(trigger.dependencies, settings), 1):
            logical, name = correlator_logical(trigger, number), names.correlator_name(deployed, trigger.kind, number)
            serves = tuple((trigger, item) for item in items)
            found.append(Machine(logical, role, name, number, serves, (trigger,)))
    return found


def _apart(triggers: list[Trigger], settings: Settings) -> list[list[Trigger]]:
    """Triggers in as few groups as keep an event from starting the flow for one of a group only."""
    found: list[list[Trigger]] = []
    for trigger in triggers:
        mine = [sender(item, settings) for item in trigger.dependencies]
        for group in found:
            others = [sender(item, settings) for one in group for item in one.dependencies]
            if not any(may_be_one(one, other) for one in mine for other in others):
                group.append(trigger)
                break
        else:
            found.append([trigger])
    return found


def _told_apart(items: Iterable[Dependency], settings: Settings) -> list[list[Dependency]]:
    """Dependencies of a set in as few groups as let each event of a group belong to one of it."""
    found: list[list[Dependency]] = []
    for item in items:
        mine = sender(item, settings)
        for group in found:
            if not any(may_be_one(mine, sender(other, settings)) for other in group):
                group.append(item)
                break
        else:
            found.append([item])
    return found
