"""Rights: what `create` asks of the cluster, and whether this identity may.

In:   the settings, what has been asked.
Out:  a finding for each kind and namespace: the cluster itself is asked, verb by verb (`SelfSubjectAccessReview`).

Not here: the requests (`deploy`). Kubernetes lets nobody grant more than they have: who makes the Roles has to hold
what these grant, or may `escalate`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ....doctor.findings import Finding, fine, lacking
from ....model.settings import Settings
from ..compile import poller
from ..compile.shared import RUN_RULES, SENSOR_RULES
from .asking import Asked, Refused

ACCESS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
VERBS = ("get", "list", "create", "patch", "delete")
_ARGO, _RBAC = "argoproj.io", "rbac.authorization.k8s.io"
_OF_POLLERS = (("apps", "deployments"), ("", "configmaps"), ("coordination.k8s.io", "leases"), ("", "serviceaccounts"))


class _Kind(NamedTuple):
    group: str
    plural: str
    namespace: str
    verbs: tuple[str, ...] = VERBS

    @property
    def resource(self) -> str:
        """As kubectl takes it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


def rights(settings: Settings, asked: Asked, sensors: Sequence[str], *, is_polled: bool = False) -> Iterator[Finding]:
    """Kind by kind; `sensors` are further namespaces in which Sensors will be. `is_polled`: so will be pollers."""
    runs = settings.kubernetes_namespace
    try:
        more = (_Kind(_ARGO, "sensors", place) for place in sensors if place != runs)
        polls = [_Kind(group, plural, runs) for group, plural in _OF_POLLERS if is_polled]
        for kind in dict.fromkeys((*_wanted(settings, runs, settings.argo_sensor_namespace, sensors), *more, *polls)):
            yield _finding(kind, list(_missing(asked, kind)), asked)
        yield _to_grant(runs, asked, is_polled)
    except Refused as refused:
        yield refused.finding


def _wanted(settings: Settings, runs: str, sensors: str, others: Sequence[str]) -> Iterator[_Kind]:
    yield _Kind(_ARGO, "workflowtemplates", runs)
    yield _Kind(_ARGO, "cronworkflows", runs)
    if runs != sensors:  # where Sensors of an earlier version may be
        yield _Kind(_ARGO, "sensors", runs, VERBS if runs in others else ("get", "list"))
    yield _Kind(_ARGO, "sensors", sensors)
    yield _Kind("", "secrets", runs)
    yield _Kind("", "secrets", sensors)
    yield _Kind(_RBAC, "roles", runs)
    yield _Kind(_RBAC, "rolebindings", runs)
    if settings.argo_sensor_service_account is None:
        yield _Kind("", "serviceaccounts", sensors)
    if settings.argo_event_source_is_ours or settings.argo_outcome_event_source_is_ours:
        yield _Kind(_ARGO, "eventsources", sensors)
        yield _Kind("networking.k8s.io", "networkpolicies", sensors)


def _missing(asked: Asked, kind: _Kind) -> Iterator[str]:
    """The verbs that are not allowed."""
    for verb in kind.verbs:
        what = {"group": kind.group, "resource": kind.plural, "verb": verb, "namespace": kind.namespace}
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": what},
        }
        right = "`create selfsubjectaccessreviews.authorization.k8s.io`"
        answer = asked.answer("rights", "POST", ACCESS, right, body) or {}
        if not (answer.get("status") or {}).get("allowed"):
            yield verb


def _finding(kind: _Kind, missing: list[str], asked: Asked) -> Finding:
    thing = f"rights: {kind.plural} in {kind.namespace}"
    if not missing:
        return fine(thing)
    name = f"metaflow-triggers-{kind.plural}"
    mend = f"{_role(name, kind, missing)}; {_bind(name, kind.namespace, asked)}"
    return lacking(thing, f"not allowed: {', '.join(missing)}", mend, code="FT702")


def _to_grant(runs: str, asked: Asked, is_polled: bool) -> Finding:
    thing = f"rights to grant in {runs}"
    granted = [
        _Kind(rule.api_group, plural, runs, rule.verbs)
        for rule in (*SENSOR_RULES, *RUN_RULES, *(poller.rules([], "") if is_polled else ()))
        for plural in rule.resources
    ]
    lacks = {kind: missing for kind in granted if (missing := list(_missing(asked, kind)))}
    if not lacks or not list(_missing(asked, _Kind(_RBAC, "roles", runs, ("escalate",)))):
        return fine(thing)
    told = "; ".join(f"{', '.join(verbs)} {kind.plural}" for kind, verbs in lacks.items())
    mends = []
    for kind, verbs in lacks.items():
        name = f"metaflow-triggers-grant-{kind.plural}"
        mends.append(f"{_role(name, kind, verbs)}; {_bind(name, runs, asked)}")
    why = f"the Roles that `create` makes grant more than this identity has: {told}"
    return lacking(thing, why, *mends, code="FT702")


def _role(name: str, kind: _Kind, verbs: Iterable[str]) -> str:
    return f"kubectl -n {kind.namespace} create role {name} --verb={','.join(verbs)} --resource={kind.resource}"


def _bind(name: str, namespace: str, asked: Asked) -> str:
    kind, _, rest = asked.user.partition(":serviceaccount:")
    who = f"--serviceaccount={rest}" if kind == "system" and rest else f"--user={asked.user or 'USER'}"
    return f"kubectl -n {namespace} create rolebinding {name} --role={name} {who}"
