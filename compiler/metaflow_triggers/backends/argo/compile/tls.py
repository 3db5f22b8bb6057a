"""TLS: what is wrong with the settings by which webhooks take https.

In:   the settings.
Out:  diagnostics (FT017).

Not here: the objects (`shared`, `workflow_template`), whether the Secrets are there (`deploy.tls_secrets`).
"""

from __future__ import annotations

import re

from ....diagnostics import Diagnostic
from ....model.settings import Settings

SETTINGS = {
    "METAFLOW_TRIGGERS_WEBHOOK_TLS_SECRET": "argo_webhook_tls_secret",
    "METAFLOW_TRIGGERS_WEBHOOK_CA_SECRET": "argo_webhook_ca_secret",
}
"""Setting -> field of `Settings`."""

_SECRET = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


def mistakes(settings: Settings) -> list[Diagnostic]:
    """A setting that is no name of a Secret. It is not quoted: it may be what the Secret shall hold."""
    return [
        Diagnostic(
            "FT017",
            f"{setting} is not the name of a Secret: lower-case letters, digits, hyphens and dots are expected",
            helps=("give the name; key and certificates belong into the Secret",),
        )
        for setting, field in SETTINGS.items()
        if not _SECRET.fullmatch(getattr(settings, field) or "none")
    ]
