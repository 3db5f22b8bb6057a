"""`metaflow-triggers create` over many flows, as a user types it, on both clouds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worlds.argo.kubernetes_stand_in import KubernetesStandIn
from tests.worlds.kubernetes.both import cluster
from tests.worlds.upstream.emulated_aws import Aws, emulated_aws

from .conftest import Run, clean
from .test_create_delete import account, clients, everything
from .test_step_functions_create import writes
from .warm import warm

FLOW = """from metaflow import FlowSpec, {names}step

{decorator}
class {name}(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    {name}()
"""


def flow(folder: Path, name: str, decorator: str) -> None:
    names = f"{decorator[1:].partition('(')[0]}, " if decorator else ""
    (folder / f"{name.lower()}.py").write_text(FLOW.format(names=names, decorator=decorator, name=name))


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    with emulated_aws() as running:
        yield running


@pytest.fixture(scope="module")
def kubernetes(cluster_of_module: None) -> Iterator[KubernetesStandIn]:
    with cluster() as running:
        yield running


@pytest.fixture(scope="module")
def settings(aws: Aws, kubernetes: KubernetesStandIn, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    home = tmp_path_factory.mktemp("home")
    return {**aws.environment, "METAFLOW_USER": "tester", **kubernetes.kubeconfig(home)}


@pytest.fixture(scope="module")
def triggers(settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with warm(tmp_path_factory.mktemp("warm"), **settings) as run:
        yield run


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    flow(folder, "Ingest", "@trigger(event='order-placed')")
    flow(folder, "Train", "@trigger_on_finish(flow='Ingest')")
    return folder


KNOWN = ("--external-event", "order-placed")


def test_a_project_is_planned_deployed_and_left_alone(
    triggers: Run, run: Run, project: Path, aws: Aws, kubernetes: KubernetesStandIn, settings: dict[str, str]
) -> None:
    # A broken flow among them: nothing is changed at all.
    flow(project, "Broken", "@trigger(event='order-placed', evnets=['b'])")
    broken = triggers("create", ".", *KNOWN, cwd=project)
    assert (broken.code, broken.out) == (1, "") and "error[FT112]" in broken.err
    assert broken.err.endswith("1 error in 3 flows; nothing was changed\n")
    (project / "broken.py").unlink()

    aws.recorder.asked.clear()
    planned = triggers("create", ".", "--plan", *KNOWN, cwd=project)
    assert planned.code == 0, planned.err
    assert planned.out.startswith(
        "What starts differently:\n"
        "  Train is new: it starts when Ingest succeeds\n"
        "  Ingest is new: it starts when event order-placed arrives\n\n"
        "step-functions:\n  Train: created\n"
    )
    assert planned.out.endswith("step-functions: 2 flows: 2 created; argo-workflows: 2 flows: 2 created\n")
    assert writes(aws) == [] == kubernetes.store.writes

    done = triggers("create", ".", *KNOWN, cwd=project)
    assert done.code == 0, done.err
    assert done.out.startswith(planned.out)
    assert re.findall(r"^\[\d/4\] \S+ \w+: created", done.err, re.M) == [
        "[1/4] step-functions Train: created",
        "[2/4] step-functions Ingest: created",
        "[3/4] argo-workflows train: created",
        "[4/4] argo-workflows ingest: created",
    ]
    told = done.out.removeprefix(planned.out).splitlines()
    assert told[0] == "done: step-functions: 2 flows: 2 created; argo-workflows: 2 flows: 2 created"
    assert [line.split(" is production:")[0] for line in told[1:]] == [
        "the production token of Ingest",
        "the production token of Train",
    ]
    # Both clouds take the same package of a flow, so it is there once.
    stored = [key for key in everything(aws)["datastore"] if "/data/" in key]  # type: ignore[attr-defined]
    assert len(stored) == 2 and aws.recorder.asked.count(f"PUT /mf-test/{stored[0]}") == 1

    # What it leaves is what the command of one flow leaves.
    made = everything(aws)
    for group in ("step-functions", "argo-workflows"):
        single = run("train.py", "--no-pylint", group, "create", cwd=project, settings=settings)
        assert single.code == 0 and "nothing to do: everything is deployed as it is" in single.err, single.err
    assert everything(aws) == made

    aws.recorder.asked.clear()
    kubernetes.store.requests.clear()
    again = triggers("create", ".", *KNOWN, cwd=project)
    assert again.code == 0, again.err
    assert again.out == (
        "step-functions: 2 flows: 2 unchanged; argo-workflows: 2 flows: 2 unchanged\n"
        "nothing to do: everything is deployed as it is\n"
    )
    assert writes(aws) == [] and {line.split()[0] for line in kubernetes.store.requests} == {"GET"}


def test_what_differs_is_told_and_deleting_leaves_nothing(
    triggers: Run, project: Path, aws: Aws, kubernetes: KubernetesStandIn
) -> None:
    flow(project, "Other", "@trigger(event='order-placed')")
    assert triggers("create", ".", *KNOWN, cwd=project).code == 0
    kubernetes.store.requests.clear()
    aws.recorder.asked.clear()
    same = triggers("diff", ".", "--live", *KNOWN, cwd=project)
    assert (same.code, same.out) == (0, "step-functions: 3 flows: 3 unchanged; argo-workflows: 3 flows: 3 unchanged\n")
    flow(project, "Other", "@trigger(event='other')")
    differs = triggers("diff", ".", "--live", *KNOWN, "--external-event", "other", cwd=project)
    assert differs.code == 1, differs.err
    starts = differs.out.split("\n\n")[0].splitlines()
    assert "  Other no longer starts on order-placed (argo-workflows)" in starts
    assert "  Other still starts on order-placed of metaflow (step-functions)" in starts
    assert "  Other does not start on other of metaflow yet (step-functions)\n" in differs.out
    assert "  Other: changed\n    ~ " in differs.out and "    ~ the rule Other-events-" in differs.out
    flow(project, "Other", "@trigger(event='order-placed', evnet='x')")
    mistake = triggers("diff", ".", "--live", *KNOWN, cwd=project)
    assert mistake.code == 2 and "error[FT112]" in mistake.err
    for words in ((), ("--live", "--against", "x"), ("--live", "--format", "json")):
        assert triggers("diff", ".", *words, cwd=project).code == 2
    broken = triggers("delete", ".", "--yes", cwd=project)
    assert broken.code == 1 and broken.err.endswith("; nothing was changed\n")
    flow(project, "Other", "@trigger(event='order-placed')")

    planned = triggers("delete", ".", "--plan", cwd=project)
    assert planned.code == 0, planned.err
    assert planned.out.index("  Ingest: deleted\n") < planned.out.index("  Train: deleted\n")
    assert "    - the state machine Train\n" in planned.out and "    - Sensor default/ingest-" in planned.out
    assert planned.out.endswith("step-functions: 3 flows: 3 deleted; argo-workflows: 3 flows: 3 deleted\n")
    unasked = triggers("delete", ".", cwd=project)
    assert (unasked.code, unasked.out) == (2, planned.out)
    assert "error[FT780]: nobody is there to be asked whether to delete 6 deployments" in unasked.err
    assert writes(aws) == [] == [line for line in kubernetes.store.requests if not line.startswith("GET ")]

    gone = triggers("delete", ".", "--yes", cwd=project)
    assert gone.code == 0, gone.err
    assert gone.out.startswith(planned.out)
    assert gone.out.endswith("done: step-functions: 3 flows: 3 deleted; argo-workflows: 3 flows: 3 deleted\n")
    assert {kind: found for kind, found in account(aws).items() if kind != "roles"} == {
        "rules": [],
        "state machines": [],
        "queues": [],
        "job definitions": [],
    }
    left = {kind for _, _, kind, name in kubernetes.store.objects if kind in ("sensors", "workflowtemplates")}
    assert left == set()
    (project / "other.py").unlink()
    again = triggers("delete", ".", "--yes", cwd=project)
    assert again.code == 0 and again.out.endswith("\nnothing to do: none of it is deployed\n")


def test_a_saved_plan_is_done_as_it_is_or_refused(triggers: Run, project: Path, aws: Aws, tmp_path: Path) -> None:
    words = (".", *KNOWN, "--backend", "step-functions")
    file = tmp_path / "plan.json"
    planned = triggers("create", *words, "--plan", str(file), cwd=project)
    assert planned.code == 0, planned.err
    content = json.loads(file.read_text())
    assert [(row["name"], row["does"]) for row in content["rows"]] == [("Train", "created"), ("Ingest", "created")]
    assert content["rows"][1]["starts"] == ["Ingest is new: it starts when event order-placed arrives"]
    assert "created the state machine Ingest" in content["rows"][1]["objects"]
    again = tmp_path / "again.json"
    assert triggers("create", "--plan", *words, "--plan", str(again), cwd=project).out == planned.out
    assert again.read_text() == file.read_text()

    def refused(path: Path, code: str) -> str:
        aws.recorder.asked.clear()
        done = triggers("create", *words, "--apply", str(path), cwd=project)
        assert done.code == 1 and f"error[{code}]" in done.err and done.err.count("error[") == 1, done.err
        assert writes(aws) == []
        return done.err

    # The flow has changed, then the account.
    train = (project / "train.py").read_text()
    (project / "train.py").write_text(f"{train}# another\n")
    changed = refused(file, "FT782")
    assert "note: step-functions Train: the flow, its code or a setting has changed\n" in changed
    (project / "train.py").write_text(train)
    sqs = clients(aws)("sqs")
    (queue,) = re.findall(r"created the queue (Ingest\S+)", "\n".join(content["rows"][1]["objects"]))
    url = sqs.create_queue(QueueName=queue, tags={"metaflow-triggers/deployed-name": "Ingest"})["QueueUrl"]
    there = refused(file, "FT782")
    assert there.count("= note: ") == 1 and "note: step-functions Ingest: what is deployed has changed\n" in there
    sqs.delete_queue(QueueUrl=url)
    # Foreign and damaged files.
    for text in ("", "[]", json.dumps(content | {"more": 1}), json.dumps(content)[:-9], json.dumps({"name": "npm"})):
        (tmp_path / "other.json").write_text(text)
        refused(tmp_path / "other.json", "FT781")
    refused(tmp_path / "missing.json", "FT781")

    done = triggers("create", *words, "--apply", str(file), cwd=project)
    assert done.code == 0, done.err
    assert "done: step-functions: 2 flows: 2 created\n" in done.out
    assert "error[FT782]" in triggers("create", *words, "--apply", str(file), cwd=project).err
    assert triggers("delete", *words[:1], *words[3:], "--yes", cwd=project).code == 0


def test_a_flow_of_somebody_else_is_refused_and_the_others_are_deployed(
    triggers: Run, project: Path, tmp_path: Path, settings: dict[str, str], aws: Aws
) -> None:
    flow(project, "Train", "@trigger_on_finish(flow='Ingest', match=['success', 'failure'])")
    assert triggers("create", ".", *KNOWN, "--backend", "step-functions", cwd=project).code == 0
    flow(project, "Other", "@trigger(event='order-placed')")
    flow(project, "Train", "@trigger_on_finish(flow='Ingest', match='failure')")
    other = {**settings, "METAFLOW_USER": "other", "METAFLOW_HOME": str(tmp_path / "other")}
    with warm(tmp_path, **other) as somebody:
        done = somebody("create", ".", *KNOWN, "--backend", "step-functions", cwd=project)
    assert done.code == 1
    assert "error[FT123]" in done.err and "production token" in done.err
    assert "done: step-functions: 3 flows: 1 created, 2 refused\n" in done.out
    assert done.err.endswith("2 errors in 3 flows; 2 of 3 refused\n")
    (project / "other.py").unlink()


def test_without_settings_it_says_which_are_missing(run: Run, project: Path, tmp_path: Path) -> None:
    with warm(tmp_path, PATH=clean(tmp_path)["PATH"]) as bare:
        done = bare("create", ".", *KNOWN, cwd=project)
    assert (done.code, done.out) == (2, "")
    assert "set METAFLOW_DATASTORE_SYSROOT_S3" in done.err and "set METAFLOW_BATCH_JOB_QUEUE" in done.err
    assert done.err.count("set METAFLOW_DATASTORE_SYSROOT_S3\n") == 1
    assert done.err.endswith("errors; nothing was changed\n")
