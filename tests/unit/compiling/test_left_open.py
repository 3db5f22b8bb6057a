"""What stands open for a deployment: listed once, by the settings' names, on both backends; refused by `--strict`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..commands.conftest import Run
from ..commands.warm import warm
from .test_command import AFTER, PLACED
from .test_command import write as write_flows

IMAGE = f"python:{sys.version_info.major}.{sys.version_info.minor}"
IMAGE_SETTING = "METAFLOW_DEFAULT_CONTAINER_IMAGE is not set: "
DEFAULTS = [
    f"{IMAGE_SETTING}`{IMAGE}` on argo-workflows",
    "METAFLOW_KUBERNETES_NAMESPACE is not set: `default` on argo-workflows",
    "METAFLOW_TRIGGERS_OUTCOME_SECRET is not set: `metaflow-triggers-outcomes` on argo-workflows",
    "METAFLOW_TRIGGERS_WEBHOOK_SECRET is not set: `metaflow-triggers-webhook` on argo-workflows",
]
NAMED = """
METAFLOW_KUBERNETES_NAMESPACE = "default"
METAFLOW_TRIGGERS_OUTCOME_SECRET = "metaflow-triggers-outcomes"
METAFLOW_TRIGGERS_WEBHOOK_SECRET = "metaflow-triggers-webhook"
METAFLOW_KUBERNETES_SERVICE_ACCOUNT = "flows"
METAFLOW_DEFAULT_CONTAINER_IMAGE = "registry.example/flows:1"
"""
AWS = """
METAFLOW_BATCH_JOB_QUEUE = "queue"
METAFLOW_ECS_S3_ACCESS_IAM_ROLE = "arn:aws:iam::123456789012:role/task"
METAFLOW_SFN_IAM_ROLE = "arn:aws:iam::123456789012:role/states"
"""


@pytest.fixture(scope="module")
def triggers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with warm(tmp_path_factory.mktemp("home")) as run:
        yield run


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write_flows(tmp_path, ProcessOrder=PLACED, DataTransform=AFTER)
    return tmp_path


COMPILE = ("compile", ".", "--no-code-package", "--external-event", "order-placed", "--output", "out")


def told(err: str) -> list[str]:
    """The block about FT020, without its first line's severity."""
    blocks = [block for block in err.split("\n\n") if "[FT020]: " in block]
    assert len(blocks) == 1, err
    head, *rest = blocks[0].splitlines()
    return [head.partition(": ")[2], *(line.removeprefix("  = note: ") for line in rest if "= note" in line)]


def test_both_backends_name_what_they_need_by_the_setting(project: Path, triggers: Run) -> None:
    done = triggers(*COMPILE, cwd=project)
    assert done.code == 0 and "note[FT020]" in done.err
    assert told(done.err) == [
        "a deployment needs what no configuration gives: METAFLOW_BATCH_JOB_QUEUE, METAFLOW_DATASTORE_SYSROOT_S3, "
        "METAFLOW_ECS_S3_ACCESS_IAM_ROLE and METAFLOW_SFN_IAM_ROLE",
        "METAFLOW_BATCH_JOB_QUEUE is open: the parameter `BatchJobQueue` on step-functions",
        "METAFLOW_DATASTORE_SYSROOT_S3 is open: the text `OPEN.DatastoreBucket.SETTING` on argo-workflows, "
        "the parameter `DatastoreBucket` on step-functions",
        "METAFLOW_ECS_S3_ACCESS_IAM_ROLE is open: the parameter `BatchJobRoleArn` on step-functions",
        "METAFLOW_SFN_IAM_ROLE is open: the parameter `StateMachineRoleArn` on step-functions",
        f"{DEFAULTS[0]}, `{IMAGE}` on step-functions",
        *DEFAULTS[1:],
    ]
    # `check` deploys nothing.
    assert "FT020" not in triggers("check", ".", cwd=project).err


