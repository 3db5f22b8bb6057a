"""A @parallel step runs as a JobSet, a text in the WorkflowTemplate: its containers get what other steps get."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ...unit.commands.conftest import Run, run  # noqa: F401 - a fixture
from ...unit.commands.test_create_delete import aws, kubernetes  # noqa: F401 - fixtures

COMMAND = ("flow.py", "--no-pylint", "argo-workflows")
FLOW = """from metaflow import FlowSpec, kubernetes, parallel, step, trigger


@trigger(event="batch-arrived")
class TrainTogether(FlowSpec):
    @step
    def start(self):
        self.next(self.train, num_parallel=2)

    @kubernetes
    @parallel
    @step
    def train(self):
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    TrainTogether()
"""
WORKERS = "{{=asInt(inputs.parameters.workerCount)}}"


@pytest.fixture
def template(run: Run, tmp_path: Path) -> Any:  # noqa: F811
    (tmp_path / "flow.py").write_text(FLOW, "utf-8")
    done = run(
        "flow.py",
        *("--no-pylint", "argo-workflows", "compile", "--no-code-package", "--output", "out"),
        cwd=tmp_path,
        settings={"METAFLOW_DEFAULT_CONTAINER_IMAGE": "python:3.11", "METAFLOW_TRIGGERS_EVENT_SOURCE": "shop"},
    )
    assert done.code == 0, done.err
    return yaml.safe_load((tmp_path / "out/argo-workflows/traintogether/workflowtemplate.yaml").read_text("utf-8"))


def test_every_container_of_a_job_set_has_the_environment_of_the_other_steps(template: Any) -> None:
    named = {item["name"]: item for item in template["spec"]["templates"]}
    manifest = named["train"]["resource"]["manifest"]
    assert f"replicas: {WORKERS}\n" in manifest, "the number of workers became a text"
    jobs = yaml.safe_load(manifest.replace(WORKERS, "1"))["spec"]["replicatedJobs"]
    assert [job["name"] for job in jobs] == ["control", "worker"]
    ours = (
        "METAFLOW_TRIGGERS_WEBHOOK_URL",
        "METAFLOW_TRIGGERS_WEBHOOK_TOKEN",
        "METAFLOW_PRODUCTION_TOKEN",
        "METAFLOW_TRIGGERS_EVENT_SOURCE",
        "METAFLOW_VERSION",
    )
    expected = {item["name"]: item for item in named["start"]["container"]["env"] if item["name"] in ours}
    assert sorted(expected) == sorted(ours)
    for job in jobs:
        (container,) = job["template"]["spec"]["template"]["spec"]["containers"]
        entries = [item for item in container["env"] if item["name"] in ours]
        assert {item["name"]: item for item in entries} == expected
        assert len(entries) == len(ours), "an entry of upstream was kept beside ours"
    assert "production_token" not in manifest and "OPEN.ProductionToken" not in manifest
    # Its pods have no annotations of the Workflow: the place of their code package is an input of the step.
    assert "OPEN.CodePackage" not in manifest
    place = {"name": "metaflow-triggers-code-package", "value": "OPEN.CodePackagePath.SETTING"}
    assert place in named["train"]["inputs"]["parameters"]
    assert str(template).count("OPEN.CodePackagePath.SETTING") == 2


@pytest.mark.parametrize(
    "trigger",
    ['@trigger(event="batch-arrived")\n', pytest.param("", marks=pytest.mark.long)],
    ids=["triggered", "by hand"],
)
def test_it_is_created_repeated_compared_and_deleted(
    run: Run,  # noqa: F811
    aws: Any,  # noqa: F811
    kubernetes: Any,  # noqa: F811
    tmp_path: Path,
    trigger: str,
) -> None:
    folder = tmp_path / "flows"
    folder.mkdir()
    (folder / "flow.py").write_text(FLOW.replace('@trigger(event="batch-arrived")\n', trigger), "utf-8")
    settings = {"METAFLOW_USER": "tester", **aws.environment, **kubernetes.settings}
    made = run(*COMMAND, "create", cwd=folder, settings=settings)
    assert made.code == 0, made.err
    (template,) = kubernetes.objects("workflowtemplates").values()
    named = {item["name"]: item for item in template["spec"]["templates"]}
    assert "OPEN." not in named["train"]["resource"]["manifest"]
    again = run(*COMMAND, "create", cwd=folder, settings=settings)
    assert again.code == 0 and "nothing to do" in again.err, again.err
    same = run(*COMMAND, "diff", "--live", cwd=folder, settings=settings)
    assert same.code == 0, same.out + same.err
    (folder / "flow.py").write_text(FLOW.replace("batch-arrived", "another"), "utf-8")
    changed = run(*COMMAND, "diff", "--live", cwd=folder, settings=settings)
    assert changed.code == 1 and "another" in changed.out, changed.out + changed.err
    planned = run(*COMMAND, "delete", "--shared", "--plan", cwd=folder, settings=settings)
    assert planned.code == 0 and kubernetes.objects("workflowtemplates"), planned.err
    gone = run(*COMMAND, "delete", "--shared", cwd=folder, settings=settings)
    assert gone.code == 0, gone.err
    done = [line.split()[1:] for line in gone.err.splitlines() if line.startswith("deleted ")]
    assert [line.split()[-2:] for line in planned.out.splitlines()] == done
    assert not kubernetes.objects("workflowtemplates") and not kubernetes.objects("sensors")
