"""What the documents promise of single examples."""

from __future__ import annotations

import pytest

from .conftest import Run


@pytest.mark.parametrize("backend", ["step-functions", "argo-workflows"])
@pytest.mark.parametrize(
    ("user", "event", "other"), [("prod-deployer", "prod-event", "dev-event"), ("alice", "dev-event", "prod-event")]
)
def test_a_deploy_time_function_sees_the_user(run: Run, backend: str, user: str, event: str, other: str):
    file = "examples/deploy_time_event/flow.py"
    settings = {"METAFLOW_USER": user}
    done = run(file, "--no-pylint", backend, "compile", "--show", "triggers", settings=settings)
    assert done.code == 0, done.err
    assert event in done.out and other not in done.out
    assert ("parameter" in done.out and '"env"' in done.out.replace("parameter: env", '"env"')) == (
        event == "prod-event"
    )


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (["--production"], "ml-platform.production.model-trained"),
        (["--branch", "alpha"], "ml-platform.test.alpha.model-trained"),
        (["--branch", "alpha", "--production"], "ml-platform.prod.alpha.model-trained"),
        ([], "ml-platform.user.alice.model-trained"),
    ],
)
def test_namespaced_event_name_follows_the_branch(run: Run, options: list[str], name: str):
    for backend, shown in (("step-functions", f"- {name}\n"), ("argo-workflows", "^" + name.replace(".", r"\.") + "$")):
        command = (
            "examples/namespaced_event/flow.py",
            "--no-pylint",
            *options,
            backend,
            "compile",
            "--show",
            "triggers",
        )
        done = run(*command, settings={"METAFLOW_USER": "alice"})
        assert done.code == 0, done.err
        assert shown in done.out


def test_groups_show_our_commands_beside_upstreams(run: Run):
    for backend, others in (("step-functions", ["list-runs", "trigger"]), ("argo-workflows", ["status", "suspend"])):
        done = run("examples/simple_event/flow.py", "--no-pylint", backend, "--help")
        assert done.code == 0, done.err
        for command in ("compile", "create", "delete", "diff", "terminate", *others):
            assert f"  {command} " in done.out, done.out


def test_diff_tells_same_different_and_error(run: Run, tmp_path):
    file = "examples/process_order/flow.py"
    settings = {"METAFLOW_USER": "alice"}
    output = str(tmp_path / "out")
    common = ("--no-code-package",)
    assert run(file, "step-functions", "compile", "--output", output, *common, settings=settings).code == 0
    assert run(file, "step-functions", "diff", "--against", output, *common, settings=settings).code == 0
    changed = run(file, "step-functions", "diff", "--against", output, *common, "--max-workers", "7", settings=settings)
    assert changed.code in (0, 1)
    other = {"METAFLOW_USER": "bob"}
    told = run(file, "step-functions", "diff", "--against", output, *common, settings=other)
    assert told.code == 1 and "user" in told.out
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "metaflow-triggers.json").write_text("[]")
    assert run(file, "step-functions", "diff", "--against", str(broken), *common, settings=settings).code == 2
