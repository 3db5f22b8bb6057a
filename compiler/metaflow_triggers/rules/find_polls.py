"""Check polls: what is wrong between poll triggers and flows.

In:   the graph.
Out:  diagnostics: unknown and ambiguous flows, names given twice.

Not here: a declaration by itself (`read_polls`), what a backend refuses (`backends.refused_polls`).
"""

from __future__ import annotations

from collections.abc import Iterator

from ..diagnostics import Diagnostic
from ..diagnostics.suggest import asked, suggest
from ..graph.link import camel_case, named
from ..model.facts import identity, qualified_name
from ..model.flows import PollTrigger, TriggerGraph
from ..model.names import poll_slug


def check_polls(
    graph: TriggerGraph, project_wide: bool, external_flows: frozenset[str] = frozenset()
) -> Iterator[Diagnostic]:
    """All findings about the graph's poll triggers; arguments as of `check.check`."""
    slugs: dict[str, PollTrigger] = {}
    for target, poll in graph.polls:
        if target is None and project_wide:
            yield from _no_flow(graph, poll, external_flows)
        first = slugs.setdefault(poll_slug(poll.name), poll)
        if first is not poll:
            same = first.name == poll.name
            yield Diagnostic(
                "FT722",
                f"two poll triggers are named `{poll.name}`"
                if same
                else f"the poll triggers `{first.name}` and `{poll.name}` would name their runs alike",
                poll.name_span or poll.span,
                "named again" if same else f"becomes `{poll_slug(poll.name)}`, as the other one does",
                ((first.name_span or first.span, "the other one"),),
                helps=("give one of them another name with name='...'",),
            )


def _no_flow(graph: TriggerGraph, poll: PollTrigger, external_flows: frozenset[str]) -> Iterator[Diagnostic]:
    span = poll.flow_span or poll.span
    found = named(graph.flows, poll.flow)
    if found:
        names = [qualified_name(identity(graph.flows[number])) for number in found]
        yield Diagnostic(
            "FT717",
            f"poll trigger `{poll.name}` starts `{poll.flow}`, which {len(found)} flows are called",
            span,
            "which one is not said",
            tuple((graph.flows[number].span, f"`{name}`") for number, name in zip(found, names, strict=True))[:3],
            helps=tuple(f"write workflow='{name}'" for name in names[:3]),
        )
        return
    if external_flows.intersection((poll.flow, camel_case(poll.flow))):
        return
    names = [flow.name for flow in graph.flows]
    near = suggest(poll.flow, names) or suggest(camel_case(poll.flow), names)
    spans = {flow.name: flow.span for flow in reversed(graph.flows)}
    camel = camel_case(poll.flow)
    yield Diagnostic(
        "FT717",
        f"poll trigger `{poll.name}` starts `{poll.flow}`, which these files do not define",
        span,
        "no such flow, so nothing would ever start",
        tuple((spans[name], "a close name is defined here") for name in near),
        (
            f"looked at {len(graph.flows)} flow{'' if len(graph.flows) == 1 else 's'}"
            + (f", for the classes `{poll.flow}` and `{camel}`" if camel != poll.flow else ""),
        ),
        (*asked(near), *(() if near else (f"define `class {camel}(FlowSpec)`, and name its file too",))),
    )
