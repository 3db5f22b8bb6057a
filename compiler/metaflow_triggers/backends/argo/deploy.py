"""Deploy: manifests onto a cluster, and off it again.

In:   manifests, the settings, a client of the `kubernetes` package (or its configuration from the usual places).
Out:  a `Report` of what was done; DiagnosticError (FT002, FT701 to FT704) where it cannot be done.

Not here: compiling, uploading code, choosing a production token.

Objects are written by server-side apply under one field manager: a second `create` changes nothing, and fields that
others manage stay. An object that exists without our label is not touched, but for the WorkflowTemplate and the
CronWorkflow that upstream deployed of the same flow, which are adopted. All objects pass the server's dry run before
the first is written.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ...diagnostics import Diagnostic, DiagnosticError
from ...settings import OPEN_PREFIX, OPEN_SUFFIX, Settings
from . import names
from .cluster import KINDS, MANAGER, Cluster, key
from .shared import webhook_url
from .workflow_template import SENSOR_NAMESPACES

MANAGED_BY = "app.kubernetes.io/managed-by"
DEPLOYED_NAME = "metaflow-triggers/deployed-name"

OF_A_FLOW = ("Sensor", "CronWorkflow", "WorkflowTemplate", "Secret")
"""Kinds of which a flow has its own objects, in the order of deleting: what starts runs goes first."""

OPEN_SETTINGS = {
    "DatastoreBucket": "METAFLOW_DATASTORE_SYSROOT_S3",
    "DatastorePrefix": "METAFLOW_DATASTORE_SYSROOT_S3",
    "WebhookUrl": "METAFLOW_ARGO_EVENTS_INTERNAL_WEBHOOK_URL",
}


class HasContent(Protocol):
    """A manifest, or a file made of one."""

    @property
    def content(self) -> Any: ...


@dataclass(frozen=True)
class Action:
    """One thing done. `verb` is created, updated, unchanged or deleted."""

    verb: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.verb} {self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True)
class Report:
    """What `create` or `delete` did, in order."""

    actions: tuple[Action, ...]

    def __str__(self) -> str:
        return "\n".join(map(str, self.actions)) or "nothing to do"


def one_document(files: Iterable[HasContent]) -> str:
    """All objects as JSON text of one `kind: List`."""
    items = [item.content for item in files if item.content.get("kind") in KINDS]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items}, indent=2, ensure_ascii=False) + "\n"


def missing_settings(settings: Settings, deleting: bool = False) -> list[Diagnostic]:
    """Settings without which `create` cannot go on."""
    if deleting:
        return []
    missing = [] if settings.datastore_s3 else ["DatastoreBucket"]
    return [_missing(name) for name in [*missing, *_placeholders(webhook_url(settings))]]


def create(
    files: Sequence[HasContent],
    settings: Settings,
    *,
    deployed_name: str,
    production_token: str,
    client: Any = None,
) -> Report:
    """Write all objects of `files`, the flow's token, and the webhook's secret where it is ours and absent.

    `client` is a `kubernetes.client.ApiClient`. What an earlier `create` made for the flow and this one no longer
    mentions is deleted. Raises DiagnosticError.
    """
    objects = [item.content for item in files if item.content.get("kind") in KINDS]
    unknown = sorted({name for item in objects for name in _placeholders(json.dumps(item))})
    if unknown:
        raise DiagnosticError(list(dict.fromkeys(_missing(name) for name in unknown)))
    api = Cluster.of(client)
    objects.append(_token_secret(settings, deployed_name, production_token))
    if settings.argo_event_source_is_ours:
        objects += _webhook_secrets(api, settings)
    objects.sort(key=lambda item: (list(KINDS).index(item["kind"]), _place(item)))
    before = [api.get(*key(item)) for item in objects]
    adopted = [_may_write(item, found) for item, found in zip(objects, before, strict=True)]
    for item, force in zip(objects, adopted, strict=True):
        api.apply(item, force, dry_run=True)
    actions = []
    for item, found, force in zip(objects, before, adopted, strict=True):
        if force and item["kind"] == "CronWorkflow":
            # Metaflow's has the field `schedule`, which another manager's apply would leave beside `schedules`.
            api.delete(*key(item))
        after = api.apply(item, force)
        verb = "created" if found is None else "unchanged" if _version(found) == _version(after) else "updated"
        actions.append(Action(verb, *key(item)))
    kept = {key(item) for item in objects}
    former = next((found for found in before if found and found["kind"] == "WorkflowTemplate"), None)
    actions += _delete(api, settings, deployed_name, kept, former)
    if not any(kind == "CronWorkflow" for kind, _, _ in kept):
        actions += _former_schedule(api, settings, deployed_name)
    return Report(tuple(actions))


def delete(deployed_name: str, settings: Settings, *, client: Any = None) -> Report:
    """Delete what `create` made for the flow. Shared objects stay, and whatever lacks our labels."""
    api = Cluster.of(client)
    former = api.get("WorkflowTemplate", settings.kubernetes_namespace, deployed_name)
    return Report(tuple(_delete(api, settings, deployed_name, set(), former)))


def production_token(deployed_name: str, settings: Settings, *, client: Any = None) -> str | None:
    """The token under which the flow is deployed, or None."""
    found = Cluster.of(client).get("Secret", settings.kubernetes_namespace, names.token_secret(deployed_name))
    return _secret_text(found)


def _delete(
    api: Cluster, settings: Settings, deployed_name: str, kept: set[tuple[str, str, str]], former: Any
) -> list[Action]:
    """Delete the flow's objects but `kept`; `former` is the WorkflowTemplate that tells where Sensors were, or None."""
    annotations = ((former or {}).get("metadata") or {}).get("annotations") or {}
    told = {item for item in annotations.get(SENSOR_NAMESPACES, "").split(",") if item}
    namespaces = sorted({settings.argo_sensor_namespace, settings.kubernetes_namespace, *told})
    selector = f"{MANAGED_BY}={MANAGER},{DEPLOYED_NAME}={deployed_name}"
    actions = []
    for kind in OF_A_FLOW:
        for namespace in namespaces:
            for item in api.find(kind, namespace, selector):
                if key(item) not in kept and api.delete(*key(item)):
                    actions.append(Action("deleted", *key(item)))
    return actions


