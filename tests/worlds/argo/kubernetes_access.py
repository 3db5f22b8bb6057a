"""Kubernetes access: what the stand-in says of itself and of who asks: its version, namespaces, who may do what.

In:   a request; `Access`, which says what is not there and not allowed; accounts with their Roles.
Out:  status and answer, or None for a request about objects. Nothing is stored.

Not here: refusing what is not allowed (`kubernetes_stand_in`); a test that wants both says both.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from .kubernetes_discovery import discovered
from .kubernetes_rules import allowed

ARGO = "/apis/argoproj.io/v1alpha1"
_REVIEWS = {
    "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews": "SelfSubjectAccessReview",
    "/apis/authorization.k8s.io/v1/subjectaccessreviews": "SubjectAccessReview",
    "/apis/authentication.k8s.io/v1/selfsubjectreviews": "SelfSubjectReview",
}


@dataclass
class Access:
    """`denied`: "verb plural" that whoever asks may not, though no account says so. `unknown`: kinds of Argo that no
    definition has; `schemas`: what OpenAPI says of the others. `namespaces`: those that exist; None: every one."""

    user: str = "deployer"
    cluster_admin: bool = True
    """Whether whoever asks may grant what they like. Others must see the Role that they bind."""
    denied: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    schemas: dict[str, Any] = field(default_factory=dict)
    namespaces: set[str] | None = None


def answered(method: str, path: str, body: bytes, store: Any, served: Any, bearer: str) -> tuple[int, Any] | None:
    """`served`: root of a group and version -> plural -> kind."""
    access: Access = store.access
    if method == "POST" and path in _REVIEWS:
        return 201, _reviewed(path, json.loads(body), store, bearer)
    if method != "GET":
        return None
    if path == "/version":
        return 200, {"major": "1", "minor": "34", "gitVersion": "v1.34.0"}
    if path.startswith("/api/v1/namespaces/") and path.count("/") == 4:
        name = path.rpartition("/")[2]
        if access.namespaces is None or name in access.namespaces:
            return 200, {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": name}}
        return 404, {"kind": "Status", "status": "Failure", "message": f'namespaces "{name}" not found', "code": 404}
    if path == f"/openapi/v3{ARGO}" and access.schemas:
        return 200, {**discovered(path, served), "components": {"schemas": access.schemas}}
    if path == ARGO and access.unknown:
        told = discovered(path, served)
        return 200, {**told, "resources": [one for one in told["resources"] if one["name"] not in access.unknown]}
    return None


def _reviewed(path: str, review: Any, store: Any, bearer: str) -> Any:
    """The question with its answer, as the API server returns it."""
    kind = _REVIEWS[path]
    assert review["kind"] == kind, review
    account = store.accounts.get(bearer)
    if kind == "SelfSubjectReview":
        user = f"system:serviceaccount:{account[0]}:{account[1]}" if account else store.access.user
        return {**review, "status": {"userInfo": {"username": user}}}
    asked = review["spec"]["resourceAttributes"]
    if kind == "SubjectAccessReview":
        account = tuple(review["spec"]["user"].split(":")[2:])
    words = asked["verb"], asked["group"], asked["resource"], asked["namespace"]
    may = f"{words[0]} {words[2]}" not in store.access.denied
    if account is not None:
        may = allowed(store.objects, account, *words, "")
    return {**review, "status": {"allowed": may}}
