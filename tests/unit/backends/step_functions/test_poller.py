"""What polls a flow on AWS: what is emitted, what is refused, and that the read-back notices what is otherwise."""

from __future__ import annotations

import copy
import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from metaflow_triggers.backends.step_functions import backend as step_functions
from metaflow_triggers.backends.step_functions.compile import names, poller_job
from metaflow_triggers.backends.step_functions.deploy.policies import policies
from metaflow_triggers.backends.step_functions.verify import read_back
from metaflow_triggers.diagnostics import DiagnosticError
from metaflow_triggers.manifests.schemas import findings
from metaflow_triggers.manifests.text import yaml_text
from metaflow_triggers.model.settings import Settings

from .samples import CONFIGURED, OPEN, POLLED_FLOW, SET_FLOW, WORKFLOW, poll, polled

ROLE = "arn:aws:iam::123456789012:role/by-hand"
KEY = "arn:aws:kms:eu-west-1:123456789012:key/1"
GROUP = "arn:aws:logs:eu-west-1:123456789012:log-group:flows:*"
SETTINGS = {
    "open": OPEN,
    "configured": CONFIGURED,
    "root": dataclasses.replace(CONFIGURED, datastore_s3="s3://flows"),
    "queue": dataclasses.replace(CONFIGURED, batch_job_queue="arn:aws:batch:eu-west-1:123456789012:job-queue/q"),
    "key": dataclasses.replace(CONFIGURED, kms_key=KEY),
    "key of S3": dataclasses.replace(CONFIGURED, kms_key=KEY, s3_encryption="AES256"),
    "encrypted": dataclasses.replace(OPEN, s3_encryption="aws:kms:dsse"),
    "logs": dataclasses.replace(CONFIGURED, log_group=GROUP),
    "project": dataclasses.replace(CONFIGURED, project_id="shop", user="ada"),
    "roles": dataclasses.replace(
        CONFIGURED,
        events_role=ROLE,
        starter_role=ROLE,
        correlator_role=ROLE,
        scheduler_role=ROLE,
        poller_role=ROLE,
        poll_machine_role=ROLE,
    ),
}
POLLS = (poll("orders"), poll("inbox", 60, dedup="once", dedup_keys=("n",), allow_concurrent=False))
SET_POLL = poll("late", 3600, SET_FLOW)


def template(*polls: Any, of: Any = POLLED_FLOW, settings: Settings = OPEN, workflow: Any = WORKFLOW) -> Any:
    return step_functions.manifests(of, polled(of, *polls), workflow, settings)[0].content


def command(made: Any) -> str:
    told = made["Resources"]["PollerJob"]["Properties"]["ContainerProperties"]["Command"][-1]
    return str(told["Fn::Sub"] if isinstance(told, dict) else told)


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("workflow", [WORKFLOW, None], ids=["whole", "triggers"])
def test_what_is_emitted_keeps_its_schema_and_means_the_triggers(settings: str, workflow: Any) -> None:
    for of, polls in ((POLLED_FLOW, POLLS), (SET_FLOW, (SET_POLL,))):
        made = template(*polls, of=of, settings=SETTINGS[settings], workflow=workflow)
        assert findings(made, step_functions.SCHEMA) == []
        assert step_functions.mistakes(made, yaml_text(made), of, SETTINGS[settings], polls) == []
        if workflow is not None:
            assert findings(policies(made, SETTINGS[settings], emits=True), "step_functions/policies") == []
            alone = template(*polls, of=of, settings=SETTINGS[settings], workflow=None)
            assert step_functions.trigger_part(made) == alone


def test_roles_that_are_printed_do_not_change_when_they_are_given() -> None:
    given, made = SETTINGS["roles"], SETTINGS["configured"]
    for of, polls in ((POLLED_FLOW, POLLS), (SET_FLOW, (SET_POLL,))):
        now = template(*polls, of=of, settings=given)
        assert not [item for item in now["Resources"].values() if item["Type"] == "AWS::IAM::Role"]
        before = policies(template(*polls, of=of, settings=made), made, emits=True)
        assert policies(now, given, emits=True) == before


