"""Switch regions: the steps that run only if a switch leads to them, and the step in which its ways meet again.

In:   the graph of a flow: name -> node with `type` and `out_funcs`. It has no circle but a switch that leads to itself.
Out:  `Regions`, in the words of upstream's compiler for Argo Workflows.

Not here: what is made of them. Upstream looks at the steps in the order of their names, and of several steps that all
ways of a switch lead to takes whichever comes last: that one may lie behind the join of the foreach that the switch is
in, and then the foreach's template has the rest of the flow in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Regions:
    """`conditional`: steps between a switch and where its ways meet. `meets`: switch -> that step, the first one that
    is on every way. `recursive`: switches that may lead to themselves."""

    conditional: frozenset[str]
    meets: dict[str, str]
    recursive: frozenset[str]


def regions(graph: Mapping[str, Any], start: str) -> Regions:
    """One pass over the steps, and one over those that are conditional."""
    following = {name: [one for one in graph[name].out_funcs if one != name] for name in _reached(graph, start)}
    backwards = _backwards(following, start)
    meets = _first_on_every_way(following, backwards)
    switches = [name for name in reversed(backwards) if graph[name].type == "split-switch"]
    conditional: set[str] = set()
    for name in switches:
        if name in conditional:  # all of its ways lie in a region that is known
            continue
        todo = list(following[name])
        while todo:
            step = todo.pop()
            if step != meets[name] and step not in conditional:
                conditional.add(step)
                todo += following[step]
    return Regions(
        frozenset(conditional),
        {name: meets[name] for name in switches},
        frozenset(name for name in switches if name in graph[name].out_funcs),
    )


def _reached(graph: Mapping[str, Any], start: str) -> list[str]:
    found, todo = {start: None}, [start]
    while todo:
        for name in graph[todo.pop()].out_funcs:
            if name not in found:
                found[name] = None
                todo.append(name)
    return list(found)


def _backwards(following: Mapping[str, list[str]], start: str) -> list[str]:
    """Each step after all that follow it."""
    order: dict[str, None] = {}
    todo = [(start, False)]
    while todo:
        name, done = todo.pop()
        if done:
            order[name] = None
        elif name not in order:
            todo.append((name, True))
            todo += [(one, False) for one in following[name] if one not in order]
    return list(order)


def _first_on_every_way(following: Mapping[str, list[str]], backwards: list[str]) -> dict[str, str]:
    """Step -> its nearest post-dominator, as Cooper, Harvey and Kennedy find it. The last step is its own."""
    nearest: dict[str, str] = {}
    depth: dict[str, int] = {}
    for name in backwards:
        common = following[name][0] if following[name] else name
        for other in following[name][1:]:
            common = _common(common, other, nearest, depth)
        nearest[name] = common
        depth[name] = depth[common] + 1 if common != name else 0
    return nearest


def _common(one: str, other: str, nearest: Mapping[str, str], depth: Mapping[str, int]) -> str:
    while one != other:
        if depth[one] > depth[other]:
            one = nearest[one]
        else:
            other = nearest[other]
    return one
