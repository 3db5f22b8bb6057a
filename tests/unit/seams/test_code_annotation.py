"""The code package of a WorkflowTemplate is named in one field, or exactly as upstream names it."""

from __future__ import annotations

import copy
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from metaflow_triggers.backends.argo.verify import code_references
from metaflow_triggers.manifests.text import yaml_text
from metaflow_triggers.seams.code_annotation import in_one_field

SHA = "89abcdef0123456789abcdef0123456789abcdef"
PATH = f"Flow/data/{SHA[:2]}/{SHA}"
ANNOTATION, VARIABLE = "metaflow-triggers/code-package", "METAFLOW_TRIGGERS_CODE_PACKAGE"
DOWNLOADS = {
    "s3": 'python -c \'import boto3, os; ep=os.getenv("E"); '
    """boto3.client("s3").download_file("{root}", "{path}", "job.tar")'""",
    "azure": "download-azure-blob --blob-endpoint=${E%/} --container={root} --blob={path} --output-file=job.tar",
    "gs": "download-gcp-object --bucket={root} --object={path} --output-file=job.tar",
}


def command(kind: str, path: str = PATH) -> str:
    """As metaflow_environment.py writes it."""
    download = (
        DOWNLOADS[kind].replace("{root}", "bucket").replace("{path}", f"pre fix/{path}" if kind == "s3" else path)
    )
    url = f"{kind}://bucket/{path}"
    return (
        "mflog(){ echo $1;  } && i=0; while [ $i -le 1 ]; do "
        f"{download} && break; i=$((i+1)); done && if [ $i -gt 1 ]; then "
        f"mflog 'Failed to download code package from {url} after 6 tries. Exiting...' && exit 1; fi && printenv"
    )


def container(kind: str = "s3", path: str = PATH, sha: str = SHA) -> dict[str, Any]:
    env = [
        {"name": "OTHER", "value": "kept"},
        {"name": "METAFLOW_CODE_URL", "value": f"{kind}://bucket/{path}"},
        {"name": "METAFLOW_CODE_SHA", "value": sha},
    ]
    return {"command": ["bash", "-c", command(kind, path)], "env": env}


def template(kind: str = "s3", path: str = PATH, sha: str = SHA) -> dict[str, Any]:
    pods = [{"name": "w", **container(kind, path, sha)}]
    job = {"template": {"spec": {"template": {"spec": {"containers": pods}}}}}
    return {
        "spec": {
            "templates": [
                {"name": "steps", "dag": {"tasks": []}},
                {"name": "start", "container": container(kind, path, sha)},
                {"name": "other", "container": {"command": ["true"], "env": []}},
                {"name": "sets", "resource": {"manifest": yaml_text({"spec": {"replicatedJobs": [job, job]}})}},
            ]
        }
    }


@pytest.mark.parametrize("kind", DOWNLOADS)
@pytest.mark.parametrize(
    ("path", "sha"), [(PATH, SHA), ("OPEN.CodePackagePath.SETTING", "OPEN.CodePackageSha.SETTING")]
)
def test_the_place_stands_once_and_once_more_for_a_job_set(kind: str, path: str, sha: str) -> None:
    given = template(kind, path, sha)
    before = copy.deepcopy(given)
    made = in_one_field(given, path, sha)
    assert given == before
    assert made["spec"]["podMetadata"] == {"annotations": {ANNOTATION: path}}
    text = yaml_text(made)
    assert text.count(path) == 2 and text.count(sha) == text.count(path) * (sha in path)
    assert list(code_references.mistakes(made["spec"])) == []
    *_, other, sets = made["spec"]["templates"]
    assert other == before["spec"]["templates"][2]
    assert sets["inputs"]["parameters"] == [{"name": "metaflow-triggers-code-package", "value": path}]


