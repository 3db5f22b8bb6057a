"""What a flow's poller has of its start step's pod: every field that upstream writes is decided, and comes out so."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from metaflow_triggers.backends.argo.compile import poller_pod
from metaflow_triggers.backends.argo.compile.workflow_template import start_template
from metaflow_triggers.diagnostics import DiagnosticError

FLOW = """
from metaflow import FlowSpec, environment, kubernetes, step
from metaflow_triggers.poll import TriggerResult, trigger

@trigger(workflow="Kp", name="k", poll_interval="1s")
def w(): return TriggerResult.skip()

class Kp(FlowSpec):
    @environment(vars={"A": "1", "EMPTY": ""})
    @kubernetes(
        cpu=2, memory=4096, image="foo/bar:1", image_pull_policy="Always", image_pull_secrets=["regcred"],
        service_account="sa", secrets=["s1"], node_selector={"x": "y"}, port=8000, shared_memory=2048, gpu=1,
        tolerations=[{"key": "k", "operator": "Exists", "value": ""}], labels={"team": "x"}, annotations={"an": "no"},
        security_context={"run_as_non_root": True, "run_as_user": 1000}, use_tmpfs=True, tmpfs_size=100,
        persistent_volume_claims={"claim": "/mnt/claim"},
    )
    @step
    def start(self): self.next(self.end)
    @step
    def end(self): pass

if __name__ == "__main__": Kp()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests import forked
    from tests.unit.commands.conftest import clean

    at = tmp_path_factory.mktemp("poller")
    (at / "kp.py").write_text(FLOW)
    words = ("-m", "metaflow_triggers.commands.cli", "compile", "--backend", "argo-workflows", "--output", "out", ".")
    done = forked.python(words, at, clean(at, METAFLOW_USER="me", METAFLOW_DATASTORE_SYSROOT_S3="s3://b/m"))
    assert done.returncode == 0, done.stderr
    return at / "out"


def of_kind(folder: Path, kind: str) -> Any:
    found = (yaml.safe_load(path.read_text()) for path in sorted(folder.rglob("*.yaml")))
    (item,) = (item for item in found if item["kind"] == kind)
    return item


def test_the_poller_has_what_the_start_steps_pod_has(folder: Path) -> None:
    template = of_kind(folder, "Deployment")["spec"]["template"]
    pod, metadata = template["spec"], template["metadata"]
    (container,) = pod.pop("containers")
    variables = {item["name"]: item for item in container.pop("env")}
    assert "&& exec python -c" in container.pop("command")[-1]
    start = start_template(of_kind(folder, "WorkflowTemplate")["spec"])
    named = of_kind(folder, "Lease")["metadata"]["name"]
    memory = {"medium": "Memory"}
    assert pod == {
        "serviceAccountName": named,
        "terminationGracePeriodSeconds": 60,
        "imagePullSecrets": [{"name": "regcred"}],
        "nodeSelector": {"x": "y"},
        "tolerations": [{"key": "k", "operator": "Exists"}],
        "volumes": [
            {"name": "tmpfs-ephemeral-volume", "emptyDir": {"sizeLimit": "100Mi", **memory}},
            {"name": "dhsm", "emptyDir": {"sizeLimit": "2Gi", **memory}},
            {"name": "claim", "persistentVolumeClaim": {"claimName": "claim"}},
        ],
    }
    assert container == {
        "name": "poller",
        "image": "foo/bar:1",
        "imagePullPolicy": "Always",
        "envFrom": [{"secretRef": {"name": "s1"}}],
        "securityContext": {"runAsNonRoot": True, "runAsUser": 1000},
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}},
        "volumeMounts": [
            {"name": "tmpfs-ephemeral-volume", "mountPath": "/metaflow_temp"},
            {"name": "dhsm", "mountPath": "/dev/shm"},
            {"name": "claim", "mountPath": "/mnt/claim"},
        ],
    }
    assert metadata["labels"] == {"team": "x", "metaflow-triggers/poller": named}
    assert metadata["annotations"].pop("metaflow-triggers/code-package")
    assert metadata["annotations"] == {"an": "no"}
    # As the API server writes what it has understood: else `create` would find the object changed, again and again.
    assert variables["EMPTY"] == {"name": "EMPTY"} and not [one for one in variables.values() if one.get("value") == ""]
    assert variables["A"]["value"] == "1" and variables["METAFLOW_TEMPDIR"]["value"] == "/metaflow_temp"
    # Each field that upstream writes is decided, and all that it can write stands above.
    assert set(start) <= set(poller_pod.OF_TEMPLATE) and set(start["container"]) <= set(poller_pod.OF_CONTAINER)
    for decided, seen in ((poller_pod.OF_TEMPLATE, start), (poller_pod.OF_CONTAINER, start["container"])):
        carried = {key for key, why in decided.items() if why == poller_pod.CARRIED}
        assert carried - set(seen) <= {"affinity"}


CHANGES: list[tuple[str, dict[str, Any], str]] = [
    ("template", {"hostAliases": []}, "hostAliases of its template"),
    ("template", {"podSpecPatch": '{"hostPID": true}'}, "hostPID of its podSpecPatch"),
    ("template", {"podSpecPatch": "[]"}, "no JSON object"),
    ("container", {"livenessProbe": {}}, "livenessProbe of its container"),
]


@pytest.mark.parametrize(("place", "change", "told"), CHANGES)
def test_what_nobody_has_decided_is_refused(folder: Path, place: str, change: dict[str, Any], told: str) -> None:
    made = copy.deepcopy(of_kind(folder, "WorkflowTemplate"))
    start = start_template(made["spec"])
    (start if place == "template" else start["container"]).update(change)
    with pytest.raises(DiagnosticError, match="does not know the shape") as caught:
        poller_pod.of_start_step(made)
    assert told in str(caught.value.diagnostics[0].notes)


def test_a_patch_goes_before_what_it_patches(folder: Path) -> None:
    made = of_kind(folder, "WorkflowTemplate")
    start_template(made["spec"])["podSpecPatch"] = (
        '{"nodeSelector": {"a": "b"}, "tolerations": [{"key": "z"}], "serviceAccountName": "sa", "hostNetwork": true}'
    )
    spec = poller_pod.of_start_step(made).spec
    assert spec["nodeSelector"] == {"x": "y", "a": "b"} and spec["hostNetwork"] is True
    assert [item["key"] for item in spec["tolerations"]] == ["k", "z"] and "serviceAccountName" not in spec
