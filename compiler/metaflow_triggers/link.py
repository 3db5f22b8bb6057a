"""Link: join the triggers of all flows into one trigger graph.

In:   flows, in any order.
Out:  `TriggerGraph`: every waited-for flow and event found among them, or kept as unresolved.

Not here: importing user code, naming a backend, files, judging. What is not found waits for the
checks; it is never an exception. Linear in the number of flows and dependencies (after one sort).
"""

from __future__ import annotations

from collections.abc import Sequence

from .model import Edge, EventDependency, FinishDependency, Flow, TriggerGraph

Identity = tuple[str, str, str]
"""Project, branch, name; "" for a flow without @project."""


def branch_key(branch: str | None) -> str:
    """One spelling per branch: `production` and `prod` are the same one."""
    return "prod" if branch == "production" else branch or ""


def identity(flow: Flow) -> Identity:
    """What a flow is known by to others; two flows of one identity collide."""
    return flow.project or "", branch_key(flow.branch), flow.name


def wanted(dependency: FinishDependency) -> Identity:
    """The identity of the flow that is waited for."""
    return dependency.project or "", branch_key(dependency.branch), dependency.flow


def qualified_name(name: Identity) -> str:
    """`Flow`, or `project.branch.Flow`: the form that `flow=` takes."""
    return ".".join(part for part in name if part)


def link(flows: Sequence[Flow], external_flows: frozenset[str] = frozenset()) -> TriggerGraph:
    """The graph of `flows`, sorted by project, branch, name, file and line.

    `external_flows` are flows deployed from elsewhere, as `Flow` or `project.branch.Flow`: waiting for one
    is not unresolved. Of flows of one identity the first stands for all (FT204 is the checks' business).
    """
    ordered = sorted(flows, key=lambda flow: (*identity(flow), flow.file, flow.span.line, flow.span.column))
    index: dict[Identity, int] = {}
    emitted: set[str] = set()
    for number, flow in enumerate(ordered):
        index.setdefault(identity(flow), number)
        emitted.update(event.name for event in flow.emits)
    edges: list[Edge] = []
    unresolved: list[tuple[int, FinishDependency]] = []
    unemitted: list[tuple[int, EventDependency]] = []
    for number, flow in enumerate(ordered):
        for trigger in flow.triggers:
            for dependency in trigger.dependencies:
                if isinstance(dependency, EventDependency):
                    # An event with an origin is published by something that is no flow.
                    if dependency.name not in emitted and dependency.origin is None:
                        unemitted.append((number, dependency))
                    continue
                name = wanted(dependency)
                if name in index:
                    edges.append(Edge(index[name], number, dependency.match, dependency.span))
                elif not external_flows.intersection((dependency.flow, qualified_name(name))):
                    unresolved.append((number, dependency))
    return TriggerGraph(tuple(ordered), tuple(edges), tuple(unresolved), tuple(unemitted))
