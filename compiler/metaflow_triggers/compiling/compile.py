"""Pipeline: from read flows to the text of every file.

In:   what the read stage gave for each flow, the settings, the backends.
Out:  `Compilation`: the graph, the files as text, and all diagnostics.

Not here: reading user code, writing files, deploying. A pure function of its arguments.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..backends import registry, shape
from ..backends.shape import Manifest, Open
from ..diagnostics import Diagnostic, DiagnosticError
from ..diagnostics.ours import CODE, behind_others, our_mistakes
from ..graph.link import is_among, link
from ..manifests.packed import packed, unpacked
from ..manifests.schemas import findings
from ..manifests.text import json_text, yaml_text
from ..model.flows import Flow, PollTrigger, TriggerGraph
from ..model.settings import Settings
from ..reading.kept_answers import KeptAnswers
from ..reading.prepared import ReadFlow
from ..rules.find import check
from ..rules.weight import has_errors
from .kept_files import KeptFiles
from .parallel import fork_map


@dataclass(frozen=True)
class File:
    """One file of the output. `owner` is `<backend>/<deployed name>` or `<backend>/` for shared files.

    `content` is the object that `text` says, or None for a project, which only writes texts. `packed` is the text
    while it waits for those of all other flows, or loads it from the cache; `digest` is `sha256` where it is known.
    """

    path: str
    packed: bytes | Callable[[], bytes]
    owner: str
    content: Any
    ours: bool
    digest: str = ""

    @property
    def text(self) -> str:
        """What is written, unpacked each time."""
        return unpacked(self.bytes())

    @property
    def sha256(self) -> str:
        """Of the text in UTF-8."""
        return self.digest or _digest(self.text)

    def bytes(self) -> bytes:
        """The text as it waits."""
        return self.packed if isinstance(self.packed, bytes) else self.packed()


@dataclass(frozen=True)
class Compilation:
    """What compiling gave. Nothing may be written or deployed when one of the diagnostics is an error.

    `open` has (backend, setting) for all that a deployment would have to be given, or leaves to a default.
    """

    graph: TriggerGraph
    files: tuple[File, ...]
    diagnostics: tuple[Diagnostic, ...]
    open: tuple[tuple[str, Open], ...] = ()


def compile_flows(
    flows: Sequence[ReadFlow],
    settings: Settings,
    backend_names: Iterable[str],
    *,
    project_wide: bool,
    external_flows: frozenset[str] = frozenset(),
    external_events: frozenset[str] = frozenset(),
    unread_flows: frozenset[str] = frozenset(),
    workers: int = 1,
    polls: Sequence[PollTrigger] = (),
    chosen: bool = True,
    rules: registry.PathRules | None = None,
    contents: bool = False,
    kept: KeptAnswers | None = None,
) -> Compilation:
    """Link, check, lower, render and validate. `project_wide`: the flows are all there are, unknown ones are wrong.
    `unread_flows` are among them, though they could not be read, which is told elsewhere.

    `workers`: processes; the result is the same for each number of them. `chosen`: the user named the backends; else
    each flow is compiled for those that suit it. `rules` say more of the flows of some paths. `contents`: of a project
    too, which is to be deployed. `kept`: what earlier commands compiled, where it may be used.
    """
    backend_names = tuple(backend_names)
    rules = rules or registry.PathRules()
    elsewhere = external_flows | unread_flows
    graph = link([item.flow for item in flows], elsewhere, polls)
    diagnostics = check(graph, project_wide, elsewhere, external_events)
    if not chosen:
        diagnostics += _apart(graph, backend_names, rules)
    by_flow = {(item.flow.file, item.flow.name): item for item in flows}
    texts_only = project_wide and not contents
    kept_files = KeptFiles(kept, graph, settings) if kept is not None and texts_only else None

    def emit(jobs: Sequence[Job | Diagnostic]) -> list[Emitted]:
        return fork_map(lambda job: _emit(job, graph, settings, texts_only), jobs, workers)

    files: list[File] = []
    left_open: dict[tuple[str, Open], None] = {}
    for name in backend_names:
        backend = registry.backend(name)
        left_out = [poll for target, poll in graph.polls if target is None and not is_among(unread_flows, poll.flow)]
        if left_out:
            said = shape.polls_elsewhere if registry.may_poll(name) else shape.refused_polls
            diagnostics.extend(said(name, left_out))
        deployed: dict[str, Flow] = {}
        jobs: list[Job | Diagnostic] = []
        for flow in graph.flows:
            if name not in rules.meant(flow, backend_names, chosen=chosen):
                continue
            deployed_name = registry.own_name(name, flow, settings)
            first = deployed.setdefault(deployed_name, flow)
            if first is not flow and (first.project, first.branch, first.name) != (
                flow.project,
                flow.branch,
                flow.name,
            ):
                jobs.append(_collision(name, deployed_name, first, flow))
            else:
                item = by_flow[flow.file, flow.name]
                jobs.append(Job(name, deployed_name, flow, item.workflows.get(name), item.digest))
        shared = False
        for emitted in emit(jobs) if kept_files is None else kept_files.emitted(jobs, emit):
            diagnostics.extend(emitted.diagnostics)
            files.extend(emitted.files)
            left_open |= dict.fromkeys((name, item) for item in emitted.open)
            shared = shared or emitted.complete
        if shared:
            manifests = backend.shared_manifests(settings)
            files.extend(_files(manifests, f"{name}/", diagnostics))
            left_open |= dict.fromkeys((name, item) for item in _open(backend, manifests, settings))
            served = [job.flow for job in jobs if isinstance(job, Job)]
            diagnostics.extend(backend.shared_remarks(settings, served))
    return Compilation(graph, tuple(files), tuple(_explained(diagnostics)), tuple(left_open))


def _open(backend: Any, manifests: Sequence[Manifest], settings: Settings) -> list[Open]:
    """What these leave open, where the backend can say it."""
    told = getattr(backend, "open_settings", None)
    return [] if told is None else list(told(manifests, settings))


def _explained(found: list[Diagnostic]) -> list[Diagnostic]:
    """A mistake of ours is told only where no mistake of the user's may be what it comes from."""
    return behind_others(found, has_errors(item for item in found if item.code != CODE))