def test_strict_refuses_it(project: Path, triggers: Run) -> None:
    done = triggers(*COMPILE, "--strict", "--backend", "argo-workflows", cwd=project)
    assert done.code == 1 and "warning[FT020]" in done.err and not (project / "out").exists()
    found = told(done.err)
    assert found[0] == "a deployment needs what no configuration gives: METAFLOW_DATASTORE_SYSROOT_S3"
    (project / "metaflow-triggers.toml").write_text(
        '[settings]\nMETAFLOW_DATASTORE_SYSROOT_S3 = "s3://bucket/metaflow"\n'
    )
    done = triggers(*COMPILE, "--strict", "--backend", "argo-workflows", cwd=project)
    assert done.code == 1 and "warning[FT020]" in done.err and not (project / "out").exists()
    assert told(done.err)[1:] == DEFAULTS and "= help: set it, to the default where that is meant" in done.err
    with (project / "metaflow-triggers.toml").open("a") as file:
        file.write(NAMED)
    done = triggers(*COMPILE, "--strict", "--backend", "argo-workflows", cwd=project)
    assert done.code == 0 and "FT020" not in done.err, done.err
    # On AWS all have a default then, or are refused.
    done = triggers(*COMPILE, "--strict", "--backend", "step-functions", cwd=project)
    assert done.code == 1 and "METAFLOW_BATCH_JOB_QUEUE, METAFLOW_ECS_S3" in told(done.err)[0]
    with (project / "metaflow-triggers.toml").open("a") as file:
        file.write(AWS)
    done = triggers(*COMPILE, "--strict", "--backend", "step-functions", cwd=project)
    assert done.code == 0 and "FT020" not in done.err, done.err


def test_webhooks_of_an_event_source_of_ones_own(project: Path, triggers: Run) -> None:
    (project / "metaflow-triggers.toml").write_text("""[settings]
METAFLOW_DATASTORE_SYSROOT_S3 = "s3://bucket/metaflow"
METAFLOW_ARGO_EVENTS_EVENT_SOURCE = "own"
METAFLOW_TRIGGERS_OUTCOME_EVENT_SOURCE = "own-outcomes"
METAFLOW_KUBERNETES_NAMESPACE = "flows"
""")
    done = triggers(*COMPILE, "--backend", "argo-workflows", cwd=project)
    assert done.code == 0, done.err
    assert told(done.err) == [
        "a deployment needs what no configuration gives: METAFLOW_ARGO_EVENTS_INTERNAL_WEBHOOK_URL and "
        "METAFLOW_TRIGGERS_OUTCOME_WEBHOOK_URL",
        "METAFLOW_ARGO_EVENTS_INTERNAL_WEBHOOK_URL is open: the text `OPEN.WebhookUrl.SETTING` on argo-workflows",
        "METAFLOW_TRIGGERS_OUTCOME_WEBHOOK_URL is open: the text `OPEN.OutcomeWebhookUrl.SETTING` on argo-workflows",
        *(line for line in DEFAULTS if "NAMESPACE" not in line),
    ]


def test_a_flow_that_nothing_starts_needs_no_secret_of_a_webhook(tmp_path: Path, triggers: Run) -> None:
    write_flows(tmp_path, Plain="")
    (tmp_path / "metaflow-triggers.toml").write_text("""[settings]
METAFLOW_DATASTORE_SYSROOT_S3 = "s3://bucket/metaflow"
METAFLOW_KUBERNETES_NAMESPACE = "flows"
METAFLOW_KUBERNETES_SERVICE_ACCOUNT = "flows"
METAFLOW_KUBERNETES_CONTAINER_IMAGE = "registry.example/flows:1"
""")
    done = triggers(*COMPILE, "--strict", "--backend", "argo-workflows", cwd=tmp_path)
    assert done.code == 0 and "FT020" not in done.err, done.err
    write_flows(tmp_path, ProcessOrder=PLACED)
    done = triggers(*COMPILE, "--strict", "--backend", "argo-workflows", cwd=tmp_path)
    assert done.code == 1 and told(done.err)[1:] == DEFAULTS[2:]


def test_an_image_that_each_step_names_is_no_default(tmp_path: Path, triggers: Run) -> None:
    write_flows(tmp_path, Named=PLACED)
    (file,) = tmp_path.glob("*.py")
    named = "@kubernetes(image='registry.example/own:1')"
    text = file.read_text().replace("    @step\n", f"    {named}\n    @step\n")
    file.write_text(text.replace("import FlowSpec", "import kubernetes, FlowSpec"))
    done = triggers(*COMPILE, "--backend", "argo-workflows", cwd=tmp_path)
    assert done.code == 0 and IMAGE_SETTING not in done.err and "METAFLOW_KUBERNETES_NAMESPACE" in done.err, done.err
