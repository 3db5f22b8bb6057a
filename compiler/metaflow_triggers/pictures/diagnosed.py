"""Diagnosed: which diagnostic stands at which node.

In:   a trigger graph, the nodes made of it, diagnostics.
Out:  the diagnostics in the form and order of `check --format json`; for each node the numbers of its own.

Not here: finding them. A diagnostic belongs to the poll, the event of the catalogue or the trigger that stands on its
line, else to the flow in whose part of the file that is: from its first decorator up to the next flow.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..diagnostics import Diagnostic
from ..diagnostics.order import ordered
from ..model.flows import Flow, Span, TriggerGraph
from ..reports.json import json_document
from .values import Node


def diagnosed(
    graph: TriggerGraph, ids: Sequence[str], nodes: Sequence[Node], diagnostics: Sequence[Diagnostic]
) -> tuple[dict[str, list[int]], Sequence[Mapping[str, Any]]]:
    """(numbers of diagnostics by the node's id, all diagnostics). `ids` are the nodes of the graph's flows."""
    found = ordered(diagnostics)
    if not found:
        return {}, ()
    exact = _exact(graph, ids, nodes)
    starts: dict[str, list[tuple[int, str]]] = {}
    for flow, key in zip(graph.flows, ids, strict=True):
        own = [span.line for span in (flow.span, *_spans(flow)) if span.file == flow.file]
        starts.setdefault(flow.file, []).append((min(own, default=1), key))
    for file in starts.values():
        file.sort()
    at: dict[str, list[int]] = {}
    for number, item in enumerate(found):
        node = _node(item.span, exact, starts) if item.span else None
        if node is not None:
            at.setdefault(node, []).append(number)
    return at, json_document(found)["diagnostics"]


def _node(
    span: Span, exact: Mapping[tuple[str, int], str], starts: Mapping[str, Sequence[tuple[int, str]]]
) -> str | None:
    if (span.file, span.line) in exact:
        return exact[span.file, span.line]
    flows = starts.get(span.file, ())
    before = bisect_right(flows, span.line, key=lambda item: item[0])
    if before:
        return flows[before - 1][1]
    return flows[0][1] if len(flows) == 1 else None


def _exact(graph: TriggerGraph, ids: Sequence[str], nodes: Sequence[Node]) -> dict[tuple[str, int], str]:
    """The lines that say of themselves whose they are."""
    found: dict[tuple[str, int], str] = {}
    for node in nodes:
        if node.kind in ("poll", "event") and node.place is not None:
            _put(found, node.place, node.id)
    for flow, key in zip(graph.flows, ids, strict=True):
        for span in _spans(flow):
            _put(found, span, key)
    return found


def _put(found: dict[tuple[str, int], str], span: Span, key: str) -> None:
    for line in range(span.line, span.end_line + 1):
        found.setdefault((span.file, line), key)


def _spans(flow: Flow) -> Iterator[Span]:
    """Where a flow's triggers stand, which may be another file than its own."""
    for trigger in flow.triggers:
        yield trigger.span
        for dependency in trigger.dependencies:
            yield dependency.span
    if flow.schedule is not None:
        yield flow.schedule.span
