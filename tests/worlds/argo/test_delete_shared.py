"""`delete --shared`: nothing of ours is left of the last flow, and nothing is touched while another one is there."""

from __future__ import annotations

from dataclasses import replace

import pytest
from metaflow_triggers.backends.argo.deploy import converge
from metaflow_triggers.backends.argo.deploy.cluster import Cluster
from metaflow_triggers.backends.argo.deploy.plan import plan_delete
from metaflow_triggers.diagnostics import DiagnosticError

from ...unit.backends.argo.argo_flows import EVERYTHING, SETTINGS
from ..kubernetes.both import cluster
from .deployments import connect, create, put, state, verbs

OTHER = replace(EVERYTHING, name="Other")
SECRETS = "/api/v1"


def test_it_is_refused_with_the_flows_that_are_left_and_leaves_nothing_of_the_last_one() -> None:
    with cluster() as server, connect(server.url) as client:
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "somebodys"}}
        server.store.create(("/api/v1", "flows", "serviceaccounts", "somebodys"), account, "kubectl")
        create(client, EVERYTHING)
        create(client, OTHER)
        before = state(server)
        with pytest.raises(DiagnosticError) as raised:
            converge.delete("demoflow", SETTINGS, client=client, shared=True)
        (found,) = raised.value.diagnostics
        assert (found.code, found.notes) == ("FT708", ("`other`",))
        assert "1 of ours is left in `events` and `flows`" in found.message
        assert state(server) == before
        converge.delete("demoflow", SETTINGS, client=client)
        alone = state(server)
        told: list[str] = []
        report = converge.delete(
            "other", SETTINGS, client=client, shared=True, told=lambda step: told.append(str(step))
        )
        assert verbs(report) == {"deleted"}
        assert list(state(server)) == ["flows/serviceaccounts/somebodys"]
        assert len(told) == len(alone) - 1 == 15
        assert [line.split()[1] for line in told][:2] == ["Sensor", "WorkflowTemplate"]
        assert converge.delete("other", SETTINGS, client=client, shared=True).actions == ()
        # All of it comes back with the next flow.
        create(client, OTHER)
        assert set(state(server)) == set(alone)


def test_a_secret_that_somebody_made_stays() -> None:
    with cluster() as server, connect(server.url) as client:
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": SETTINGS.argo_webhook_secret},
            "data": {"token": "dG9rZW4="},
        }
        server.store.create((SECRETS, "events", "secrets", SETTINGS.argo_webhook_secret), secret, "kubectl")
        create(client, EVERYTHING)
        converge.delete("demoflow", SETTINGS, client=client, shared=True)
        assert list(state(server)) == [f"events/secrets/{SETTINGS.argo_webhook_secret}"]


def test_a_flow_that_is_deployed_meanwhile_is_told_and_finds_everything_again() -> None:
    with cluster() as server, connect(server.url) as client:
        create(client, EVERYTHING)
        template = server.store.objects["/apis/argoproj.io/v1alpha1", "flows", "workflowtemplates", "demoflow"]
        once = [True]

        def watch(at: str, method: str, path: str) -> None:
            if at == "after" and method == "DELETE" and "dryRun=All" not in path and once:
                once.clear()
                metadata = {
                    "name": "late",
                    "labels": {**template["metadata"]["labels"], "metaflow-triggers/deployed-name": "late"},
                }
                put(server, "workflowtemplates", {**template, "metadata": metadata})

        server.store.watch = watch
        with pytest.raises(DiagnosticError) as raised:
            converge.delete("demoflow", SETTINGS, client=client, shared=True)
        server.store.watch = None
        assert raised.value.diagnostics[0].code == "FT708"
        (aftermath,) = raised.value.aftermath
        assert aftermath.code == "FT707" and any("EventSource" in note for note in aftermath.notes)
        create(client, EVERYTHING)
        assert server.objects("eventsources")


def test_its_plan_names_what_it_deletes_and_writes_nothing() -> None:
    with cluster() as server, connect(server.url) as client:
        create(client, EVERYTHING)
        create(client, OTHER)
        before = state(server)
        with pytest.raises(DiagnosticError) as raised:
            plan_delete(Cluster.of(client), "other", SETTINGS, shared=True)
        assert raised.value.diagnostics[0].code == "FT708"
        converge.delete("demoflow", SETTINGS, client=client)
        alone = state(server)
        planned = plan_delete(Cluster.of(client), "other", SETTINGS, shared=True)
        assert state(server) == alone != before
        done = converge.delete("other", SETTINGS, client=client, shared=True)
        assert [str(item) for item in planned.instructions] == [
            str(item) for step in done.actions for item in step.instructions
        ]
        assert len(str(planned).splitlines()) == len(alone)
