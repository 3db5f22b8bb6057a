"""A flow's conda environment: what was resolved compiles without a network, packages leave this machine with `create`
only, and an environment that cannot be made is told in Metaflow's words.

Metaflow's own conda environment is at work; in place of micromamba stands a script that resolves every request to two
packages which lie on this machine.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import stat
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.worlds.upstream.emulated_aws import Aws, emulated_aws

from .conftest import Run, clean
from .test_create_delete import USER, clients
from .test_parts import below, namespaces

MICROMAMBA = """#!{python}
import json, os, sys
root = {root!r}
words = sys.argv[1:]
with open(root + "/calls", "a") as file:
    file.write(" ".join(words) + chr(10))
if os.path.exists(root + "/broken"):
    print(json.dumps({{"solver_problems": ["package six-1.16.0 needs a moon"]}}))
    sys.exit(1)
urls = ["https://conda.example/linux-64/" + name for name in ("python-3.11.5-0.conda", "six-1.16.0-0.conda")]
if words[:2] == ["config", "list"]:
    answer = {{"channels": ["conda-forge"], "envs_dirs": [root + "/envs"], "pkgs_dirs": [root + "/pkgs"],
              "platform": "linux-64"}}
elif words[:2] == ["env", "list"]:
    found = [os.path.join(at, name) for at, names, _ in os.walk(root + "/envs") for name in names]
    answer = {{"envs": found}}
elif "--dry-run" in words:
    answer = {{"actions": {{"LINK": [{{"url": url}} for url in urls]}}}}
else:
    os.makedirs(root + "/pkgs", exist_ok=True)
    for url in urls:
        with open(root + "/pkgs/" + url.rpartition("/")[2], "w") as file:
            file.write("package " + url)
    prefix = next(words[n + 1] for n, word in enumerate(words) if word == "--prefix") if "--prefix" in words else None
    if prefix:
        os.makedirs(prefix, exist_ok=True)
    answer = {{}}
print(json.dumps(answer))
"""
FLOW = """
from metaflow import FlowSpec, conda, step, trigger


@trigger(event="go")
class WithConda(FlowSpec):
    @conda(python="3.11.5", packages={"six": "1.16.0"})
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    WithConda()
"""
PYPI = FLOW.replace("conda", "pypi").replace("3.11.5", "3.11")
BACKENDS = ("step-functions", "argo-workflows")
PACKAGES = ["python-3.11.5-0.conda", "six-1.16.0-0.conda"]


@pytest.fixture(scope="module")
def running() -> Iterator[Aws]:
    with emulated_aws() as found:
        yield found


@pytest.fixture
def aws(running: Aws) -> Aws:
    running.recorder.asked.clear()
    return running


@pytest.fixture
def mamba(tmp_path: Path) -> Path:
    """The folder of the script that stands for micromamba."""
    root = tmp_path / "mamba"
    root.mkdir()
    script = root / "micromamba"
    script.write_text(MICROMAMBA.format(python=sys.executable, root=str(root)), "utf-8")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return root


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows/flow.py").write_text(FLOW, "utf-8")
    return tmp_path / "flows"


def command(backend: str, *more: str, environment: str = "conda") -> tuple[str, ...]:
    return ("flow.py", "--no-pylint", f"--environment={environment}", backend, *more)


def manifest(folder: Path) -> Any:
    path = folder / ".metaflow/WithConda/conda.manifest"
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


def noted(found: Any) -> list[str | None]:
    """Where each package of a manifest is said to be in the datastore."""
    kinds = [kind for platforms in found.values() for kinds in platforms.values() for kind in kinds.values()]
    return [package.get("path") for packages in kinds for package in packages]


def packed(blob: bytes) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(blob)) as archive:
        name = next(name for name in archive.getnames() if name.endswith("conda.manifest"))
        content = archive.extractfile(name)
        assert content is not None
        return content.read()


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_was_resolved_compiles_offline_and_uploads_nothing(
    run: Run, aws: Aws, folder: Path, mamba: Path, tmp_path: Path, backend: str
) -> None:
    settings = {**USER, **aws.environment, "METAFLOW_PATH_TO_MICROMAMBA": str(mamba / "micromamba")}
    first = run(*command(backend, "compile", "--package-output", str(tmp_path / "one")), cwd=folder, settings=settings)
    assert first.code == 0, first.err
    assert aws.recorder.asked == []
    assert all(yaml.safe_load_all(first.out)) and "Bootstrapping" in first.err and "local datastore" in first.err
    files = below(tmp_path / "one")
    packages = {name: text for name, text in files.items() if name.startswith("conda/")}
    assert sorted(name.rpartition("/")[2] for name in packages) == PACKAGES
    assert all(text == f"package https://{name[6:]}".encode() for name, text in packages.items())
    (package,) = (text for name, text in files.items() if name.startswith("WithConda/data/"))
    # A task looks for its packages where they will be; this machine does not say that they are there already.
    assert sorted(set(noted(json.loads(packed(package))))) == sorted(name.removeprefix("conda/") for name in packages)
    assert manifest(folder) and set(noted(manifest(folder))) == {None}

    (mamba / "calls").unlink()
    again = [sys.executable, *command(backend, "compile", "--package-output", str(tmp_path / "two"))]
    done = subprocess.run(
        ["unshare", "-rn", *again] if namespaces() else again,
        cwd=folder,
        env=clean(tmp_path, **settings),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, first.out), done.stderr
    assert below(tmp_path / "two") == files
    assert "--dry-run" not in (mamba / "calls").read_text()


POLLS = """from metaflow_triggers.poll import TriggerResult, trigger


