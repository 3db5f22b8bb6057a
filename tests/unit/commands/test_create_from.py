"""`metaflow-triggers create --from DIR`: what is in both clouds is what the folder says, and no flow is read for it."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from metaflow_triggers.backends.step_functions.compile import names
from metaflow_triggers.backends.step_functions.compile.open_settings import resolve
from metaflow_triggers.backends.step_functions.deploy.converge import delete

from tests.worlds.argo.kubernetes_stand_in import KubernetesStandIn
from tests.worlds.upstream.emulated_aws import REGION, Aws

from .conftest import Run
from .test_create_delete import clients, everything
from .test_create_many import aws, flow, kubernetes, settings  # noqa: F401 - fixtures
from .warm import warm

ON_EVENT = "@trigger(event='order-placed')"
SERVERS = ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink")
OURS = ("metaflow-triggers/applied", "metaflow-triggers/flow", "metaflow/production_token")
"""What `create` adds to an object of a file: what it applied, what the flow is, whose runs are whose."""


@pytest.fixture(scope="module")
def triggers(settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:  # noqa: F811
    with warm(tmp_path_factory.mktemp("warm"), **settings) as run:
        yield run


def world(aws: Aws, kubernetes: KubernetesStandIn) -> dict[str, Any]:  # noqa: F811
    found = {key: value for key, value in everything(aws).items() if key not in ("datastore", "log groups")}
    objects = {str(key): in_file(item) for key, item in kubernetes.store.objects.items() if key[2] != "secrets"}
    return {**found, **copy.deepcopy(objects)}


def in_file(item: Any) -> Any:
    """An object of the cluster without what the server and `create` add."""
    kept = copy.deepcopy(item)
    for key in SERVERS:
        kept["metadata"].pop(key, None)
    for place in (kept["metadata"], kept.get("spec", {}).get("workflowMetadata", {})):
        annotations = {key: value for key, value in place.get("annotations", {}).items() if key not in OURS}
        if annotations:
            place["annotations"] = annotations
        else:
            place.pop("annotations", None)
    return kept


def cluster_is(folder: Path, kubernetes: KubernetesStandIn) -> int:  # noqa: F811
    """How many objects of the folder the cluster has, each exactly; AssertionError for one that it has not."""
    found = {
        (item["kind"], item["metadata"]["namespace"], item["metadata"]["name"]): in_file(item)
        for item in kubernetes.store.objects.values()
    }
    count = 0
    for path in sorted((folder / "argo-workflows").rglob("*.yaml")):
        item = yaml.safe_load(path.read_text())
        if item["kind"] != "Kustomization":
            where = (item["kind"], item["metadata"]["namespace"], item["metadata"]["name"])
            assert found[where] == item, path
            count += 1
    return count


def account_is(folder: Path, aws: Aws) -> int:  # noqa: F811
    """How many state machines, rules and roles of the folder's templates the account has, each exactly."""
    client = clients(aws)
    count = 0
    for path in sorted((folder / "step-functions").glob("*.yaml")):
        template = yaml.safe_load(path.read_text())
        deployed, prefix = path.stem, f":{REGION}:123456789012:"
        scope: dict[str, Any] = {key: item.get("Default") for key, item in template["Parameters"].items()}
        scope |= {"AWS::Partition": "aws", "AWS::Region": REGION, "AWS::AccountId": "123456789012"}
        arns: dict[str, str] = {}
        for logical, item in template["Resources"].items():
            properties = item["Properties"]
            kind = item["Type"].rpartition("::")[2]
            if kind == "StateMachine":
                arns[logical] = scope[logical] = f"arn:aws:states{prefix}stateMachine:{properties['StateMachineName']}"
            elif kind == "Role":
                arns[logical] = f"arn:aws:iam::123456789012:role/{names.role_name(deployed, logical, REGION)}"
            elif kind == "Queue":
                arns[logical] = f"arn:aws:sqs{prefix}{properties['QueueName']}"
                scope[logical] = client("sqs").get_queue_url(QueueName=properties["QueueName"])["QueueUrl"]
            elif kind == "JobDefinition":
                found = client("batch").describe_job_definitions(
                    jobDefinitionName=properties["JobDefinitionName"], status="ACTIVE"
                )["jobDefinitions"]
                newest = max(found, key=lambda one: one["revision"])
                scope[logical] = newest["jobDefinitionArn"]
                assert newest["containerProperties"]["image"] == properties["ContainerProperties"]["Image"]
                assert newest["tags"] == properties["Tags"]
        machine = client("stepfunctions").describe_state_machine(stateMachineArn=arns["StateMachine"])
        start = json.loads(machine["definition"])["States"]["start"]["Parameters"]["Parameters"]
        scope["ProductionToken"] = start["metaflow.production_token"]  # the only thing that no file has
        for logical, item in template["Resources"].items():
            if not item["Type"].endswith(("StateMachine", "Rule", "Role")):
                continue
            said = resolve(
                item["Properties"],
                scope.__getitem__,
                lambda name, _, arns=arns: arns[name],
                template.get("Mappings"),
            )
            if item["Type"].endswith("StateMachine"):
                has = client("stepfunctions").describe_state_machine(stateMachineArn=arns[logical])
                assert json.loads(has["definition"]) == said["Definition"], logical
            elif item["Type"].endswith("Rule"):
                has = client("events").describe_rule(Name=said["Name"])
                assert json.loads(has["EventPattern"]) == said["EventPattern"], logical
                assert client("events").list_targets_by_rule(Rule=said["Name"])["Targets"] == said["Targets"]
            else:
                name = arns[logical].rpartition("/")[2]
                (policy,) = said["Policies"]
                has = client("iam").get_role_policy(RoleName=name, PolicyName=policy["PolicyName"])
                assert has["PolicyDocument"] == policy["PolicyDocument"], logical
            count += 1
    return count


