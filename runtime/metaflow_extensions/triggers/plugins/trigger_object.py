"""Trigger object: what `current.trigger` is in a run that an event started.

In:   events of `event_reader.select`, or the `Trigger` that Metaflow makes for `run --trigger`.
Out:  `Trigger`: Metaflow's surface, and `event_name`, `payload`, `timestamp`, `id` of the latest event.

Not here: reading documents, deciding whether a run was started by an event.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from metaflow.events import MetaflowEvent
from metaflow.events import Trigger as _Upstream

from ..contract.event_reader import Event

_BEGINNING = datetime.min.replace(tzinfo=timezone.utc)


class TriggerEvent(MetaflowEvent):
    """Metaflow's `MetaflowEvent` (name, id, timestamp, type) with the payload.

    `timestamp` is an aware `datetime` or None, `type` is "event" or "run".
    """

    payload: dict[str, Any]

    def __new__(
        cls, name: str, id: str | None, timestamp: datetime | None, type: str, payload: dict[str, Any]
    ) -> TriggerEvent:
        self = super().__new__(cls, name, id, timestamp, type)
        self.payload = payload
        return self

    def __getnewargs__(self) -> tuple[Any, ...]:
        return (*self, self.payload)

    @property
    def event_name(self) -> str:
        """The event's name; the same as `name`."""
        return self.name


class Trigger(_Upstream):
    """The events that started a run, the latest first."""

    def __init__(self, events: list[TriggerEvent]) -> None:
        super().__init__()
        self._events = sorted(events, key=lambda event: event.timestamp or _BEGINNING, reverse=True)

    @classmethod
    def of_events(cls, events: list[Event]) -> Trigger:
        """From the events of a trigger document."""
        return cls([TriggerEvent(item.name, item.id, item.timestamp, item.kind, item.payload) for item in events])

    @classmethod
    def from_runs(cls, run_objs: list[Any]) -> Trigger:
        """From finished, successful runs: each is an outcome."""
        return cls.of_upstream(_Upstream.from_runs(run_objs))

    @classmethod
    def of_upstream(cls, made: _Upstream) -> Trigger:
        """From what Metaflow's `Trigger.from_runs` made (`run --trigger`)."""
        runs = {f"{run.parent.id}/{run.id}": run for run in made._runs}
        events = []
        for event in made._events:
            run = runs["/".join(event.id.split("/")[:2])]
            # Metaflow's client gives naive local times.
            when = event.timestamp.astimezone(timezone.utc) if event.timestamp else None
            events.append(TriggerEvent(event.name, event.id, when, event.type, _outcome_of(run)))
        trigger = cls(events)
        trigger._runs = made._runs
        return trigger

    @property
    def event_name(self) -> str | None:
        """Name of the latest event."""
        return self.event.name if self.event else None

    @property
    def payload(self) -> dict[str, Any] | None:
        """Payload of the latest event, equal to the emitted object."""
        return self.event.payload if self.event else None

    @property
    def timestamp(self) -> datetime | None:
        """Aware time of the latest event."""
        return self.event.timestamp if self.event else None

    @property
    def id(self) -> str | None:
        """Id of the latest event."""
        return self.event.id if self.event else None


def _outcome_of(run: Any) -> dict[str, Any]:
    tags = dict(tag.split(":", 1) for tag in run.system_tags if ":" in tag)
    return {
        "flow": run.parent.id,
        "run_id": run.id,
        "outcome": "success",
        "project": tags.get("project"),
        "branch": tags.get("project_branch"),
        "step": None,
        "error": None,
    }