@pytest.mark.parametrize("name", ["open", "queue"])
def test_the_queue_is_given_in_the_form_that_its_rights_name(name: str) -> None:
    """By name or by ARN: a right of the other form would be a right to nothing."""
    made = template(poll("orders"), settings=SETTINGS[name])
    pattern = made["Parameters"]["BatchJobQueue"]["AllowedPattern"]
    by_name, by_arn = "gpu-1", "arn:aws:batch:eu-west-1:123456789012:job-queue/q"
    takes, refuses = (by_name, by_arn) if name == "open" else (by_arn, by_name)
    assert re.fullmatch(pattern, takes) and not re.fullmatch(pattern, refuses)
    rights = json.dumps(made["Resources"]["PollMachineRole"])
    assert ("job-queue/${BatchJobQueue}" in rights) is (name == "open")
    # Where nobody names it in a right, either is taken.
    for other in (template(poll("orders"), settings=SETTINGS["roles"]), template(of=SET_FLOW)):
        assert "AllowedPattern" not in other["Parameters"]["BatchJobQueue"]


def test_a_flow_that_only_polls_start_has_no_queue() -> None:
    made = template(*POLLS)
    assert set(made["Resources"]) == {
        "ScheduleGroup",
        "PollSchedule",
        "SchedulerRole",
        "PollMachine",
        "PollMachineRole",
        "PollerJob",
        "PollerRole",
        "PollTable",
        "StateMachine",
        *(name for name in made["Resources"] if name.startswith("JobDefinition")),
    }


def test_a_job_is_kept_for_short_intervals_and_made_for_each_poll_of_long_ones() -> None:
    def shape(*seconds: int) -> tuple[str, bool, int]:
        made = template(*(poll(f"p{number}", one) for number, one in enumerate(seconds)))
        resources = made["Resources"]
        rate = resources["PollSchedule"]["Properties"]["ScheduleExpression"]
        timeout = resources["PollMachine"]["Properties"]["Definition"]["TimeoutSeconds"]
        return rate, command(made).endswith(" --once"), timeout

    assert shape(1) == ("rate(2 minutes)", False, 31_536_000)
    assert shape(900, 899) == ("rate(2 minutes)", False, 31_536_000)
    assert shape(900, 3600) == ("rate(15 minutes)", True, 86_400)
    assert shape(5400 + 59) == ("rate(90 minutes)", True, 86_400)


def test_other_declarations_or_another_job_are_another_version() -> None:
    """The version is the job definition's revision, so what is otherwise has to be otherwise there."""

    def job(*polls: Any, workflow: Any = WORKFLOW) -> Any:
        return template(*polls, workflow=workflow)["Resources"]["PollerJob"]

    first = job(*POLLS)
    assert job(*reversed(POLLS)) == first
    assert job(POLLS[0]) != first
    assert job(dataclasses.replace(POLLS[0], allow_concurrent=True), POLLS[1]) != first
    other = copy.deepcopy(WORKFLOW)
    other["job_definitions"]["start"]["containerProperties"]["image"] = "python:3.13"
    assert job(*POLLS, workflow=other) != first
    version = {"Ref": "PollerJob"}
    states = template(*POLLS)["Resources"]["PollMachine"]["Properties"]["Definition"]["States"]
    assert states["Declare"]["Parameters"]["ExpressionAttributeValues"][":wanted"]["S"] == version
    assert '--version "$METAFLOW_TRIGGERS_POLLER_VERSION"' in command(template(*POLLS))
    assert states["Poll"]["Parameters"]["ContainerOverrides"]["Environment"] == [
        {"Name": "METAFLOW_TRIGGERS_POLLER_VERSION", "Value": version}
    ]


def test_what_a_template_declares_is_read_again() -> None:
    found = step_functions.declared_polls([template(*POLLS), None, {"Resources": {}}])
    assert [(one.name, one.flow, one.interval_milliseconds, one.dedup, one.dedup_keys, one.file) for one in found] == [
        ("inbox", "PolledFlow", 60_000, "once", ("n",), "orders.py"),
        ("orders", "PolledFlow", 30_000, "active", None, "orders.py"),
    ]
    with pytest.raises(ValueError, match="no list of declarations"):
        broken = template(*POLLS)
        values = broken["Resources"]["PollMachine"]["Properties"]["Definition"]["States"]["Declare"]["Parameters"]
        values["ExpressionAttributeValues"][":declared"]["S"] = "{}"
        step_functions.declared_polls([broken])


def refused(*polls: Any, of: Any = POLLED_FLOW) -> list[str]:
    return [one.code for one in step_functions.refusals(of, polled(of, *polls), OPEN)]