def _may_write(item: Any, found: Any) -> bool:
    """Whether to take over fields that another manager set. Raises FT703 for an object that is not ours."""
    if found is None:
        return False
    metadata = found["metadata"]
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    kind, namespace, name = key(item)
    flow = labels.get(DEPLOYED_NAME)
    if labels.get(MANAGED_BY) == MANAGER:
        if flow == item["metadata"]["labels"].get(DEPLOYED_NAME):
            return False
        raise DiagnosticError([_foreign(kind, namespace, name, f"it belongs to the deployment `{flow}`")])
    same_flow = annotations.get("metaflow/flow_name", 0) == (item["metadata"].get("annotations") or {}).get(
        "metaflow/flow_name"
    )
    if kind == "WorkflowTemplate" and same_flow:
        if "metaflow/sensor_name" not in annotations:
            return True
        reason = "Metaflow deployed it with a Sensor of its own; both would start runs"
        raise DiagnosticError([_foreign(kind, namespace, name, reason, "delete that deployment first")])
    if kind == "CronWorkflow" and _starts(found) == _starts(item) and not labels:
        return True  # Metaflow's schedule of the same flow: without labels, under the flow's name
    raise DiagnosticError([_foreign(kind, namespace, name, f"it lacks the label `{MANAGED_BY}: {MANAGER}`")])


def _starts(cron_workflow: Any) -> Any:
    """The WorkflowTemplate that a CronWorkflow starts."""
    return cron_workflow["spec"].get("workflowSpec", {}).get("workflowTemplateRef", {}).get("name")


def _former_schedule(api: Cluster, settings: Settings, deployed_name: str) -> list[Action]:
    """Metaflow's own schedule of a flow that has none any more."""
    where = ("CronWorkflow", settings.kubernetes_namespace, deployed_name)
    found = api.get(*where)
    if found is None or found["metadata"].get("labels") or _starts(found) != deployed_name:
        return []
    return [Action("deleted", *where)] if api.delete(*where) else []


def _foreign(kind: str, namespace: str, name: str, note: str, *helps: str) -> Diagnostic:
    message = f"{kind} `{namespace}/{name}` exists and was not made by this deployment"
    return Diagnostic("FT703", message, notes=(note,), helps=helps)


def _missing(name: str) -> Diagnostic:
    if name.startswith("CodePackage"):
        return Diagnostic(
            "FT002",
            "the deployment needs a code package, and these objects were compiled without one",
            helps=("compile without --no-code-package",),
        )
    setting = OPEN_SETTINGS.get(name, name)
    return Diagnostic(
        "FT002", f"the setting {setting} is missing, and the deployment needs it", helps=(f"set {setting}",)
    )


def _placeholders(text: str) -> list[str]:
    """Names of open settings in a text, each once."""
    found = [piece.partition(OPEN_SUFFIX)[0] for piece in text.split(OPEN_PREFIX)[1:] if OPEN_SUFFIX in piece]
    return sorted({name for name in found if name.replace("_", "").isalnum()})


def _token_secret(settings: Settings, deployed_name: str, token: str) -> Any:
    return _secret(
        names.token_secret(deployed_name), settings.kubernetes_namespace, token, {DEPLOYED_NAME: deployed_name}
    )


def _webhook_secrets(api: Cluster, settings: Settings) -> list[Any]:
    """The secret in both namespaces, with one value: that of the one that exists, else a new one."""
    import secrets

    name = settings.argo_webhook_secret
    namespaces = sorted({settings.argo_sensor_namespace, settings.kubernetes_namespace})
    found = {namespace: api.get("Secret", namespace, name) for namespace in namespaces}
    known = [text for text in map(_secret_text, found.values()) if text]
    token = known[0] if known else secrets.token_urlsafe(32)
    return [_secret(name, namespace, token, {}) for namespace in namespaces if found[namespace] is None]


def _secret(name: str, namespace: str, token: str, labels: dict[str, str]) -> Any:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace, "labels": {MANAGED_BY: MANAGER, **labels}},
        "type": "Opaque",
        "data": {"token": base64.b64encode(token.encode()).decode()},
    }


def _secret_text(secret: Any) -> str | None:
    encoded = ((secret or {}).get("data") or {}).get("token")
    return base64.b64decode(encoded).decode() if encoded else None


def _place(item: Any) -> tuple[str, str]:
    return item["metadata"]["namespace"], item["metadata"]["name"]


def _version(item: Any) -> str:
    return str(item["metadata"].get("resourceVersion"))
