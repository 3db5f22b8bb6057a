"""Listening: what has to be there for an event to start a flow, and what the cluster has of it.

In:   a flow, the name of an event; looks at Sensors, event sources, the event bus.
Out:  `Way`s: each Sensor of the flow that waits for the event, as it shall be and as it is.

Not here: what stands in the way (`obstacles`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ....model.flows import EventDependency, FinishDependency, Flow
from ....model.settings import Settings
from ..compile.escape import go_regexp
from ..compile.lower import sensors
from ..compile.options import origin
from ..compile.resources import Sensor, SensorDependency
from ..compile.trust import Trust, template_of
from .fields import parts, word
from .looks import Look, Looks

DEFAULT_BUS = "default"
"""Of a Sensor or an EventSource that names none."""


@dataclass(frozen=True)
class Way:
    """`wanted` is what this version would deploy. `dependencies` are those of it that wait for the event, in either
    form: outcomes are taken from one of two places. `source` and `bus` are those that the Sensor in the cluster names.
    """

    wanted: Sensor
    dependencies: tuple[SensorDependency, ...]
    sensor: Look
    sources: tuple[tuple[Look, str], ...] = ()
    bus: Look | None = None

    @property
    def heard(self) -> list[Any]:
        """Of the Sensor in the cluster the dependencies that wait for the event."""
        names = {item.name for item in self.dependencies}
        return [item for item in parts(self.sensor.item, "spec", "dependencies") if word(item, "name") in names]


def bus_of(item: Any) -> str:
    """The event bus of a Sensor or an EventSource."""
    return word(item, "spec", "eventBusName") or DEFAULT_BUS


def ways(looks: Looks, flow: Flow, event: str | None, settings: Settings) -> list[Way]:
    """Of all Sensors that wait for the event; of all of the flow without a name. Raises DiagnosticError (FT701)."""
    found = []
    for item, dependencies in wanted(flow, event, settings):
        sensor = looks.at("Sensor", item.namespace, item.name)
        way = Way(item, dependencies, sensor)
        if sensor.item is not None:
            places = {(word(one, "eventSourceName"), word(one, "eventName")): None for one in way.heard}
            sources = tuple((looks.at("EventSource", item.namespace, name), subject) for name, subject in places)
            bus = looks.at("EventBus", item.namespace, bus_of(sensor.item))
            way = Way(item, dependencies, sensor, sources, bus)
        found.append(way)
    return found


def wanted(flow: Flow, event: str | None, settings: Settings) -> list[tuple[Sensor, tuple[SensorDependency, ...]]]:
    """The Sensors of which a dependency waits for the event, as this version deploys them."""
    parents = frozenset(
        template_of(item)
        for trigger in flow.triggers
        for item in trigger.dependencies
        if isinstance(item, FinishDependency)
    )
    origins = {
        origin(item)
        for trigger in flow.triggers
        for item in trigger.dependencies
        if isinstance(item, EventDependency) and item.origin and event in (item.name, None)
    }
    found: dict[tuple[str, str], tuple[Sensor, dict[str, SensorDependency]]] = {}
    for believed in (Trust(), Trust(deployed=parents)):
        for sensor in sensors(flow, settings, believed):
            _, known = found.setdefault((sensor.namespace, sensor.name), (sensor, {}))
            known.update({item.name: item for item in sensor.dependencies if _waits(item, event, origins)})
    return [(sensor, tuple(known.values())) for sensor, known in found.values() if known]


def _waits(item: SensorDependency, event: str | None, origins: set[tuple[str, str]]) -> bool:
    if not item.name_patterns:
        return (item.event_source, item.event_name) in origins
    return event is None or go_regexp(event) in item.name_patterns
