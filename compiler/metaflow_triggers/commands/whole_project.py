"""Whole project: the flows of many files as they are deployed.

In:   the parsed arguments; a folder for what is uploaded.
Out:  `Project`: what was compiled; the flows by backend in the order in which they are deployed.

Not here: planning and deploying (`deploying`), what is said of it (`deploy`).
"""

from __future__ import annotations

import argparse
import gc
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from ..backends import registry
from ..backends.many import Wanted, many_of
from ..deploying.order import order
from ..deploying.run import Part
from ..diagnostics import Diagnostic, DiagnosticError
from ..graph.explain import qualified_name
from ..model.flows import TriggerGraph
from ..model.settings import Settings
from .arguments import flow_options, with_paths
from .project import backends_at_work, compile_read, findings, weighed


@dataclass
class Project:
    """`told` is what Metaflow's rules of production tokens have said, by flow."""

    names: tuple[str, ...]
    settings: Settings
    read: Any
    graph: Any
    files: tuple[Any, ...]
    diagnostics: list[Diagnostic]
    told: dict[str, list[str]] = field(default_factory=dict)
    uploaded: set[str] = field(default_factory=set)

    @cached_property
    def by_owner(self) -> dict[str, list[Any]]:
        """The files by whose they are."""
        found: dict[str, list[Any]] = {}
        for file in self.files:
            found.setdefault(file.owner, []).append(file)
        return found

    @cached_property
    def by_flow(self) -> dict[tuple[str, str], Any]:
        """What was read, by the flow's file and name."""
        return {(item.flow.file, item.flow.name): item for item in self.read.flows}


def as_the_user() -> str:
    """Import Metaflow, and have it take the real user, here and in the children. Raises DiagnosticError (FT002)."""
    from ..reading.paths import import_metaflow

    gc.set_threshold(100_000, 50, 100)  # as for `compile`: nearly all of it lives until the end
    import_metaflow()
    from .. import seams
    from .flow import required_user

    user = required_user()
    seams.act_as(user)
    return user


def read_alone(options: argparse.Namespace, kept: str) -> Project:
    """Read as the real user, and compile nothing. Raises DiagnosticError."""
    user = as_the_user()
    from .. import seams
    from ..graph.link import link
    from ..reading.paths import read_flows

    names, left_out = backends_at_work(options)
    read = read_flows(options, names, given=flow_options(options), kept=kept)
    settings = seams.read_settings(production=options.production, user=user, branch=options.branch)
    graph = link([item.flow for item in read.flows], frozenset(options.external_flow), ())
    found = weighed(options, [*left_out, *read.diagnostics], read, graph)
    return Project(names, settings, read, graph, (), with_paths(found, options.paths))


def compiled(options: argparse.Namespace, kept: str) -> Project:
    """Read and compile as the real user, code packages included. Raises DiagnosticError."""
    user = as_the_user()
    from .. import seams
    from ..reading.paths import read_flows

    names, left_out = backends_at_work(options)
    read = read_flows(options, names, code_package=True, workflow=True, given=flow_options(options), kept=kept)
    settings = seams.read_settings(production=options.production, user=user, branch=options.branch)
    compilation = compile_read(options, names, read, settings, contents=True)
    found = findings(options, left_out, read, compilation)
    return Project(names, settings, read, compilation.graph, compilation.files, found)


def refused(project: Project, options: argparse.Namespace, leave_out: frozenset[str]) -> bool:
    """Tell what is wrong with the flows, but for codes of which the clouds will say more; whether that refuses them."""
    from ..reports.terminal import show
    from ..rules.weight import refuses

    found = [item for item in project.diagnostics if item.code not in leave_out]
    failed = refuses(found, strict=options.strict)
    show(found, len(project.read.flows), "nothing was changed" if failed else None, project.read.omissions())
    return failed


def parts_of(project: Project, remark: Callable[[Sequence[Diagnostic]], None]) -> list[Part]:
    """The flows of each backend. `remark` takes what a cloud has to say of one. Raises DiagnosticError: FT002 for all
    settings that are missing, else what a cloud as a whole says."""
    wanted = {
        name: {
            number: one for number in range(len(project.graph.flows)) if (one := _wanted(project, name, number, remark))
        }
        for name in project.names
    }
    settings_are_there((name, one.files, project.settings) for name, flows in wanted.items() for one in flows.values())
    return [part(project.graph, name, project.settings, found) for name, found in wanted.items() if found]


