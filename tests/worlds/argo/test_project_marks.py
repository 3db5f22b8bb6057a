"""An id of the project as labels of everything that is a flow's own: put on later, changed, and taken away."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from metaflow_triggers.model.flows import Schedule
from metaflow_triggers.model.marks import NAMES

from ...unit.backends.argo.argo_flows import EVERYTHING, SETTINGS, SPAN
from .deployments import create, verbs
from .kubernetes_stand_in import KubernetesStandIn

FLOW = replace(EVERYTHING, schedule=Schedule("0 9 * * ? *", None, SPAN))
WITH_ID = replace(SETTINGS, project_id="shop", user="ada")
MARKS = {"project": "shop", "production": "false", "user": "ada"}


def marked(server: KubernetesStandIn) -> dict[str, dict[str, str]]:
    """Marks of the objects of flows; those that all flows share must have none."""
    found = {}
    for item in server.store.objects.values():
        labels = item["metadata"]["labels"]
        said = {key.partition("/")[2]: value for key, value in labels.items() if key in NAMES}
        if "metaflow-triggers/deployed-name" in labels:
            found[item["kind"]] = said
        else:
            assert not said, item["metadata"]["name"]
    return found


def test_an_id_that_comes_later_changes_and_goes_is_on_what_is_the_flows_own(
    server: KubernetesStandIn, client: Any
) -> None:
    create(client, FLOW)
    kinds = {"CronWorkflow", "Secret", "Sensor", "WorkflowTemplate"}
    assert marked(server) == {kind: {} for kind in kinds}
    create(client, FLOW, WITH_ID)
    assert marked(server) == dict.fromkeys(kinds, MARKS)
    assert verbs(create(client, FLOW, WITH_ID)) == {"unchanged"}
    create(client, FLOW, replace(WITH_ID, user="bob", production=True))
    assert marked(server) == dict.fromkeys(kinds, MARKS | {"production": "true", "user": "bob"})
    create(client, FLOW)
    assert {kind: said for kind, said in marked(server).items() if said and kind != "Secret"} == {}
    assert verbs(create(client, FLOW)) == {"unchanged"}


def test_a_new_deployment_is_marked_from_the_start(server: KubernetesStandIn, client: Any) -> None:
    create(client, replace(FLOW, project="ml", branch="test.staging"), WITH_ID)
    assert all(said == MARKS | {"branch": "test.staging"} for said in marked(server).values())
    assert len(marked(server)) == 4
