"""TLS secrets: whether the cluster has the certificates that settings name.

In:   what the cluster has, the settings.
Out:  diagnostics (FT706).

Not here: making them: a certificate is made by whoever answers for it. Nothing of a Secret's values is told.
"""

from __future__ import annotations

from ....diagnostics import Diagnostic
from ....model.settings import Settings
from .live import Live


def missing(live: Live, settings: Settings) -> list[Diagnostic]:
    """A Secret or a key of it that is not there: an event source would not start, a run's events would be refused."""
    ours = settings.argo_event_source_is_ours or settings.argo_outcome_event_source_is_ours
    sensors, runs = settings.argo_sensor_namespace, settings.kubernetes_namespace
    wanted: list[tuple[str, str, str, tuple[str, ...]]] = []
    if settings.argo_webhook_tls_secret and ours:
        wanted.append(("TLS", settings.argo_webhook_tls_secret, sensors, ("tls.crt", "tls.key")))
    if settings.argo_webhook_ca_secret:
        wanted.append(("CA", settings.argo_webhook_ca_secret, runs, ("ca.crt",)))
    found = []
    for short, name, namespace, keys in wanted:
        item = live.get(("Secret", namespace, name))
        absent = [key for key in keys if not ((item or {}).get("data") or {}).get(key)]
        if not absent:
            continue
        what = f"has no {' and no '.join(f'`{key}`' for key in absent)}" if item else "does not exist"
        found.append(
            Diagnostic(
                "FT706",
                f"METAFLOW_TRIGGERS_WEBHOOK_{short}_SECRET names the Secret `{name}`, which {what} in `{namespace}`",
                helps=(f"make it in `{namespace}` with the keys {', '.join(keys)}", "or unset the setting"),
            )
        )
    return found
