"""The folder that `compile` writes applies as it is: `kubectl apply -k` finds every file, `create` goes on from it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from metaflow_triggers.backends.argo import backend as argo

from tests.golden.examples import GOLDEN, examples
from tests.golden.whole_outputs import compiled

from ...unit.backends.argo.argo_flows import EVERYTHING, SETTINGS
from ..kubernetes.both import cluster
from .deployments import connect, create, files, verbs

PLURALS = {
    "Role": ("/apis/rbac.authorization.k8s.io/v1", "roles"),
    "RoleBinding": ("/apis/rbac.authorization.k8s.io/v1", "rolebindings"),
    "ServiceAccount": ("/api/v1", "serviceaccounts"),
    "NetworkPolicy": ("/apis/networking.k8s.io/v1", "networkpolicies"),
    "EventSource": ("/apis/argoproj.io/v1alpha1", "eventsources"),
    "WorkflowTemplate": ("/apis/argoproj.io/v1alpha1", "workflowtemplates"),
    "Sensor": ("/apis/argoproj.io/v1alpha1", "sensors"),
}


def built(folder: Path) -> Iterator[tuple[Path, Any]]:
    """What `kustomize build` gives of a folder whose kustomizations only list resources."""
    listing = yaml.safe_load((folder / "kustomization.yaml").read_text())
    assert set(listing) == {"apiVersion", "kind", "resources"}
    for name in listing["resources"]:
        if (folder / name).is_dir():
            yield from built(folder / name)
        else:
            yield folder / name, yaml.safe_load((folder / name).read_text())


def written(folder: Path) -> Path:
    """The folder of one flow as `compile --output` lays it out."""
    manifests = [*files(EVERYTHING), *argo.folder_manifests(["demoflow"], True)]
    for manifest in manifests:
        path = folder / manifest.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(manifest.content))
    return folder / "argo-workflows"


def test_every_file_is_listed_once(tmp_path: Path) -> None:
    folder = written(tmp_path)
    listed = [path for path, _ in built(folder)]
    assert len(listed) == len(set(listed))
    assert set(listed) == {path for path in folder.rglob("*.yaml") if path.name != "kustomization.yaml"}
    objects = [(item["kind"], item["metadata"]["namespace"], item["metadata"]["name"]) for _, item in built(folder)]
    assert len(objects) == len(set(objects))


@pytest.mark.parametrize("folder", sorted(GOLDEN.glob("*/argo-workflows/*/")), ids=lambda path: path.parts[-3])
def test_every_golden_of_a_flow_is_listed(folder: Path) -> None:
    folder = compiled(*examples()) / folder.relative_to(GOLDEN)
    assert {path.name for path in folder.iterdir()} >= {"workflowtemplate.yaml", "kustomization.yaml"}
    assert {path.name for path, _ in built(folder)} == {path.name for path in folder.iterdir()} - {"kustomization.yaml"}


def test_no_file_holds_a_token(tmp_path: Path) -> None:
    for _, item in built(written(tmp_path)):
        assert item["kind"] != "Secret"
        assert "production_token" not in str(item.get("metadata"))


@pytest.mark.parametrize("manager", ["kubectl", "kubectl-client-side-apply"])
def test_create_goes_on_from_what_kubectl_applied(tmp_path: Path, manager: str) -> None:
    with cluster() as server, connect(server.url) as client:
        for _, item in built(written(tmp_path)):
            root, plural = PLURALS[item["kind"]]
            key = (root, item["metadata"]["namespace"], plural, item["metadata"]["name"])
            if manager == "kubectl":
                server.store.apply(key, item, manager, False, False, True)
            else:
                server.store.create(key, item, manager)
        assert verbs(create(client, EVERYTHING, SETTINGS)) == {"created", "updated"}  # created: the Secrets
        assert verbs(create(client, EVERYTHING, SETTINGS)) == {"unchanged"}
