"""Check: what is wrong with a trigger graph, whatever backend it will run on.

In:   the graph, and what is known to exist outside of it.
Out:  diagnostics, each once, sorted by file, line, column, code.

Not here: what is wrong within one flow (`find_in_flow`), changing the graph, backends, forms that were not
understood (`read` tells those).
"""

from __future__ import annotations

from collections.abc import Iterator

from ..diagnostics import Diagnostic
from ..diagnostics.order import ordered
from ..diagnostics.suggest import asked, closest, suggest
from ..graph.cycles import Arc, cycles
from ..model.facts import branch_key, identity, qualified_name, wanted
from ..model.flows import Flow, TriggerGraph
from .find_in_flow import within_flow
from .find_polls import check_polls

_SHOWN_PLACES = 10
"""A finding with more second places than this says how many it leaves out."""


def check(
    graph: TriggerGraph,
    project_wide: bool,
    external_flows: frozenset[str] = frozenset(),
    external_events: frozenset[str] = frozenset(),
) -> list[Diagnostic]:
    """All findings. `project_wide`: the graph holds all flows there are, so what is not in it does not exist.

    `external_flows` (`Flow` or `project.branch.Flow`) and `external_events` exist elsewhere.
    """
    found: list[Diagnostic] = []
    if project_wide:
        found += _unknown_flows(graph, external_flows)
        found += _unemitted_events(graph, external_events)
    found += _cycles(graph)
    found += _same_flow_twice(graph)
    for flow in graph.flows:
        found += within_flow(flow)
    found += check_polls(graph, project_wide, external_flows)
    return ordered(found)


# --- between flows ----------------------------------------------------------------------------------


def _unknown_flows(graph: TriggerGraph, external_flows: frozenset[str]) -> Iterator[Diagnostic]:
    by_name: dict[str, list[Flow]] = {}
    neighbours: dict[tuple[str, str], list[str]] = {}
    for flow in graph.flows:
        by_name.setdefault(flow.name, []).append(flow)
        neighbours.setdefault(identity(flow)[:2], []).append(flow.name)
    near: dict[tuple[str, str, str], tuple[str, ...]] = {}
    for number, dependency in graph.unresolved:
        name = wanted(dependency)
        qualified = qualified_name(name)
        if external_flows.intersection((dependency.flow, qualified)):
            continue
        waiting = graph.flows[number]
        elsewhere = by_name.get(dependency.flow, [])[:3]
        if elsewhere:
            others = [(flow.span, f"this one is {_home(flow.project, flow.branch)}") for flow in elsewhere]
            helps = tuple(_way_to(flow, waiting) for flow in elsewhere)
        else:
            if name not in near:
                near[name] = suggest(name[2], neighbours.get(name[:2], ())) or suggest(name[2], by_name)
            others = [(by_name[item][0].span, closest(near[name])) for item in near[name]]
            helps = asked(near[name])
        where = f" {_home(dependency.project, dependency.branch)}" if dependency.project or elsewhere else ""
        yield Diagnostic(
            "FT201",
            f"`{waiting.name}` waits for flow `{dependency.flow}`{where}, which these files do not define",
            dependency.span,
            f"no such flow, so `{waiting.name}` would never start",
            tuple(others),
            (f"looked at {_count(len(graph.flows), 'flow')}",),
            (
                *helps,
                f"if `{dependency.flow}` is deployed from elsewhere, add `--external-flow {qualified}`",
            ),
        )


