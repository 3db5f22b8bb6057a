"""What is handed out for CI (examples/ci) does on this machine what GitHub, pre-commit and Argo CD would do with it.

The steps of the workflows are run as they are written, by the shell that GitHub runs them with; `gh` is a script that
keeps what it is told.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from .environments import ROOT

PARTS = ROOT / "examples" / "ci"
WORKFLOWS = ("pull-request.yml", "pull-request-comment.yml", "deploy.yml")

FLOW = """\
from metaflow import FlowSpec, Parameter, step, trigger


@trigger(event={{'name': '{event}', 'parameters': {{'order_id': 'orderId'}}}})
class ProcessOrder(FlowSpec):
    order_id = Parameter('order_id')

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == '__main__':
    ProcessOrder()
"""

GH = """\
#!{python}
import json, os, shutil, sys
words, world = sys.argv[1:], os.environ['WORLD']
body = json.load(open(words[words.index('--input') + 1])) if '--input' in words else None
with open(world + '/asked', 'a') as asked:
    print(json.dumps([words, body]), file=asked)
if words[:2] == ['run', 'download']:
    shutil.copytree(world + '/artifact', words[words.index('--dir') + 1])
elif '--jq' in words and words[words.index('--jq') + 1] == '.head.sha':
    print('HEAD')
elif '--paginate' in words:
    print(os.environ.get('OWN', ''), end='')
