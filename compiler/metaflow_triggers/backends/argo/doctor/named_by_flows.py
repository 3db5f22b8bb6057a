"""Named by flows: namespaces, buses and event sources that `options` and `origin` of triggers name.

In:   flows, settings.
Out:  `Places`: where Sensors of these flows will be, beside where settings say so, and what they listen to.

Not here: asking (`objects`, `cluster_itself`, `rights`). What is not understood says nothing here: `check` tells it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ....model.flows import EventDependency, Flow, Trigger
from ....model.settings import Settings
from ..compile.options import option_mistakes, origin, origin_mistakes, read_options


@dataclass(frozen=True)
class Places:
    """(namespace, bus), and (namespace, event source, event), each without those that settings give."""

    namespaces: tuple[str, ...] = ()
    buses: tuple[tuple[str, str], ...] = ()
    sources: tuple[tuple[str, str, str], ...] = ()


def places(settings: Settings, flows: Sequence[Flow]) -> Places:
    """Of these flows."""
    usual, ours = settings.argo_sensor_namespace, (settings.argo_event_source, settings.argo_outcome_event_source)
    read = [
        (trigger, read_options(trigger, settings))
        for flow in flows
        for trigger in flow.triggers
        if not list(option_mistakes(trigger))
    ]
    namespaces = {said.namespace for _, said in read} - {usual}
    buses = {(said.namespace, said.event_bus) for _, said in read} - {(usual, settings.argo_event_bus)}
    sources = {(said.namespace, said.event_source, said.event) for _, said in read}
    sources |= {(said.namespace, *found) for trigger, said in read for found in _origins(trigger)}
    # Ours is listened to from other namespaces by way of the bus alone.
    others = {one for one in sources if one[1] not in ours}
    return Places(tuple(sorted(namespaces)), tuple(sorted(buses)), tuple(sorted(others)))


def _origins(trigger: Trigger) -> Iterator[tuple[str, str]]:
    for item in trigger.dependencies:
        if isinstance(item, EventDependency) and item.origin is not None and not list(origin_mistakes(item.origin)):
            yield origin(item)
