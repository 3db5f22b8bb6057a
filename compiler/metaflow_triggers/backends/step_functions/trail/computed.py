"""Computed: under which names AWS keeps what an event did to a flow.

In:   a flow, the settings, an event's id.
Out:  a `Way` for each dependency that the event may belong to: its rules, its machine, the names of what it leaves.

Not here: asking (`gather`). The texts that are hashed are those of `compile.starter` and `compile.correlator`, written
once more for Python: a test holds the two together through a machine that runs.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from metaflow_extensions.triggers.contract.words import EVENT_RESOURCE, STATUS, TRIGGERS_FOLDER

from ....model.facts import is_set
from ....model.flows import Dependency, EventDependency, FinishDependency, Flow, Trigger
from ....model.kinds import assert_never
from ....model.settings import Settings
from ..compile.actions import DOCUMENT, run_of
from ..compile.lower import datastore, lower_triggers
from ..compile.machines import machines, sender
from ..compile.options import options, queue_arns
from ..compile.resources import Correlator, EventRule, OutcomeRule, Sender, Triggers

EVENT_FILE = "events/{}.json"
"""Where an event of a set is, below the flow's `_triggers/`."""

RUN = re.compile(r"sfn-(?P<name>[0-9A-Za-z_.-]{1,80})")
"""Metaflow's id of a run here: `sfn-` and the name of the execution."""


@dataclass(frozen=True)
class Kept:
    """What the starter or correlator keeps of an event that has one key.

    `run` is the name of the execution that the event starts by itself; `mark` names it in a set: its row `seen-<mark>`,
    its file, what stands in its place. One of the two is "".
    """

    key: str
    run: str = ""
    mark: str = ""


@dataclass(frozen=True)
class Way:
    """One dependency of a flow, and the road of an event that belongs to it."""

    trigger: Trigger
    dependency: Dependency
    sender: Sender
    rules: tuple[EventRule | OutcomeRule, ...]
    machine: str
    logical: str
    keeps: tuple[Kept, ...]
    """One for each key that the event can have: under our id, or under an id of the bus."""
    set: Correlator | None = None
    slot: str = ""

    @property
    def name(self) -> str:
        """The event's name, as the flow calls it; of an outcome the flow that is waited for."""
        if isinstance(self.dependency, EventDependency):
            return self.dependency.name
        if isinstance(self.dependency, FinishDependency):
            return self.dependency.flow
        assert_never(self.dependency)


@dataclass(frozen=True)
class Roads:
    """All of a flow that is asked for. `bucket` and `folder` (with its slash): None where no datastore is set."""

    flow: Flow
    deployed: str
    lowered: Triggers | None
    ways: tuple[Way, ...]
    bucket: str | None
    folder: str
    queues: tuple[str, ...]
    """ARNs of the flow's own dead-letter queues, where its options name any."""


@dataclass(frozen=True)
class Asked:
    """`identity` is the event's id, or a run's. `arns` is `PARTITION:states:REGION:ACCOUNT`, as in an ARN; `name`: the
    event's, where it is known. `keys`: machine -> the key of its set, where what is deployed says it."""

    identity: str
    arns: str
    name: str | None = None
    keys: Mapping[str, str] = field(default_factory=dict)


def roads(flow: Flow, settings: Settings, asked: Asked) -> Roads:
    """Of a flow and an event."""
    from ..compile.names import own_name

    lowered = lower_triggers(flow, settings)
    deployed = own_name(flow, settings)
    bucket, prefix = datastore(settings)
    folder = "/".join(part for part in (prefix, flow.name, TRIGGERS_FOLDER) if part) + "/"
    ways = tuple(_ways(flow, settings, lowered, asked)) if lowered else ()
    return Roads(flow, deployed, lowered, ways, bucket, folder, tuple(queue_arns(flow)))


def document_key(roads: Roads, run: str) -> str:
    """Where a run's trigger document is in the datastore's bucket."""
    return roads.folder + DOCUMENT.format(run)


def event_key(roads: Roads, mark: str) -> str:
    """Where an event of a set is in the datastore's bucket."""
    return roads.folder + EVENT_FILE.format(mark)


def set_run(deployed: str, marks: tuple[str, ...]) -> str:
    """The name of the run of a whole set, by its events' marks in the order of the dependencies."""
    return run_of(deployed, *marks)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _ways(flow: Flow, settings: Settings, lowered: Triggers, event: Asked) -> Iterator[Way]:
    correlators = {item.logical: item for item in lowered.correlators}
    arrivals = {item.logical: item.arrival for item in lowered.starters}
    arrivals |= {item.logical: item.arrival for item in lowered.correlators}
    for machine in machines(flow, settings):
        for trigger, item in machine.serves:
            if event.name is not None and not _is_called(item, event.name):
                continue
            mine = sender(item, settings)
            gathered = correlators.get(machine.logical) if is_set(trigger) else None
            if gathered is not None and machine.name in event.keys:
                gathered = replace(gathered, key=event.keys[machine.name])
            slot = f"slot_{_place(trigger, item)}" if gathered else ""
            keeps = []
            for key in _keys(item, mine, event, named=arrivals[machine.logical].named):
                if gathered is None:
                    keeps.append(Kept(key, run=run_of(lowered.deployed, key)))
                else:
                    keeps.append(Kept(key, mark=_hash(f"{lowered.deployed} {gathered.key} {slot} {key}")))
            rules = tuple(rule for rule in lowered.rules if _leads(rule, machine.logical, mine, trigger, settings))
            yield Way(trigger, item, mine, rules, machine.name, machine.logical, tuple(keeps), gathered, slot)


def _place(trigger: Trigger, item: Dependency) -> int:
    return next(place for place, one in enumerate(trigger.dependencies) if one is item)


def _is_called(item: Dependency, name: str) -> bool:
    return isinstance(item, EventDependency) and item.name == name


def _keys(item: Dependency, mine: Sender, event: Asked, *, named: bool) -> Iterator[str]:
    """The keys under which the machine may have known the event (`compile.arrival`)."""
    if isinstance(item, FinishDependency):
        found = RUN.fullmatch(event.identity)
        if found is not None:
            execution = f"arn:{event.arns}:execution:{mine.machine}:{found['name']}"
            for outcome in item.match:
                yield f"{execution}/{STATUS[outcome]}"
        return
    own = EVENT_RESOURCE + event.identity
    if not named:
        yield own
    elif mine.detail_type is not None:
        yield f"{mine.detail_type} {own}"
    yield event.identity


def _leads(rule: EventRule | OutcomeRule, target: str, mine: Sender, trigger: Trigger, settings: Settings) -> bool:
    """Whether events of the sender come through the rule, filters aside."""
    if rule.target != target:
        return False
    if isinstance(rule, OutcomeRule):
        return mine.machine in rule.machines and bool(set(rule.statuses) & set(mine.statuses))
    if mine.machine is not None or rule.source != mine.source:
        return False
    if mine.detail_type is None or not rule.detail_types:
        same = mine.detail_type is None and not rule.detail_types
    else:
        same = mine.detail_type in rule.detail_types
    said = options(trigger)
    bus = said.bus or settings.event_bus
    own = rule.source.startswith("aws.") or (rule.source != settings.event_source and said.bus is None)
    return same and rule.bus == ("default" if own else bus)