def _apart(graph: TriggerGraph, names: Sequence[str], rules: registry.PathRules) -> Iterator[Diagnostic]:
    """A flow that waits for one which is compiled for other backends; a warning where they have one in common."""
    for edge in graph.edges:
        upstream, downstream = graph.flows[edge.upstream], graph.flows[edge.downstream]
        there, here = (rules.meant(flow, names, chosen=False) for flow in (upstream, downstream))
        missing = [name for name in here if name not in there]
        if missing:
            waits = f"waits for `{upstream.name}`, which is for {_listed(there)}"
            yield Diagnostic(
                "FT205",
                f"`{downstream.name}` is for {_listed(here)} and {waits}",
                edge.span,
                f"on {_listed(missing)} nothing would start `{downstream.name}`",
                others=((upstream.span, "its steps ask for a backend"),),
                helps=("name the backend that is meant, for instance --backend " + (there or here)[0],),
                severity="warning" if len(missing) < len(here) else "",
            )


def _listed(names: Sequence[str]) -> str:
    return " and ".join(names) or "no backend that was named"


@dataclass(frozen=True)
class Job:
    backend: str
    deployed_name: str
    flow: Flow
    workflow: Any
    digest: str = ""


@dataclass(frozen=True)
class Emitted:
    """What a job gives. `complete`: the flow has its files, so that it needs the shared ones too."""

    diagnostics: list[Diagnostic]
    files: list[File]
    complete: bool
    open: Sequence[Open] = ()


