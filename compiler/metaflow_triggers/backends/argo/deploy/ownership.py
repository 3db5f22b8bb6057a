"""Ownership: whose an object in the cluster is, and whether it is as it shall be.

In:   objects as the cluster has them, and as they shall be.
Out:  answers; DiagnosticError (FT703) for an object that is not ours.

Not here: requests.

Ours is what carries our labels. What upstream Metaflow made of the same flow may be adopted: its WorkflowTemplate by
the flow's name in an annotation, its CronWorkflow by the template that it starts.
"""

from __future__ import annotations

import hashlib
from typing import Any

from ....diagnostics import Diagnostic, DiagnosticError
from ....manifests.text import json_text
from ...inventory import refuse_other_project
from .cluster import MANAGER, key
from .instructions import APPLIED, DEPLOYED_NAME, MANAGED_BY


def labels_of(item: Any) -> dict[str, str]:
    return item["metadata"].get("labels") or {}


def annotations_of(item: Any) -> dict[str, str]:
    return item["metadata"].get("annotations") or {}


def is_ours(found: Any) -> bool:
    """Whether some deployment of ours made it."""
    return labels_of(found).get(MANAGED_BY) == MANAGER


def is_upstreams(found: Any) -> bool:
    """Whether it is a WorkflowTemplate that Metaflow deployed without us."""
    told = annotations_of(found)
    return found["kind"] == "WorkflowTemplate" and not is_ours(found) and "metaflow/flow_name" in told


def adopts(item: Any, found: Any) -> bool:
    """False for an object of this deployment, True for one that upstream made of the same flow. Raises FT703."""
    if is_ours(found):
        flow = labels_of(found).get(DEPLOYED_NAME)
        if flow == labels_of(item).get(DEPLOYED_NAME):
            if item["kind"] == "WorkflowTemplate":  # which says whose the others are, too
                refuse_other_project("{} `{}/{}`".format(*key(found)), labels_of(found), labels_of(item))
            return False
        whose = f"it belongs to the deployment `{flow}`" if flow else "all flows share it"
        raise DiagnosticError([_foreign(found, whose)])
    if is_upstreams(found) and same_flow(annotations_of(item), annotations_of(found)):
        return True
    if found["kind"] == "CronWorkflow" and starts(found) == starts(item) and not labels_of(found):
        return True  # Metaflow's schedule of the same flow: without labels, under the flow's name
    raise DiagnosticError([_foreign(found, f"it lacks the label `{MANAGED_BY}: {MANAGER}`")])


def same_flow(ours: dict[str, str], theirs: dict[str, str]) -> bool:
    """Whether annotations that Metaflow wrote name one flow of one project."""
    names = ("metaflow/flow_name", "metaflow/project_name", "metaflow/branch_name")
    return all(ours.get(name) == theirs.get(name) for name in names)


def starts(cron_workflow: Any) -> Any:
    """The WorkflowTemplate that a CronWorkflow starts."""
    spec = cron_workflow.get("spec") or {}
    return ((spec.get("workflowSpec") or {}).get("workflowTemplateRef") or {}).get("name")


def _foreign(found: Any, note: str) -> Diagnostic:
    kind, namespace, name = key(found)
    managers = sorted({str(entry.get("manager")) for entry in found["metadata"].get("managedFields") or []})
    notes = (note, f"its fields are managed by {', '.join(f'`{name}`' for name in managers)}") if managers else (note,)
    message = f"{kind} `{namespace}/{name}` exists and was not made by this deployment"
    helps = ("delete it if nobody needs it, or deploy the flow under another name",)
    return Diagnostic("FT703", message, notes=notes, helps=helps)


# --- as it shall be ---------------------------------------------------------------------------------


def marked(item: Any) -> Any:
    """`item` with the hash of itself. Not on a Secret: its content is compared as it is."""
    if item["kind"] == "Secret":
        return item
    digest = hashlib.sha256(json_text(item).encode()).hexdigest()[:32]
    metadata = {**item["metadata"], "annotations": {**annotations_of(item), APPLIED: digest}}
    return {**item, "metadata": metadata}


def with_our_managed_fields(found: Any) -> Any | None:
    """`managedFields` of an object of upstream's in which its entries are ours; None when there is none of them.

    Upstream creates and replaces, so an apply of ours would leave what upstream set and we do not. As
    https://kubernetes.io/docs/reference/using-api/server-side-apply/ says ("Upgrading from client-side apply"), its
    entry becomes one of ours: the next apply then removes what it does not mention.
    """
    entries = found["metadata"].get("managedFields") or []
    theirs = [
        entry
        for entry in entries
        if entry.get("operation") == "Update" and not entry.get("subresource") and _is_upstreams_client(entry)
    ]
    if not theirs or any(entry.get("manager") == MANAGER for entry in entries):
        return None
    newest = theirs[-1]
    rest = [entry for entry in entries if entry not in theirs]
    return [*rest, {**newest, "manager": MANAGER, "operation": "Apply"}]


def _is_upstreams_client(entry: Any) -> bool:
    # Metaflow names no field manager, so the API server takes the head of the client's User-Agent.
    return str(entry.get("manager", "")).split("/")[0] in ("OpenAPI-Generator", "python-requests", "Swagger-Codegen")
