"""Whole: a simulation from its first item to its last.

In:   a trigger graph, items.
Out:  the reference after them, and a step for each.

Not here: what an item does (`reference`).
"""

from __future__ import annotations

from collections.abc import Iterable

from ..model.flows import TriggerGraph
from .events_file import placed
from .items import Item
from .reference import Reference
from .steps import Step


def simulate(graph: TriggerGraph, items: Iterable[Item]) -> tuple[Reference, list[Step]]:
    """Every item in its turn."""
    reference = Reference(graph)
    return reference, [reference.accept(item) for item in placed(list(items), graph)]
