"""Poller: the objects with which a flow's poll triggers are polled in the cluster.

In:   a flow, its poll triggers, upstream's WorkflowTemplate or None, the settings.
Out:  manifests: account, rights, Lease, a ConfigMap for each trigger, and, with the WorkflowTemplate, the Deployment.

Not here: what of the start step's pod the poller's has (`poller_pod`), polling (`polling.argo`), what the ConfigMaps
hold beside the declaration: it is the poller's and people's.
A flow has a poller of its own, because the code that is polled is the flow's: its code package, its image, the packages
and secrets of its start step. Its container begins as that step's does, and then polls.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ....manifests.templates import render
from ....model.flows import Flow, PollTrigger
from ....model.marks import mark_values
from ....model.names import dns_label, dns_label_of
from ....model.settings import Settings
from ....polling.argo import HOLDER_VARIABLE
from ....polling.argo.store import DECLARATION
from ....polling.record import Declaration
from ... import declared
from ...shape import Manifest
from . import names
from .poller_pod import of_start_step
from .resources import Rule
from .workflow_template import without_nulls

POLLER = "metaflow-triggers/poller"
"""The name of a flow's poller: as an annotation of its WorkflowTemplate, and as the label of the poller's pods."""
_CODE = (
    "import sys; sys.path[:] = filter(None, sys.path); "
    "from metaflow_triggers.polling.argo import serve; serve.main(sys.argv[1:])"
)


def poller_name(deployed: str) -> str:
    """Of the Deployment, its account, its Role and its Lease."""
    return dns_label(f"{deployed}-poller", deployed, limit=52)


def config_map_name(deployed: str, trigger: str) -> str:
    """Of what is remembered of one trigger."""
    return dns_label_of(deployed, "poll", trigger)


def declaration(flow: Flow, poll: PollTrigger) -> Declaration:
    """What the poller is told of a trigger."""
    return declared.declaration(flow, poll, names.own_name(flow))


def declared_polls(contents: Iterable[Any]) -> list[PollTrigger]:
    """What `declaration` told, of each ConfigMap that has one; their files are below the flow's folder."""
    found = (item.get("data") for item in contents if isinstance(item, dict) and item.get("kind") == "ConfigMap")
    return declared.declared(data[DECLARATION] for data in found if isinstance(data, dict) and DECLARATION in data)


def rules(config_maps: list[str], lease: str) -> tuple[Rule, ...]:
    """What a poller may do. Kubernetes knows no name of what is to be made, nor of what was: runs have many."""
    return (
        Rule("argoproj.io", ("workflows",), ("get", "create")),
        Rule("", ("configmaps",), ("get", "update"), tuple(config_maps)),
        Rule("coordination.k8s.io", ("leases",), ("get", "update"), (lease,)),
    )


def manifests(
    folder: str, flow: Flow, polls: Sequence[PollTrigger], workflow: Any, settings: Settings
) -> list[Manifest]:
    """The files of a flow's poller; none where it has no poll trigger."""
    if not polls:
        return []
    deployed, namespace = names.own_name(flow), settings.kubernetes_namespace
    name = poller_name(deployed)
    common = {"namespace": namespace, "deployed_name": deployed, "marks": mark_values(flow, settings)}
    polls = sorted(polls, key=lambda poll: poll.name)
    records = [config_map_name(deployed, poll.name) for poll in polls]
    found = [
        ("poller-serviceaccount", "poller_serviceaccount", render("argo/poller_serviceaccount", name=name, **common)),
        ("poller-role", "poller_role", render("argo/poller_role", name=name, rules=rules(records, name), **common)),
        ("poller-rolebinding", "poller_rolebinding", render("argo/poller_rolebinding", name=name, **common)),
        ("poller-lease", "poller_lease", render("argo/poller_lease", name=name, **common)),
    ]
    for poll, record in zip(polls, records, strict=True):
        told = declaration(flow, poll).text()
        content = render("argo/poll_record", name=record, declaration=told, **common)
        found.append((f"poll-{record.rpartition('-')[2]}", "poll_record", content))
    if workflow is not None:
        content = render("argo/poller_deployment", name=name, **common, **_pod(workflow, name, records, namespace))
        found.append(("poller", "poller_deployment", content))
    return [Manifest(f"{folder}/{file}.yaml", content, f"argo/{schema}", True) for file, schema, content in found]


def _pod(workflow: Any, name: str, records: list[str], namespace: str) -> dict[str, Any]:
    """The pod of the Deployment: what the start step's has, and our call."""
    at_start = workflow["at_start"]
    found = of_start_step(without_nulls(workflow["workflow_template"]), at_start["packages"])
    call = f"exec {at_start['python']} -c '{_CODE}' --namespace {namespace} --lease {name} {' '.join(records)}"
    # A container that starts anew in its pod need not wait for the Lease of the process that ended there.
    holder = {"name": HOLDER_VARIABLE, "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}}
    return {
        "pod": found.spec,
        "image": found.image,
        "command": f"{found.beginning} && {call}",
        "environment": [*found.environment, holder],
        "more": found.container,
        "annotations": found.annotations,
        "labels": {**found.labels, POLLER: name},
        "selected_by": POLLER,
    }
