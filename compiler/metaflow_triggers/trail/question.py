"""Question: what is asked about.

In:   nothing; these are values.
Out:  `Question`: an id of an event or of a run, the name of the event and its payload where they are known, the flows.
      Which names may be meant, and which dependencies wait for one.

Not here: whose names these are on a target; whoever makes the question computes them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..model.flows import Dependency, EventDependency, FinishDependency, Flow, PollTrigger, Trigger


@dataclass(frozen=True)
class Asked:
    """A flow that is asked about. `name` is `Flow` or `project.branch.Flow`, `deployed` its name on the target.

    `flow` is None where no file was read, and only the target knows of it; `polls` are those that start it.
    """

    name: str
    deployed: str
    flow: Flow | None
    polls: tuple[PollTrigger, ...] = ()


@dataclass(frozen=True)
class Question:
    """`identity` as it was typed: of an event, or of a run. `event` is its name, or None: all that the flows wait for
    are tried. `payload` is what it is said to hold, or None: what a target has kept counts."""

    identity: str
    event: str | None
    payload: dict[str, Any] | None
    flows: tuple[Asked, ...]

    def names(self, asked: Asked) -> tuple[str, ...]:
        """The names of events that are tried for a flow: the one that was asked for if it waits for it, else all."""
        waited = event_names(asked)
        return waited if self.event is None else tuple(name for name in waited if name == self.event)

    def listening(self) -> tuple[Asked, ...]:
        """The flows that wait for the event; without a name all. One of which no file was read may wait for any."""
        return tuple(asked for asked in self.flows if asked.flow is None or self.event is None or self.names(asked))


def event_names(asked: Asked) -> tuple[str, ...]:
    """The names of events that a flow waits for, each once, in written order. Outcomes are none."""
    return tuple(dict.fromkeys(item.name for _, _, item in _dependencies(asked) if isinstance(item, EventDependency)))


def waits(asked: Asked, event: str) -> Iterator[tuple[Trigger, int, EventDependency]]:
    """(trigger, place in it, dependency) of all that waits for events of this name, in written order."""
    for trigger, place, item in _dependencies(asked):
        if isinstance(item, EventDependency) and item.name == event:
            yield trigger, place, item


def waits_for_runs(asked: Asked) -> Iterator[tuple[Trigger, int, FinishDependency]]:
    """(trigger, place in it, dependency) of all that waits for outcomes, in written order."""
    for trigger, place, item in _dependencies(asked):
        if isinstance(item, FinishDependency):
            yield trigger, place, item


def _dependencies(asked: Asked) -> Iterator[tuple[Trigger, int, Dependency]]:
    for trigger in asked.flow.triggers if asked.flow is not None else ():
        for place, item in enumerate(trigger.dependencies):
            yield trigger, place, item
