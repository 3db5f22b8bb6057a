"""Emit: resources through their templates, as manifests with paths.

In:   a flow, upstream's WorkflowTemplate or None, the settings, whose outcomes are believed.
Out:  manifests: one object per file, and a kustomization that lists them.

Not here: decisions (`argo.lower`), text.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from ....diagnostics import Diagnostic, DiagnosticError
from ....diagnostics.ours import our_mistakes
from ....manifests.templates import render
from ....model.flows import Flow, PollTrigger
from ....model.settings import Settings
from ...shape import Manifest
from ..verify import object_checks, poll_read_back, read_back, shared_read_back, ways
from . import lower, names, shared, workflow_template
from .trust import Trust


def manifests(
    flow: Flow, workflow: Any, settings: Settings, believed: Trust, polls: Sequence[PollTrigger] = ()
) -> list[Manifest]:
    """The flow's files below `argo-workflows/<deployed name>/`.

    Raises DiagnosticError: FT405 for a Sensor that its pod could not be given, FT512 for text of the user's that would
    not arrive, FT601 for a mistake of ours.
    """
    folder = f"argo-workflows/{names.own_name(flow)}"
    found = _sensors(folder, flow, settings, believed)
    schedule = lower.schedule(flow, settings)
    if schedule is not None:
        content = render("argo/cronworkflow", schedule=schedule)
        found.append(Manifest(f"{folder}/cronworkflow.yaml", content, "argo/cronworkflow", True))
    if workflow is not None:
        completed = workflow_template.complete(workflow["workflow_template"], flow, settings, is_polled=bool(polls))
        if polls:
            from . import poller

            completed["metadata"]["annotations"][poller.POLLER] = poller.poller_name(names.own_name(flow))
        found.append(Manifest(f"{folder}/workflowtemplate.yaml", completed, "argo/workflowtemplate", False))
    if polls:
        from . import poller

        found += poller.manifests(folder, flow, polls, workflow, settings)
    if found:
        files = [manifest.path.rpartition("/")[2] for manifest in found]
        listing = render("argo/kustomization", resources=files)
        found.append(Manifest(f"{folder}/kustomization.yaml", listing, "argo/kustomization", True))
        _require(flow_mistakes(found, flow, settings, believed, polls))
    return found


def sensors(flow: Flow, settings: Settings, believed: Trust) -> list[Manifest]:
    """The flow's Sensors alone. Raises DiagnosticError as `manifests` does."""
    folder = f"argo-workflows/{names.own_name(flow)}"
    found = _sensors(folder, flow, settings, believed)
    differences = ways.way_differences([manifest.content for manifest in found], flow, settings, believed)
    _require([*object_checks.found_in(found, flow), *our_mistakes(f"{folder}:", differences)])
    return found


def _sensors(folder: str, flow: Flow, settings: Settings, believed: Trust) -> list[Manifest]:
    found: list[Manifest] = []
    for place, sensor in enumerate(lower.sensors(flow, settings, believed), 1):
        file = f"{folder}/sensor{'' if place == 1 else f'-{place}'}.yaml"
        content = render("argo/sensor", sensor=sensor)
        if object_checks.sensor_size(content) > object_checks.SENSOR_LIMIT:
            # What starts the flow goes before what tells of a start that was given up.
            bare = tuple(dataclasses.replace(trigger, told=(), record=()) for trigger in sensor.triggers)
            content = render("argo/sensor", sensor=dataclasses.replace(sensor, triggers=bare))
        found.append(Manifest(file, content, "argo/sensor", True))
    return found


def shared_manifests(settings: Settings) -> list[Manifest]:
    """The files below `argo-workflows/_shared/`."""
    found = shared.manifests(settings)
    _require(shared_mistakes(found, settings))
    return found


def flow_mistakes(
    found: list[Manifest], flow: Flow, settings: Settings, believed: Trust, polls: Sequence[PollTrigger] = ()
) -> list[Diagnostic]:
    """What is wrong with a flow's finished objects: what Argo would take and not do, what the flow does not mean."""
    return [
        *object_checks.found_in(found, flow),
        *_faults(found, read_back.differences(_by_file(found), flow, settings, believed)),
        *_faults(found, poll_read_back.differences(_by_file(found), flow, settings, polls)),
    ]


def shared_mistakes(found: list[Manifest], settings: Settings) -> list[Diagnostic]:
    """What is wrong with the finished shared objects."""
    return _faults(found, shared_read_back.differences(_by_file(found), settings))


def _by_file(found: list[Manifest]) -> dict[str, Any]:
    return {manifest.path.rpartition("/")[2]: manifest.content for manifest in found}


def _faults(found: list[Manifest], differences: Iterable[str]) -> list[Diagnostic]:
    folder = found[0].path.rpartition("/")[0]
    return our_mistakes(f"{folder}:", differences)


def _require(mistakes: list[Diagnostic]) -> None:
    if mistakes:
        raise DiagnosticError(mistakes)


def folder_manifests(deployed_names: list[str], with_shared: bool) -> list[Manifest]:
    """`argo-workflows/kustomization.yaml`: `kubectl apply -k` of the whole folder."""
    folders = [*(["_shared"] if with_shared else []), *deployed_names]
    listing = render("argo/kustomization", resources=folders)
    return [Manifest("argo-workflows/kustomization.yaml", listing, "argo/kustomization", True)]
