"""Cycles: the circles of a directed graph.

In:   the successors of each node.
Out:  circles, each as the list of its edges.

Not here: flows, words. Nothing recurses: a project may have thousands of flows in a row.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

Arc = tuple[int, int, int]
"""From, to, and the caller's number of the edge."""


def components(arcs: Sequence[Sequence[Arc]]) -> list[int]:
    """The number of each node's strongly connected component (Tarjan 1972, with an explicit stack)."""
    size = len(arcs)
    order, low, component = [-1] * size, [0] * size, [-1] * size
    stack: list[int] = []
    counter = found = 0
    for root in range(size):
        if order[root] >= 0:
            continue
        order[root] = low[root] = counter
        counter += 1
        stack.append(root)
        todo = [(root, 0)]
        while todo:
            node, position = todo.pop()
            if position < len(arcs[node]):
                todo.append((node, position + 1))
                successor = arcs[node][position][1]
                if order[successor] < 0:
                    order[successor] = low[successor] = counter
                    counter += 1
                    stack.append(successor)
                    todo.append((successor, 0))
                elif component[successor] < 0:
                    low[node] = min(low[node], order[successor])
                continue
            if low[node] == order[node]:
                while component[node] < 0:
                    component[stack.pop()] = found
                found += 1
            if todo:
                parent = todo[-1][0]
                low[parent] = min(low[parent], low[node])
    return component


def cycles(arcs: Sequence[Sequence[Arc]], limit: int = 20) -> list[list[Arc]]:
    """Circles such that every arc of any circle lies in one of them; each once, a shortest one first.

    All circles of a graph can be exponentially many. This gives, for each arc that no circle found so far
    holds, a shortest one through it: at most as many as there are arcs, and at most `limit` per component.
    """
    component = components(arcs)
    covered: set[int] = set()
    given = [0] * len(arcs)
    out: list[list[Arc]] = []
    for start in range(len(arcs)):
        for arc in arcs[start]:
            home = component[start]
            if arc[2] in covered or component[arc[1]] != home or given[home] >= limit:
                continue
            circle = [arc, *_shortest(arcs, component, arc[1], start)]
            given[home] += 1
            covered.update(item[2] for item in circle)
            out.append(circle)
    return out


def _shortest(arcs: Sequence[Sequence[Arc]], component: Sequence[int], begin: int, goal: int) -> list[Arc]:
    came: dict[int, Arc] = {}
    queue = deque([begin])
    while queue and goal != begin and goal not in came:
        node = queue.popleft()
        for arc in arcs[node]:
            if arc[1] not in came and arc[1] != begin and component[arc[1]] == component[goal]:
                came[arc[1]] = arc
                queue.append(arc[1])
    path: list[Arc] = []
    while goal != begin:
        path.append(came[goal])
        goal = came[goal][0]
    return path[::-1]
