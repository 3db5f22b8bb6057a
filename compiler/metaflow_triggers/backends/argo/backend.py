"""Backend: Argo Events objects that start flows, and the flow's WorkflowTemplate completed with ours.

In:   a flow, the graph, the settings, upstream's WorkflowTemplate.
Out:  manifests, one object each; refusals.

Not here: reading flows, rendering text, writing files. Deploying is `deploy`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ...diagnostics import Diagnostic
from ...model.flows import Flow, PollTrigger, TriggerGraph
from ...model.settings import Settings
from ..shape import Manifest, Open, polls_of
from .compile import emit, names
from .compile import open_settings as _open_settings
from .compile import refusals as _refusals
from .compile.shared import without_rights
from .compile.trust import trust


def deployed_name(flow: str, project: str | None, branch: str | None, settings: Settings) -> str:
    """The name of the flow's WorkflowTemplate, equal to upstream's."""
    return names.template_name(flow, project, branch)


def refusals(flow: Flow, graph: TriggerGraph, settings: Settings) -> list[Diagnostic]:
    """What cannot be carried, as diagnostics with the user's span."""
    return [
        *_refusals.refusals(flow, settings, trust(graph, settings)),
        *_refusals.refused_polls(flow, polls_of(flow, graph)),
        *(without_rights(settings) if _is_first_polled(flow, graph) else []),
    ]


def _is_first_polled(flow: Flow, graph: TriggerGraph) -> bool:
    """Whether polls start the flow and no other before it, and no flow has another trigger (`shared_remarks`)."""
    polled = [graph.flows[target] for target, _ in graph.polls if target is not None]
    return bool(polled) and polled[0] is flow and not any(item.triggers for item in graph.flows)


def manifests(flow: Flow, graph: TriggerGraph, workflow: Any, settings: Settings) -> list[Manifest]:
    """The flow's objects; with `workflow=None` the trigger objects only."""
    return emit.manifests(flow, workflow, settings, trust(graph, settings), polls_of(flow, graph))


def shared_manifests(settings: Settings) -> list[Manifest]:
    """The objects that all flows share, a function of configuration alone."""
    return emit.shared_manifests(settings)


def shared_remarks(settings: Settings, flows: Sequence[Flow]) -> list[Diagnostic]:
    """What is said of these objects, where these flows need them."""
    return without_rights(settings) if any(flow.triggers for flow in flows) else []


def folder_manifests(deployed_names: list[str], shared: bool) -> list[Manifest]:
    """The kustomization of a whole output folder."""
    return emit.folder_manifests(deployed_names, shared)


def open_settings(manifests: Sequence[Manifest], settings: Settings) -> list[Open]:
    """What a deployment of these has to be given, and what they leave to defaults."""
    return _open_settings.open_settings(manifests, settings)


def declared_polls(contents: Iterable[Any]) -> list[PollTrigger]:
    """The poll triggers that objects of one flow declare."""
    from .compile import poller

    return poller.declared_polls(contents)
