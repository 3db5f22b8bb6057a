"""Looks: objects of a cluster by their names, and what may not be looked at.

In:   the API of a cluster; kind, namespace and name.
Out:  `Look`: the object, that there is none, or that nobody may ask.

Not here: what is asked for, writing. `RIGHTS` is all that is needed, as in docs/argo-workflows.md. No connection and
credentials that are not accepted end the whole (FT701).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ....diagnostics import DiagnosticError
from ..deploy.cluster import MANAGER, Cluster
from ..deploy.instructions import DEPLOYED_NAME, MANAGED_BY

RIGHTS = {
    "workflows.argoproj.io": ("get",),
    "workflowtemplates.argoproj.io": ("get",),
    "configmaps": ("get", "list"),
    "sensors.argoproj.io": ("get",),
    "eventsources.argoproj.io": ("get",),
    "eventbus.argoproj.io": ("get",),
    "pods": ("list",),
    "pods/log": ("get",),
    "localsubjectaccessreviews.authorization.k8s.io": ("create",),
}
"""Resource -> verbs. The first three and the last where the workflows are, the others where the Sensors are."""
RIGHTS_OF_POLLS = {"deployments.apps": ("get",), "leases.coordination.k8s.io": ("get",)}
"""What is needed beside for who asks about a poll trigger, where the workflows are."""

RESOURCES = {
    "Workflow": "workflows.argoproj.io",
    "WorkflowTemplate": "workflowtemplates.argoproj.io",
    "ConfigMap": "configmaps",
    "Sensor": "sensors.argoproj.io",
    "EventSource": "eventsources.argoproj.io",
    "EventBus": "eventbus.argoproj.io",
    "Deployment": "deployments.apps",
    "Lease": "leases.coordination.k8s.io",
}

_LOG_LINES = 5000
_Place = tuple[str, str, str]
_NO_RIGHT, _REFUSED = "FT702", "FT704"


@dataclass(frozen=True)
class Look:
    """`item` is the object, or None: there is none, or `why` says why nobody knows; `right` is the one that lacks."""

    kind: str
    namespace: str
    name: str
    item: Any = None
    why: str | None = None
    right: str | None = None

    @property
    def is_absent(self) -> bool:
        """Whether it is known not to be there."""
        return self.item is None and self.why is None

    def __str__(self) -> str:
        if self.kind == "Pods":
            return f"the log {self.name}"
        if self.kind == "ConfigMaps":
            return f"the starts {self.name} that were given up"
        if self.kind == "Polls":
            return f"what is remembered of the polls of {self.name}"
        if self.kind == "LocalSubjectAccessReview":
            return f"the rights of {self.name}"
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass
class Looks:
    """Each object is asked for once, whichever flows need it. `mine` is what this flow needed."""

    api: Cluster
    seen: dict[_Place, Look] = field(default_factory=dict)
    mine: dict[_Place, Look] = field(default_factory=dict)

    def of_a_flow(self) -> Looks:
        """For another flow, which is not told what this one could not look at."""
        return Looks(self.api, self.seen)

    def at(self, kind: str, namespace: str, name: str) -> Look:
        """One object. Raises DiagnosticError (FT701)."""
        place = kind, namespace, name
        found = self.seen.get(place) or self._asked(*place)
        return self._kept(place, found)

    def _kept(self, place: _Place, look: Look) -> Look:
        self.seen[place] = self.mine[place] = look
        return look

    def refused(self) -> list[Look]:
        """What could not be looked at."""
        return [item for item in self.mine.values() if item.why is not None]

    def sensor_logs(self, namespace: str, sensor: str) -> list[str]:
        """What the pods of one Sensor have printed last. Raises DiagnosticError (FT701)."""
        place = "Pods", namespace, f"of Sensor {sensor}"
        try:
            pods = self.api.find("Pod", namespace, f"sensor-name={sensor}")
        except DiagnosticError as error:
            self._kept(place, _unknown(place, error, f"list pods in namespace {namespace}"))
            return []
        try:
            return [self.api.log(namespace, item["metadata"]["name"], _LOG_LINES) for item in pods]
        except DiagnosticError as error:
            self._kept(place, _unknown(place, error, f"get pods/log in namespace {namespace}"))
            return []

    def records(self, namespace: str, deployed: str) -> list[Any]:
        """The objects of a flow's starts that were given up. Raises DiagnosticError (FT701)."""
        place = "ConfigMaps", namespace, f"of {deployed}"
        try:
            return self.api.find("ConfigMap", namespace, f"metaflow-triggers/start=given-up,{DEPLOYED_NAME}={deployed}")
        except DiagnosticError as error:
            self._kept(place, _unknown(place, error, f"list configmaps in namespace {namespace}"))
            return []

    def polls(self, namespace: str, deployed: str) -> list[Any]:
        """The objects of a flow in which its poll triggers are remembered. Raises DiagnosticError (FT701)."""
        place = "Polls", namespace, deployed
        try:
            found = self.api.find("ConfigMap", namespace, f"{MANAGED_BY}={MANAGER},{DEPLOYED_NAME}={deployed}")
        except DiagnosticError as error:
            self._kept(place, _unknown(place, error, f"list configmaps in namespace {namespace}"))
            return []
        return found

    def may(self, account: tuple[str, str], verb: str, resource: str, namespace: str) -> bool | None:
        """Whether an account (namespace, name) has a right; None: nobody may ask. Raises DiagnosticError (FT701)."""
        user = f"system:serviceaccount:{account[0]}:{account[1]}"
        place = "LocalSubjectAccessReview", namespace, user
        if place in self.seen:
            self._kept(place, self.seen[place])
            return None
        plural, _, group = resource.partition(".")
        wanted = {"namespace": namespace, "verb": verb, "group": group, "resource": plural}
        groups = ["system:serviceaccounts", f"system:serviceaccounts:{account[0]}", "system:authenticated"]
        try:
            answer = self.api.review(
                {
                    "apiVersion": "authorization.k8s.io/v1",
                    "kind": place[0],
                    "metadata": {"namespace": namespace},
                    "spec": {"user": user, "groups": groups, "resourceAttributes": wanted},
                }
            )
        except DiagnosticError as error:
            right = f"create localsubjectaccessreviews.authorization.k8s.io in namespace {namespace}"
            self._kept(place, _unknown(place, error, right))
            return None
        return bool((answer.get("status") or {}).get("allowed"))

    def _asked(self, kind: str, namespace: str, name: str) -> Look:
        place = kind, namespace, name
        try:
            return Look(*place, item=self.api.get(*place))
        except DiagnosticError as error:
            return _unknown(place, error, f"get {RESOURCES[kind]} in namespace {namespace}")


def _unknown(place: tuple[str, str, str], error: DiagnosticError, right: str) -> Look:
    (problem,) = error.diagnostics
    if problem.code == _NO_RIGHT:
        return Look(*place, why=f"needs {right}", right=right)
    if problem.code == _REFUSED:
        return Look(*place, why=problem.message)
    raise error
