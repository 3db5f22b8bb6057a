"""Pipeline: from read flows to the text of every file.

In:   what the read stage gave for each flow, the settings, the backends.
Out:  `Compilation`: the graph, the files as text, and all diagnostics.

Not here: reading user code, writing files, deploying. A pure function of its arguments.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import backends
from .backends import Manifest
from .canonical import json_text, yaml_text
from .check import check
from .diagnostics import Diagnostic, DiagnosticError
from .diagnostics.render import has_errors
from .link import link
from .model import Flow, TriggerGraph
from .settings import Settings
from .validate import findings


@dataclass(frozen=True)
class ReadFlow:
    """One flow with what upstream's compilers made of it: backend name -> workflow (or None)."""

    flow: Flow
    workflows: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class File:
    """One file of the output. `owner` is `<backend>/<deployed name>` or `<backend>/` for shared files."""

    path: str
    text: str
    owner: str
    content: Any
    ours: bool


@dataclass(frozen=True)
class Compilation:
    """What compiling gave. Nothing may be written or deployed when one of the diagnostics is an error."""

    graph: TriggerGraph
    files: tuple[File, ...]
    diagnostics: tuple[Diagnostic, ...]


def compile_flows(
    flows: Sequence[ReadFlow],
    settings: Settings,
    backend_names: Iterable[str],
    *,
    project_wide: bool,
    external_flows: frozenset[str] = frozenset(),
    external_events: frozenset[str] = frozenset(),
) -> Compilation:
    """Link, check, lower, render and validate. `project_wide`: the flows are all there are, unknown ones are wrong."""
    graph = link([item.flow for item in flows], external_flows)
    diagnostics = check(graph, project_wide, external_flows, external_events)
    workflows = {(item.flow.file, item.flow.name): item.workflows for item in flows}
    files: list[File] = []
    for name in backend_names:
        backend = backends.backend(name)
        deployed: dict[str, Flow] = {}
        shared = False
        for flow in graph.flows:
            deployed_name = backends.own_name(name, flow, settings)
            first = deployed.setdefault(deployed_name, flow)
            if first is not flow and (first.project, first.branch, first.name) != (
                flow.project,
                flow.branch,
                flow.name,
            ):
                diagnostics.append(_collision(name, deployed_name, first, flow))
                continue
            refused = backend.refusals(flow, graph, settings)
            diagnostics.extend(refused)
            if has_errors(refused):
                continue
            workflow = workflows[flow.file, flow.name].get(name)
            try:
                manifests = backend.manifests(flow, graph, workflow, settings)
            except DiagnosticError as error:
                diagnostics.extend(error.diagnostics)
                continue
            files.extend(_files(manifests, f"{name}/{deployed_name}", diagnostics))
            shared = True
        if shared:
            files.extend(_files(backend.shared_manifests(settings), f"{name}/", diagnostics))
    return Compilation(graph, tuple(files), tuple(diagnostics))


def folder_files(owners: Iterable[str]) -> list[File]:
    """The files that list what an output folder holds. `owners` as in `File.owner`."""
    by_backend: dict[str, list[str]] = {}
    for owner in owners:
        name, _, deployed_name = owner.partition("/")
        by_backend.setdefault(name, []).append(deployed_name)
    out: list[File] = []
    for name in sorted(by_backend):
        names = sorted(filter(None, by_backend[name]))
        manifests = backends.backend(name).folder_manifests(names, "" in by_backend[name])
        out.extend(_files(manifests, f"{name}/", []))
    return out


def _files(manifests: Iterable[Manifest], owner: str, diagnostics: list[Diagnostic]) -> list[File]:
    out = []
    for manifest in manifests:
        if manifest.schema is not None:
            for pointer, message in findings(manifest.content, manifest.schema):
                diagnostics.append(
                    Diagnostic("FT601", f"{manifest.path} violates its schema at {pointer}: {message[:400]}")
                )
        text = json_text(manifest.content) if manifest.path.endswith(".json") else yaml_text(manifest.content)
        out.append(File(manifest.path, text, owner, manifest.content, manifest.ours))
    return out


def _collision(backend: str, deployed_name: str, first: Flow, second: Flow) -> Diagnostic:
    return Diagnostic(
        "FT204",
        f"`{second.name}` and `{first.name}` would both be deployed as `{deployed_name}` on {backend}",
        second.span,
        "would replace the other flow",
        others=((first.span, "deployed under the same name"),),
        helps=("rename one of the flows or its project",),
    )
