"""The compiled template, deployed by CloudFormation as it is: an event starts the flow, in its production namespace.

Nothing is configured when the flows are compiled, so everything is a parameter; each is filled in as the documents say.
"""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
import yaml

from .engine import BUCKET, Engine
from .workshop import Workshop

FLOW = """
@schedule(cron='0 6 * * ? *')
@trigger(event={{'name': '{name}.placed', 'parameters': {{'number': 'n'}}}})
@trigger_on_finish(flows=['Left', 'Right'], require='all', options={{
    'join': 'queue', 'reset_at': {{'cron': '0 0 * * *', 'timezone': 'Europe/Berlin'}}}})
class {name}(FlowSpec):
    number = Parameter('number', type=int, default=0)

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        self.payload = current.trigger.payload
"""
NOTHING_CONFIGURED = {"METAFLOW_USER": "tester"}
ROOT = "stacks/production"
TYPES = {
    "AWS::Events::Rule",
    "AWS::StepFunctions::StateMachine",
    "AWS::DynamoDB::Table",
    "AWS::Scheduler::ScheduleGroup",
    "AWS::Scheduler::Schedule",
    "AWS::SQS::Queue",
    "AWS::SQS::QueuePolicy",
    "AWS::IAM::Role",
    "AWS::Batch::JobDefinition",
}
"""All that our templates are made of."""
RETAINED = ("--no-pylint", "step-functions", "compile", "--show", "retained", "--output")
OTHERS = "production:somebody-elses"


@pytest.fixture(scope="module")
def before(engine: Engine) -> dict[str, list[str]]:
    """What is in the account without the stacks."""
    return everything(engine)


@pytest.fixture(scope="module")
def whole(before: dict[str, list[str]], workshop: Workshop) -> Workshop:
    """Compiled with its code package, deployed, and an event on the bus."""
    for name in ("Whole", "Bare"):  # a code package holds all of the folder
        workshop.write(name.lower(), FLOW.format(name=name))
    package = _compile(workshop, "Whole", "--package-output", "package-Whole")
    _deploy(workshop, "Whole", package)
    _event(workshop.engine, "Whole")
    return workshop


def _event(engine: Engine, name: str) -> None:
    engine.put(f"{name}.placed", {"n": 17, "text": "it's $(touch pwned)"}, f"id-{name}")
    engine.wait()


def _deploy(workshop: Workshop, name: str, package: str, *, imported: bool = False, **more: str) -> None:
    """The compiled template as it is, with a value for each parameter, and the code package where it shall be."""
    engine = workshop.engine
    blob = (workshop.folder / f"package-{name}" / package).read_bytes()
    engine.client("s3").put_object(Bucket=BUCKET, Key=f"{ROOT}/{package}", Body=blob)
    role = engine.settings["METAFLOW_SFN_IAM_ROLE"]
    values = more | {
        "DatastoreBucket": BUCKET,
        "DatastorePrefix": ROOT,
        "BatchJobQueue": engine.settings["METAFLOW_BATCH_JOB_QUEUE"],
        "BatchJobRoleArn": role,
        "StateMachineRoleArn": role,
        "ProductionToken": f"token-of-{name}",
    }
    text = (workshop.folder / f"out-{name}/step-functions/{name}.yaml").read_text("utf-8")
    template = yaml.safe_load(text)
    assert {item["Type"] for item in template["Resources"].values()} == TYPES
    assert set(template["Parameters"]) == set(values)
    _make_stack(engine, name, text, values, imported)


def _compile(workshop: Workshop, name: str, *options: str) -> str:
    """`compile` of somebody who has configured nothing; the place of the code package below the datastore's root."""
    command = ("step-functions", "compile", "--output", f"out-{name}", *options)
    done = workshop.python(f"flow_{name.lower()}.py", "--no-pylint", *command, settings=NOTHING_CONFIGURED)
    assert done.code == 0, done.err
    written = workshop.folder / f"package-{name}"
    (package,) = [path for path in written.rglob("*") if path.is_file()]
    return package.relative_to(written).as_posix()


