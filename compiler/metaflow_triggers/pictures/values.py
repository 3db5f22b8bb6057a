"""Values: a picture of what starts what.

In:   nothing; these are values.
Out:  frozen dataclasses: nodes, edges between them, diagnostics at the nodes.

Not here: where a node is drawn (`layout`), any text that draws it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..model.flows import Span

NODES = ("flow", "event", "poll", "schedule", "set")
"""What a node is. A `set` starts its flow when each of the edges that lead to it has brought an event."""

EDGES = ("event", "finish", "set", "poll", "schedule", "emits")
"""What an edge is: an event, the end of a flow, a whole set, a poll or a schedule that starts something; or a flow
whose code emits an event."""

CHANGES = ("added", "removed", "changed")


@dataclass(frozen=True)
class Node:
    """`known` is false for a flow that no file defines, and an event that no flow emits, nor the catalogue has, and
    that has no origin. `words` say more of a poll. `diagnostics` are numbers of those of the picture.

    `changes` are words for what changed, in a picture of a difference."""

    id: str
    kind: str
    name: str
    known: bool = True
    project: str | None = None
    branch: str | None = None
    backends: tuple[str, ...] = ()
    words: str = ""
    place: Span | None = None
    catalogue: Mapping[str, Any] | None = None
    diagnostics: tuple[int, ...] = ()
    change: str = ""
    changes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Edge:
    """`words` are what is written beside it. `mappings`: (parameter, field of the payload, else constant as JSON)."""

    source: str
    target: str
    kind: str
    words: str = ""
    match: tuple[str, ...] = ()
    filter: str | None = None
    origin: str | None = None
    mappings: tuple[tuple[str, str | None, str | None], ...] = ()
    auto_map: bool = False
    options: str | None = None
    place: Span | None = None
    change: str = ""


@dataclass(frozen=True)
class Picture:
    """`diagnostics` have the form of `check --format json`; one that no node has is about none of them."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    diagnostics: tuple[Mapping[str, Any], ...] = ()

    def is_wrong(self, node: Node) -> bool:
        """Whether one of its diagnostics is an error or a warning."""
        return any(self.diagnostics[number]["severity"] != "note" for number in node.diagnostics)
