"""`create` with TLS: nothing is written before the cluster has the certificates that the settings name."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest
from metaflow_triggers.diagnostics import Diagnostic, DiagnosticError

from ...unit.backends.argo.argo_flows import EVERYTHING, SETTINGS
from .deployments import create, verbs
from .kubernetes_stand_in import KubernetesStandIn

TLS = replace(SETTINGS, argo_webhook_tls_secret="webhook-tls", argo_webhook_ca_secret="webhook-ca")


def put_secret(server: KubernetesStandIn, namespace: str, name: str, **data: str) -> None:
    """As `kubectl create secret` makes it; dots of keys are written as underscores."""
    encoded = {key.replace("_", "."): base64.b64encode(text.encode()).decode() for key, text in data.items()}
    item = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": encoded}
    server.store.objects.pop(("/api/v1", namespace, "secrets", name), None)
    server.store.create(("/api/v1", namespace, "secrets", name), item, "kubectl")


def refused(client: Any) -> list[Diagnostic]:
    with pytest.raises(DiagnosticError) as raised:
        create(client, EVERYTHING, TLS)
    return list(raised.value.diagnostics)


def test_a_certificate_that_is_not_there_is_refused_before_anything_is_written(
    server: KubernetesStandIn, client: Any
) -> None:
    tls, ca = refused(client)
    assert {tls.code, ca.code} == {"FT706"}
    assert "WEBHOOK_TLS_SECRET names the Secret `webhook-tls`, which does not exist in `events`" in tls.message
    assert "WEBHOOK_CA_SECRET names the Secret `webhook-ca`, which does not exist in `flows`" in ca.message
    put_secret(server, "events", "webhook-tls", tls_crt="C3RT")
    put_secret(server, "flows", "webhook-ca", ca_crt="C3RT")
    (tls,) = refused(client)
    assert "`webhook-tls`, which has no `tls.key` in `events`" in tls.message and "C3RT" not in str(tls)
    assert server.store.writes == []
    put_secret(server, "events", "webhook-tls", tls_crt="C3RT", tls_key="K3Y")
    assert verbs(create(client, EVERYTHING, TLS)) == {"created"}
    webhooks = [item["spec"]["webhook"] for item in server.objects("eventsources").values()]
    assert len(webhooks) == 2 and all("serverCertSecret" in one for each in webhooks for one in each.values())
    assert verbs(create(client, EVERYTHING, TLS)) == {"unchanged"}


def test_tls_is_taken_away_again_with_its_setting(server: KubernetesStandIn, client: Any) -> None:
    put_secret(server, "events", "webhook-tls", tls_crt="C3RT", tls_key="K3Y")
    put_secret(server, "flows", "webhook-ca", ca_crt="C3RT")
    create(client, EVERYTHING)
    plain = server.objects("eventsources")
    create(client, EVERYTHING, TLS)
    assert server.objects("eventsources") != plain
    create(client, EVERYTHING)
    assert "serverCertSecret" not in str(server.objects("eventsources"))
    assert "webhook-ca" not in str(server.objects("workflowtemplates"))
