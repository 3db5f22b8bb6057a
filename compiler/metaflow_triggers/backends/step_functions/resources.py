"""Resources: what a flow's triggers are on AWS, names decided.

In:   nothing; these are values.
Out:  frozen dataclasses that the templates lay out.

Not here: CloudFormation's keys (templates), deciding (lower).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class EventRule:
    """A rule for named events on a bus. `detail_types` are the events' names."""

    logical: str
    name: str
    description: str
    bus: str
    source: str
    detail_types: tuple[str, ...]


@dataclass(frozen=True)
class OutcomeRule:
    """A rule for the ends of other flows, on the default bus. `machines` are state machines' names."""

    logical: str
    name: str
    description: str
    statuses: tuple[str, ...]
    machines: tuple[str, ...]


@dataclass(frozen=True)
class Requirement:
    """A field without which an event does not start the flow.

    Exactly one of `event` (a name) and `machine` (a state machine's name) is set. `places` are JSON paths below the
    starter's `$.event`; the first that is present decides. Without any, no event has the field.
    """

    event: str | None
    machine: str | None
    places: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class Starter:
    """The state machine that stores an event and starts the flow."""

    name: str
    requirements: tuple[Requirement, ...]
    dependencies: Any
    """The static part of the trigger document, a JSON value."""
    reads_outcomes: bool


@dataclass(frozen=True)
class Triggers:
    """Everything that starts one flow. `prefixed` tells whether the datastore's root has a path."""

    flow: str
    deployed: str
    rules: tuple[EventRule | OutcomeRule, ...]
    starter: Starter
    queue: str
    own_rules_role: bool
    prefixed: bool


@dataclass(frozen=True)
class JobDefinition:
    """A step's AWS Batch job definition. `properties` has CloudFormation's spelling."""

    logical: str
    step: str
    name: str
    properties: Any
