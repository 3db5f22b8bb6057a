"""Setting forms: what the settings of this backend look like.

In:   nothing.
Out:  `FORMS`.

Not here: asking them (`backends.setting_forms`). A name is what an API server takes for a name of its kind (Kubernetes
1.34, validation.go of apimachinery: IsDNS1123Subdomain).
"""

from __future__ import annotations

from ...setting_forms import OF_ALL, Form
from .options import EVENT, EVENT_SOURCE, NAMESPACE

_SUBDOMAIN = r"(?=.{1,253}\Z)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_NAME = "lower-case letters, digits, hyphens and dots"


def _named(setting: str, field: str, what: str) -> Form:
    return Form(setting, field, _SUBDOMAIN, f"the name of {what}", f"a name has {_NAME}")


def _namespace(setting: str, field: str) -> Form:
    expected = "the name of a namespace"
    return Form(setting, field, NAMESPACE, expected, "it has at most 63 lower-case letters, digits and hyphens")


def _secret(setting: str, field: str) -> Form:
    expected = f"the name of a Secret: {_NAME} are expected"
    return Form(
        setting, field, _SUBDOMAIN, expected, "give the name; key and certificates belong into the Secret", False
    )


def _source(setting: str, field: str) -> Form:
    expected = "the name of an event source"
    return Form(setting, field, EVENT_SOURCE, expected, "a name has lower-case letters, digits and hyphens, at most 47")


def _event(setting: str, field: str) -> Form:
    expected = "the name of an event of an event source"
    return Form(setting, field, EVENT, expected, "it has letters, digits, `_` and `-`")


FORMS = (
    *OF_ALL,
    _namespace("METAFLOW_KUBERNETES_NAMESPACE", "kubernetes_namespace"),
    _namespace("METAFLOW_ARGO_EVENTS_SENSOR_NAMESPACE", "argo_sensor_namespace"),
    _named("METAFLOW_KUBERNETES_SERVICE_ACCOUNT", "workflow_service_account", "a service account"),
    _named("METAFLOW_ARGO_EVENTS_SERVICE_ACCOUNT", "argo_sensor_service_account", "a service account"),
    _named("METAFLOW_ARGO_EVENTS_EVENT_BUS", "argo_event_bus", "an event bus"),
    _source("METAFLOW_ARGO_EVENTS_EVENT_SOURCE", "argo_event_source"),
    _source("METAFLOW_TRIGGERS_OUTCOME_EVENT_SOURCE", "argo_outcome_event_source"),
    _event("METAFLOW_ARGO_EVENTS_EVENT", "argo_event"),
    _event("METAFLOW_TRIGGERS_OUTCOME_EVENT", "argo_outcome_event"),
    _secret("METAFLOW_TRIGGERS_WEBHOOK_SECRET", "argo_webhook_secret"),
    _secret("METAFLOW_TRIGGERS_OUTCOME_SECRET", "argo_outcome_secret"),
    _secret("METAFLOW_TRIGGERS_WEBHOOK_TLS_SECRET", "argo_webhook_tls_secret"),
    _secret("METAFLOW_TRIGGERS_WEBHOOK_CA_SECRET", "argo_webhook_ca_secret"),
)