def _emit(job: Job | Diagnostic, graph: TriggerGraph, settings: Settings, texts_only: bool) -> Emitted:
    """Lower, render and validate one flow for one backend. A diagnostic in place of a job is passed on."""
    if isinstance(job, Diagnostic):
        return Emitted([job], [], False)
    backend = registry.backend(job.backend)
    diagnostics: list[Diagnostic] = []
    try:
        diagnostics += backend.refusals(job.flow, graph, settings)
        if has_errors(diagnostics):
            return Emitted(diagnostics, [], False)
        workflow = json.loads(unpacked(job.workflow)) if isinstance(job.workflow, bytes) else job.workflow
        made = backend.manifests(job.flow, graph, workflow, settings)
        manifests = [dataclasses.replace(item, text=_text(item)) for item in made]
        left_open = _open(backend, manifests, settings)
        files = _files(manifests, f"{job.backend}/{job.deployed_name}", diagnostics)
    except DiagnosticError as error:
        return Emitted([*diagnostics, *error.diagnostics], [], False)
    except Exception as error:  # a package's backend may do anything: it is named, and the others compile
        package = registry.blamed(error)
        if package is None:
            raise
        return Emitted([*diagnostics, *package.diagnostics], [], False)
    if texts_only:
        files = [dataclasses.replace(file, content=None) for file in files]
    return Emitted(diagnostics, files, True, left_open)


def backend_findings(name: str, graph: TriggerGraph, settings: Settings) -> list[Diagnostic]:
    """What one backend says of the triggers of a graph, without the step-by-step workflows."""
    found: list[Diagnostic] = []
    for flow in graph.flows:
        deployed_name = registry.own_name(name, flow, settings)
        found.extend(_emit(Job(name, deployed_name, flow, None), graph, settings, texts_only=True).diagnostics)
    return _explained(found)


def folder_files(owners: Iterable[str]) -> list[File]:
    """The files that list what an output folder holds. `owners` as in `File.owner`."""
    by_backend: dict[str, list[str]] = {}
    for owner in owners:
        name, _, deployed_name = owner.partition("/")
        by_backend.setdefault(name, []).append(deployed_name)
    out: list[File] = []
    for name in sorted(by_backend):
        names = sorted(filter(None, by_backend[name]))
        manifests = registry.backend(name).folder_manifests(names, "" in by_backend[name])
        out.extend(_files(manifests, f"{name}/", []))
    return out


def _files(manifests: Iterable[Manifest], owner: str, diagnostics: list[Diagnostic]) -> list[File]:
    out: list[File] = []
    folder = owner.partition("/")[0]
    for manifest in manifests:
        parts = manifest.path.split("/")
        if parts[0] != folder or not parts[1:] or {"", ".", ".."} & set(parts) or "\\" in manifest.path:
            what = f"the backend `{folder}` names the file `{manifest.path}`, which is not one below `{folder}/`"
            raise DiagnosticError([Diagnostic("FT009", what, helps=("tell who made the package of that backend",))])
        if manifest.schema is not None:
            broken = findings(manifest.content, manifest.schema)
            told = (f"violates its schema at {pointer}: {message}" for pointer, message in broken)
            diagnostics.extend(our_mistakes(manifest.path, told))
        text = _text(manifest)
        out.append(File(manifest.path, packed(text), owner, manifest.content, manifest.ours, _digest(text)))
    return out


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _text(manifest: Manifest) -> str:
    if manifest.text is not None:
        return manifest.text
    return (json_text if manifest.path.endswith(".json") else yaml_text)(manifest.content)


def _collision(backend: str, deployed_name: str, first: Flow, second: Flow) -> Diagnostic:
    return Diagnostic(
        "FT204",
        f"`{second.name}` and `{first.name}` would both be deployed as `{deployed_name}` on {backend}",
        second.span,
        "would replace the other flow",
        others=((first.span, "deployed under the same name"),),
        helps=("rename one of the flows or its project",),
    )