@pytest.mark.parametrize("kind", DOWNLOADS)
def test_a_task_finds_the_place_and_no_byte_of_it_is_read_as_a_command(kind: str, tmp_path: Path) -> None:
    """What would be a hole is put into the annotation: the command gives it to the download as it is."""
    hostile = f"""F'"; touch pwned #$(touch pwned)`touch pwned`")/{SHA}"""
    made = in_one_field(template(kind), PATH, SHA)["spec"]["templates"][1]["container"]
    values = {entry["name"]: entry.get("value", hostile).replace(f"$({VARIABLE})", hostile) for entry in made["env"]}
    (tmp_path / "boto3.py").write_text(
        "class client:\n"
        "    def __init__(self, kind): pass\n"
        "    def download_file(self, *given): open('asked', 'w').write(repr(given))\n"
    )
    for name in ("download-azure-blob", "download-gcp-object"):
        (tmp_path / name).write_text('#!/bin/sh\nfor one in "$@"; do echo "$one"; done > asked\n')
        (tmp_path / name).chmod(0o755)
    search = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        made["command"], cwd=tmp_path, env=search | values, capture_output=True, text=True, check=True
    )
    asked = (tmp_path / "asked").read_text()
    if kind == "s3":
        assert asked == repr(("bucket", f"pre fix/{hostile}", "job.tar"))
    else:
        assert {"azure": f"--blob={hostile}", "gs": f"--object={hostile}"}[kind] in asked.splitlines()
    assert f"METAFLOW_CODE_SHA={SHA}" in done.stdout.splitlines()
    assert f"METAFLOW_CODE_URL={kind}://bucket/{hostile}" in done.stdout.splitlines()
    for name in ("boto3.py",):
        (tmp_path / name).write_text("raise SystemExit(1)\n")
    for name in ("download-azure-blob", "download-gcp-object"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n")
    done = subprocess.run(
        made["command"], cwd=tmp_path, env=search | values, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert f"Failed to download code package from {kind}://bucket/{hostile} after" in done.stdout
    assert not (tmp_path / "pwned").exists()


def _unknown_download(given: Any) -> None:
    text = given["spec"]["templates"][1]["container"]["command"][2]
    given["spec"]["templates"][1]["container"]["command"][2] = text.replace("python -c 'import boto3, os;", "curl '")


def _variable_of_the_users(given: Any) -> None:
    given["spec"]["templates"][2]["container"]["env"].append({"name": VARIABLE, "value": "x"})


def _annotation_of_the_users(given: Any) -> None:
    given["spec"]["templates"][1]["metadata"] = {"annotations": {ANNOTATION: "x"}}


@pytest.mark.parametrize("change", [_unknown_download, _variable_of_the_users, _annotation_of_the_users])
def test_what_cannot_be_in_one_field_stays_as_it_is(change: Any) -> None:
    given = template()
    change(given)
    before = copy.deepcopy(given)
    assert in_one_field(given, PATH, SHA) == before


def _no_annotation(spec: Any) -> None:
    del spec["podMetadata"]


def _another_annotation(spec: Any) -> None:
    spec["templates"][1]["metadata"] = {"annotations": {ANNOTATION: "x"}}


def _a_literal(spec: Any) -> None:
    spec["templates"][1]["container"]["env"][0] = {"name": VARIABLE, "value": "{{workflow.parameters.code}}"}


def _too_late(spec: Any) -> None:
    spec["templates"][1]["container"]["env"].reverse()


def _twice(spec: Any) -> None:
    spec["templates"][1]["container"]["env"].append({"name": VARIABLE, "value": "x"})


def _another_input(spec: Any) -> None:
    spec["templates"][3]["inputs"]["parameters"][0]["value"] = "x"


def _nobody_reads(spec: Any) -> None:
    del spec["templates"][1], spec["templates"][2]


@pytest.mark.parametrize(
    "change",
    [_no_annotation, _another_annotation, _a_literal, _too_late, _twice, _another_input, _nobody_reads],
)
def test_what_a_task_would_not_find_is_a_mistake(change: Any) -> None:
    spec = in_one_field(template(), PATH, SHA)["spec"]
    change(spec)
    assert list(code_references.mistakes(spec)) != []


def test_a_job_set_reads_as_before() -> None:
    made = in_one_field(template(), PATH, SHA)["spec"]["templates"][3]["resource"]["manifest"]
    jobs = yaml.safe_load(made)["spec"]["replicatedJobs"]
    assert len(jobs) == 2
    for job in jobs:
        (one,) = job["template"]["spec"]["template"]["spec"]["containers"]
        assert one["env"][0] == {"name": VARIABLE, "value": "{{inputs.parameters.metaflow-triggers-code-package}}"}
