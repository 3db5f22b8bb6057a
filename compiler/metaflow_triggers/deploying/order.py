"""Order: which flow is deployed first.

In:   the trigger graph; flows that have to be there before those which wait for them.
Out:  the flows' indices in order.

Not here: backends. A flow that waits for another's outcome comes before it: when the other one is deployed, and may end
for the first time, somebody hears it. The other way round an end between the two deployments would start nothing. So it
is with events: who waits for an event comes before who emits it. Deleting takes the opposite order. In a circle the
graph's order counts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ..model.flows import EventDependency, TriggerGraph


def order(graph: TriggerGraph, goes_before: Collection[int] = ()) -> list[int]:
    """Indices of all flows of the graph, those that wait first.

    `goes_before` are flows that come before those which wait for their outcomes.
    """
    before: dict[int, set[int]] = {number: set() for number in range(len(graph.flows))}
    for edge in graph.edges:
        first, then = edge.downstream, edge.upstream
        if edge.upstream in goes_before:
            first, then = then, first
        before[then].add(first)
    for waiting, emitting in _events(graph):
        before[emitting].add(waiting)
    out: list[int] = []
    seen: set[int] = set()
    for start in range(len(graph.flows)):  # without recursion: a chain of flows may be long
        stack = [(start, iter(sorted(before[start])))] if start not in seen else []
        seen.add(start)
        while stack:
            number, rest = stack[-1]
            following = next((item for item in rest if item not in seen), None)
            if following is None:
                out.append(number)
                stack.pop()
            else:
                seen.add(following)
                stack.append((following, iter(sorted(before[following]))))
    return out


def _events(graph: TriggerGraph) -> Iterator[tuple[int, int]]:
    """(who waits, who emits) for each event that a flow emits by its name."""
    emitting: dict[str, list[int]] = {}
    for number, flow in enumerate(graph.flows):
        for event in flow.emits:
            emitting.setdefault(event.name, []).append(number)
    for number, flow in enumerate(graph.flows):
        for trigger in flow.triggers:
            for item in trigger.dependencies:
                if isinstance(item, EventDependency):
                    for other in emitting.get(item.name, ()):
                        if other != number:
                            yield number, other
