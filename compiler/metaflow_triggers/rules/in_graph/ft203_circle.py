"""FT203: flows start each other in a circle."""

from collections.abc import Iterator

from ...diagnostics import Diagnostic
from ...graph.cycles import Arc, cycles
from ..find import SHOWN_PLACES, Checked, shortened

SOURCE = "semantics.md#7-when-a-flow-starts"
FINDS = """Following @trigger_on_finish from flow to flow leads back to where it began. Where going round takes a run
that does not succeed, so that success ends the circle, it is a warning."""
WHY = "One start is followed by starts without end, and each of them costs money."
BAD = """
@trigger_on_finish(flow='TrainFlow')
class ScoreFlow(FlowSpec): ...

@trigger_on_finish(flow='ScoreFlow')
class TrainFlow(FlowSpec): ...
"""
GOOD = """
@trigger_on_finish(flow='TrainFlow')
class ScoreFlow(FlowSpec): ...

@schedule(daily=True)
class TrainFlow(FlowSpec): ...
"""


def find(checked: Checked) -> Iterator[Diagnostic]:
    graph = checked.graph
    arcs: list[list[Arc]] = [[] for _ in graph.flows]
    for number, edge in enumerate(graph.edges):
        arcs[edge.upstream].append((edge.upstream, edge.downstream, number))
    for circle in cycles(arcs):
        flows = [graph.flows[arc[0]] for arc in circle]
        edges = [graph.edges[arc[2]] for arc in circle]
        # A circle that needs a failed run ends with the first one that succeeds.
        endless = all("success" in edge.match for edge in edges)
        path = " -> ".join(shortened([f"`{flow.name}`" for flow in (*flows, flows[0])]))
        labels = [
            f"`{flow.name}` starts `{graph.flows[edge.downstream].name}` on {' or '.join(edge.match)}"
            for flow, edge in zip(flows, edges, strict=True)
        ]
        others = tuple(zip((edge.span for edge in edges[1:]), labels[1:], strict=True))
        left_out = len(others[SHOWN_PLACES:])
        yield Diagnostic(
            "FT203",
            f"flows start each other in a circle: {path}",
            edges[0].span,
            labels[0],
            others[:SHOWN_PLACES],
            (
                "one start would be followed by starts without end"
                if endless
                else "it goes round for as long as runs end as the circle needs them to",
                *((f"{left_out} more flows of the circle are not shown",) if left_out else ()),
            ),
            ("remove one of these triggers",),
            severity="" if endless else "warning",
        )
