"""Link: join the triggers of all flows into one trigger graph.

In:   flows, in any order.
Out:  `TriggerGraph`: every waited-for flow and event found among them, or kept as unresolved.

Not here: importing user code, naming a backend, files, judging. What is not found waits for the
checks; it is never an exception. Linear in the number of flows and dependencies (after one sort).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..model.facts import Identity, identity, qualified_name, wanted
from ..model.flows import Edge, EventDependency, FinishDependency, Flow, PollTrigger, TriggerGraph
from ..model.kinds import assert_never


def camel_case(name: str) -> str:
    """`file_processor` or `file-processor` as a class is named: `FileProcessor`."""
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[_-]+", name))


def named(flows: Sequence[Flow], workflow: str) -> list[int]:
    """The flows that a poll trigger's `workflow` may mean: by class name, its CamelCase form, or either behind
    `project.`; or by `project.branch.Flow`.

    Of flows of one identity the first counts. One result is the flow; several need their project.
    """
    first: dict[Identity, int] = {}
    for number, flow in enumerate(flows):
        first.setdefault(identity(flow), number)
    home, _, last = workflow.rpartition(".")
    for wanted_name in (last, camel_case(last)):
        whole = f"{home}.{wanted_name}" if home else wanted_name
        found = [number for name, number in first.items() if whole in (name[2], of_project(name), qualified_name(name))]
        if found:
            return found
    return []


def is_among(names: frozenset[str], workflow: str) -> bool:
    """Whether a poll trigger's `workflow` may mean one of these flows, which are not in the graph."""
    last = workflow.rpartition(".")[2]
    return not names.isdisjoint((workflow, camel_case(workflow), last, camel_case(last)))


def of_project(name: Identity) -> str:
    """`project.Flow`: the flow of any branch; its class name where it has no project."""
    project, _, flow = name
    return f"{project}.{flow}" if project else flow


def link(
    flows: Sequence[Flow], external_flows: frozenset[str] = frozenset(), polls: Sequence[PollTrigger] = ()
) -> TriggerGraph:
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
                elif isinstance(dependency, FinishDependency):
                    name = wanted(dependency)
                    if name in index:
                        edges.append(Edge(index[name], number, dependency.match, dependency.span))
                    elif not external_flows.intersection((dependency.flow, qualified_name(name))):
                        unresolved.append((number, dependency))
                else:
                    assert_never(dependency)
    targets: dict[str, int | None] = {}
    for poll in polls:
        if poll.flow not in targets:
            found = named(ordered, poll.flow)
            targets[poll.flow] = found[0] if len(found) == 1 else None
    linked = sorted(
        ((targets[poll.flow], poll) for poll in polls),
        key=lambda item: (item[1].name, item[1].file, item[1].span.line, item[1].span.column),
    )
    return TriggerGraph(tuple(ordered), tuple(edges), tuple(unresolved), tuple(unemitted), tuple(linked))