def _unemitted_events(graph: TriggerGraph, external_events: frozenset[str]) -> Iterator[Diagnostic]:
    emitted = {event.name: event.span for flow in reversed(graph.flows) for event in reversed(flow.emits)}
    near: dict[str, tuple[str, ...]] = {}
    from_elsewhere: set[str] = set()
    for number, dependency in graph.unemitted:
        name = dependency.name
        if name in external_events:
            continue
        if name not in near:
            near[name] = suggest(name, emitted)
        if not near[name]:
            from_elsewhere.add(name)
            continue
        waiting = graph.flows[number]
        yield Diagnostic(
            "FT202",
            f"`{waiting.name}` waits for event `{name}`, which no flow of these files emits",
            dependency.span,
            f"without a publisher elsewhere `{waiting.name}` would never start",
            tuple((emitted[item], closest(near[name], "emitted")) for item in near[name]),
            (
                f"looked at {_count(len(graph.flows), 'flow')}, which emit {_count(len(emitted), 'event')} by a "
                "literal name",
            ),
            (*asked(near[name]), f"if it is published from elsewhere, add `--external-event {name}`"),
        )
    if from_elsewhere:
        # Most events come from outside, so those without a likely misspelling share one line.
        names = _shortened([f"`{name}`" for name in sorted(from_elsewhere)])
        yield Diagnostic(
            "FT202",
            f"no flow of these files emits {', '.join(names)}: something else has to publish "
            f"{'it' if len(from_elsewhere) == 1 else 'them'}",
            helps=("name what is published from elsewhere with `--external-event`",),
            severity="note",
        )


def _cycles(graph: TriggerGraph) -> Iterator[Diagnostic]:
    arcs: list[list[Arc]] = [[] for _ in graph.flows]
    for number, edge in enumerate(graph.edges):
        arcs[edge.upstream].append((edge.upstream, edge.downstream, number))
    for circle in cycles(arcs):
        flows = [graph.flows[arc[0]] for arc in circle]
        edges = [graph.edges[arc[2]] for arc in circle]
        # A circle that needs a failed run ends with the first one that succeeds.
        endless = all("success" in edge.match for edge in edges)
        path = " -> ".join(_shortened([f"`{flow.name}`" for flow in (*flows, flows[0])]))
        labels = [
            f"`{flow.name}` starts `{graph.flows[edge.downstream].name}` on {' or '.join(edge.match)}"
            for flow, edge in zip(flows, edges, strict=True)
        ]
        others = tuple(zip((edge.span for edge in edges[1:]), labels[1:], strict=True))
        left_out = len(others[_SHOWN_PLACES:])
        yield Diagnostic(
            "FT203",
            f"flows start each other in a circle: {path}",
            edges[0].span,
            labels[0],
            others[:_SHOWN_PLACES],
            (
                "one start would be followed by starts without end"
                if endless
                else "it goes round for as long as runs end as the circle needs them to",
                *((f"{left_out} more flows of the circle are not shown",) if left_out else ()),
            ),
            ("remove one of these triggers",),
            severity="" if endless else "warning",
        )


def _shortened(names: list[str]) -> list[str]:
    if len(names) <= 2 * _SHOWN_PLACES:
        return names
    return [*names[:_SHOWN_PLACES], "...", *names[-_SHOWN_PLACES:]]


def _same_flow_twice(graph: TriggerGraph) -> Iterator[Diagnostic]:
    first: dict[tuple[str, str, str], Flow] = {}
    for flow in graph.flows:
        known = first.setdefault(identity(flow), flow)
        if known is not flow:
            yield Diagnostic(
                "FT204",
                f"two flows are `{qualified_name(identity(flow))}` and would be deployed under one name",
                flow.span,
                "would overwrite the other one",
                ((known.span, "defined here first"),),
                helps=("rename one of the two flows", "or compile only one of the two files"),
            )


# --- words ------------------------------------------------------------------------------------------


def _home(project: str | None, branch: str | None) -> str:
    return f"of project `{project}`, branch `{branch_key(branch)}`" if project else "without @project"


def _way_to(flow: Flow, waiting: Flow) -> str:
    if flow.project:
        return f"to wait for it, write `{qualified_name(identity(flow))}`"
    return f"`{flow.name}` would have to be in @project(name={waiting.project!r}) too"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
