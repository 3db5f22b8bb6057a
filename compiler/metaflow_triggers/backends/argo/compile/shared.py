"""Shared: the objects that all flows of one configuration use.

In:   the settings.
Out:  manifests, the addresses of the event sources, and what is said of runs that are given no rights (FT508).

Not here: flows. Two people who deploy different flows with one configuration apply equal objects.
"""

from __future__ import annotations

from typing import Any

from ....diagnostics import Diagnostic
from ....manifests.templates import render
from ....model.settings import Settings, open_setting
from ...shape import Manifest
from .lower import SENSOR_ACCOUNT
from .resources import Rule

FOLDER = "argo-workflows/_shared"
PORT = 12000
ENDPOINT, OUTCOME_ENDPOINT = "/events", "/outcomes"

SENSOR_ROLE, RUN_ROLE = "metaflow-triggers-sensor", "metaflow-triggers-run"

SENSOR_RULES = (
    Rule("argoproj.io", ("workflows",), ("get", "create", "patch")),
    # What tells of a start that was given up.
    Rule("", ("configmaps",), ("create",)),
)
RUN_RULES = (
    # A run reads the event that started it from its own Workflow object.
    Rule("argoproj.io", ("workflows",), ("get",)),
    # Argo's executor reports a pod's results (argo-workflows docs, "Workflow RBAC").
    Rule("argoproj.io", ("workflowtaskresults",), ("create", "patch")),
)


def webhook_url(settings: Settings) -> str:
    """Where a run publishes: the configured address, our event source's service, or an open setting."""
    if settings.argo_webhook_url:
        return settings.argo_webhook_url
    if settings.argo_event_source_is_ours:
        return _service(settings.argo_event_source, settings, ENDPOINT)
    return open_setting("WebhookUrl")


def outcome_webhook_url(settings: Settings) -> str:
    """Where exit handlers alone publish."""
    if settings.argo_outcome_webhook_url:
        return settings.argo_outcome_webhook_url
    if settings.argo_outcome_event_source_is_ours:
        return _service(settings.argo_outcome_event_source, settings, OUTCOME_ENDPOINT)
    return open_setting("OutcomeWebhookUrl")


def _service(source: str, settings: Settings, endpoint: str) -> str:
    # Argo Events names the service after the event source.
    scheme = "https" if settings.argo_webhook_tls_secret else "http"
    return f"{scheme}://{source}-eventsource-svc.{settings.argo_sensor_namespace}.svc:{PORT}{endpoint}"


def manifests(settings: Settings) -> list[Manifest]:
    """Accounts and rights first, then what uses them."""
    sensors, runs = settings.argo_sensor_namespace, settings.kubernetes_namespace
    items: list[tuple[str, str, Any]] = []
    if settings.argo_sensor_service_account is None:
        items.append(
            (
                "serviceaccount-sensor",
                "serviceaccount",
                render("argo/serviceaccount", name=SENSOR_ACCOUNT, namespace=sensors),
            )
        )
    sensor_account = settings.argo_sensor_service_account or SENSOR_ACCOUNT
    for short, name, rules, account, account_namespace in (
        ("sensor", SENSOR_ROLE, SENSOR_RULES, sensor_account, sensors),
        ("run", RUN_ROLE, RUN_RULES, settings.workflow_service_account, runs),
    ):
        items.append((f"role-{short}", "role", render("argo/role", name=name, namespace=runs, rules=rules)))
        if account is None:  # the namespace's `default` account is that of all pods there which name none
            continue
        items.append(
            (
                f"rolebinding-{short}",
                "rolebinding",
                render(
                    "argo/rolebinding", name=name, namespace=runs, account=account, account_namespace=account_namespace
                ),
            )
        )
    if settings.argo_event_source_is_ours:
        items += _webhook(settings, "", settings.argo_event_source, settings.argo_event, settings.argo_webhook_secret)
    if settings.argo_outcome_event_source_is_ours:
        # An object of its own: what an earlier version applies again does not take it away.
        outcomes = settings.argo_outcome_event_source, settings.argo_outcome_event, settings.argo_outcome_secret
        items += _webhook(settings, "-outcomes", *outcomes)
    kustomization = render("argo/kustomization", resources=[f"{file}.yaml" for file, _, _ in items])
    return [Manifest(f"{FOLDER}/{file}.yaml", content, f"argo/{kind}", True) for file, kind, content in items] + [
        Manifest(f"{FOLDER}/kustomization.yaml", kustomization, "argo/kustomization", True)
    ]


def without_rights(settings: Settings) -> list[Diagnostic]:
    """What is said where no setting names the account of runs, so that none is given their rights."""
    if settings.workflow_service_account is not None:
        return []
    namespace = settings.kubernetes_namespace
    return [
        Diagnostic(
            "FT508",
            f"on argo-workflows runs are given no rights: no setting names their account, and the `default` one of "
            f"`{namespace}` is that of every pod there which names none",
            notes=(f"a run that an event started reads the event with the rights of the Role `{RUN_ROLE}`",),
            helps=(
                "set METAFLOW_KUBERNETES_SERVICE_ACCOUNT to the account of the flows' pods; `default` is one, too",
                f"or bind the Role `{RUN_ROLE}` in `{namespace}` to their account yourself",
            ),
        )
    ]


def _webhook(settings: Settings, suffix: str, source: str, event: str, secret: str) -> list[tuple[str, str, Any]]:
    """An event source, and who reaches it: the pods of runs; where all events go, also whom an administrator lets."""
    namespace = settings.argo_sensor_namespace
    event_source = render(
        "argo/eventsource",
        name=source,
        namespace=namespace,
        event_bus=settings.argo_event_bus,
        event_name=event,
        port=PORT,
        port_text=str(PORT),
        endpoint=OUTCOME_ENDPOINT if suffix else ENDPOINT,
        secret=secret,
        tls_secret=settings.argo_webhook_tls_secret,
    )
    policy = render(
        "argo/networkpolicy",
        name=f"{source}-webhook",
        namespace=namespace,
        event_source=source,
        workflow_namespace=settings.kubernetes_namespace,
        publishers=not suffix,
        port=PORT,
    )
    return [
        (f"eventsource{suffix}", "eventsource", event_source),
        (f"networkpolicy{suffix}", "networkpolicy", policy),
    ]
