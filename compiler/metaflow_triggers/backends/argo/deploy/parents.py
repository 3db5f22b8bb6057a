"""Parents: from where a deployment takes the outcomes of flows that are deployed apart from it.

In:   deployments, what the cluster has of their parents.
Out:  the deployments with Sensors that listen where their parents prove themselves, or else where all events go; what
      is said of the latter (FT507).

Not here: whose outcomes are believed (`trust`), reading the cluster (`live.py`).

A parent that this version deployed publishes at both places, so that either Sensor hears it. One that is not there
yet, or that Metaflow alone or an earlier version deployed, is heard where all events go until the next `create`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from ....diagnostics import Diagnostic
from ....model.facts import identity
from ....model.flows import FinishDependency, Flow
from ....model.settings import Settings
from ..compile.emit import sensors
from ..compile.trust import OUTCOMES, Trust, outcomes_at, template_of, unproven, without_proof
from .instructions import DEPLOYED_NAME, Deployment
from .live import Live
from .ownership import annotations_of, is_ours, labels_of


def asked(deployments: Sequence[Deployment]) -> list[str]:
    """The WorkflowTemplates of the flows that the deployments wait for."""
    return sorted({template_of(item) for each in deployments if each.flow for item in _waits_for(each.flow)})


def settled(
    live: Live, deployments: Sequence[Deployment], settings: Settings
) -> tuple[list[Deployment], tuple[Diagnostic, ...]]:
    """The deployments as the cluster is, and what is said of them. Raises DiagnosticError as compiling does."""
    believed = Trust(
        frozenset(identity(each.flow) for each in deployments if each.flow).union(
            *(each.beside for each in deployments)
        ),
        settings.argo_unproven_parents,
        proven(live, settings),
    )
    return (
        [_listening(each, settings, believed) for each in deployments],
        tuple(
            unproven(each.flow, item, believed)
            for each in deployments
            if each.flow
            for item in without_proof(each.flow, settings, believed)
        ),
    )


def _listening(deployment: Deployment, settings: Settings, believed: Trust) -> Deployment:
    if deployment.flow is None or not any(True for _ in _waits_for(deployment.flow)):
        return deployment
    made = iter(sensors(deployment.flow, settings, believed))
    objects = tuple(next(made).content if item["kind"] == "Sensor" else item for item in deployment.objects)
    return dataclasses.replace(deployment, objects=objects)


def proven(live: Live, settings: Settings) -> frozenset[str]:
    """WorkflowTemplates of ours whose exit handler proves its outcomes where our Sensors listen for that."""
    return frozenset(
        item["metadata"]["name"]
        for (kind, namespace, name), item in live.objects.items()
        if (kind, namespace) == ("WorkflowTemplate", settings.kubernetes_namespace)
        and is_ours(item)
        and labels_of(item).get(DEPLOYED_NAME) == name
        and annotations_of(item).get(OUTCOMES) == outcomes_at(settings)
    )


def _waits_for(flow: Flow) -> list[FinishDependency]:
    return [item for each in flow.triggers for item in each.dependencies if isinstance(item, FinishDependency)]