def _make_stack(engine: Engine, name: str, text: str, values: dict[str, str], imported: bool) -> None:
    client, key = engine.client("cloudformation"), f"templates/{name}.yaml"
    # More than 51,200 bytes come through S3.
    engine.client("s3").put_object(Bucket=BUCKET, Key=key, Body=text.encode("utf-8"))
    make = client.update_stack if imported else client.create_stack
    make(
        StackName=name,
        TemplateURL=f"{engine.url}/{BUCKET}/{key}",
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    events = client.get_paginator("describe_stack_events")
    assert _status(client, name) == ("UPDATE_COMPLETE" if imported else "CREATE_COMPLETE"), [
        (item["LogicalResourceId"], item.get("ResourceStatusReason"))
        for page in events.paginate(StackName=name)
        for item in page["StackEvents"]
        if "FAILED" in item["ResourceStatus"]
    ]


def _status(client: Any, name: str) -> str:
    """The status of a stack that has come to rest."""
    for _ in range(600):
        stacks = [item for item in client.list_stacks()["StackSummaries"] if item["StackName"] == name]
        if not stacks[0]["StackStatus"].endswith("_IN_PROGRESS"):
            return str(stacks[0]["StackStatus"])
        time.sleep(0.1)
    raise AssertionError(f"{name} does not come to rest")


def everything(engine: Engine) -> dict[str, list[str]]:
    """Names of all that our templates make, and of anything else of these kinds."""
    client = engine.client
    definitions = client("batch").describe_job_definitions(status="ACTIVE")["jobDefinitions"]
    return {
        "rules": sorted(item["Name"] for item in client("events").list_rules()["Rules"]),
        "machines": engine.machines(),
        "tables": sorted(client("dynamodb").list_tables()["TableNames"]),
        "groups": sorted(item["Name"] for item in client("scheduler").list_schedule_groups()["ScheduleGroups"]),
        "schedules": sorted(item["Name"] for item in client("scheduler").list_schedules()["Schedules"]),
        "queues": sorted(client("sqs").list_queues().get("QueueUrls", [])),
        "roles": sorted(item["RoleName"] for item in client("iam").list_roles()["Roles"]),
        "definitions": sorted(item["jobDefinitionArn"] for item in definitions),
    }


def _check_the_run(workshop: Workshop, name: str) -> None:
    """One run, found in the namespace of its production token and in no other."""
    found = workshop.read(
        "from metaflow.exception import MetaflowNamespaceMismatch\n"
        f"namespace('production:token-of-{name}')\n"
        f"(run,) = list(Flow({name!r}))\n"
        "data = run['end'].task.data\n"
        "found = {'tags': sorted(run.system_tags), 'number': data.number, 'payload': data.payload,\n"
        "         'successful': run.successful, 'elsewhere': []}\n"
        f"for other in ('user:tester', {OTHERS!r}):\n"
        "    namespace(other)\n"
        "    try:\n"
        f"        found['elsewhere'] += [run.id for run in Flow({name!r})]\n"
        "    except MetaflowNamespaceMismatch:\n"
        "        pass"
    )
    assert found["successful"]
    assert [tag for tag in found["tags"] if tag.startswith("production:")] == [f"production:token-of-{name}"]
    assert (found["number"], found["payload"]) == (17, {"n": 17, "text": "it's $(touch pwned)"})
    assert found["elsewhere"] == []
    assert not list(workshop.engine.folder.rglob("pwned"))


def test_an_event_starts_one_run_in_the_namespace_of_the_token(whole: Workshop) -> None:
    _check_the_run(whole, "Whole")


@pytest.mark.long
def test_a_template_with_a_placeholder_for_the_code_package_does_the_same(whole: Workshop) -> None:
    package = _compile(whole, "Bare", "--package-output", "package-Bare")
    assert _compile(whole, "Bare", "--no-code-package") == package
    _deploy(whole, "Bare", package, CodePackagePath=package, CodePackageSha=package.rpartition("/")[2])
    _event(whole.engine, "Bare")
    _check_the_run(whole, "Bare")


def test_what_a_stack_made_is_what_create_would_make_but_for_the_names_of_roles(whole: Workshop) -> None:
    given = whole.engine.settings
    settings = NOTHING_CONFIGURED | {key: value for key, value in given.items() if key.startswith("AWS_")}
    settings |= {key: given[key] for key in ("METAFLOW_BATCH_JOB_QUEUE", "METAFLOW_SFN_IAM_ROLE")}
    settings["METAFLOW_ECS_S3_ACCESS_IAM_ROLE"] = given["METAFLOW_ECS_S3_ACCESS_IAM_ROLE"]
    settings["METAFLOW_DATASTORE_SYSROOT_S3"] = f"s3://{BUCKET}/{ROOT}"
    done = whole.python("flow_whole.py", "--no-pylint", "step-functions", "diff", "--live", settings=settings)
    assert done.code == 1, done.err
    differs = [line for line in done.out.splitlines() if line.startswith("  ")]
    assert len(differs) > 5
    assert [line for line in differs if not re.match(r"  (targets\[0\]\.RoleArn|role|Target\.RoleArn) is ", line)] == []
    absent = [line for line in done.out.splitlines() if line.endswith(" is not there")]
    assert len(absent) == 4 and all(line.startswith("the role ") for line in absent)


def test_a_stack_leaves_what_events_may_wait_in_and_is_made_again_by_importing_it(
    whole: Workshop, before: dict[str, list[str]]
) -> None:
    engine = whole.engine
    client, dynamodb = engine.client("cloudformation"), engine.client("dynamodb")
    _delete_stacks(client)
    left = everything(engine)
    assert {kind for kind, names in left.items() if names != before[kind]} == {"tables", "queues"}
    (table,) = (name for name in left["tables"] if name.startswith("Whole-"))
    (queue,) = (url for url in left["queues"] if "/Whole-" in url)
    dynamodb.put_item(TableName=table, Item={"pk": {"S": "waits"}})

    done = whole.python("flow_whole.py", *RETAINED, "retained.yaml", settings=NOTHING_CONFIGURED)
    assert done.code == 0, done.err
    text = (whole.folder / "retained.yaml").read_text("utf-8")
    assert set(yaml.safe_load(text)["Resources"]) == {"SetTable", "DeadLetterQueue"}
    client.create_change_set(
        StackName="Whole",
        ChangeSetName="again",
        ChangeSetType="IMPORT",
        TemplateBody=text,
        ResourcesToImport=[
            {
                "ResourceType": "AWS::DynamoDB::Table",
                "LogicalResourceId": "SetTable",
                "ResourceIdentifier": {"TableName": table},
            },
            {
                "ResourceType": "AWS::SQS::Queue",
                "LogicalResourceId": "DeadLetterQueue",
                "ResourceIdentifier": {"QueueUrl": queue},
            },
        ],
    )
    client.get_waiter("change_set_create_complete").wait(StackName="Whole", ChangeSetName="again")
    client.execute_change_set(StackName="Whole", ChangeSetName="again")
    assert _status(client, "Whole") == "IMPORT_COMPLETE"
    (package,) = (path for path in (whole.folder / "package-Whole").rglob("*") if path.is_file())
    _deploy(whole, "Whole", package.relative_to(whole.folder / "package-Whole").as_posix(), imported=True)
    assert dynamodb.get_item(TableName=table, Key={"pk": {"S": "waits"}})["Item"] == {"pk": {"S": "waits"}}

    _delete_stacks(client)
    for name in set(everything(engine)["tables"]) - set(before["tables"]):
        dynamodb.delete_table(TableName=name)
    for url in set(everything(engine)["queues"]) - set(before["queues"]):
        engine.client("sqs").delete_queue(QueueUrl=url)
    assert everything(engine) == before


def _delete_stacks(client: Any) -> None:
    stacks = client.list_stacks()["StackSummaries"]
    for name in {item["StackName"] for item in stacks if item["StackStatus"] != "DELETE_COMPLETE"}:
        client.delete_stack(StackName=name)
        assert _status(client, name) == "DELETE_COMPLETE"
