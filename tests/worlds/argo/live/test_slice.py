"""From `argo-workflows create` to a Workflow: a webhook call through Argo Events' real services."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest
from metaflow_extensions.triggers.contract import event_reader, parameter_values
from metaflow_extensions.triggers.plugins import argo_source

from tests.unit.commands.conftest import MAPPING, Run, run  # noqa: F401 - fixture
from tests.unit.commands.test_create_delete import argo_settings, aws, kubernetes  # noqa: F401 - fixtures
from tests.worlds.argo.kubernetes_stand_in import KubernetesStandIn
from tests.worlds.upstream.emulated_aws import Aws

from .cluster import Cluster
from .conftest import Launch
from .table import publish, publishing, workflows

PAYLOAD = {"userId": "u-7 {{workflow.name}} $(x)", "userEmail": "a@b.example", "big": 12345678901234567890}


@pytest.fixture
def live(run: Run, aws: Aws, kubernetes: KubernetesStandIn, launch: Launch) -> Cluster:  # noqa: F811
    """The mapping flow deployed by `create`, and its services at work."""
    done = run(MAPPING, "--no-pylint", "argo-workflows", "create", settings=argo_settings(kubernetes, aws))
    assert done.code == 0, done.err
    cluster = launch(kubernetes)
    cluster.start_all()
    return cluster


def test_a_webhook_call_creates_our_workflow(
    kubernetes: KubernetesStandIn,  # noqa: F811
    live: Cluster,
) -> None:
    (sensor,) = kubernetes.objects("sensors").values()
    (service,) = (name for name in live.pids if name.startswith("sensor-"))
    before = len(kubernetes.store.requests)
    with publishing(live, "default"):
        publish("user-signup", PAYLOAD, "our-id")
        publish("user-signup", PAYLOAD, "our-id")
        publish("another-event", PAYLOAD, "its-id")
        publish("user-signup", {"userId": "no email"}, "lacks a field")
    live.quiet()

    (workflow,) = workflows(kubernetes, "useronboarding")
    assert workflow["spec"] == {
        "workflowTemplateRef": {"name": "useronboarding"},
        "arguments": workflow["spec"]["arguments"],
    }
    assert [item["name"] for item in workflow["spec"]["arguments"]["parameters"]] == [
        "metaflow-triggers-event",
        "metaflow-triggers-payload",
    ]
    assert workflow["metadata"]["name"].startswith("useronboarding-") and len(workflow["metadata"]["name"]) <= 63
    assert workflow["metadata"]["namespace"] == "default"
    document = argo_source.document_of(workflow)
    assert document is not None
    (seen,) = event_reader.select(document)
    assert (seen.name, seen.payload, seen.id) == ("user-signup", PAYLOAD, "our-id")
    found = parameter_values.parameters_for(document, {"user_id": "str", "email": "str"})
    assert found == {"user_id": PAYLOAD["userId"], "email": PAYLOAD["userEmail"]}
    assert "Successfully processed trigger 'required-field-missing'" in live.log(service)

    # It asks for nothing but what the Role gives, and the second delivery of the id is a patch.
    asked = [line.split(" ")[0] for line in kubernetes.store.requests[before:] if "/workflows" in line]
    assert asked == ["GET", "POST", "GET", "PATCH"]
    assert sensor["spec"]["template"]["serviceAccountName"] == "metaflow-triggers-sensor"


def test_without_the_roles_permission_nothing_starts_until_it_is_there(
    kubernetes: KubernetesStandIn,  # noqa: F811
    live: Cluster,
) -> None:
    (role,) = (item for name, item in kubernetes.objects("roles").items() if name.endswith("-sensor"))
    (rule,) = (one for one in role["rules"] if one["resources"] == ["workflows"])
    rule["verbs"].remove("create")
    refused: list[str] = []

    def watch(when: str, method: str, path: str) -> None:
        if when == "after" and method == "POST" and path.endswith("/workflows") and not refused:
            refused.append(path)
            assert not workflows(kubernetes, "useronboarding")
            rule["verbs"].append("create")

    kubernetes.store.watch = watch
    with publishing(live, "default"):
        publish("user-signup", PAYLOAD, "our-id")
    live.quiet()
    assert len(refused) == 1 and len(workflows(kubernetes, "useronboarding")) == 1


@pytest.mark.parametrize("token", [None, "another"])
def test_the_webhook_wants_the_token_that_create_made(
    kubernetes: KubernetesStandIn,  # noqa: F811
    live: Cluster,
    token: str | None,
) -> None:
    body = json.dumps({"name": "user-signup", "id": "x", "payload": PAYLOAD}).encode()
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(live.webhook, body, headers))
    assert refused.value.code == 401
    live.quiet()
    assert not workflows(kubernetes, "useronboarding")
