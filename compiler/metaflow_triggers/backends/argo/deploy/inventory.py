"""Inventory: what a cluster has of a project.

In:   the project's id, the settings; the cluster, which is only read, one list request per kind and namespace.
Out:  `Deployed`, one for each deployed name; whose a deployment is now.

Not here: what becomes of it (`backends.inventory`), deleting.

A deployment is the project's if its WorkflowTemplate says so. Namespaces are those of the settings, and where such a
WorkflowTemplate says that its Sensors are. Events that wait are on the event bus, which nothing here asks.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable
from typing import Any

from ....diagnostics import DiagnosticError
from ....model.marks import PROJECT, Marks, read
from ....model.settings import Settings
from ...inventory import Deployed
from ..compile.poller import POLLER
from ..compile.workflow_template import SENSOR_NAMESPACES
from .cluster import MANAGER, Cluster, key
from .instructions import DEPLOYED_NAME, MANAGED_BY
from .live import OF_A_POLLER
from .ownership import annotations_of, is_ours, labels_of

BACKEND = "argo-workflows"
_UNDER_WAY = "workflows.argoproj.io/completed!=true"


def inventory(
    project: str, settings: Settings, api: Cluster, counted: Callable[[Deployed], bool] = lambda item: True
) -> list[Deployed]:
    """All of the project, by deployed name; runs of those that are `counted`. Raises DiagnosticError."""
    runs = settings.kubernetes_namespace
    selector = f"{MANAGED_BY}={MANAGER},{PROJECT}={project}"
    templates = api.find("WorkflowTemplate", runs, selector)
    told = {name for item in templates for name in annotations_of(item).get(SENSOR_NAMESPACES, "").split(",") if name}
    items = [*templates, *api.find("CronWorkflow", runs, selector)]
    for namespace in sorted({runs, settings.argo_sensor_namespace, *told}):
        items += api.find("Sensor", namespace, selector)
    for namespace in sorted({runs, settings.argo_sensor_namespace}):
        items += api.find("Secret", namespace, selector)
    if any(POLLER in annotations_of(item) for item in templates):
        for kind in OF_A_POLLER:
            items += api.find(kind, runs, selector)
    found: dict[str, list[Any]] = {}
    for item in items:
        if DEPLOYED_NAME in labels_of(item):
            found.setdefault(labels_of(item)[DEPLOYED_NAME], []).append(item)
    out = [item for name in sorted(found) if (item := _deployed(project, name, found[name], runs, api)) is not None]
    if not any(map(counted, out)):
        return out
    running = _running(api, runs)
    if running is None:
        return out
    return [dataclasses.replace(item, running=running[item.name]) if counted(item) else item for item in out]


def marks_now(name: str, settings: Settings, api: Cluster) -> tuple[Marks | None, bool]:
    """(whose the deployment is at this moment, whether its WorkflowTemplate is there)."""
    found = api.get("WorkflowTemplate", settings.kubernetes_namespace, name)
    if found is None:
        return None, False
    return (read(labels_of(found)) if is_ours(found) else None), True


def _deployed(project: str, name: str, items: list[Any], runs: str, api: Cluster) -> Deployed | None:
    """None where the WorkflowTemplate is of nobody or of another project by now."""
    nouns = tuple(sorted("{} {}/{}".format(*key(item)) for item in items))
    whole = [item for item in items if item["kind"] == "WorkflowTemplate" and item["metadata"]["name"] == name]
    if not whole and api.get("WorkflowTemplate", runs, name) is not None:
        return None
    said = {read(labels_of(item)) for item in whole or items}
    marks = sorted(said, key=repr)[0]
    flow = next((annotations_of(item).get("metaflow/flow_name") for item in whole), None)
    return None if marks is None else Deployed(BACKEND, name, flow, marks, nouns, bool(whole), len(said) > 1)


def _running(api: Cluster, namespace: str) -> Counter[str] | None:
    """Workflows under way, by the WorkflowTemplate that they are of; None where nobody may list them."""
    try:
        found = api.find("Workflow", namespace, _UNDER_WAY)
    except DiagnosticError:
        return None
    return Counter(str(((item.get("spec") or {}).get("workflowTemplateRef") or {}).get("name")) for item in found)