def test_what_no_cloud_polls_is_refused() -> None:
    assert refused(*POLLS) == []
    assert refused(poll("fast", interval_milliseconds=999, interval="999ms")) == ["FT513"]
    assert refused(poll("elsewhere", file="other/polls.py")) == ["FT514"]
    many = [poll(f"trigger-{number:04d}-{'x' * 200}") for number in range(500)]
    assert refused(*many) == ["FT405"]


FIELDS: list[tuple[str, Any]] = [
    ("gone", lambda r: r.pop("PollTable")),
    ("table", lambda r: r["PollTable"]["Properties"].update(TableName="other")),
    ("machine", lambda r: r["PollMachine"]["Properties"].update(StateMachineName="other")),
    ("job", lambda r: r["PollerJob"]["Properties"].update(JobDefinitionName="other")),
    ("rate", lambda r: r["PollSchedule"]["Properties"].update(ScheduleExpression="rate(3 minutes)")),
    ("target", lambda r: r["PollSchedule"]["Properties"]["Target"].update(Arn={"Fn::GetAtt": ["Starter", "Arn"]})),
    ("whose role", lambda r: r["PollMachine"]["Properties"].update(RoleArn={"Ref": "StateMachineRoleArn"})),
    ("job's role", lambda r: container(r).update(JobRoleArn={"Ref": "BatchJobRoleArn"})),
    ("another image", lambda r: container(r).update(Image="python:3.9")),
    ("another log", lambda r: container(r).pop("LogConfiguration")),
    ("much memory", lambda r: container(r)["ResourceRequirements"][1].update(Value="4096")),
    ("variable", lambda r: container(r)["Environment"].pop(0)),
    ("command", lambda r: container(r).update(Command=["bash", "-c", "true"])),
    ("once", lambda r: container(r)["Command"].__setitem__(-1, sub(command({"Resources": r}) + " --once"))),
    ("queue", lambda r: states(r)["Poll"]["Parameters"].update(JobQueue="other")),
    ("version", lambda r: states(r)["Poll"]["Parameters"].update(JobDefinition="other")),
    ("declared", lambda r: redeclared(r, "poll_interval_ms", 1)),
    ("parameters", lambda r: redeclared(r, "parameters", [])),
    ("name", lambda r: redeclared(r, "name", "other")),
    ("right", lambda r: statements(r, "PollerRole").append({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})),
    ("less right", lambda r: statements(r, "PollMachineRole").pop()),
]


def sub(text: str) -> Any:
    return {"Fn::Sub": text}


def container(resources: Any) -> Any:
    return resources["PollerJob"]["Properties"]["ContainerProperties"]


def states(resources: Any) -> Any:
    return resources["PollMachine"]["Properties"]["Definition"]["States"]


def statements(resources: Any, role: str) -> Any:
    return resources[role]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]


def redeclared(resources: Any, key: str, value: Any) -> None:
    values = states(resources)["Declare"]["Parameters"]["ExpressionAttributeValues"][":declared"]
    told = [json.loads(text) for text in json.loads(values["S"])]
    told[0][key] = value
    values["S"] = json.dumps([json.dumps(one) for one in told])


@pytest.mark.parametrize(("what", "change"), FIELDS, ids=[what for what, _ in FIELDS])
def test_the_read_back_notices_what_is_otherwise(what: str, change: Any) -> None:
    made = copy.deepcopy(template(*POLLS))
    assert list(read_back.differences(made, POLLED_FLOW, OPEN, POLLS)) == []
    change(made["Resources"])
    assert list(read_back.differences(made, POLLED_FLOW, OPEN, POLLS)), what


def test_the_read_back_notices_a_poller_of_nothing() -> None:
    assert list(read_back.differences(template(*POLLS), POLLED_FLOW, OPEN, ()))


@pytest.mark.parametrize(
    ("at", "field"),
    [
        (lambda w: w["job_definitions"]["start"], "nodeProperties"),
        (lambda w: w["job_definitions"]["start"]["containerProperties"], "ulimits"),
        (lambda w: w["definition"]["States"]["start"]["Parameters"], "NodeOverrides"),
        (lambda w: w["definition"]["States"]["start"]["Parameters"]["ContainerOverrides"], "InstanceType"),
    ],
)
def test_a_field_that_nobody_has_decided_is_refused_and_not_left_out(at: Any, field: str) -> None:
    workflow = copy.deepcopy(WORKFLOW)
    at(workflow)[field] = "x"
    with pytest.raises(DiagnosticError, match="FT004") as refused_:
        template(*POLLS, workflow=workflow)
    assert f"{field} of its" in " ".join(refused_.value.diagnostics[0].notes)


