"""Live: what the cluster has of some deployments, read with one list request per kind and namespace.

In:   the cluster, the deployed names, the kinds and namespaces to look at.
Out:  `Live`: objects by kind, namespace and name.

Not here: whose an object is (`ownership.py`), writing.

How many requests it takes does not depend on how many flows are deployed or asked for. An object without our labels
is asked for by its name, which happens only where a deployment of ours is not there yet.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..compile.poller import POLLER
from ..compile.workflow_template import SENSOR_NAMESPACES
from .cluster import MANAGER, Cluster, key
from .instructions import DEPLOYED_NAME, MANAGED_BY
from .ownership import annotations_of, is_ours, labels_of, starts

OF_A_FLOW = ("Sensor", "CronWorkflow", "WorkflowTemplate", "Secret")
"""Kinds of which a flow has its own objects, in the order of deleting: what starts runs goes first."""

OF_A_POLLER = ("Deployment", "RoleBinding", "Role", "ServiceAccount", "Lease", "ConfigMap")
"""Kinds of a flow's poller, in the order of deleting: what polls goes first. Of a flow without one nobody asks."""

OF_ALL_FLOWS = ("EventSource", "NetworkPolicy", "RoleBinding", "Role", "ServiceAccount", "Secret")
"""Kinds of which all flows share objects, in the order of deleting: what takes events goes first."""

_OWN = (*OF_A_POLLER, *OF_A_FLOW)
Key = tuple[str, str, str]
_OURS = f"{MANAGED_BY}={MANAGER}"
_MOST_NAMES = 100  # in one selector: a URL has an end


@dataclass
class Live:
    """Objects of the cluster. `namespaces` are those in which Sensors were looked for."""

    api: Cluster
    objects: dict[Key, Any] = field(default_factory=dict)
    namespaces: tuple[str, ...] = ()
    asked: dict[Key, Any] = field(default_factory=dict)

    def get(self, where: Key) -> Any:
        """The object, or None; a request where no list has it."""
        if where in self.objects:
            return self.objects[where]
        if where not in self.asked:
            self.asked[where] = self.api.get(*where)
        return self.asked[where]

    def of_flow(self, deployed_name: str) -> list[Any]:
        """The flow's own objects, in the order of deleting. Without upstream's."""
        mine = [
            item
            for item in self.objects.values()
            if is_ours(item) and labels_of(item).get(DEPLOYED_NAME) == deployed_name and item["kind"] in _OWN
        ]
        return sorted(mine, key=lambda item: (_OWN.index(item["kind"]), key(item)))

    def flows(self) -> set[str]:
        """Deployed names of the flows of ours that have an object here."""
        ours = [labels_of(item) for item in self.objects.values() if is_ours(item) and item["kind"] in OF_A_FLOW]
        return {labels[DEPLOYED_NAME] for labels in ours if DEPLOYED_NAME in labels}

    def of_all_flows(self) -> list[Any]:
        """What is ours and no flow's own, in the order of deleting."""
        shared = [
            item
            for item in self.objects.values()
            if is_ours(item) and DEPLOYED_NAME not in labels_of(item) and item["kind"] in OF_ALL_FLOWS
        ]
        return sorted(shared, key=lambda item: (OF_ALL_FLOWS.index(item["kind"]), key(item)))

    def upstreams_schedule(self, namespace: str, deployed_name: str) -> Any:
        """The CronWorkflow with which upstream starts the flow, or None."""
        found = self.objects.get(("CronWorkflow", namespace, deployed_name))
        return found if found and not labels_of(found) and starts(found) == deployed_name else None


def read(
    api: Cluster,
    deployed_names: Sequence[str],
    runs: str,
    sensors: str,
    wanted: Iterable[Key],
    *,
    parents: Sequence[str] = (),
) -> Live:
    """`runs` and `sensors` are namespaces; of what is `wanted` the kinds and namespaces count. Of `parents`, which are
    other deployments, the WorkflowTemplates are read."""
    selector = _of(deployed_names)
    live = Live(api)
    wanted = tuple(wanted)

    def keep(kind: str, namespace: str, labelled: str) -> None:
        for item in api.find(kind, namespace, labelled):
            live.objects[kind, namespace, item["metadata"]["name"]] = item

    keep("WorkflowTemplate", runs, _of({*deployed_names, *parents}))
    others = set(parents) - set(deployed_names)
    told = {
        name
        for item in live.objects.values()
        if item["metadata"]["name"] not in others
        for name in annotations_of(item).get(SENSOR_NAMESPACES, "").split(",")
        if name
    }
    live.namespaces = tuple(sorted({sensors, runs, *told, *(place for kind, place, _ in wanted if kind == "Sensor")}))
    for namespace in live.namespaces:
        keep("Sensor", namespace, selector)
    keep("CronWorkflow", runs, "")  # upstream's carry no label
    for namespace in sorted({sensors, runs}):
        keep("Secret", namespace, _OURS)
    polled = any(kind == "Deployment" for kind, _, _ in wanted)
    if polled or any(POLLER in annotations_of(item) for item in live.objects.values()):
        for kind in OF_A_POLLER:
            keep(kind, runs, selector)
    of_all = {(kind, place) for kind, place, _ in wanted if kind in OF_ALL_FLOWS and kind not in OF_A_FLOW}
    for kind, namespace in sorted(of_all):
        keep(kind, namespace, _OURS)
    return live


def _of(deployed_names: Collection[str]) -> str:
    """The selector of these deployments of ours; of all where they are too many to be named."""
    few = 0 < len(deployed_names) <= _MOST_NAMES
    return f"{_OURS},{DEPLOYED_NAME} in ({','.join(sorted(deployed_names))})" if few else _OURS
