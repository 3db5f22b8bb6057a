"""The folder that `compile` writes, in the hands of the real kubectl: rendered, and applied to the stand-in."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.worlds.kubernetes.both import cluster

from .conftest import ROOT, clean

KUBECTL = shutil.which("kubectl")
pytestmark = pytest.mark.skipif(
    KUBECTL is None, reason="kubectl is not installed: https://kubernetes.io/docs/tasks/tools"
)
FLOW = "examples/chaining"
SETTINGS = {
    "METAFLOW_USER": "tester",
    "METAFLOW_DEFAULT_DATASTORE": "s3",
    "METAFLOW_DATASTORE_SYSROOT_S3": "s3://bucket/metaflow",
}


def kubectl(home: Path, *arguments: str, code: int = 0) -> str:
    command = [str(KUBECTL), f"--cache-dir={home}/kubectl-cache", *arguments]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(home)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("compiled")
    command = [sys.executable, "-m", "metaflow_triggers.commands.cli", "compile", FLOW, "--output", str(home / "made")]
    done = subprocess.run(command, cwd=ROOT, env=clean(home, **SETTINGS), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return home / "made" / "argo-workflows"


def objects(folder: Path) -> list[str]:
    """Each object of the files, as text."""
    files = [path for path in folder.rglob("*.yaml") if path.name != "kustomization.yaml"]
    assert len(files) >= 10
    return sorted(json.dumps(yaml.safe_load(path.read_text("utf-8")), sort_keys=True) for path in files)


def test_the_folder_renders_to_our_objects(folder: Path, tmp_path: Path):
    rendered = yaml.safe_load_all(kubectl(tmp_path, "kustomize", str(folder)))
    assert sorted(json.dumps(item, sort_keys=True) for item in rendered) == objects(folder)


def test_a_replacement_of_kustomize_reaches_the_code_package(folder: Path, tmp_path: Path):
    """One field says which one a flow loads, and no other line of the folder is another one then."""
    place, field = f"DataTransform/data/06/06{'0' * 38}", "metaflow-triggers/code-package"
    release = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "release"}, "data": {"transform": place}}
    release["metadata"]["annotations"] = {"config.kubernetes.io/local-config": "true"}
    target = {
        "select": {"kind": "WorkflowTemplate", "name": "datatransform"},
        "fieldPaths": [f"spec.podMetadata.annotations.{field}"],
    }
    source = {"kind": "ConfigMap", "name": "release", "fieldPath": "data.transform"}
    shutil.copytree(folder, tmp_path / "made")
    overlay = {
        "resources": ["../made", "release.yaml"],
        "replacements": [{"source": source, "targets": [target]}],
    }
    (tmp_path / "over").mkdir()
    (tmp_path / "over/release.yaml").write_text(yaml.safe_dump(release))
    (tmp_path / "over/kustomization.yaml").write_text(yaml.safe_dump(overlay))
    before, after = (kubectl(tmp_path, "kustomize", str(tmp_path / name)).splitlines() for name in ("made", "over"))
    assert len(before) == len(after)
    (changed,) = [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]
    assert changed[0].startswith(f"      {field}: DataTransform/data/") and changed[1] == f"      {field}: {place}"


@pytest.mark.parametrize("how", [("--server-side",), ()], ids=["server-side", "client-side"])
def test_the_folder_applies_unchanged(folder: Path, tmp_path: Path, how: tuple[str, ...]):
    wanted = [json.loads(text) for text in objects(folder)]
    with cluster() as server:
        arguments = (f"--server={server.url}", "apply", "-k", str(folder), "--validate=strict", *how)
        kubectl(tmp_path, *arguments)
        writes = server.store.writes
        assert len(writes) == len(wanted)
        assert all("fieldValidation=Strict" in line for line in writes)
        stored = {(item["kind"], item["metadata"]["name"]): item for item in server.store.objects.values()}
        assert len(stored) == len(wanted)
        for item in wanted:
            has = stored[item["kind"], item["metadata"]["name"]]
            assert {**has, "metadata": {key: has["metadata"].get(key) for key in item["metadata"]}} == {
                **item,
                "metadata": {**item["metadata"], **annotations(has, item)},
            }
        kubectl(tmp_path, *arguments)
        assert {key: item["metadata"]["resourceVersion"] for key, item in stored.items()} == {
            (item["kind"], item["metadata"]["name"]): item["metadata"]["resourceVersion"]
            for item in server.store.objects.values()
        }


def annotations(has: dict, item: dict) -> dict:
    """Beside ours, kubectl's own note of what it applied."""
    if "annotations" not in item["metadata"]:
        return {}
    note = "kubectl.kubernetes.io/last-applied-configuration"
    more = {note: has["metadata"]["annotations"][note]} if note in has["metadata"]["annotations"] else {}
    return {"annotations": {**item["metadata"]["annotations"], **more}}


def test_what_is_wrong_in_a_file_is_refused(folder: Path, tmp_path: Path):
    changed = shutil.copytree(folder, tmp_path / "changed")
    path = next(changed.rglob("role-run.yaml"))
    path.write_text(path.read_text("utf-8") + "rule: []\n", "utf-8")
    with cluster() as server:
        arguments = (f"--server={server.url}", "apply", "-k", str(changed), "--validate=strict", "--server-side")
        said = kubectl(tmp_path, *arguments, code=1)
        assert "strict decoding error" in said or ".rule: field not declared in schema" in said
