"""FT201: a trigger waits for an unknown flow."""

from collections.abc import Iterator

from ...diagnostics import Diagnostic
from ...diagnostics.suggest import asked, closest, suggest
from ...model.facts import branch_key, identity, qualified_name, wanted
from ...model.flows import Flow
from ..find import Checked, counted

SOURCE = "semantics.md#4-trigger_on_finish"
FINDS = "A flow waits for a flow of a name, project and branch that no file of the command defines."
WHY = "The flow deploys cleanly and then never starts."
BAD = """
class ScoreFlow(FlowSpec): ...

@trigger_on_finish(flow='ScoreFlw')
"""
GOOD = """
class ScoreFlow(FlowSpec): ...

@trigger_on_finish(flow='ScoreFlow')
"""


def find(checked: Checked) -> Iterator[Diagnostic]:
    if not checked.project_wide:
        return
    graph = checked.graph
    by_name: dict[str, list[Flow]] = {}
    neighbours: dict[tuple[str, str], list[str]] = {}
    for flow in graph.flows:
        by_name.setdefault(flow.name, []).append(flow)
        neighbours.setdefault(identity(flow)[:2], []).append(flow.name)
    near: dict[tuple[str, str, str], tuple[str, ...]] = {}
    for number, dependency in graph.unresolved:
        name = wanted(dependency)
        qualified = qualified_name(name)
        if checked.external_flows.intersection((dependency.flow, qualified)):
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
            (f"looked at {counted(len(graph.flows), 'flow')}",),
            (
                *helps,
                f"if `{dependency.flow}` is deployed from elsewhere, add `--external-flow {qualified}`",
            ),
        )


def _home(project: str | None, branch: str | None) -> str:
    return f"of project `{project}`, branch `{branch_key(branch)}`" if project else "without @project"


def _way_to(flow: Flow, waiting: Flow) -> str:
    if flow.project:
        return f"to wait for it, write `{qualified_name(identity(flow))}`"
    return f"`{flow.name}` would have to be in @project(name={waiting.project!r}) too"
