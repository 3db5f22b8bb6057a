"""TLS of the webhooks: only by setting, at both event sources, and who publishes trusts the authority alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from metaflow_triggers.backends.argo import backend as argo
from metaflow_triggers.backends.argo.compile.trust import trust
from metaflow_triggers.backends.argo.verify import read_back, shared_read_back
from metaflow_triggers.graph.link import link
from metaflow_triggers.manifests.schemas import findings

from .argo_flows import EVERYTHING, SETTINGS, upstream

TLS = replace(SETTINGS, argo_webhook_tls_secret="webhook-tls", argo_webhook_ca_secret="webhook-ca")
GRAPH = link([EVERYTHING])


def sources(settings: Any) -> dict[str, Any]:
    made = [item.content for item in argo.shared_manifests(settings)]
    return {item["metadata"]["name"]: item for item in made if item["kind"] == "EventSource"}


def containers(settings: Any) -> dict[str, Any]:
    made = argo.manifests(EVERYTHING, GRAPH, upstream(), settings)
    (template,) = (item.content for item in made if item.content["kind"] == "WorkflowTemplate")
    return {item["name"]: item["container"] for item in template["spec"]["templates"] if "container" in item}


def environment(container: Any) -> dict[str, Any]:
    return {entry["name"]: entry for entry in container["env"]}


def test_both_event_sources_take_https_with_the_secret_that_is_named() -> None:
    for item in sources(TLS).values():
        (webhook,) = item["spec"]["webhook"].values()
        assert webhook["serverCertSecret"] == {"name": "webhook-tls", "key": "tls.crt"}
        assert webhook["serverKeySecret"] == {"name": "webhook-tls", "key": "tls.key"}
    assert len(sources(TLS)) == 2


def test_every_publisher_of_a_run_is_sent_there_and_trusts_the_authority() -> None:
    made = containers(TLS)
    ca = {"secretKeyRef": {"name": "webhook-ca", "key": "ca.crt", "optional": True}}
    assert {"start", "metaflow-triggers-outcome"} <= set(made)
    for container in made.values():
        told = environment(container)
        assert told["METAFLOW_TRIGGERS_WEBHOOK_CA"]["valueFrom"] == ca
        assert told["METAFLOW_TRIGGERS_WEBHOOK_URL"]["value"].startswith("https://metaflow-triggers-eventsource-svc.")
    outcomes = environment(made["metaflow-triggers-outcome"])["METAFLOW_TRIGGERS_OUTCOME_WEBHOOK_URL"]["value"]
    assert outcomes == "https://metaflow-triggers-outcomes-eventsource-svc.events.svc:12000/outcomes"


@pytest.mark.parametrize(
    "settings",
    [
        TLS,
        replace(TLS, argo_webhook_tls_secret=None),
        replace(TLS, argo_webhook_ca_secret=None),
        replace(TLS, argo_webhook_accepted="202"),
    ],
)
def test_all_that_is_emitted_is_valid(settings: Any) -> None:
    emitted = [*argo.manifests(EVERYTHING, GRAPH, upstream(), settings), *argo.shared_manifests(settings)]
    assert [item.path for item in emitted if item.path.endswith("workflowtemplate.yaml")]
    assert [(item.path, found) for item in emitted if (found := findings(item.content, item.schema))] == []


def test_each_setting_stands_alone() -> None:
    """A certificate that everybody trusts needs no CA; a gateway of one's own may need nothing else."""
    served = replace(TLS, argo_webhook_ca_secret=None)
    assert all("METAFLOW_TRIGGERS_WEBHOOK_CA" not in environment(one) for one in containers(served).values())
    gateway = replace(TLS, argo_webhook_tls_secret=None, argo_webhook_url="https://gateway.example/events")
    assert sources(gateway) == sources(SETTINGS)
    told = environment(containers(gateway)["start"])
    assert told["METAFLOW_TRIGGERS_WEBHOOK_URL"]["value"] == "https://gateway.example/events"
    assert "METAFLOW_TRIGGERS_WEBHOOK_CA" in told


def test_a_certificate_without_its_key_is_none() -> None:
    """Argo Events then serves plain http and says nothing (webhook.go asks for both)."""
    (item, *_) = sources(TLS).values()
    assert findings(item, "argo/eventsource") == []
    next(iter(item["spec"]["webhook"].values())).pop("serverKeySecret")
    assert findings(item, "argo/eventsource") != []


def test_what_is_read_back_is_what_the_settings_say() -> None:
    shared = {item.path.rpartition("/")[2]: item.content for item in argo.shared_manifests(TLS)}
    assert list(shared_read_back.differences(shared, TLS)) == []
    plain = list(shared_read_back.differences(shared, SETTINGS))
    assert sum("certificate and key" in line for line in plain) == 2
    made = {item.path.rpartition("/")[2]: item.content for item in argo.manifests(EVERYTHING, GRAPH, upstream(), TLS)}
    told = list(read_back.differences(made, EVERYTHING, replace(TLS, argo_webhook_ca_secret=None), trust(GRAPH, TLS)))
    assert sum("whom it trusts" in line for line in told) == len(containers(TLS))


@pytest.mark.parametrize("given", ["Webhook", "a/b", "-----BEGIN PRIVATE KEY-----", " x", "a" * 254])
def test_what_is_no_name_of_a_secret_is_refused_and_not_shown(given: str) -> None:
    for field in ("argo_webhook_tls_secret", "argo_webhook_ca_secret"):
        said = argo.refusals(EVERYTHING, GRAPH, replace(SETTINGS, **{field: given}))
        (found,) = (item for item in said if item.code == "FT017")
        assert given not in found.message
        assert f"METAFLOW_TRIGGERS_{field[5:].upper()}" in found.message
