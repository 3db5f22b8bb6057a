"""Cluster itself: whether one is configured and answers, whom it takes us for, what of Argo it knows.

In:   a client of the `kubernetes` package, or its configuration from the usual places; the settings.
Out:  findings; `Asked`, or None where nothing more can be asked.

Not here: objects in namespaces (`objects`), rights.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from ....diagnostics import DiagnosticError
from ....doctor.findings import Finding, fine, lacking, not_asked, of_diagnostic
from ....model.settings import Settings
from ..deploy.api_refusals import refusal
from ..deploy.cluster import Cluster
from .asking import ARGO, Asked, Refused

CLUSTER, CREDENTIALS = "cluster", "credentials"
_REVIEW = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
_CONFIGURE = "point KUBECONFIG to a cluster: kubectl config get-contexts"

PRODUCTS = {
    "Argo Workflows": (
        ("workflows", "workflowtemplates", "cronworkflows", "workflowtaskresults"),
        "kubectl create namespace argo; kubectl apply -n argo --server-side "
        "-f https://github.com/argoproj/argo-workflows/releases/latest/download/install.yaml",
    ),
    "Argo Events": (
        ("sensors", "eventsources", "eventbus"),
        "kubectl create namespace argo-events; kubectl apply "
        "-f https://raw.githubusercontent.com/argoproj/argo-events/stable/manifests/install.yaml",
    ),
}
"""By product: the kinds that are used, and how it is installed."""


def reached(client: Any) -> tuple[list[Finding], Asked | None]:
    """Cluster and credentials."""
    try:
        cluster = Cluster.of(client)
    except DiagnosticError as error:
        return [lacking(CLUSTER, error.diagnostics[0].message, _CONFIGURE, code="FT701")], None
    host = cluster.client.configuration.host
    try:
        status, answer = cluster.ask("GET", "/version")
        version = answer.get("gitVersion") if status < 400 else None
        found = [fine(CLUSTER, " ".join(filter(None, (host, version))))]
        who, user = _credentials(cluster)
    except DiagnosticError as error:
        return [lacking(CLUSTER, error.diagnostics[0].message, _CONFIGURE, code="FT701")], None
    return [*found, who], None if who.state == "lacking" else Asked(cluster, user)


def _credentials(cluster: Cluster) -> tuple[Finding, str]:
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    status, answer = cluster.ask("POST", _REVIEW, body)
    if status == 401:
        told = of_diagnostic(CREDENTIALS, refusal(status, "ask who we are", answer))
        log_in = "log in again: kubectl config view --minify shows with what"
        return lacking(CREDENTIALS, told.found, log_in, code=told.code), ""
    if status >= 400:  # Kubernetes before 1.28
        return fine(CREDENTIALS, "the cluster does not say whose they are"), ""
    user = str(((answer.get("status") or {}).get("userInfo") or {}).get("username", ""))
    return fine(CREDENTIALS, user), user


def definitions(asked: Asked) -> Iterator[Finding]:
    """What of Argo the cluster knows; it is kept in `asked`."""
    try:
        answer = asked.answer("Argo Workflows", "GET", ARGO, "an account that may discover kinds")
    except Refused as refused:
        for product in PRODUCTS:
            yield not_asked(product, refused.finding.needs, refused.finding.found)
        return
    asked.kinds = frozenset(str(item["name"]) for item in (answer or {}).get("resources") or ())
    for product, (kinds, install) in PRODUCTS.items():
        missing = [kind for kind in kinds if kind not in asked.kinds]
        if missing:
            told = f"the cluster has no {', '.join(f'{kind}.argoproj.io' for kind in missing)} (v1alpha1)"
            yield lacking(product, told, f"install it: {install}", code="FT704")
        elif product == "Argo Workflows":
            yield _of_one_age(asked, product, install)
        else:
            yield fine(product, "v1alpha1")


def _of_one_age(asked: Asked, product: str, install: str) -> Finding:
    """A schedule has several times, which definitions before 3.6 do not know; some tell no fields at all."""
    try:
        document = asked.answer(product, "GET", f"/openapi/v3{ARGO}", "an account that may read OpenAPI") or {}
    except Refused:
        return fine(product, "v1alpha1; the cluster does not tell of which release")
    for schema in ((document.get("components") or {}).get("schemas") or {}).values():
        kinds = [item.get("kind") for item in schema.get("x-kubernetes-group-version-kind") or ()]
        fields = ((schema.get("properties") or {}).get("spec") or {}).get("properties")
        if "CronWorkflow" in kinds and fields and "schedules" not in fields:
            told = "its definitions are older than 3.6: a CronWorkflow has no `schedules`"
            return lacking(product, told, f"install 3.6 or newer: {install}", code="FT704")
    return fine(product, "v1alpha1")


def namespaces(asked: Asked, settings: Settings, of_flows: Sequence[str]) -> Iterator[Finding]:
    """Whether they exist, those also that flows name; those that do not are kept in `asked`."""
    for name in sorted({settings.kubernetes_namespace, settings.argo_sensor_namespace, *of_flows}):
        thing = f"namespace {name}"
        try:
            found = asked.answer(thing, "GET", f"/api/v1/namespaces/{quote(name)}", f"`get namespaces` of `{name}`")
        except Refused as refused:
            yield refused.finding
            continue
        if found is None:
            asked.absent.add(name)
            another = "or name another in the trigger's `options`"
            for setting, said in (
                ("METAFLOW_ARGO_EVENTS_SENSOR_NAMESPACE", settings.argo_sensor_namespace),
                ("METAFLOW_KUBERNETES_NAMESPACE", settings.kubernetes_namespace),
            ):
                another = f"or set {setting} to one that exists" if said == name else another
            yield lacking(thing, "there is none", f"kubectl create namespace {name}", another, code="FT704")
        else:
            yield fine(thing)
