"""Find: what is wrong with a trigger graph, whatever backend it will run on.

In:   the graph, and what is known to exist outside of it.
Out:  what the rules of `in_graph` find, each once, sorted by file, line, column, code.

Not here: any rule, changing the graph, backends, forms that were not understood (`reading` tells those).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module

from ..diagnostics import Diagnostic
from ..diagnostics.order import ordered
from ..model.flows import Flow, Mapping, Trigger, TriggerGraph
from .catalogue import modules

SHOWN_PLACES = 10
"""A finding with more second places than this says how many it leaves out."""


@dataclass(frozen=True)
class Checked:
    """What each rule is given.

    `project_wide`: the graph holds all flows there are, so what is not in it does not exist. `external_flows`
    (`Flow` or `project.branch.Flow`) and `external_events` exist elsewhere.
    """

    graph: TriggerGraph
    project_wide: bool
    external_flows: frozenset[str]
    external_events: frozenset[str]

    def triggers(self) -> Iterator[tuple[Flow, Trigger]]:
        """Each trigger, and whose it is."""
        return ((flow, trigger) for flow in self.graph.flows for trigger in flow.triggers)

    def mappings(self) -> Iterator[tuple[Flow, Mapping]]:
        """Each mapping, and whose it is."""
        for flow, trigger in self.triggers():
            for dependency in trigger.dependencies:
                yield from ((flow, mapping) for mapping in dependency.mappings)


def check(
    graph: TriggerGraph,
    project_wide: bool,
    external_flows: frozenset[str] = frozenset(),
    external_events: frozenset[str] = frozenset(),
) -> list[Diagnostic]:
    """All findings; arguments as of `Checked`."""
    checked = Checked(graph, project_wide, external_flows, external_events)
    return ordered(item for name in modules("in_graph").values() for item in import_module(name).find(checked))


def counted(number: int, word: str) -> str:
    """`1 flow`, `2 flows`."""
    return f"{number} {word}{'' if number == 1 else 's'}"


def shortened(names: list[str]) -> list[str]:
    """The first and the last of many names."""
    if len(names) <= 2 * SHOWN_PLACES:
        return names
    return [*names[:SHOWN_PLACES], "...", *names[-SHOWN_PLACES:]]
