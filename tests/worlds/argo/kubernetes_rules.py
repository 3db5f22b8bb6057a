"""Kubernetes rules: what the API server asks of an object and of who writes it.

In:   objects, accounts with the Roles and RoleBindings that are stored.
Out:  why something is refused.

Not here: storing, HTTP. Argo's own schemas are used closed where ARGO_SCHEMAS_DIR names the folder that holds them.
"""

from __future__ import annotations

import json
import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import jsonschema_rs
from metaflow_triggers.manifests.schemas import findings

NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_LABEL = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9])?")
_SCHEMAS = os.environ.get("ARGO_SCHEMAS_DIR")
_ARGO = {
    "Sensor": ("argo-events-v1.9.11.schema.json", "io.argoproj.events.v1alpha1"),
    "EventSource": ("argo-events-v1.9.11.schema.json", "io.argoproj.events.v1alpha1"),
    "WorkflowTemplate": ("argo-workflows-v4.1.2.schema.json", "io.argoproj.workflow.v1alpha1"),
    "CronWorkflow": ("argo-workflows-v4.1.2.schema.json", "io.argoproj.workflow.v1alpha1"),
    "Workflow": ("argo-workflows-v4.1.2.schema.json", "io.argoproj.workflow.v1alpha1"),
}
_OURS = {
    "Role": "argo/role",
    "RoleBinding": "argo/rolebinding",
    "ServiceAccount": "argo/serviceaccount",
    "NetworkPolicy": "argo/networkpolicy",
}
_OF_POLLER = {
    "Role": "argo/poller_role",
    "RoleBinding": "argo/poller_rolebinding",
    "ServiceAccount": "argo/poller_serviceaccount",
}
VERBS = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@lru_cache(maxsize=16)
def _official(kind: str) -> Any:
    file, prefix = _ARGO[kind]
    document = json.loads((Path(str(_SCHEMAS)) / file).read_text("utf-8"))
    for definition in document["definitions"].values():
        if definition.get("properties"):
            definition["additionalProperties"] = False
    root = {"$ref": f"#/definitions/{prefix}.{kind}", "definitions": document["definitions"]}
    return jsonschema_rs.Draft7Validator(root)


def mistakes(item: Any) -> list[str]:
    """What strict field validation finds in an object."""
    metadata = {name: value for name, value in item["metadata"].items() if name not in ("managedFields",)}
    kind = item["kind"]
    if kind in _ARGO and _SCHEMAS:
        # An apply patch may say which version it is of; the schema knows that field, too.
        return [error.message for error in _official(kind).iter_errors({**item, "metadata": metadata})]
    if kind in _OURS:
        # Our own schemas are of the files: what `create` adds stands in metadata only.
        plain = {name: metadata[name] for name in ("name", "namespace", "labels") if name in metadata}
        of_flow = "metaflow-triggers/deployed-name" in plain.get("labels", {})
        return [str(found) for found in findings({**item, "metadata": plain}, (_OF_POLLER if of_flow else _OURS)[kind])]
    if kind == "Secret":
        unknown = set(item) - {"apiVersion", "kind", "metadata", "type", "data", "stringData", "immutable"}
        return [f"unknown field {name!r}" for name in sorted(unknown)]
    return []


def bad_metadata(name: str, metadata: Any) -> str | None:
    """Why the API server refuses a name or a label, or None."""
    if not NAME.fullmatch(name):
        return f"metadata.name: Invalid value: {name!r}"
    for value in (metadata.get("labels") or {}).values():
        if not _LABEL.fullmatch(value):
            return f"metadata.labels: Invalid value: {value!r}"
    return None


def selected(labels: dict[str, str], selector: str) -> bool:
    """Whether labels fit a label selector: `a=b`, `a!=b` (also without `a`), `a in (b,c)`, `a`, `!a`."""
    for part in re.findall(r"[^,(]+(?:\([^)]*\))?", selector):
        text = part.strip()
        among = re.fullmatch(r"(\S+) in \(([^)]*)\)", text)
        if among:
            if labels.get(among[1]) not in [item.strip() for item in among[2].split(",")]:
                return False
        elif "!=" in text:
            name, _, value = text.partition("!=")
            if labels.get(name) == value:
                return False
        elif "=" in text:
            name, _, value = text.partition("=")
            if labels.get(name) != value.lstrip("="):
                return False
        elif text.startswith("!"):
            if text[1:] in labels:
                return False
        elif text and text not in labels:
            return False
    return True


def allowed(
    objects: Any, account: tuple[str, str], verb: str, group: str, plural: str, namespace: str, name: str
) -> bool:
    """Whether the Roles that are bound to a ServiceAccount (namespace, name) allow it.

    https://kubernetes.io/docs/reference/access-authn-authz/rbac/ - a Role holds in its own namespace only.
    """
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    bound = set()
    for (root, place, kind, _), item in objects.items():
        if (root, place, kind) == (rbac, namespace, "rolebindings") and any(
            subject["kind"] == "ServiceAccount" and (subject["namespace"], subject["name"]) == account
            for subject in item["subjects"]
        ):
            bound.add(item["roleRef"]["name"])
    for role in bound:
        for rule in (objects.get((rbac, namespace, "roles", role)) or {}).get("rules", []):
            if (
                {group, "*"} & set(rule["apiGroups"])
                and {plural, "*"} & set(rule["resources"])
                and {verb, "*"} & set(rule["verbs"])
                and (not rule.get("resourceNames") or name in rule["resourceNames"])
            ):
                return True
    return False


def reviewed(objects: Any, namespace: str, review: Any) -> Any:
    """The answer to a LocalSubjectAccessReview, which has no name and asks about its own namespace."""
    asked = review["spec"]["resourceAttributes"]
    assert review["metadata"] == {"namespace": namespace} and asked["namespace"] == namespace, review
    *_, place, name = review["spec"]["user"].split(":")
    what = asked["verb"], asked["group"], asked["resource"], namespace, asked.get("name", "")
    may = allowed(objects, (place, name), *what)
    return {**review, "status": {"allowed": may}}
