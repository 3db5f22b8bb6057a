"""`doctor` on an account: each broken set-up is one line that is lacking, a right one has none; nothing is written."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from metaflow_triggers.backends.step_functions.doctor.examine import examine
from metaflow_triggers.doctor.findings import FINE, LACKING, NOT_ASKED, Finding
from metaflow_triggers.model.flows import Flow, Schedule

from ...settings import OPEN
from ...unit.backends.step_functions.samples import SPAN, event, flow, trigger
from .account import is_write
from .refusals import Refusing, denied, expired
from .service import Aws
from .simulation import Simulation

_KEYS = "arn:aws:kms:eu-west-1:123456789012:key/"
QUEUES = "arn:aws:sqs:eu-west-1:123456789012:"
TOPICS = "arn:aws:sns:eu-west-1:123456789012:"
_ROLES = "arn:aws:iam::123456789012:role/"
SIMULATE = "iam:SimulatePrincipalPolicy"
FLOW = flow("OrderFlow", trigger(event("order-placed")))
ALL = dataclasses.replace(
    flow("Whole", trigger(event("a"), event("b"), join="all")), schedule=Schedule("0 0 * * ? *", None, SPAN)
)


class World(NamedTuple):
    """An account that has all, and broken ones beside it; `refuse` and `simulation` make IAM say no."""

    refusing: Refusing
    simulation: Simulation
    keys: dict[str, str]


class Session(Aws):
    def __init__(self, make: Callable[[str], Any]) -> None:
        super().__init__("inside")
        self.client = make  # type: ignore[method-assign]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    import boto3
    from moto import mock_aws

    os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"  # of EC2 only the network is used
    with mock_aws(config={"batch": {"use_docker": False}}):  # type: ignore[typeddict-item]
        session = boto3.session.Session("test", "test", region_name="eu-west-1")
        made: dict[str, Any] = {}

        def make(service: str) -> Any:
            if service not in made:
                made[service] = session.client(service)
            return made[service]

        keys = _fill(make)
        refusing = Refusing(Session(make))
        yield World(refusing, Simulation(refusing.client("iam")), keys)


def _fill(client: Callable[[str], Any]) -> dict[str, str]:
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
    iam, batch, ec2 = client("iam"), client("batch"), client("ec2")
    for name, service in (("machine", "states"), ("tasks", "ecs-tasks"), ("batch", "batch"), ("rules", "events")):
        trust["Statement"][0]["Principal"]["Service"] = f"{service}.amazonaws.com"  # type: ignore[index]
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
    iam.create_instance_profile(InstanceProfileName="nodes")
    client("s3").create_bucket(Bucket="flows", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    for bus in ("orders", "others"):
        client("events").create_event_bus(Name=bus)
    opened = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{**opened, "Resource": QUEUES + "open"}]})
    for name in ("open", "unwatched"):
        client("sqs").create_queue(QueueName=name, Attributes={"Policy": policy})
    client("sqs").create_queue(QueueName="closed")
    client("logs").create_log_group(logGroupName="flows")
    _topics(client)
    where = {
        "subnets": [ec2.describe_subnets()["Subnets"][0]["SubnetId"]],
        "securityGroupIds": [ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]],
        "maxvCpus": 8,
    }
    nodes = {
        "type": "EC2",
        "minvCpus": 0,
        "instanceTypes": ["m5"],
        "instanceRole": "arn:aws:iam::123456789012:instance-profile/nodes",
    }
    for name, more, state in (
        ("ec2", nodes, "ENABLED"),
        ("fargate", {"type": "FARGATE"}, "ENABLED"),
        ("off", nodes, "DISABLED"),
    ):
        batch.create_compute_environment(
            computeEnvironmentName=name,
            type="MANAGED",
            state=state,
            serviceRole=_ROLES + "batch",
            computeResources={**where, **more},
        )
        for queue, queued in ((name, "ENABLED"), *([("closed", "DISABLED")] if name == "ec2" else [])):
            batch.create_job_queue(
                jobQueueName=queue,
                state=queued,
                priority=1,
                computeEnvironmentOrder=[{"order": 1, "computeEnvironment": name}],
            )
    dynamo = client("dynamodb")
    for table, key in (("foreach", "pathspec"), ("other", "id")):
        dynamo.create_table(
            TableName=table,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
            KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
        )
    kms = client("kms")
    made = {name: kms.create_key()["KeyMetadata"]["Arn"] for name in ("good", "disabled", "going")}
    kms.disable_key(KeyId=made["disabled"].partition("/")[2])
    kms.schedule_key_deletion(KeyId=made["going"].partition("/")[2])
    return made


def _topics(client: Callable[[str], Any]) -> None:
    """One that is fit for alarms, and one for each way in which it is not."""
    from moto.sns.models import sns_backends

    closed = json.dumps({"Version": "2012-10-17", "Statement": []})
    for name, attributes in (
        ("on-call", {}),
        ("unheard", {}),
        ("encrypted", {"KmsMasterKeyId": "alias/aws/sns"}),
        ("closed", {"Policy": closed}),
    ):
        arn = client("sns").create_topic(Name=name, Attributes=attributes)["TopicArn"]
        # The emulator counts no subscriptions, and spells them so.
        sns_backends["123456789012"]["eu-west-1"].topics[arn].subscriptions_confimed = int(name != "unheard")
    for queue in ("open", "closed", "none"):
        client("cloudwatch").put_metric_alarm(
            AlarmName=queue,
            AlarmActions=[TOPICS + "on-call"],
            Namespace="AWS/SQS",
            MetricName="ApproximateNumberOfMessagesVisible",
            Dimensions=[{"Name": "QueueName", "Value": queue}],
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanOrEqualToThreshold",
        )


def right(world: World) -> Any:
    return dataclasses.replace(
        OPEN,
        datastore_s3="s3://flows/metaflow",
        batch_job_queue="ec2",
        batch_job_role=_ROLES + "tasks",
        state_machine_role=_ROLES + "machine",
        events_role=_ROLES + "rules",
        dynamo_db_table="foreach",
        event_bus="orders",
        kms_key=world.keys["good"],
        log_group="arn:aws:logs:eu-west-1:123456789012:log-group:flows:*",
        alarm_topic=TOPICS + "on-call",
    )


def found(world: World, settings: Any, flows: tuple[Flow, ...] = (FLOW, ALL), **more: Any) -> list[Finding]:
    return list(examine(settings, flows, more.get("make", world.refusing.client)))


@pytest.fixture(autouse=True)
def as_it_was(world: World) -> None:
    world.refusing.refuse = lambda action: None
    world.refusing.actions.clear()
    world.simulation.denied.clear()
    world.simulation.conditional.clear()
    world.simulation.asked.clear()


def test_a_right_account_lacks_nothing_and_is_not_changed(world: World) -> None:
    told = found(world, right(world))
    assert {item.state for item in told} == {FINE}, [item for item in told if item.state != FINE]
    assert len({item.thing for item in told}) == len(told)
    assert [item for item in world.refusing.actions if is_write(item.partition(":")[2])] == [
        SIMULATE
    ] * world.refusing.actions.count(SIMULATE)
    assert ("iam:PassRole", _ROLES + "tasks", "ecs-tasks.amazonaws.com") in world.simulation.asked


FOREACH = dataclasses.replace(FLOW, features=("foreach",))
BROKEN: dict[str, tuple[dict[str, Any], str, str, str]] = {
    # settings that are otherwise -> thing, code, a part of what mends it
    "no datastore": ({"datastore_s3": None}, "datastore", "FT002", "set METAFLOW_DATASTORE_SYSROOT_S3"),
    "no place in S3": ({"datastore_s3": "flows"}, "METAFLOW_DATASTORE_SYSROOT_S3", "FT017", "s3://BUCKET"),
    "no bucket": ({"datastore_s3": "s3://nobody/x"}, "datastore", "FT706", "aws s3api create-bucket --bucket nobody"),
    "queue not set": ({"batch_job_queue": None}, "job queue", "FT002", "METAFLOW_BATCH_JOB_QUEUE"),
    "no queue": ({"batch_job_queue": "quue"}, "job queue", "FT706", "METAFLOW_BATCH_JOB_QUEUE"),
    "queue disabled": ({"batch_job_queue": "closed"}, "job queue", "", "--job-queue closed --state ENABLED"),
    "computes disabled": ({"batch_job_queue": "off"}, "job queue", "", "--compute-environment off --state ENABLED"),
    "Fargate's queue": ({"batch_job_queue": "fargate"}, "job queue", "", "METAFLOW_TRIGGERS_BATCH_PLATFORM=FARGATE"),
    "no role of tasks": ({"batch_job_role": _ROLES + "none"}, "role of the tasks", "FT706", "METAFLOW_ECS_S3_ACCESS"),
    "tasks' trust": ({"batch_job_role": _ROLES + "machine"}, "role of the tasks", "", "ecs-tasks.amazonaws.com"),
    "machine's role not set": (
        {"state_machine_role": None},
        "role of the state machine",
        "FT002",
        "METAFLOW_SFN_IAM_ROLE",
    ),
    "another account's": (
        {"state_machine_role": "arn:aws:iam::999999999999:role/machine"},
        "role of the state machine",
        "FT706",
        "to a role of 123456789012",
    ),
    "no ARN": ({"state_machine_role": "machine"}, "METAFLOW_SFN_IAM_ROLE", "FT017", "arn:aws:iam::ACCOUNT:role/NAME"),
    "Fargate's role": (
        {"batch_job_queue": "fargate", "batch_platform": "FARGATE"},
        "role of Fargate",
        "FT002",
        "METAFLOW_ECS_FARGATE_EXECUTION_ROLE",
    ),
    "schedules' trust": ({"scheduler_role": _ROLES + "machine"}, "role of schedules", "", "scheduler.amazonaws.com"),
    "no bus": ({"event_bus": "ordres"}, "event bus", "FT706", "aws events create-event-bus --name ordres"),
    "key elsewhere": (
        {"kms_key": _KEYS.replace("west-1", "central-1") + "a"},
        "KMS key",
        "",
        "AWS_DEFAULT_REGION=eu-central-1",
    ),
    "no key": ({"kms_key": _KEYS + "12345678-1234-1234-1234-123456789012"}, "KMS key", "FT706", "aws kms list-keys"),
    "key disabled": ({"kms_key": "disabled"}, "KMS key", "", "aws kms enable-key"),
    "key going": ({"kms_key": "going"}, "KMS key", "", "aws kms cancel-key-deletion"),
    "no log group": (
        {"log_group": "arn:aws:logs:eu-west-1:123456789012:log-group:flow:*"},
        "log group",
        "",
        "aws logs create-log-group --log-group-name flow",
    ),
    "no topic's ARN": ({"alarm_topic": "on-call"}, "METAFLOW_TRIGGERS_ALARM_TOPIC", "FT017", "arn:aws:sns:REGION"),
    "topic elsewhere": (
        {"alarm_topic": TOPICS.replace("west-1", "central-1") + "on-call"},
        "alarm topic",
        "",
        "AWS_DEFAULT_REGION=eu-central-1",
    ),
    "no topic": ({"alarm_topic": TOPICS + "oncall"}, "alarm topic", "FT706", "aws sns create-topic --name oncall"),
    "topic by SNS's key": ({"alarm_topic": TOPICS + "encrypted"}, "alarm topic", "", "KmsMasterKeyId"),
    "topic's policy": ({"alarm_topic": TOPICS + "closed"}, "alarm topic", "", "cloudwatch.amazonaws.com"),
    "nobody hears": ({"alarm_topic": TOPICS + "unheard"}, "alarm topic", "", "aws sns subscribe"),
    "no table": ({"dynamo_db_table": "none"}, "table of foreach steps", "FT706", "aws dynamodb create-table"),
    "table's key": ({"dynamo_db_table": "other"}, "table of foreach steps", "", "METAFLOW_SFN_DYNAMO_DB_TABLE"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_setting_is_the_one_line_that_lacks(world: World, name: str) -> None:
    changed, thing, code, mend = BROKEN[name]
    changed = {key: world.keys.get(str(value), value) for key, value in changed.items()}
    told = [item for item in found(world, dataclasses.replace(right(world), **changed)) if item.state != FINE]
    assert [(item.state, item.thing, item.code) for item in told] == [(LACKING, thing, code)]
    assert mend in " ".join(told[0].mends)


def test_what_a_flow_needs_more(world: World) -> None:
    settings = dataclasses.replace(right(world), dynamo_db_table=None)
    (told,) = [item for item in found(world, settings, (FOREACH,)) if item.state != FINE]
    assert (told.state, told.thing, told.code) == (LACKING, "table of foreach steps", "FT002")
    assert [item for item in found(world, settings, (FLOW,)) if item.state != FINE] == []


def named(**options: str) -> Flow:
    said = json.dumps({"step-functions": {key.replace("_", "-"): value for key, value in options.items()}})
    return dataclasses.replace(FLOW, triggers=(trigger(event("order-placed"), options=said),))


NAMED = {
    "bus": (named(bus="ordres"), "event bus ordres", "FT706", "create-event-bus --name ordres"),
    "queue": (named(dead_letter_queue=QUEUES + "none"), "dead-letter queue none", "", "create-queue --queue-name none"),
    "queue's policy": (
        named(dead_letter_queue=QUEUES + "closed"),
        "dead-letter queue closed",
        "",
        "events.amazonaws.com",
    ),
    "queue without an alarm": (
        named(dead_letter_queue=QUEUES + "unwatched"),
        "alarm of dead-letter queue unwatched",
        "",
        f"--alarm-actions {TOPICS}on-call",
    ),
    "queue elsewhere": (
        named(dead_letter_queue=QUEUES.replace("west", "north") + "open"),
        "dead-letter queue open",
        "",
        "name one of eu-west-1",
    ),
}


@pytest.mark.parametrize("name", NAMED)
def test_what_flows_name(world: World, name: str) -> None:
    one, thing, code, mend = NAMED[name]
    (told,) = [item for item in found(world, right(world), (one,)) if item.state != FINE]
    assert (told.state, told.thing, told.code) == (LACKING, thing, code) and mend in told.mends[0]


def test_what_flows_name_and_is_there(world: World) -> None:
    one = named(bus="others", dead_letter_queue=QUEUES + "open")
    assert [item for item in found(world, right(world), (one,)) if item.state != FINE] == []
    rules = {resource for action, resource, _ in world.simulation.asked if action == "events:PutRule"}
    assert [item.rpartition("rule/")[2].partition("/")[0] for item in rules] == ["others"]
    elsewhere = named(bus="arn:aws:events:eu-west-1:999999999999:event-bus/x")
    (told,) = [item for item in found(world, right(world), (elsewhere,)) if item.state != FINE]
    assert (told.state, told.needs) == (NOT_ASKED, "credentials of 999999999999 in eu-west-1")


def test_trust_is_added_to_what_is_there(world: World) -> None:
    settings = dataclasses.replace(right(world), batch_job_role=_ROLES + "machine")
    (told,) = [item for item in found(world, settings) if item.state != FINE]
    document = json.loads(told.mends[0].partition("--policy-document ")[2].strip("'"))
    services = [item["Principal"]["Service"] for item in document["Statement"]]
    assert services == ["states.amazonaws.com", "ecs-tasks.amazonaws.com"]


RIGHTS = {
    "events": ({"events:PutRule"}, "rights of events"),
    "passing": ({("iam:PassRole", _ROLES + "machine")}, "rights of iam"),
    "a table": ({"dynamodb:CreateTable"}, "rights of dynamodb"),
    "alarms": ({"cloudwatch:PutMetricAlarm"}, "rights of cloudwatch"),
    "groups": ({"scheduler:CreateScheduleGroup"}, "rights of scheduler"),
    "store": ({("s3:PutObject", "arn:aws:s3:::flows/metaflow/OrderFlow/data/any")}, "rights of s3"),
}


@pytest.mark.parametrize("name", RIGHTS)
def test_a_missing_right(world: World, name: str) -> None:
    world.simulation.denied, thing = RIGHTS[name]
    (told,) = [item for item in found(world, right(world)) if item.state != FINE]
    assert (told.state, told.thing, told.code) == (LACKING, thing, "FT702")
    (what,) = RIGHTS[name][0]
    assert (what if isinstance(what, str) else what[0]) in told.mends[0]


def test_no_region(world: World) -> None:
    from botocore.exceptions import NoRegionError

    def make(service: str) -> Any:
        raise NoRegionError()

    told = found(world, right(world), make=make)
    assert [(item.thing, item.code) for item in told if item.state == LACKING] == [("region", "FT701")]
    assert {item.needs for item in told if item.state == NOT_ASKED} == {"a region", "credentials"}


@pytest.mark.parametrize(
    "refusal", [expired, lambda action: dataclasses.replace(expired(action), code="InvalidClientTokenId")]
)
def test_credentials_that_aws_does_not_take(world: World, refusal: Any) -> None:
    world.refusing.refuse = refusal
    told = found(world, right(world))
    assert [(item.thing, item.code) for item in told if item.state == LACKING] == [("credentials", "FT701")]
    assert {item.needs for item in told if item.state == NOT_ASKED} == {"credentials"}
    things = {item.thing for item in told}
    assert {"datastore", "job queue", "role of the tasks", "event bus", "rights"} <= things
    assert {"KMS key", "log group", "alarm topic"} <= things


def test_what_may_not_be_asked_is_said_and_not_guessed(world: World) -> None:
    asked = "batch:DescribeJobQueues", "iam:GetRole", "s3:HeadBucket", SIMULATE, "kms:DescribeKey"
    world.refusing.refuse = lambda action: denied(action) if action in asked else None
    told = found(world, right(world))
    needs = {item.thing: item.needs for item in told if item.state == NOT_ASKED}
    assert needs == {
        "job queue": "batch:DescribeJobQueues",
        "role of the tasks": "iam:GetRole",
        "role of the state machine": "iam:GetRole",
        "role of rules": "iam:GetRole",
        "datastore": "s3:ListBucket",
        "KMS key": "kms:DescribeKey",
        "rights": SIMULATE,
    }
    assert [item for item in told if item.state == LACKING] == []


def test_a_condition_that_nobody_is_told_is_no_answer(world: World) -> None:
    world.simulation.conditional = {"states:CreateStateMachine"}
    (told,) = [item for item in found(world, right(world)) if item.state != FINE]
    assert (told.state, told.thing) == (NOT_ASKED, "rights of states") and "states:CreateStateMachine" in told.found


def test_without_flows_rights_have_no_names(world: World) -> None:
    (told,) = [item for item in found(world, right(world), ()) if item.state != FINE]
    assert (told.state, told.thing) == (NOT_ASKED, "rights") and "flow" in told.needs
