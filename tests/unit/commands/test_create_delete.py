"""`create` and `delete`, typed as a user types them, against an emulated AWS and a stand-in Kubernetes API."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.worlds.argo.kubernetes_stand_in import KubernetesStandIn
from tests.worlds.aws.account import content
from tests.worlds.kubernetes.both import cluster
from tests.worlds.upstream.emulated_aws import Aws, emulated_aws

from .conftest import MAPPING, Run

USER = {"METAFLOW_USER": "tester"}


@pytest.fixture(scope="module")
def aws():
    with emulated_aws() as running:
        yield running


@pytest.fixture
def kubernetes(which_cluster: None, tmp_path: Path):
    with cluster() as running:
        running.settings = running.kubeconfig(tmp_path)
        yield running


def clients(aws: Aws):
    import boto3

    session = boto3.session.Session("testing", "testing", region_name=aws.environment["AWS_DEFAULT_REGION"])
    return lambda service: session.client(service, endpoint_url=aws.environment["AWS_ENDPOINT_URL"])


def account(aws: Aws) -> dict[str, list[str]]:
    """Names of everything that a deployment could leave behind."""
    client = clients(aws)
    definitions = client("batch").describe_job_definitions(status="ACTIVE")["jobDefinitions"]
    return {
        "rules": [item["Name"] for item in client("events").list_rules()["Rules"]],
        "state machines": [item["name"] for item in client("stepfunctions").list_state_machines()["stateMachines"]],
        "queues": client("sqs").list_queues().get("QueueUrls", []),
        "roles": [item["RoleName"] for item in client("iam").list_roles()["Roles"]],
        "job definitions": [item["jobDefinitionName"] for item in definitions],
    }


def everything(aws: Aws) -> dict[str, object]:
    """All that the account has and says of it, the names of what is in the datastore, and log groups."""
    client = clients(aws)
    same = SimpleNamespace(url=aws.environment["AWS_ENDPOINT_URL"], client=client)
    stored = client("s3").list_objects_v2(Bucket="mf-test").get("Contents", [])
    return {
        **content(same),  # type: ignore[arg-type]
        "datastore": sorted(item["Key"] for item in stored),
        "log groups": client("logs").describe_log_groups()["logGroups"],
    }


def test_step_functions_create_repeat_delete(run: Run, aws: Aws):
    settings = {**USER, **aws.environment}
    before = account(aws)
    all_before = everything(aws)
    first = run(MAPPING, "--no-pylint", "step-functions", "create", settings=settings)
    assert first.code == 0, first.err
    made = account(aws)
    assert len(made["rules"]) == len(before["rules"]) + 1
    assert len(made["queues"]) == len(before["queues"]) + 1
    assert set(made["state machines"]) - set(before["state machines"]) == {
        "UserOnboarding",
        next(name for name in made["state machines"] if name.startswith("UserOnboarding-starter-")),
    }
    client = clients(aws)
    targets = client("events").list_targets_by_rule(Rule=made["rules"][-1])["Targets"]
    assert "stateMachine:UserOnboarding-starter-" in targets[0]["Arn"]
    assert "InputTransformer" not in targets[0]

    # The package lies where the state machine's tasks look for it.
    arn = next(
        item["stateMachineArn"]
        for item in client("stepfunctions").list_state_machines()["stateMachines"]
        if item["name"] == "UserOnboarding"
    )
    definition = json.loads(client("stepfunctions").describe_state_machine(stateMachineArn=arn)["definition"])
    start = definition["States"]["start"]["Parameters"]["ContainerOverrides"]["Environment"]
    url = next(item["Value"] for item in start if item["Name"] == "METAFLOW_CODE_URL")
    bucket, _, key = url.removeprefix("s3://").partition("/")
    assert client("s3").head_object(Bucket=bucket, Key=key)["ContentLength"] > 100_000
    assert "OPEN." not in json.dumps(definition)

    second = run(MAPPING, "--no-pylint", "step-functions", "create", settings=settings)
    assert second.code == 0, second.err
    assert "created " not in second.err and "updated " not in second.err
    assert "unchanged AWS::StepFunctions::StateMachine UserOnboarding\n" in second.err
    assert account(aws) == made

    gone = run(MAPPING, "--no-pylint", "step-functions", "delete", settings=settings)
    assert gone.code == 0, gone.err
    assert account(aws) == before
    all_after = everything(aws)
    # As with Metaflow's own `delete`, the code package stays: runs that there have been are read with it.
    assert all_after.pop("datastore") == sorted([*all_before.pop("datastore"), key])
    assert all_after == all_before


def test_upstreams_other_commands_work_on_what_we_deployed(run: Run, aws: Aws):
    settings = {**USER, **aws.environment}
    assert run(MAPPING, "--no-pylint", "step-functions", "create", settings=settings).code == 0
    arguments = ("trigger", "--user_id", "u1", "--email", "a@b.example")
    started = run(MAPPING, "--no-pylint", "step-functions", *arguments, settings=settings)
    assert started.code == 0 and "run-id sfn-" in started.err, started.err
    listed = run(MAPPING, "--no-pylint", "step-functions", "list-runs", settings=settings)
    assert listed.code == 0, listed.err
    assert run(MAPPING, "--no-pylint", "step-functions", "delete", settings=settings).code == 0


def test_another_user_needs_the_token(run: Run, aws: Aws, tmp_path: Path):
    settings = {**USER, **aws.environment}
    other = {**settings, "METAFLOW_USER": "other", "METAFLOW_HOME": str(tmp_path / "other")}
    created = run(MAPPING, "--no-pylint", "step-functions", "create", settings=settings)
    token = next(line for line in created.err.splitlines() if "production:" in line).split("production:")[1].strip()
    refused = run(MAPPING, "--no-pylint", "step-functions", "create", settings=other)
    assert refused.code == 1 and "error[FT123]" in refused.err and "production token" in refused.err
    assert token not in refused.err
    allowed = run(MAPPING, "--no-pylint", "step-functions", "create", "--authorize", token, settings=other)
    assert allowed.code == 0, allowed.err
    assert run(MAPPING, "--no-pylint", "step-functions", "delete", settings=settings).code in (0, 1)
    run(MAPPING, "--no-pylint", "step-functions", "delete", "--authorize", token, settings=other)


def test_who_replaces_another_deployment_needs_its_token(run: Run, aws: Aws, tmp_path: Path):
    """Under another prefix the flow has another name, as when it is renamed."""
    settings = {**USER, **aws.environment}
    before = account(aws)
    created = run(MAPPING, "--no-pylint", "step-functions", "create", settings=settings)
    token = next(line for line in created.err.splitlines() if "production:" in line).split("production:")[1].strip()
    made = account(aws)
    home = {"METAFLOW_USER": "other", "METAFLOW_HOME": str(tmp_path / "other")}
    other = {**settings, **home, "METAFLOW_SFN_STATE_MACHINE_PREFIX": "New"}
    rename = (MAPPING, "--no-pylint", "step-functions", "create", "--replaces", "UserOnboarding")
    refused = run(*rename, settings=other)
    assert refused.code == 1 and "error[FT123]" in refused.err and token not in refused.err
    assert account(aws) == made
    allowed = run(*rename, "--authorize", token, settings=other)
    assert allowed.code == 0 and "deleted AWS::StepFunctions::StateMachine UserOnboarding\n" in allowed.err, allowed.err
    machines = set(account(aws)["state machines"]) - set(before["state machines"])
    assert len(machines) == 2 and all(name.startswith("New_UserOnboarding") for name in machines)
    run(MAPPING, "--no-pylint", "step-functions", "delete", settings=other)
    assert account(aws) == before


def argo_settings(kubernetes: KubernetesStandIn, aws: Aws) -> dict[str, str]:
    return {**USER, **aws.environment, **kubernetes.settings}


def test_argo_create_repeat_delete(run: Run, aws: Aws, kubernetes: KubernetesStandIn):
    settings = argo_settings(kubernetes, aws)
    first = run(MAPPING, "--no-pylint", "argo-workflows", "create", settings=settings)
    assert first.code == 0, first.err
    template = next(iter(kubernetes.objects("workflowtemplates").values()))
    sensor = next(iter(kubernetes.objects("sensors").values()))
    assert template["metadata"]["name"] == "useronboarding"
    assert sensor["spec"]["triggers"][0]["template"]["k8s"]["operation"] == "patch"
    assert len(kubernetes.objects("eventsources")) == 2  # events, outcomes
    assert "OPEN." not in json.dumps(template)
    # Upstream's other commands compare the token with this annotation; it is in the cluster and in no file.
    token = template["metadata"]["annotations"]["metaflow/production_token"]
    assert token not in run(MAPPING, "--no-pylint", "argo-workflows", "compile", settings=settings).out

    second = run(MAPPING, "--no-pylint", "argo-workflows", "create", settings=settings)
    assert second.code == 0, second.err
    assert "created " not in second.err and "updated " not in second.err

    gone = run(MAPPING, "--no-pylint", "argo-workflows", "delete", settings=settings)
    assert gone.code == 0, gone.err
    assert not kubernetes.objects("workflowtemplates") and not kubernetes.objects("sensors")


@pytest.mark.parametrize("backend", ["step-functions", "argo-workflows"])
def test_without_settings_create_says_what_it_would_deploy_and_exits_2(run: Run, backend: str):
    done = run(MAPPING, "--no-pylint", backend, "create", settings=USER)
    assert done.code == 2
    assert f"create would deploy to {backend}" in done.err
    assert f"To see the objects: python {MAPPING} --no-pylint {backend} compile" in done.err
    assert "METAFLOW_DATASTORE_SYSROOT_S3" in done.err
    assert done.err.count("Traceback") == 0


@pytest.mark.parametrize("backend", ["step-functions", "argo-workflows"])
def test_without_a_user_name_create_names_the_setting(run: Run, backend: str):
    done = run(MAPPING, "--no-pylint", backend, "create")
    assert done.code != 0
    assert "METAFLOW_USER" in done.err
    assert "Traceback" not in done.err


def test_only_json_prints_all_objects_as_one_document(run: Run):
    argo = run(MAPPING, "--no-pylint", "--quiet", "argo-workflows", "create", "--only-json", settings=USER)
    kinds = {item["kind"] for item in json.loads(argo.out)["items"]}
    assert {"Sensor", "WorkflowTemplate", "EventSource", "Role"} <= kinds
    aws = run(MAPPING, "--no-pylint", "--quiet", "step-functions", "create", "--only-json", settings=USER)
    types = {item["Type"] for item in json.loads(aws.out)["Resources"].values()}
    assert {"AWS::Events::Rule", "AWS::StepFunctions::StateMachine", "AWS::Batch::JobDefinition"} <= types


def test_unreachable_cloud_is_one_coded_message(run: Run, tmp_path: Path):
    settings = {
        **USER,
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_MAX_ATTEMPTS": "1",
        "METAFLOW_DATASTORE_SYSROOT_S3": "s3://bucket/metaflow",
        "METAFLOW_BATCH_JOB_QUEUE": "queue",
        "METAFLOW_SFN_IAM_ROLE": "arn:aws:iam::123456789012:role/x",
        "METAFLOW_ECS_S3_ACCESS_IAM_ROLE": "arn:aws:iam::123456789012:role/x",
    }
    done = run(MAPPING, "--no-pylint", "step-functions", "create", settings=settings)
    assert done.code == 1
    assert "error[FT701]" in done.err and "Traceback" not in done.err
