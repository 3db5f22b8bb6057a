"""FT717: a poll trigger starts an unknown flow."""

from collections.abc import Iterator

from ...diagnostics import Diagnostic
from ...diagnostics.suggest import asked, suggest
from ...graph.link import camel_case, is_among, named, of_project
from ...model.facts import identity, qualified_name
from ...model.flows import PollTrigger
from ..find import Checked, counted

SOURCE = "poll-triggers.md#trigger"
FINDS = """No file of the command defines a class of the name in `workflow`, nor of its CamelCase form; or several flows
(of different projects) have it."""
WHY = "The poll would fire and nothing would start."
BAD = """
@trigger(workflow='file_procesor')       # the class is FileProcessor
def file_watcher(): ...
"""
GOOD = """
@trigger(workflow='file_processor')
def file_watcher(): ...
"""


def find(checked: Checked) -> Iterator[Diagnostic]:
    for target, poll in checked.graph.polls:
        if target is None and checked.project_wide:
            yield from _no_flow(checked, poll)


def _no_flow(checked: Checked, poll: PollTrigger) -> Iterator[Diagnostic]:
    graph = checked.graph
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
            helps=tuple(f"write workflow='{of_project(identity(graph.flows[number]))}'" for number in found[:3]),
        )
        return
    if is_among(checked.external_flows, poll.flow):
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
            f"looked at {counted(len(graph.flows), 'flow')}"
            + (f", for the classes `{poll.flow}` and `{camel}`" if camel != poll.flow else ""),
        ),
        (*asked(near), *(() if near else (_what_to_do(checked, poll.flow),))),
    )


def _what_to_do(checked: Checked, name: str) -> str:
    camel, last = camel_case(name), name.rpartition(".")[2]
    if camel.isidentifier():
        return f"define `class {camel}(FlowSpec)`, and name its file too"
    if found := named(checked.graph.flows, last):
        known = [identity(checked.graph.flows[number]) for number in found[:3]]
        here = " and ".join(f"`{qualified_name(item)}`" for item in known)
        written = [last] if len(found) == 1 else [of_project(item) for item in known]
        typed = " or ".join(f"workflow='{name}'" for name in written)
        return f"`{last}` is {here} here; for any branch write {typed}"
    return "write the name of a class, which these files define, or of a flow as `list` shows it"
