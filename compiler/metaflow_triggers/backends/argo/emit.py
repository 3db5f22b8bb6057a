"""Emit: resources through their templates, as manifests with paths.

In:   a flow, upstream's WorkflowTemplate or None, the settings.
Out:  manifests: one object per file, and a kustomization that lists them.

Not here: decisions (`argo.lower`), text.
"""

from __future__ import annotations

from typing import Any

from ...model import Flow
from ...render import render
from ...settings import Settings
from .. import Manifest
from . import checks, lower, names, shared, workflow_template


def manifests(flow: Flow, workflow: Any, settings: Settings) -> list[Manifest]:
    """The flow's files below `argo-workflows/<deployed name>/`.

    Raises DiagnosticError: FT405 for a Sensor that its pod could not be given, FT601 for a mistake of ours.
    """
    folder = f"argo-workflows/{names.own_name(flow)}"
    found: list[Manifest] = []
    for place, sensor in enumerate(lower.sensors(flow, settings), 1):
        file = f"{folder}/sensor{'' if place == 1 else f'-{place}'}.yaml"
        found.append(Manifest(file, render("argo/sensor", sensor=sensor), "argo/sensor", True))
    schedule = lower.schedule(flow, settings)
    if schedule is not None:
        content = render("argo/cronworkflow", schedule=schedule)
        found.append(Manifest(f"{folder}/cronworkflow.yaml", content, "argo/cronworkflow", True))
    if workflow is not None:
        completed = workflow_template.complete(workflow["workflow_template"], flow, settings)
        found.append(Manifest(f"{folder}/workflowtemplate.yaml", completed, "argo/workflowtemplate", False))
    if found:
        files = [manifest.path.rpartition("/")[2] for manifest in found]
        checks.require(found, flow)
        listing = render("argo/kustomization", resources=files)
        found.append(Manifest(f"{folder}/kustomization.yaml", listing, "argo/kustomization", True))
    return found


def shared_manifests(settings: Settings) -> list[Manifest]:
    """The files below `argo-workflows/_shared/`."""
    return shared.manifests(settings)


def folder_manifests(deployed_names: list[str], with_shared: bool) -> list[Manifest]:
    """`argo-workflows/kustomization.yaml`: `kubectl apply -k` of the whole folder."""
    folders = [*(["_shared"] if with_shared else []), *deployed_names]
    listing = render("argo/kustomization", resources=folders)
    return [Manifest("argo-workflows/kustomization.yaml", listing, "argo/kustomization", True)]
