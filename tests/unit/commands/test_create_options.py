"""Options of each flow's own `create`, given to a command over many flows."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from metaflow_triggers.commands import create_options
from metaflow_triggers.commands.cli import main

from .conftest import Run
from .test_create_many import flow
from .warm import warm

OURS = {"accept-changes", "plan", "strict", "replaces"}
GROUPS = {
    "step-functions": "metaflow.plugins.aws.step_functions.step_functions_cli.step_functions",
    "argo-workflows": "metaflow.plugins.argo.argo_workflows_cli.argo_workflows",
}
SETTINGS = {
    "METAFLOW_SFN_COMPRESS_STATE_MACHINE": "True",
    "METAFLOW_DATASTORE_SYSROOT_S3": "s3://flows/x",
    "METAFLOW_BATCH_JOB_QUEUE": "queue",
    "METAFLOW_ECS_S3_ACCESS_IAM_ROLE": "arn:aws:iam::123456789012:role/job",
}
GIVEN = {
    "step-functions": ("--tag", "a", "--tag", "b", "--aws-batch-tag", "team=ml", "--workflow-timeout", "600"),
    "argo-workflows": ("--tag", "a", "--tag", "b", "--workflow-timeout", "600", "--workflow-priority", "3"),
}
BOTH = (
    "--tag",
    "a",
    "--tag",
    "b",
    "--aws-batch-tag",
    "team=ml",
    "--workflow-timeout",
    "600",
    "--workflow-priority",
    "3",
)


def metaflows(path: str) -> tuple[Any, dict[str, Any]]:
    """A command group of Metaflow's, and the options of its `create` by their long names."""
    module, _, name = path.rpartition(".")
    group: Any = getattr(importlib.import_module(module), name)
    return group, {item.opts[-1].removeprefix("--"): item for item in group.commands["create"].params}


def test_the_list_is_that_of_metaflow() -> None:
    found: dict[str, set[str]] = {}
    for backend, path in GROUPS.items():
        group, options = metaflows(path)
        assert [item.name for item in group.params] == ["name"]
        for name, option in options.items():
            found.setdefault(name, set()).add(backend)
            if name in create_options.EACH:
                kind = create_options.EACH[name][0]
                is_ = "switch" if option.is_flag else "many" if option.multiple else option.type.name
                assert is_ == {"text": "text", "number": "integer"}.get(kind, kind), name
                assert bool(option.secondary_opts) == (kind == "switch"), name
    for name, (_, _, backend) in create_options.EACH.items():
        assert found.pop(name) == ({backend} if backend else set(GROUPS)), name
    # `replaces` is ours, `name` stands before `create`.
    assert set(found) == create_options.OWN | set(create_options.ONE_FLOW) - {"name", "replaces"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("flows")
    flow(made, "One", "@trigger(event='order-placed')")
    return made


@pytest.fixture(scope="module")
def triggers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with warm(tmp_path_factory.mktemp("warm"), **SETTINGS) as run:
        yield run


def contents(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): file.read_text()
        for file in folder.rglob("*")
        if file.is_file() and file.name not in ("metaflow-triggers.json", "kustomization.yaml")
    }


def test_they_mean_what_they_mean_for_one_flow(triggers: Run, run: Run, folder: Path, tmp_path: Path) -> None:
    """Options, and what Metaflow's configuration says of them, which counts where no option does."""
    many = tmp_path / "many"
    done = triggers("compile", ".", "--output", str(many), *BOTH, "--external-event", "order-placed", cwd=folder)
    assert done.code == 0, done.err
    alone = tmp_path / "alone"
    for backend, words in GIVEN.items():
        single = run(
            *("one.py", "--no-pylint", backend, "compile", "--output", str(alone), *words),
            cwd=folder,
            settings={"METAFLOW_USER": "me", **SETTINGS},
        )
        assert single.code == 0, single.err
    assert contents(many) == contents(alone)
    text = "".join(contents(many).values())
    for word in ("--tag a --tag b", "priority: 3", "activeDeadlineSeconds: 600", "TimeoutSeconds: 600"):
        assert word in text
    plain = triggers("compile", ".", "--output", str(tmp_path / "plain"), cwd=folder)
    assert plain.code == 0 and contents(tmp_path / "plain") != contents(many)
    index = (many / "metaflow-triggers.json").read_text()
    assert '"options": "--tag a --tag b --aws-batch-tag team=ml --workflow-timeout 600 --workflow-priority 3"' in index


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("create", "--replaces", "Old"), "--replaces is for one flow: one flow stands for another deployment: "),
        (("create", "--name", "x"), "--name is for one flow: "),
        (("create", "--only-json"), "--only-json is for one flow: one document: "),
        (("compile", "--workflow-title=x"), "--workflow-title is for one flow: "),
        (
            ("check", "--backend", "argo-workflows", "--aws-batch-tag", "a=b"),
            "--aws-batch-tag is for step-functions, and this command is for argo-workflows",
        ),
        (
            ("create", "--backend", "argo-workflows", "--log-execution-history"),
            "--log-execution-history is for step-functions, and this command is for argo-workflows",
        ),
        (
            ("diff", "--live", "--backend", "step-functions", "--no-notify-on-error"),
            "--no-notify-on-error is for argo-workflows, and this command is for step-functions",
        ),
        (
            ("create", "--from", "out", "--tag", "a"),
            "--tag changes what is compiled, and --from deploys a folder as it is",
        ),
        (("compile", "--max-workers", "many"), "argument --max-workers: invalid int value: 'many'"),
    ],
)
def test_what_cannot_be_for_many_flows_is_refused(
    words: tuple[str, ...], said: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2
    assert f"metaflow-triggers {words[0]}: error: {said}" in capsys.readouterr().err


def test_production_can_be_taken_back(triggers: Run, tmp_path: Path) -> None:
    flow(tmp_path, "One", "@project(name='p')")
    (tmp_path / "metaflow-triggers.toml").write_text("production = true\n")

    def branch(*words: str) -> str:
        done = triggers("compile", ".", "--format", "json", "--backend", "step-functions", *words, cwd=tmp_path)
        assert done.code == 0, done.err
        (found,) = json.loads(done.out)["graph"]["flows"]
        return str(found["flow"])

    assert branch() == "p.prod.One"
    assert branch("--no-production") == "p.user.me.One"
    assert triggers("compile", ".", "--production", "--no-production", cwd=tmp_path).code == 2
