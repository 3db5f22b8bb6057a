"""What a cluster has of a project: a list request for each kind and namespace, others' deployments left out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from metaflow_triggers.backends.argo.deploy.cluster import Cluster
from metaflow_triggers.backends.argo.deploy.inventory import inventory, marks_now
from metaflow_triggers.diagnostics import DiagnosticError
from metaflow_triggers.model.marks import Marks

from ...unit.backends.argo.argo_flows import SETTINGS, event, flow, trigger
from .deployments import ARGO, create
from .kubernetes_stand_in import KubernetesStandIn

SHOP = replace(SETTINGS, project_id="shop", user="ada")
MARKS = Marks("shop", None, False, "ada")
EVENT = trigger(event("data-ready"))


def named(name: str) -> Any:
    return replace(flow(EVENT), name=name)


def run(server: KubernetesStandIn, name: str, template: str, completed: bool) -> None:
    item = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": name, "labels": {"workflows.argoproj.io/completed": "true"} if completed else {}},
        "spec": {"workflowTemplateRef": {"name": template}},
    }
    server.store.create((ARGO, "flows", "workflows", name), item, "argo")


def test_all_of_the_project_and_nothing_else(server: KubernetesStandIn, client: Any) -> None:
    for name in ("Mine", "Moved", "Many"):
        create(client, named(name), SHOP)
    before = dict(server.store.objects)
    with pytest.raises(DiagnosticError, match="FT703: WorkflowTemplate `flows/moved` was deployed by"):
        create(client, named("Moved"), replace(SHOP, project_id="shop-2"))
    assert server.store.objects == before
    create(client, named("Moved"))
    create(client, named("Moved"), replace(SHOP, project_id="shop-2"))
    create(client, named("Theirs"), replace(SHOP, project_id="shop-2"))
    create(client, named("Nobodys"))
    for number, (template, completed) in enumerate(
        [("mine", False), ("mine", False), ("mine", True), ("theirs", False)]
    ):
        run(server, f"run-{number}", template, completed)
    server.store.requests.clear()
    found = inventory("shop", SHOP, Cluster.of(client))
    assert [(item.name, item.flow, item.marks, item.whole) for item in found] == [
        ("many", "DemoFlow", MARKS, True),
        ("mine", "DemoFlow", MARKS, True),
    ]
    assert [(item.running, item.waiting) for item in found] == [(0, None), (2, None)]
    assert [noun.partition(" ")[0] for noun in found[1].objects] == ["Secret", "Sensor", "WorkflowTemplate"]
    # Templates, schedules, Sensors and Secrets of two namespaces, Workflows.
    assert len(server.store.requests) == 7, server.store.requests
    api = Cluster.of(client)
    assert marks_now("mine", SHOP, api) == (MARKS, True)
    assert marks_now("theirs", SHOP, api) == (replace(MARKS, project="shop-2"), True)
    assert marks_now("nobodys", SHOP, api) == (None, True)
    assert marks_now("gone", SHOP, api) == (None, False)


def test_leftovers_are_told_unless_somebody_elses_template_has_the_name(server: KubernetesStandIn, client: Any) -> None:
    create(client, named("Mine"), SHOP)
    key = (ARGO, "flows", "workflowtemplates", "mine")
    template = server.store.objects.pop(key)
    (item,) = inventory("shop", SHOP, Cluster.of(client), lambda item: False)
    assert (item.name, item.flow, item.whole, item.running) == ("mine", None, False, None)
    template["metadata"]["labels"].pop("metaflow-triggers/project")
    server.store.objects[key] = template
    assert inventory("shop", SHOP, Cluster.of(client)) == []
