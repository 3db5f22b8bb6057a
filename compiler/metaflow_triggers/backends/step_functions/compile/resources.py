"""Resources: what a flow's triggers are on AWS, names decided.

In:   nothing; these are values.
Out:  frozen dataclasses that the templates and the definitions of our machines lay out.

Not here: CloudFormation's keys (templates), states (`starter`, `correlator`), deciding (`lower`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Delivery:
    """How long EventBridge tries to start the target: attempts after the first, and seconds."""

    attempts: int = 185
    age: int = 86400


@dataclass(frozen=True)
class EventRule:
    """A rule for named events on a bus.

    `detail_types` are the events' names, or what another system calls them; empty for all of a source.
    `detail` is a content pattern over the payload, or None. `target` is the logical name of a state machine.
    """

    logical: str
    name: str
    description: str
    bus: str
    source: str
    detail_types: tuple[str, ...]
    detail: Any
    target: str
    delivery: Delivery


@dataclass(frozen=True)
class OutcomeRule:
    """A rule for the ends of other flows, on the default bus. `machines` are state machines' names.

    `runs` is a content pattern over the run's name, or None.
    """

    logical: str
    name: str
    description: str
    statuses: tuple[str, ...]
    machines: tuple[str, ...]
    runs: Any
    target: str
    delivery: Delivery


@dataclass(frozen=True)
class Sender:
    """Which events are meant: all fields that are set must be equal. `machine` is a state machine's name."""

    source: str | None = None
    detail_type: str | None = None
    machine: str | None = None
    statuses: tuple[str, ...] = ()


@dataclass(frozen=True)
class Requirement:
    """A field without which an event does not start the flow.

    `places` are JSON paths below the starter's `$.event`; the first that is present decides. Without any, no event
    has the field. `when`: conditions that hold if the dependency may be meant. `unless`, one for each other dependency
    that the event may belong to: conditions that hold if the event starts the flow as one of that.
    """

    sender: Sender
    places: tuple[str, ...]
    reason: str
    when: tuple[Any, ...] = ()
    unless: tuple[tuple[Any, ...], ...] = ()


@dataclass(frozen=True)
class ErrorFilter:
    """A filter over an outcome's `error`, which only the state machine can put together.

    `condition` is a condition of a Choice state over `$.error` (text, "" where there is none).
    """

    sender: Sender
    condition: Any


@dataclass(frozen=True)
class Arrival:
    """What a starter and a correlator do alike with each event: know it, filter it, look for required fields.

    `named`: events are told apart by name and id, not by the id alone.
    """

    requirements: tuple[Requirement, ...]
    errors: tuple[ErrorFilter, ...]
    reads_outcomes: bool
    named: bool


@dataclass(frozen=True)
class Starter:
    """The state machine that stores an event and starts the flow. `role` is the logical name of its role."""

    logical: str
    role: str
    name: str
    arrival: Arrival
    dependencies: Any
    """The static part of the trigger document, a JSON value."""


@dataclass(frozen=True)
class Slot:
    """A dependency of an *all*: its place in the set, and which events fill it."""

    attribute: str
    sender: Sender


@dataclass(frozen=True)
class Correlator:
    """The state machine that waits for a whole set and starts the flow. `join` is latest or queue.

    `slots` are those that it fills, `attributes` those of the whole set. `key` names the set in the flow's table;
    another set of dependencies has another.
    """

    logical: str
    role: str
    name: str
    arrival: Arrival
    dependencies: Any
    slots: tuple[Slot, ...]
    attributes: tuple[str, ...]
    join: str
    key: str


@dataclass(frozen=True)
class Schedule:
    """A time at which a state machine starts. `target` is its logical name, `input` JSON text."""

    logical: str
    name: str
    description: str
    expression: str
    timezone: str
    target: str
    input: str


JOB, MACHINE, TABLE, WATCHDOG = "PollerJob", "PollMachine", "PollTable", "PollSchedule"
"""Logical names of what polls."""


@dataclass(frozen=True)
class Poller:
    """What polls the flow's poll triggers. `declared` is JSON text: a list of the texts of declarations.

    `once`: a job lives for one poll, and is submitted every so many `minutes`; else it is kept, and looked after every
    so many. `job` is a `poller_job.Job`, None without the flow's steps.
    """

    table: str
    machine: str
    job_name: str
    declared: str
    once: bool
    minutes: int
    job: Any


@dataclass(frozen=True)
class Triggers:
    """Everything that starts one flow. `prefixed` tells whether the datastore's root has a path.

    `queue` is the name of our dead-letter queue, None where nothing can be left over; `queue_arn` is the user's, then
    ours is not made. `alarm` is the name of its alarm, None where nobody shall be told.
    """

    flow: str
    deployed: str
    rules: tuple[EventRule | OutcomeRule, ...]
    starters: tuple[Starter, ...]
    correlators: tuple[Correlator, ...]
    schedules: tuple[Schedule, ...]
    group: str
    table: str
    queue: str | None
    queue_arn: str | None
    alarm: str | None
    prefixed: bool


@dataclass(frozen=True)
class JobDefinition:
    """A step's AWS Batch job definition. `properties` has CloudFormation's spelling."""

    logical: str
    step: str
    name: str
    properties: Any