def settings_are_there(asked: Iterable[tuple[str, Sequence[Any], Settings]]) -> None:
    """Raise DiagnosticError (FT002) for all settings that files of a backend need and that are missing, each once: two
    backends say it each in its own words. Of what only some of them need it is said how to leave these out."""
    missing: dict[tuple[str, ...], tuple[Diagnostic, list[str]]] = {}
    names: dict[str, None] = {}
    for backend, files, settings in asked:
        names[backend] = None
        for item in registry.deployer(backend).missing_settings(files, settings):
            missing.setdefault(item.helps, (item, []))[1].append(backend)
    if missing:
        raise DiagnosticError([_or_without(item, names, of) for item, of in missing.values()])


def _or_without(item: Diagnostic, names: Iterable[str], lacking: Sequence[str]) -> Diagnostic:
    others = [name for name in names if name not in lacking]
    if not others:
        return item
    without = f"or leave {' and '.join(dict.fromkeys(lacking))} out: {' '.join(f'--backend {name}' for name in others)}"
    return replace(item, helps=(*item.helps, without))


def part(graph: TriggerGraph, backend: str, settings: Settings, wanted: Mapping[int, Wanted]) -> Part:
    """Flows of the graph by their numbers, in the order in which they are deployed. The cloud is looked at."""
    many = many_of(registry.deployer(backend), settings)
    many.look(list(wanted.values()))
    first = many.goes_before(list(wanted.values()))
    turns = order(graph, {number for number, one in wanted.items() if one.name in first})
    flows = ((qualified_name(graph.flows[number]), wanted[number]) for number in turns if number in wanted)
    return Part(backend, many, tuple(flows))


def parts_to_delete(project: Project) -> list[Part]:
    """The flows of each backend, in the order in which they are deleted: those that start others first."""
    parts = []
    for name in project.names:
        many = many_of(registry.deployer(name), project.settings)
        turns = reversed(order(project.graph))
        flows = [(qualified_name(project.graph.flows[number]), _to_delete(project, name, number)) for number in turns]
        many.look([one for _, one in flows])
        parts.append(Part(name, many, tuple(flows)))
    return parts


def _to_delete(project: Project, backend: str, number: int) -> Wanted:
    from .. import seams

    flow = project.graph.flows[number]
    deployed = registry.own_name(backend, flow, project.settings)
    state = seams.click_state(registry.spec(backend).upstream, flow, deployed, lambda text: None)
    return Wanted(deployed, flow.name, (), None, state, lambda: None, _read(project, flow).deploys.steps)


def _read(project: Project, flow: Any) -> Any:
    """What was read of a flow."""
    return project.by_flow[flow.file, flow.name]


def _wanted(
    project: Project, backend: str, number: int, remark: Callable[[Sequence[Diagnostic]], None]
) -> Wanted | None:
    from .. import seams
    from .about import about

    flow = project.graph.flows[number]
    deployed = registry.own_name(backend, flow, project.settings)
    own = project.by_owner.get(f"{backend}/{deployed}")
    if not own:
        return None
    shared = project.by_owner.get(f"{backend}/", ())
    found = _read(project, flow)
    told = project.told.setdefault(qualified_name(flow), [])
    state = seams.click_state(registry.spec(backend).upstream, flow, deployed, told.append)
    return Wanted(
        deployed,
        flow.name,
        (*own, *shared),
        about(
            flow,
            project.settings,
            lambda: found.deploys.by_upstream,
            told=remark,
            polls=registry.polls_of(backend, flow, project.graph),
        ),
        state,
        lambda: _upload(project, state, found.deploys.packages.get(backend)),
        found.deploys.steps,
    )


def _upload(project: Project, state: Any, told: dict[str, Any] | None) -> None:
    """What the flow refers to, each thing once: two backends share a package."""
    from .. import seams
    from . import packages

    if told is not None and told["path"] not in project.uploaded:
        packages.upload(state, project.settings, seams.kept(told), say=lambda text: None)
        project.uploaded.add(told["path"])