"""


def workflow(name: str) -> dict[Any, Any]:
    loaded: dict[Any, Any] = yaml.safe_load((PARTS / name).read_text("utf-8"))
    return loaded


def jobs(name: str) -> list[dict[str, Any]]:
    return list(workflow(name)["jobs"].values())


def steps(name: str) -> list[dict[str, Any]]:
    return [step for job in jobs(name) for step in job["steps"]]


def run(step: dict[str, Any], folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """A step as GitHub runs it: `bash -e` on a file."""
    script = folder.parent / "step.sh"
    script.write_text(step["run"], "utf-8")
    return subprocess.run(
        ["bash", "-e", str(script)], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def named(name: str, what: str) -> dict[str, Any]:
    (found,) = [step for step in steps(name) if step.get("name") == what]
    return found


@pytest.fixture
def world(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A repository with a flow, committed, and the environment of a runner."""
    repository = tmp_path / "repository"
    (repository / "flows").mkdir(parents=True)
    (repository / "flows" / "order.py").write_text(FLOW.format(event="order-placed"), "utf-8")
    (repository / "metaflow-triggers.toml").write_text('id = "shop"\npaths = ["flows"]\n', "utf-8")
    (tmp_path / "temp").mkdir()
    (tmp_path / "bin").mkdir()
    gh = tmp_path / "bin" / "gh"
    gh.write_text(GH.format(python=sys.executable), "utf-8")
    gh.chmod(0o755)
    tools = os.pathsep.join([str(tmp_path / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {
        "PATH": tools,
        "HOME": str(tmp_path),
        "METAFLOW_HOME": str(tmp_path),
        "METAFLOW_USER": "runner",
        "METAFLOW_DEFAULT_CONTAINER_IMAGE": "python:3.11",
        "RUNNER_TEMP": str(tmp_path / "temp"),
        "WORLD": str(tmp_path),
        "GIT_CONFIG_NOSYSTEM": "1",
    }
    for words in (
        ["init", "--quiet", "--initial-branch=main"],
        ["config", "user.email", "reviewer@example.org"],
        ["config", "user.name", "reviewer"],
    ):
        subprocess.run(["git", *words], cwd=repository, env=environment, check=True)
    compiled = subprocess.run(
        ["metaflow-triggers", "compile", "--output", "manifests"], cwd=repository, env=environment, capture_output=True
    )
    assert compiled.returncode == 0, compiled.stderr
    commit(repository, environment, "orders")
    return repository, environment


def commit(repository: Path, environment: dict[str, str], message: str) -> str:
    for words in (["add", "--all"], ["commit", "--quiet", "--message", message]):
        subprocess.run(["git", *words], cwd=repository, env=environment, check=True)
    done = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=repository, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


# what they may do -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WORKFLOWS)
def test_each_begins_as_little_as_possible_and_no_expression_is_in_a_script(name: str) -> None:
    text = (PARTS / name).read_text("utf-8")
    assert "pull_request_target" not in text
    assert "secrets." not in text
    assert workflow(name)["permissions"]
    for step in steps(name):
        assert "${{" not in step.get("run", "")
        assert re.fullmatch(r"[a-z-]+/[a-z-]+@v[0-9]+", step.get("uses", "actions/checkout@v4"))
        if "actions/checkout" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False


def test_what_runs_the_code_of_a_pull_request_may_read_and_what_may_write_runs_none_of_it() -> None:
    assert workflow("pull-request.yml")[True] == "pull_request"  # YAML 1.1 reads `on` so
    assert workflow("pull-request.yml")["permissions"] == {"contents": "read"}
    writes = workflow("pull-request-comment.yml")
    assert writes[True] == {"workflow_run": {"workflows": ["metaflow-triggers"], "types": ["completed"]}}
    assert writes["permissions"] == {"actions": "read", "pull-requests": "write"}
    assert not any("uses" in step for step in steps("pull-request-comment.yml"))
    for name in WORKFLOWS:
        assert not any("permissions" in job for job in jobs(name))


# what they do ---------------------------------------------------------------------------------------------------------


def test_a_pull_request_is_checked_and_its_comment_says_what_starts_differently(
    world: tuple[Path, dict[str, str]],
) -> None:
    repository, environment = world
    base = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=repository, env=environment, check=True, capture_output=True, text=True
    ).stdout.strip()
    (repository / "flows" / "order.py").write_text(FLOW.format(event="order-paid"), "utf-8")
    commit(repository, environment, "paid, not placed")

    pulled = {**environment, "BASE": base, "NUMBER": "7"}
    done = run(named("pull-request.yml", "Check"), repository, pulled)
    assert done.returncode == 0, done.stderr
    assert "::notice title=FT202::no flow of these files emits `order-paid`" in done.stdout
    done = run(named("pull-request.yml", "What would start differently"), repository, pulled)
    assert done.returncode == 0, done.stderr
    stale = run(named("pull-request.yml", "The committed manifests are those of the flows"), repository, pulled)
    assert stale.returncode == 1, stale.stderr
    assert "ProcessOrder" in stale.stdout + stale.stderr

    (repository / "review").rename(Path(environment["WORLD"]) / "artifact")
    where = Path(environment["WORLD"]) / "runner"
    where.mkdir()
    made = {**environment, "GH_REPO": "shop/flows", "RUN": "1", "HEAD": "HEAD"}
    done = run(named("pull-request-comment.yml", "Comment"), where, made)
    assert done.returncode == 0, done.stderr
    asked = [json.loads(line) for line in (Path(environment["WORLD"]) / "asked").read_text("utf-8").splitlines()]
    words, body = asked[-1]
    assert words[:4] == ["api", "--method", "POST", "repos/shop/flows/issues/7/comments"]
    assert body["body"] == (ROOT / "tests" / "acceptance" / "comment.md").read_text("utf-8")

    done = run(named("pull-request-comment.yml", "Comment"), empty(where), {**made, "OWN": "12"})
    assert done.returncode == 0, done.stderr
    asked = [json.loads(line) for line in (Path(environment["WORLD"]) / "asked").read_text("utf-8").splitlines()]
    assert asked[-1][0][:4] == ["api", "--method", "PATCH", "repos/shop/flows/issues/comments/12"]


def test_a_mistake_is_an_annotation_at_its_line(world: tuple[Path, dict[str, str]]) -> None:
    repository, environment = world
    (repository / "flows" / "order.py").write_text(FLOW.format(event="order placed"), "utf-8")
    done = run(named("pull-request.yml", "Check"), repository, environment)
    assert done.returncode == 1, done.stderr
    assert re.search(r"^::error .*file=flows/order\.py,.*line=4\b.*::the event name 'order placed'", done.stdout, re.M)


def empty(folder: Path) -> Path:
    other = folder.parent / f"{folder.name}-again"
    other.mkdir()
    return other


@pytest.mark.parametrize("text", ["```\n@everyone <img src=x>\n```", "````", "$(id) `id` ${{ x }}"])
def test_what_a_pull_request_says_stays_in_its_fence(world: tuple[Path, dict[str, str]], text: str) -> None:
    _, environment = world
    artifact = Path(environment["WORLD"]) / "artifact"
    artifact.mkdir()
    (artifact / "number").write_text("7", "utf-8")
    (artifact / "text").write_text(text, "utf-8")
    where = Path(environment["WORLD"]) / "runner"
    where.mkdir()
    made = {**environment, "GH_REPO": "shop/flows", "RUN": "1", "HEAD": "HEAD"}
    done = run(named("pull-request-comment.yml", "Comment"), where, made)
    assert done.returncode == 0, done.stderr
    asked = [json.loads(line) for line in (Path(environment["WORLD"]) / "asked").read_text("utf-8").splitlines()]
    lines = asked[-1][1]["body"].splitlines()
    fence = lines[3].removesuffix("text")
    assert set(fence) == {"`"} and len(fence) >= 3
    assert [number for number, line in enumerate(lines) if line.strip().startswith(fence)] == [3, len(lines) - 1]
    assert "\n".join(lines[4:-1]) == text


@pytest.mark.parametrize(("number", "head", "code"), [("7; id", "HEAD", 1), ("", "HEAD", 1), ("7", "OTHER", 0)])
def test_no_comment_is_made_under_what_is_no_pull_request_of_that_commit(
    world: tuple[Path, dict[str, str]], number: str, head: str, code: int
) -> None:
    _, environment = world
    artifact = Path(environment["WORLD"]) / "artifact"
    artifact.mkdir()
    (artifact / "number").write_text(number, "utf-8")
    (artifact / "text").write_text("nothing", "utf-8")
    where = Path(environment["WORLD"]) / "runner"
    where.mkdir()
    done = run(
        named("pull-request-comment.yml", "Comment"),
        where,
        {**environment, "GH_REPO": "shop/flows", "RUN": "1", "HEAD": head},
    )
    assert done.returncode == code, done.stderr
    assert "POST" not in (Path(environment["WORLD"]) / "asked").read_text("utf-8")


def test_the_hook_of_pre_commit_runs_what_it_says(world: tuple[Path, dict[str, str]]) -> None:
    pytest.importorskip("pre_commit", reason="pre-commit is not installed; `make test` installs it")
    repository, environment = world
    config = (PARTS / "pre-commit-config.yaml").read_text("utf-8")
    (repository / ".pre-commit-config.yaml").write_text(config, "utf-8")
    broken = FLOW.format(event="order-placed").replace("'order_id': 'orderId'", "'ordr_id': 'orderId'")
    (repository / "flows" / "order.py").write_text(broken, "utf-8")
    subprocess.run(["git", "add", "--all"], cwd=repository, env=environment, check=True)
    words = [sys.executable, "-m", "pre_commit", "run"]
    done = subprocess.run(words, cwd=repository, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "flows/order.py:4" in done.stdout and "FT30" in done.stdout


def test_what_argo_cd_is_pointed_at_is_what_compile_writes(world: tuple[Path, dict[str, str]]) -> None:
    repository, _ = world
    (application,) = yaml.safe_load_all((PARTS / "argo-cd-application.yaml").read_text("utf-8"))
    listed = yaml.safe_load((repository / application["spec"]["source"]["path"] / "kustomization.yaml").read_text())
    assert listed["resources"] == ["_shared", "processorder"]
