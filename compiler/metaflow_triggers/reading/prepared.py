"""Prepared: one flow as its own command line prepared it, read, with what upstream's compilers make of it.

In:   the click state of the flow's command, the settings.
Out:  the flow of the model with diagnostics; the step-by-step workflow and the code package.

Not here: many files, what a backend adds, what a command does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .. import seams
from ..backends import registry
from ..diagnostics import Diagnostic
from ..model.flows import Flow, TriggerGraph
from ..model.settings import Settings

if TYPE_CHECKING:
    from .source import SourceFile


@dataclass(frozen=True)
class ReadFlow:
    """One flow with what upstream's compilers made of it: backend name -> workflow, or its JSON text, packed, or None.

    `options` are those of its command line that change what it compiles to. `deploys` is there where it was asked for;
    `digest`, of flow and workflows, where what they compile to may be kept.
    """

    flow: Flow
    workflows: dict[str, Any] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    deploys: Deploys | None = None
    digest: str = ""


@dataclass(frozen=True)
class Deploys:
    """What a deployment needs of a flow beside what it compiles to.

    `steps` are their names; `packages` what is uploaded, by backend (`seams.keep`); `by_upstream` the flow as
    Metaflow's own rules have it.
    """

    steps: tuple[str, ...]
    packages: dict[str, Any]
    by_upstream: Flow


collector: Callable[[Any, dict[str, Any]], None] | None = None
"""Set in a child of the project command: takes the prepared flow instead of the command's own work."""


def read(
    obj: Any,
    settings: Settings,
    path: str | None = None,
    *,
    backends: Sequence[str] = (),
    parsed: Mapping[str, SourceFile] | None = None,
) -> tuple[Any, list[Diagnostic]]:
    """(`model.Flow`, diagnostics) of the flow in the click state. `path` is how messages name its file.

    `backends` are at work beside ours: a flow that asks for one of them has that among its features. `parsed` are
    files that are at hand, by their real paths.
    """
    import inspect

    from ..reading.flow import read_flow
    from ..reading.source import source_file

    file = inspect.getfile(obj.flow.__class__)
    shown = path or _shown_path(file)
    computes = {item.compute for item in registry.at_work(backends)}
    source = (parsed or {}).get(file) or source_file(shown, file)
    return read_flow(obj.flow, source, settings, computes)


def by_upstream(obj: Any, settings: Settings, path: str | None = None, backends: Sequence[str] = ()) -> Any:
    """The flow as Metaflow's own rules have it: what would start it if we were not installed."""
    flow, _ = read(obj, dataclasses.replace(settings, compatibility="upstream"), path, backends=backends)
    return flow


def _shown_path(file: str) -> str:
    import os

    relative = os.path.relpath(file)
    return (relative if not relative.startswith("..") else file).replace(os.sep, "/")


def workflow(
    obj: Any, backend: str, settings: Settings, name: str, options: dict[str, Any], *, package: Any = None
) -> tuple[Any, Any]:
    """(the step-by-step workflow as upstream makes it, the code package). `package`: the flow's, if it is made."""
    upstream = registry.spec(backend).upstream
    if package is None or package.only_for not in (None, upstream.attaches):
        package = seams.build_code_package(obj, settings, upstream.attaches)
    return upstream.workflow(obj, settings, package, name, seams.Options(**options)), package


def is_unbuilt(backend: str, flow: Flow, settings: Settings) -> bool:
    """Whether the backend itself refuses what the flow's steps are (FT510), with more help than upstream's compiler."""
    if not flow.features:
        return False
    alone = TriggerGraph((flow,), (), (), ())
    return any(item.code == "FT510" for item in registry.backend(backend).refusals(flow, alone, settings))