def test_each_field_has_a_reason_or_is_carried() -> None:
    for decided in (
        poller_job.OF_DEFINITION,
        poller_job.OF_CONTAINER,
        poller_job.OF_SUBMISSION,
        poller_job.OF_OVERRIDES,
    ):
        assert all(reason == poller_job.CARRIED or len(reason) > 5 for reason in decided.values())


ON_EC2 = "gpu=1, shared_memory=64, use_tmpfs=True, tmpfs_size=100, privileged=True, inferentia=1"
FLOW = """
from metaflow import FlowSpec, batch, environment, step
from metaflow_triggers.poll import TriggerResult, trigger

@trigger(workflow="Bp", name="k", poll_interval="1s")
def w(): return TriggerResult.skip()

class Bp(FlowSpec):
    @environment(vars={{"A": "1"}})
    @batch(cpu=4, memory=8000, image="foo/bar:1", queue="other", efs_volumes=["fs-1"], host_volumes=["/data"],
           log_driver="awslogs", log_options=["awslogs-group:x"], {more})
    @step
    def start(self): self.next(self.end)
    @step
    def end(self): pass

if __name__ == "__main__": Bp()
"""


def compiled(at: Path, more: str, **settings: str) -> Any:
    """The resources of the flow, compiled by the command."""
    from tests import forked
    from tests.unit.commands.conftest import clean

    (at / "bp.py").write_text(FLOW.format(more=more))
    call = ("-m", "metaflow_triggers.commands.cli", "compile", "--backend", "step-functions", "--output", "out", ".")
    done = forked.python(call, at, clean(at, METAFLOW_USER="me", **settings))
    assert done.returncode == 0, done.stderr
    return yaml.safe_load((at / "out" / "step-functions" / "Bp.yaml").read_text())["Resources"]


def test_the_poller_has_what_the_start_steps_job_has(tmp_path: Path) -> None:
    resources = compiled(tmp_path, ON_EC2)
    own = container(resources)
    variables = {item["Name"]: item["Value"] for item in own.pop("Environment")}
    own.pop("Command")
    assert own == {
        "Image": "foo/bar:1",
        "JobRoleArn": {"Fn::GetAtt": ["PollerRole", "Arn"]},
        "ResourceRequirements": [{"Type": "VCPU", "Value": "1"}, {"Type": "MEMORY", "Value": "512"}],
        "Privileged": True,
        "LogConfiguration": {"LogDriver": "awslogs", "Options": {"awslogs-group": "x"}},
        "Volumes": [
            {"Name": "_data", "Host": {"SourcePath": "/data"}},
            {"Name": "efs_fs-1", "EfsVolumeConfiguration": {"FileSystemId": "fs-1", "TransitEncryption": "ENABLED"}},
        ],
        "MountPoints": [
            {"SourceVolume": "_data", "ContainerPath": "/data"},
            {"SourceVolume": "efs_fs-1", "ContainerPath": "/mnt/fs-1"},
        ],
    }
    assert variables["A"] == "1" and "METAFLOW_RUN_ID" not in variables and "METAFLOW_PARAMETERS" not in variables
    assert states(resources)["Poll"]["Parameters"]["JobQueue"] == "other"


def test_on_fargate_it_is_as_small_as_fargate_has_it(tmp_path: Path) -> None:
    role = "arn:aws:iam::123456789012:role/fargate"
    settings = {"METAFLOW_TRIGGERS_BATCH_PLATFORM": "FARGATE", "METAFLOW_ECS_FARGATE_EXECUTION_ROLE": role}
    resources = compiled(tmp_path, "ephemeral_storage=30", **settings)
    own, job = container(resources), resources["PollerJob"]["Properties"]
    assert job["PlatformCapabilities"] == ["FARGATE"]
    assert [item["Value"] for item in own["ResourceRequirements"]] == ["0.25", "512"]
    assert own["ExecutionRoleArn"] == {"Ref": "FargateExecutionRoleArn"}
    assert own["EphemeralStorage"] == {"SizeInGiB": 30} and own["NetworkConfiguration"] == {"AssignPublicIp": "ENABLED"}


def test_names_are_no_steps() -> None:
    assert names.poller_job_name("F") != names.job_definition_name("F", "poller")
