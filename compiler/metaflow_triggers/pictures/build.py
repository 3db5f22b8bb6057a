"""Build: a trigger graph becomes a picture.

In:   a trigger graph; the backends of each flow, the catalogue's events, diagnostics.
Out:  a `Picture`, in one order: flows as the graph has them, then events, polls, schedules and sets.

Not here: which diagnostic stands at which node (`diagnosed`), drawing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..diagnostics import Diagnostic
from ..graph.explain import outcome_words, polled_words, qualified_name, schedule_words, upstream_name
from ..model.facts import Identity, identity, is_set, wanted
from ..model.flows import (
    Constant,
    Dependency,
    EventDependency,
    FinishDependency,
    Flow,
    PayloadField,
    Source,
    Trigger,
    TriggerGraph,
)
from ..model.kinds import assert_never
from ..project_file.shape import Event
from .diagnosed import diagnosed
from .values import Edge, Node, Picture


def build(
    graph: TriggerGraph,
    backends: Sequence[tuple[str, ...]] = (),
    catalogue: Sequence[Event] = (),
    diagnostics: Sequence[Diagnostic] = (),
) -> Picture:
    """The picture. `backends` are those of each flow, by its number."""
    made = _Made({item.name: item for item in catalogue})
    ids = made.flows(graph, backends)
    for number, flow in enumerate(graph.flows):
        made.starts(flow, ids[number])
    for number, flow in enumerate(graph.flows):
        for name in dict.fromkeys(item.name for item in flow.emits):
            place = next(item.span for item in flow.emits if item.name == name)
            made.edges.append(Edge(ids[number], made.event(name, known=True), "emits", "emits", place=place))
    for item in catalogue:
        made.event(item.name)
    made.polls(graph, ids)
    order = {"flow": 0, "event": 1, "poll": 2, "schedule": 3, "set": 4}
    nodes = sorted(made.nodes.values(), key=lambda node: (order[node.kind], node.kind == "event" and node.name))
    at_nodes, told = diagnosed(graph, ids, nodes, diagnostics)
    placed = (replace(node, diagnostics=tuple(at_nodes.get(node.id, ()))) for node in nodes)
    return Picture(tuple(placed), tuple(made.edges), tuple(told))


@dataclass
class _Made:
    catalogue: Mapping[str, Event]
    nodes: dict[str, Node] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    by_identity: dict[Identity, str] = field(default_factory=dict)

    def flows(self, graph: TriggerGraph, backends: Sequence[tuple[str, ...]]) -> list[str]:
        """A node for each flow; their ids. Of flows of one identity the first is the one that others wait for."""
        ids = []
        for number, flow in enumerate(graph.flows):
            name = qualified_name(flow)
            key = self._free(f"flow/{name}")
            self.by_identity.setdefault(identity(flow), key)
            on = backends[number] if backends else ()
            words = f"deployed as {flow.deployed_as}" if flow.deployed_as else ""
            self.nodes[key] = Node(
                key, "flow", name, True, flow.project, flow.branch, tuple(on), words=words, place=flow.span
            )
            ids.append(key)
        return ids

    def starts(self, flow: Flow, key: str) -> None:
        """What starts a flow."""
        for trigger in flow.triggers:
            target, options = key, trigger.options.text
            if is_set(trigger):
                target = self._free(f"set/{key}")
                self.nodes[target] = Node(target, "set", "all of", place=trigger.span)
                self.edges.append(Edge(target, key, "set", options=_said(options), place=trigger.span))
                options = "{}"
            for dependency in trigger.dependencies:
                self.edges.append(self._dependency(trigger, dependency, target, options))
        if flow.schedule is not None:
            source = self._free(f"schedule/{key}")
            self.nodes[source] = Node(source, "schedule", schedule_words(flow.schedule), place=flow.schedule.span)
            self.edges.append(Edge(source, key, "schedule", place=flow.schedule.span))

    def polls(self, graph: TriggerGraph, ids: Sequence[str]) -> None:
        """Polls, and the flows that they start."""
        for target, poll in graph.polls:
            key = self._free(f"poll/{poll.name}")
            self.nodes[key] = Node(key, "poll", poll.name, words=polled_words(poll), place=poll.span)
            started = ids[target] if target is not None else self._elsewhere(poll.flow)
            self.edges.append(Edge(key, started, "poll", place=poll.flow_span or poll.span))

    def event(self, name: str, known: bool = False) -> str:
        """The node of an event, once for all that name it."""
        key = f"event/{name}"
        entry = self.catalogue.get(name)
        if key not in self.nodes:
            place = entry.span if entry else None
            self.nodes[key] = Node(key, "event", name, False, place=place, catalogue=_entry(entry))
        if known or entry:
            self.nodes[key] = replace(self.nodes[key], known=True)
        return key

    def _dependency(self, trigger: Trigger, item: Dependency, target: str, options: str) -> Edge:
        mappings = tuple((mapping.parameter, *_source(mapping.source)) for mapping in item.mappings)
        found = item.filter.text if item.filter is not None else None
        edge = Edge(
            "", target, "", "", (), found, None, mappings, trigger.auto_map, _said(options), item.span
        )  # what all kinds have
        if isinstance(item, EventDependency):
            origin = item.origin.text if item.origin is not None else None
            source = self.event(item.name, known=origin is not None)
            return replace(edge, source=source, kind="event", words=_if(found), origin=origin)
        if isinstance(item, FinishDependency):
            source = self.by_identity.get(wanted(item)) or self._elsewhere(upstream_name(item))
            words = " ".join(filter(None, (outcome_words(item.match), _if(found))))
            return replace(edge, source=source, kind="finish", words=words, match=item.match)
        assert_never(item)

    def _elsewhere(self, name: str) -> str:
        """A flow that none of the files defines."""
        key = f"elsewhere/{name}"
        self.nodes.setdefault(key, Node(key, "flow", name, False))
        return key

    def _free(self, key: str) -> str:
        """An id that no node has: the key, or the key and a number."""
        found, number = key, 1
        while found in self.nodes:
            number += 1
            found = f"{key}#{number}"
        return found


def _source(source: Source) -> tuple[str | None, str | None]:
    if isinstance(source, PayloadField):
        return source.path, None
    if isinstance(source, Constant):
        return None, source.json
    assert_never(source)


def _if(text: str | None) -> str:
    return f"if {text}" if text else ""


def _said(options: str) -> str | None:
    return None if options == "{}" else options


def _entry(event: Event | None) -> Mapping[str, Any] | None:
    """What the catalogue says of an event."""
    if event is None:
        return None
    told: dict[str, Any] = {"owner": event.owner, "description": event.description}
    told |= {name: json.loads(text) for name, text in (("origin", event.origin), ("schema", event.schema)) if text}
    return {name: value for name, value in told.items() if value != ""}