@trigger(workflow="WithConda", name="inbox", poll_interval="10s")
def inbox():
    return TriggerResult.skip()
"""


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_poller_has_the_packages_of_the_start_step(
    run: Run, aws: Aws, folder: Path, mamba: Path, backend: str
) -> None:
    """It comes by them as the step does, and polls with their Python."""
    (folder / "flow.py").write_text(POLLS + FLOW, "utf-8")
    settings = {**USER, **aws.environment, "METAFLOW_PATH_TO_MICROMAMBA": str(mamba / "micromamba")}
    done = run(*command(backend, "compile", "--package-output", "out"), cwd=folder, settings=settings)
    assert done.code == 0, done.err
    found = list(yaml.safe_load_all(done.out))
    if backend == "step-functions":
        (template,) = found
        job = template["Resources"]["PollerJob"]["Properties"]["ContainerProperties"]["Command"][-1]
        step = template["Resources"]["StateMachine"]["Properties"]["Definition"]["States"]["start"]["Parameters"]
        whole = step["ContainerOverrides"]["Command"][-1]
        job, whole = (text["Fn::Sub"][0] for text in (job, whole))
    else:
        (pod,) = (item["spec"]["template"] for item in found if item["kind"] == "Deployment")
        (workflow,) = (item for item in found if item["kind"] == "WorkflowTemplate")
        job = pod["spec"]["containers"][0]["command"][-1]
        (whole,) = (
            item["container"]["command"][-1] for item in workflow["spec"]["templates"] if item["name"] == "start"
        )
    loading, python = " -m metaflow.plugins.pypi.bootstrap ", re.compile(r"\$\{?!?MF_ARCH\}?/\w+/bin/python -s ")
    (of_step,) = re.findall(rf"python{loading}WithConda \w+ s3 ", whole)
    assert job.count(of_step) == 1
    (mine,) = set(python.findall(job))
    assert {mine} == set(python.findall(whole)) and f" && exec {mine}-c " in job
    assert job.index("tar -xzf") < job.index(of_step) < job.index(f"exec {mine}") and "flush_mflogs(){ :; }" in job


def test_create_uploads_the_packages_and_notes_it(run: Run, aws: Aws, folder: Path, mamba: Path) -> None:
    settings = {**USER, **aws.environment, "METAFLOW_PATH_TO_MICROMAMBA": str(mamba / "micromamba")}
    planned = run(*command(BACKENDS[0], "create", "--plan"), cwd=folder, settings=settings)
    assert planned.code == 0, planned.err
    assert [one for one in aws.recorder.asked if one.startswith("PUT ")] == []
    assert set(noted(manifest(folder))) == {None}
    made = run(*command(BACKENDS[0], "create"), cwd=folder, settings=settings)
    assert made.code == 0, made.err
    paths = sorted(set(noted(manifest(folder))))
    assert [str(path).rpartition("/")[2] for path in paths] == PACKAGES
    s3 = clients(aws)("s3")
    for path in paths:
        body = s3.get_object(Bucket="mf-test", Key=f"metaflow/conda/{path}")["Body"].read()
        assert body == f"package https://{path}".encode()
    aws.recorder.asked.clear()
    again = run(*command(BACKENDS[0], "create"), cwd=folder, settings=settings)
    assert again.code == 0 and "nothing to do" in again.err, again.err
    assert [one for one in aws.recorder.asked if "conda" in one] == []


def test_what_metaflow_resolved_before_is_not_resolved_again(run: Run, aws: Aws, folder: Path, mamba: Path) -> None:
    settings = {**USER, **aws.environment, "METAFLOW_PATH_TO_MICROMAMBA": str(mamba / "micromamba")}
    assert run(*command(BACKENDS[0], "create"), cwd=folder, settings=settings).code == 0
    (mamba / "calls").unlink()
    shutil.rmtree(mamba / "pkgs")
    done = run(*command(BACKENDS[0], "compile", "--package-output", "out"), cwd=folder, settings=settings)
    assert done.code == 0, done.err
    assert "--dry-run" not in (mamba / "calls").read_text()
    assert [name for name in below(folder / "out") if name.startswith("conda/")] == []


def one_message(done: Any, name: str) -> str:
    assert done.code == 1, done.err
    assert done.err.count("error[") == 1 and "error[FT123]" in done.err, done.err
    assert f"the environment `{name}` could not be prepared" in done.err
    assert "Traceback" not in done.err and "FT900" not in done.err
    return str(done.err)


def test_an_environment_that_cannot_be_resolved_is_told_in_its_own_words(run: Run, folder: Path, mamba: Path) -> None:
    (mamba / "broken").touch()
    settings = {**USER, "METAFLOW_PATH_TO_MICROMAMBA": str(mamba / "micromamba")}
    assert "needs a moon" in one_message(run(*command(BACKENDS[0], "compile"), cwd=folder, settings=settings), "conda")
    without = run(*command(BACKENDS[0], "compile", "--no-code-package"), cwd=folder, settings=settings)
    assert without.code == 0, without.err  # as the help says


@pytest.mark.skipif(not namespaces(), reason="needs network namespaces")
@pytest.mark.parametrize("environment", ["conda", "pypi"])
def test_without_a_network_and_micromamba_it_is_one_message(folder: Path, tmp_path: Path, environment: str) -> None:
    (folder / "flow.py").write_text(FLOW if environment == "conda" else PYPI, "utf-8")
    began = time.monotonic()
    done = subprocess.run(
        ["unshare", "-rn", sys.executable, *command(BACKENDS[1], "compile", environment=environment)],
        cwd=folder,
        env=clean(tmp_path, **USER),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = one_message(type("", (), {"code": done.returncode, "err": done.stderr}), environment)
    assert "Micromamba" in said and "1.5.7" in said
    assert time.monotonic() - began < 60  # 10 seconds where nothing else runs


def test_the_project_command_tells_it_once(folder: Path, triggers: Run, mamba: Path) -> None:
    (mamba / "broken").touch()
    settings = {
        **USER,
        "METAFLOW_PATH_TO_MICROMAMBA": str(mamba / "micromamba"),
        "METAFLOW_DEFAULT_ENVIRONMENT": "conda",
    }
    done = triggers("compile", "flow.py", "--output", "out", cwd=folder, settings=settings)
    assert "needs a moon" in one_message(done, "conda")