def test_a_reviewed_folder_is_deployed_as_it_is_and_is_the_way_back(
    triggers: Run,
    aws: Aws,  # noqa: F811
    kubernetes: KubernetesStandIn,  # noqa: F811
    tmp_path: Path,
) -> None:
    repository, first = tmp_path / "repository", tmp_path / "first"
    repository.mkdir()
    (repository / "metaflow-triggers.toml").write_text(
        'id = "shop"\nexternal-events = ["order-placed", "order-paid"]\n'
    )
    flow(repository, "Ingest", ON_EVENT)
    assert triggers("compile", "--output", str(first), cwd=repository).code == 0
    nothing = world(aws, kubernetes)
    missing = triggers("create", "--from", str(first), cwd=tmp_path)
    assert missing.code == 1 and missing.err.count("error[FT771]") == 1, missing.err
    assert world(aws, kubernetes) == nothing

    # A later commit deploys another flow; the first one's package is there because it was deployed once, too.
    assert triggers("create", cwd=repository).code == 0
    deployed = world(aws, kubernetes)
    flow(repository, "Ingest", "@trigger(event='order-paid')")
    assert triggers("create", cwd=repository).code == 0
    assert world(aws, kubernetes) != deployed

    # From now on a flow that is read gives itself away.
    for path in repository.glob("*.py"):
        path.write_text(f"open({str(tmp_path / 'read')!r}, 'w')\n")
    back = triggers("create", "--from", str(first), cwd=repository)
    assert back.code == 0 and "step-functions: 1 flow: 1 changed" in back.out, back.out + back.err
    assert "Ingest does not start on order-placed of metaflow yet" in back.out
    assert world(aws, kubernetes) == deployed
    assert cluster_is(first, kubernetes) == 10 and account_is(first, aws) == 4
    again = triggers("create", "--from", str(first), cwd=repository)
    assert "nothing to do: everything is deployed as it is\n" in again.out, again.out

    # And into clouds that have nothing of it.
    for key in [key for key in kubernetes.store.objects if key[2] != "secrets"]:
        del kubernetes.store.objects[key]
    delete("Ingest", clients(aws), flow="Ingest", steps=("start", "end"))
    assert world(aws, kubernetes) == nothing
    assert triggers("create", "--from", str(first), cwd=tmp_path).code == 0
    assert cluster_is(first, kubernetes) == 10 and account_is(first, aws) == 4
    assert world(aws, kubernetes) == deployed
    assert not (tmp_path / "read").exists()


POLLS = """
from metaflow_triggers.poll import TriggerResult, trigger


@trigger("Polled", name="inbox", poll_interval="1m")
def look():
    return TriggerResult.skip()
"""


def test_polls_of_a_reviewed_folder_are_polled_as_it_says(
    triggers: Run,
    aws: Aws,  # noqa: F811
    kubernetes: KubernetesStandIn,  # noqa: F811
    tmp_path: Path,
) -> None:
    def empty() -> None:
        for key in [key for key in kubernetes.store.objects if key[2] != "secrets"]:
            del kubernetes.store.objects[key]

    empty()  # other tests have left flows
    repository, first = tmp_path / "repository", tmp_path / "first"
    repository.mkdir()
    flow(repository, "Polled", "")
    (repository / "polls.py").write_text(POLLS)
    on = ("--backend", "argo-workflows")
    assert triggers("compile", *on, "--output", str(first), cwd=repository).code == 0
    missing = triggers("create", *on, "--from", str(first), cwd=tmp_path)
    assert missing.code == 1 and "error[FT771]" in missing.err, "its poller needs the code package, too"
    assert triggers("create", *on, cwd=repository).code == 0
    deployed = world(aws, kubernetes)

    def data() -> Any:
        (record,) = kubernetes.objects("configmaps").values()
        return record["data"]

    remembered = {"state": '{"version": 1, "generation": 7}', "enabled": "false"}
    data().update(remembered)
    (repository / "polls.py").write_text(POLLS.replace("1m", "2h"))
    done = triggers("create", *on, cwd=repository)
    assert "Polled is polled by inbox every 2h instead of 1m" in done.out, done.out + done.err
    for path in repository.glob("*.py"):
        path.write_text(f"open({str(tmp_path / 'read')!r}, 'w')\n")
    plan = triggers("create", *on, "--from", str(first), "--plan", cwd=tmp_path)
    assert "Polled is polled by inbox every 1m instead of 2h" in plan.out, plan.out + plan.err
    back = triggers("create", *on, "--from", str(first), cwd=tmp_path)
    assert back.code == 0, back.err
    assert [data().pop(key) for key in remembered] == list(remembered.values()), "what is remembered stays"
    assert world(aws, kubernetes) == deployed and cluster_is(first, kubernetes) > 10
    assert "nothing to do" in triggers("create", *on, "--from", str(first), cwd=tmp_path).out
    empty()
    assert triggers("create", *on, "--from", str(first), cwd=tmp_path).code == 0
    assert world(aws, kubernetes) == deployed and not (tmp_path / "read").exists()
