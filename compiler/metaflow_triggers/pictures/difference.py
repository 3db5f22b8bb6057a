"""Difference: one picture of two states of the flows, with what was added, removed and changed.

In:   the picture of what is; the flows that were, each with what it is now; their polls; what changed of each flow, in
      words.
Out:  a `Picture` whose nodes and edges have `change`.

Not here: finding what changed of a flow (`graph.differences`). What is recorded of flows that were is what starts them:
no places, nothing that they emit. So these are never said to have changed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from ..graph.explain import qualified_name
from ..graph.link import link
from ..model.facts import Identity, identity, wanted
from ..model.flows import Dependency, FinishDependency, Flow, PollTrigger
from .build import build
from .values import Edge, Node, Picture

Pairs = Sequence[tuple[Flow | None, Flow | None]]
"""(a flow as it was, as it is); None where it was not, or is no more. A flow may stand there for each backend."""

_RECORDED = ("event", "finish", "set", "schedule", "poll")


def difference(
    now: Picture,
    pairs: Pairs,
    told: Mapping[str, Sequence[str]],
    polled: Sequence[tuple[Flow, PollTrigger]] = (),
    may_poll: Collection[str] = (),
) -> Picture:
    """The picture of both. `told` has the words by the flow's qualified name.

    `polled` are the poll triggers that were, each with its flow as it is, or was where it is no more; of flows that are
    not in `may_poll` (qualified names) no poll is said to be new.
    """
    polls = {(identity(flow), poll.name): replace(poll, flow=qualified_name(flow)) for flow, poll in polled}
    then = build(link(_before(pairs), polls=list(polls.values())))
    here = {node.id: node for node in now.nodes}
    same = {node.id: _same(node.id, here) for node in then.nodes}
    was = {same[node.id]: node for node in then.nodes}
    flows = [node for node in now.nodes if node.kind == "flow" and node.known]
    there = {node.id for node in then.nodes if node.known}
    apart = {node.id for node in flows if node.id not in there and node.name not in told}  # no backend has them
    apart |= {edge.source for edge in now.edges if edge.target in apart and edge.kind in ("set", "schedule", "poll")}
    apart_polls = {node.id for node in now.nodes if node.kind == "flow" and not (node.known and node.name in may_poll)}
    compared = [
        edge.kind in _RECORDED and edge.target not in (apart_polls if edge.kind == "poll" else apart)
        for edge in now.edges
    ]
    edges = _edges([_moved(edge, same) for edge in then.edges], now.edges, compared)
    waited = {edge.source for edge, counts in zip(now.edges, compared, strict=True) if counts}
    nodes = [
        node if node.id in apart else _node(node, was.get(node.id), there, told, node.id in waited)
        for node in now.nodes
    ]
    nodes += [
        replace(node, known=True, change="removed", changes=tuple(told.get(node.name, ())), place=None)
        for node in then.nodes
        if same[node.id] not in here
    ]
    return Picture(tuple(nodes), tuple(edges), now.diagnostics)


def _before(pairs: Pairs) -> list[Flow]:
    """The flows that were, each once, under the names that they have now: another user or branch is no change."""
    named: dict[Identity, Flow] = {identity(old): new for old, new in pairs if old is not None and new is not None}

    def renamed(item: Dependency) -> Dependency:
        if not isinstance(item, FinishDependency) or wanted(item) not in named:
            return item
        new = named[wanted(item)]
        return replace(item, flow=new.name, project=new.project, branch=new.branch)

    found: dict[Identity, Flow] = {}
    for old, new in sorted(pairs, key=lambda pair: pair[1] is None):
        if old is None:
            continue
        triggers = tuple(replace(one, dependencies=tuple(map(renamed, one.dependencies))) for one in old.triggers)
        home = {} if new is None else {"name": new.name, "project": new.project, "branch": new.branch}
        flow = replace(old, triggers=triggers, **home)  # type: ignore[arg-type]
        found.setdefault(identity(flow), flow)
    return list(found.values())


def _same(key: str, here: Mapping[str, Node]) -> str:
    """The node of today that stands for one of before: a flow may be among the files now, or not any more."""
    kind, _, name = key.partition("/")
    other = {"elsewhere": f"flow/{name}", "flow": f"elsewhere/{name}"}.get(kind, key)
    return other if key not in here and other in here else key


def _moved(edge: Edge, same: Mapping[str, str]) -> Edge:
    return replace(edge, source=same[edge.source], target=same[edge.target], place=None)


def _node(node: Node, before: Node | None, there: set[str], told: Mapping[str, Sequence[str]], waited: bool) -> Node:
    words = tuple(told.get(node.name, ())) if node.kind == "flow" else ()
    if node.kind == "flow" and node.known:
        change = "added" if node.id not in there else "changed" if words else ""
        return replace(node, change=change, changes=words)
    if before is None:  # what is emitted or in the catalogue alone is not recorded
        is_new = waited if node.kind in ("flow", "event", "poll") else node.kind in ("set", "schedule")
        return replace(node, change="added" if is_new else "")
    if before.kind == "flow" and before.known:
        return replace(node, change="removed", changes=words)
    return replace(node, change="changed" if (before.name, before.words) != (node.name, node.words) else "")


def _edges(before: Sequence[Edge], after: Sequence[Edge], compared: Sequence[bool]) -> list[Edge]:
    """Those of today with what became of them, where that can be told, then those that are gone."""
    rest: dict[tuple[str, str, str], list[Edge]] = {}
    for edge in before:
        rest.setdefault((edge.source, edge.target, edge.kind), []).append(edge)
    kept = set()
    for number, edge in enumerate(after):
        old = rest.get((edge.source, edge.target, edge.kind), [])
        plain = replace(edge, place=None)
        if plain in old:
            old.remove(plain)
            kept.add(number)
    found = []
    for number, edge in enumerate(after):
        old = rest.get((edge.source, edge.target, edge.kind), [])
        if number in kept or not compared[number]:
            found.append(edge)
        elif old:
            old.pop(0)
            found.append(replace(edge, change="changed"))
        else:
            found.append(replace(edge, change="added"))
    gone = [replace(edge, change="removed") for edges in rest.values() for edge in edges]
    return found + gone
