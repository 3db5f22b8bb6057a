"""TLS on Argo Events' real services: who trusts the authority is heard, all others are told why they are not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import metaflow  # noqa: F401 - first, because it imports emit_event
import pytest
from metaflow_extensions.triggers.plugins import emit_event
from metaflow_triggers.graph.link import link

from tests.unit.backends.argo.argo_flows import SETTINGS, event, finish, flow, trigger
from tests.worlds.argo.test_deploy_tls import put_secret
from tests.worlds.certificates import Authority

from .cluster import Cluster
from .conftest import Launch
from .table import deploy_all, publish, webhook_token, workflows

TLS = replace(SETTINGS, argo_webhook_tls_secret="webhook-tls", argo_webhook_ca_secret="webhook-ca")
PARENT = flow(trigger(event("tick")), name="Parent")
CHILD = flow(trigger(finish("Parent", "success")), name="Child")


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def live(launch: Launch, authority: Authority) -> Cluster:
    cluster = launch()
    certificate, key = authority.server("127.0.0.1")
    put_secret(cluster.kubernetes, "events", "webhook-tls", tls_crt=certificate, tls_key=key)
    put_secret(cluster.kubernetes, "flows", "webhook-ca", ca_crt=authority.certificate)
    deploy_all(cluster.kubernetes, [link([PARENT, CHILD])], TLS)
    cluster.start_all()
    assert cluster.webhook.startswith("https:") and cluster.outcomes.startswith("https:")
    return cluster


@pytest.fixture
def patch(live: Cluster) -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("METAFLOW_TRIGGERS_WEBHOOK_TOKEN", webhook_token(live.kubernetes))
        yield patch


def started(live: Cluster, deployed: str) -> int:
    live.quiet()
    return len(workflows(live.kubernetes, deployed))


def handler(live: Cluster, ca: str | None, **changed: str) -> str:
    """What the deployed exit handler's program prints, in a process of its own, as of run `argo-parent-1`."""
    template = live.kubernetes.objects("workflowtemplates")["flows/parent"]
    (made,) = (item for item in template["spec"]["templates"] if item["name"] == "metaflow-triggers-outcome")
    container = made["container"]
    variables = {entry["name"] for entry in container["env"]}
    assert "METAFLOW_TRIGGERS_WEBHOOK_CA" in variables
    token = webhook_token(live.kubernetes, secret=TLS.argo_outcome_secret)
    environment = {
        "PATH": os.environ["PATH"],
        "METAFLOW_TRIGGERS_OUTCOME": json.dumps(
            {"flow": "Parent", "project": None, "branch": None, "template": "parent"}
        ),
        "METAFLOW_TRIGGERS_WORKFLOW": "parent-1",
        "METAFLOW_TRIGGERS_STATUS": "Succeeded",
        "METAFLOW_TRIGGERS_OUTCOME_WEBHOOK_URL": live.outcomes,
        "METAFLOW_TRIGGERS_OUTCOME_WEBHOOK_TOKEN": token,
        "METAFLOW_TRIGGERS_WEBHOOK_URL": live.webhook,
        "METAFLOW_TRIGGERS_WEBHOOK_TOKEN": webhook_token(live.kubernetes),
        "METAFLOW_TRIGGERS_OUTCOME_WAIT": "0",
        **changed,
    }
    if ca is not None:
        environment["METAFLOW_TRIGGERS_WEBHOOK_CA"] = ca
    command = [sys.executable, "-c", container["command"][2]]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert not done.stderr and token not in done.stdout
    return done.stdout


def test_who_trusts_the_authority_is_heard(live: Cluster, patch: pytest.MonkeyPatch, authority: Authority) -> None:
    patch.setenv("METAFLOW_TRIGGERS_WEBHOOK_URL", live.webhook)
    patch.setenv("METAFLOW_TRIGGERS_WEBHOOK_CA", authority.certificate)
    publish("tick", {}, "one")
    assert started(live, "parent") == 1
    assert handler(live, authority.certificate).startswith("published metaflow.outcome.parent.success")
    assert started(live, "child") == 1


def test_all_others_are_told_why_they_are_not_and_publish_again(
    live: Cluster, patch: pytest.MonkeyPatch, authority: Authority
) -> None:
    other, plain = Authority("somebody else").certificate, live.webhook.replace("https:", "http:")
    for url, ca, words in (
        (live.webhook, other, "certificate is not trusted"),
        (live.webhook, None, "certificate is not trusted"),
        (plain, authority.certificate, "takes https alone"),
    ):
        patch.setenv("METAFLOW_TRIGGERS_WEBHOOK_URL", url)
        if ca:
            patch.setenv("METAFLOW_TRIGGERS_WEBHOOK_CA", ca)
        else:
            patch.delenv("METAFLOW_TRIGGERS_WEBHOOK_CA")
        with pytest.raises(emit_event.EmitError, match=words):
            publish("tick", {}, "one")
    # The command's words and code; it publishes to where the last of these did.
    command = [sys.executable, "-m", "metaflow_triggers.commands.cli", "emit", "tick", "--backend", "argo-workflows"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0 and "error[FT763]" in done.stderr and "takes https alone" in done.stderr
    for ca, changed in (
        (other, {}),
        (None, {}),
        (authority.certificate, {"METAFLOW_TRIGGERS_OUTCOME_WEBHOOK_URL": live.outcomes.replace("https:", "http:")}),
    ):
        assert "outcome lost: the webhook" in handler(live, ca, **changed)
    assert started(live, "parent") == started(live, "child") == 0
    patch.setenv("METAFLOW_TRIGGERS_WEBHOOK_URL", live.webhook)
    patch.setenv("METAFLOW_TRIGGERS_WEBHOOK_CA", authority.certificate)
    publish("tick", {}, "one")
    handler(live, authority.certificate)
    assert (started(live, "parent"), started(live, "child")) == (1, 1)


def test_a_publisher_outlasts_a_change_of_the_certificate(
    live: Cluster, patch: pytest.MonkeyPatch, authority: Authority
) -> None:
    """Who trusts the old and the new authority is heard before and after the event source has the new certificate."""
    new = Authority("the next one")
    patch.setenv("METAFLOW_TRIGGERS_WEBHOOK_URL", live.webhook)
    patch.setenv("METAFLOW_TRIGGERS_WEBHOOK_CA", authority.certificate + new.certificate)
    publish("tick", {}, "before")
    certificate, key = new.server("127.0.0.1")
    put_secret(live.kubernetes, "events", "webhook-tls", tls_crt=certificate, tls_key=key)
    source = live.kubernetes.objects("eventsources")["events/metaflow-triggers"]
    live.kill("source-metaflow-triggers")
    live.start_source(source)
    publish("tick", {}, "after")
    assert started(live, "parent") == 2
