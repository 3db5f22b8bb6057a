"""State: the flows that are served, with their picture, as the page's process has them.

In:   a trigger graph, diagnostics and the catalogue, as the engine told them.
Out:  `Served`: flows by key, the picture as JSON text, what an event carries.

Not here: reading flow files, the database.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from ...diagnostics import Diagnostic
from ...graph.explain import qualified_name as shown_name
from ...model.facts import is_set
from ...model.flows import EventDependency, Flow, PayloadField, TriggerGraph
from ...pictures.build import build
from ...pictures.page import value_of
from ...project_file.shape import Event
from ..waits import local_flow


class Served:
    """What is served now. `serve` makes it anew."""

    def __init__(self, database: str, logs: str, catalogue: Sequence[Event]) -> None:
        self.database, self.logs, self.catalogue = database, logs, tuple(catalogue)
        self.graph: TriggerGraph | None = None
        self.flows: Mapping[str, Flow] = {}
        self.picture = b"{}"
        self.edition = ""

    def serve(self, graph: TriggerGraph, diagnostics: Sequence[Diagnostic] = ()) -> None:
        """These are the flows from now on, and what was found in them."""
        self.graph = graph
        self.flows = {local_flow(flow).key: flow for flow in graph.flows}
        made = build(graph, catalogue=self.catalogue, diagnostics=diagnostics)
        value = value_of(made)
        value["flows"] = {f"flow/{shown_name(flow)}": local_flow(flow).key for flow in graph.flows}
        value["sets"] = {}
        of_flow: dict[str, list[str]] = {}
        for edge in made.edges:
            if edge.kind == "set":
                of_flow.setdefault(edge.target, []).append(edge.source)
        for flow in graph.flows:
            places = [place for place, trigger in enumerate(flow.triggers) if is_set(trigger)]
            found = of_flow.get(f"flow/{shown_name(flow)}", [])
            for place, node in zip(places, found, strict=False):
                value["sets"][f"{local_flow(flow).key} {place}"] = node
        text = json.dumps(value, separators=(",", ":")).encode()
        self.edition = hashlib.sha256(text).hexdigest()[:16]
        self.picture = text

    def carried(self, name: str) -> tuple[Any, list[str]]:
        """The catalogue's schema of an event or None, and the fields that flows take from it."""
        schema = next((item.schema for item in self.catalogue if item.name == name and item.schema), "")
        mapped = [
            mapping.source.path
            for flow in self.flows.values()
            for trigger in flow.triggers
            for item in trigger.dependencies
            if isinstance(item, EventDependency) and item.name == name
            for mapping in item.mappings
            if isinstance(mapping.source, PayloadField)
        ]
        return json.loads(schema) if schema else None, mapped
