"""The dead letters of a flow on AWS: looked at, sent again once, dropped."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from metaflow_triggers.backends.step_functions import backend as step_functions
from metaflow_triggers.backends.step_functions.compile import names
from metaflow_triggers.backends.step_functions.dead_letters.box import Letters
from metaflow_triggers.backends.step_functions.deploy.calls import Clients
from metaflow_triggers.backends.step_functions.deploy.converge import create
from metaflow_triggers.dead_letters.letter import HIDES, Letter

from tests.flows import GRAPH

from ...unit.backends.step_functions.samples import CONFIGURED, event, flow, mapping, parameter, trigger
from ...unit.commands.warm import warm
from .service import ACCOUNT, Aws, ended, order, starts

WORKFLOW: dict[str, Any] = {
    "definition": {"StartAt": "start", "States": {"start": {"Type": "Succeed"}}},
    "job_definitions": {},
}
NAME = "OrderFlow"
QUEUE = names.queue_name(NAME)
PLACED = event("order-placed", mapping("order_id", "orderId"))
LACKS = order({"n": 1}, resources=["metaflow-triggers:event/o-1"])


def deploy(aws: Aws, *, required: bool = True, triggers: Any = None, **more: Any) -> None:
    item = flow(NAME, *(triggers or [trigger(PLACED)]), parameters=(parameter("order_id", required=required),), **more)
    create(step_functions.manifests(item, GRAPH, WORKFLOW, CONFIGURED)[0].content, {}, CONFIGURED, aws.client)


@pytest.fixture
def deployed(aws: Aws) -> Aws:
    aws.client("s3").create_bucket(Bucket="flows", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    deploy(aws)
    return aws


def box(aws: Aws) -> Letters:
    return Letters(NAME, Clients(aws.client))


def url(aws: Aws) -> str:
    return str(aws.client("sqs").get_queue_url(QueueName=QUEUE)["QueueUrl"])


def undelivered(aws: Aws, sent: Any, machine: str = names.starter_name(NAME), **more: str) -> None:
    """A message as EventBridge leaves one."""
    given = {
        "RULE_ARN": "arn:aws:events:eu-west-1:123456789012:rule/OrderFlow-events",
        "TARGET_ARN": f"arn:aws:states:{ACCOUNT}:stateMachine:{machine}",
        "ERROR_CODE": "NO_PERMISSIONS",
        "ERROR_MESSAGE": "The role may not start it",
    } | more
    put(aws, sent if isinstance(sent, str) else json.dumps(sent), given)


def put(aws: Aws, body: str, given: dict[str, str] | None = None) -> None:
    attributes = {key: {"DataType": "String", "StringValue": value} for key, value in (given or {}).items()}
    aws.client("sqs").send_message(QueueUrl=url(aws), MessageBody=body, MessageAttributes=attributes)


def messages(aws: Aws) -> dict[str, dict[str, Any]]:
    """What whoever reads the queue now gets, by the messages' ids; it is put back."""
    sqs = aws.client("sqs")
    asked = {"QueueUrl": url(aws), "MaxNumberOfMessages": 10, "AttributeNames": ["All"]}
    found = sqs.receive_message(**asked, MessageAttributeNames=["All"], VisibilityTimeout=0).get("Messages", [])
    return {item["MessageId"]: item for item in found}


def of_kind(letters: tuple[Letter, ...], kind: str) -> list[Letter]:
    return [one for one in letters if one.kind == kind]


def test_a_look_says_what_is_there_and_changes_nothing(deployed: Aws) -> None:
    deployed.run(names.starter_name(NAME), "one", LACKS)
    text = json.dumps(order({"orderId": 7, "f": 1.5, "big": 0}, id="t-2")).replace('"big": 0', '"big": 1e400')
    undelivered(deployed, text, EXHAUSTED_RETRY_CONDITION="MaximumEventAge")
    undelivered(deployed, ended("Ingest", "SUCCEEDED"))
    undelivered(deployed, order({}), machine="somebody-elses")
    put(deployed, "{damaged \x9b2J")
    put(deployed, json.dumps({"reason": "mine", "event": {"detail": {}}}))
    before = messages(deployed)
    assert len(before) == 6
    looked = box(deployed).look()
    after = messages(deployed)
    assert set(after) == set(before), "everything can be read at once by the next"
    unchanged = ("Body", "MessageAttributes")
    assert [[one.get(key) for key in unchanged] for one in after.values()] == [
        [before[name].get(key) for key in unchanged] for name in after
    ]
    assert (looked.hidden, looked.unseen) == (0, 0)
    lacks, hostile, outcome, *odd = sorted(looked.letters, key=lambda one: (one.kind != "event", one.kind != "outcome"))
    assert (lacks.name, lacks.event_id, json.loads(lacks.payload)) == ("order-placed", "o-1", {"n": 1})
    assert "orderId" in lacks.reason and "order_id" in lacks.reason
    assert lacks.where == QUEUE and lacks.flow == lacks.deployed == NAME and not lacks.stays
    assert (hostile.event_id, hostile.reason) == (
        "t-2",
        "NO_PERMISSIONS: The role may not start it (MaximumEventAge)",
    )
    assert hostile.payload == '{"orderId":7,"f":1.5,"big":1e400}', "no number is rounded"
    assert hostile.size == len(text)
    assert (outcome.kind, outcome.name, outcome.event_id) == ("outcome", "Ingest", "run-1/SUCCEEDED")
    assert [one.kind for one in odd] == ["odd"] * 3
    assert all(one.stays for one in odd)


def test_what_was_mended_is_sent_again_once_and_goes(deployed: Aws) -> None:
    deployed.run(names.starter_name(NAME), "one", LACKS)
    undelivered(deployed, order({"orderId": 7}, resources=["metaflow-triggers:event/o-2"]))
    ids = {one.event_id: one.id for one in box(deployed).look().letters}
    (refused,) = box(deployed).send([ids["o-1"]])
    assert refused.verdict == "refused" and "orderId" in refused.told
    (again,) = (one for one in box(deployed).look().letters if one.event_id == "o-1")
    assert again.id != ids["o-1"], "the starter has put it there anew; the former letter has gone"
    assert starts(deployed, NAME) == []

    deploy(deployed, required=False)
    done = list(box(deployed).send([again.id, ids["o-2"]]))
    runs = {one["name"] for one in starts(deployed, NAME)}
    assert {one.verdict for one in done} == {"started"}
    assert {one.told for one in done} == runs and len(runs) == 2
    assert box(deployed).look().letters == ()
    undelivered(deployed, order({"orderId": 7}, id="second", resources=["metaflow-triggers:event/o-2"]))
    (late,) = box(deployed).look().letters
    (known,) = box(deployed).send([late.id])
    assert known.verdict == "known" and len(starts(deployed, NAME)) == 2
    assert box(deployed).look().letters == ()


class Killed(BaseException):
    pass


@pytest.mark.parametrize(
    "at", ["before-call.sqs.DeleteMessage", pytest.param("after-call.sfn.StartSyncExecution", marks=pytest.mark.long)]
)
def test_ended_in_between_it_starts_nothing_twice(deployed: Aws, at: str) -> None:
    undelivered(deployed, order({"orderId": 7}, resources=["metaflow-triggers:event/o-2"]))
    (letter,) = box(deployed).look().letters

    def client(service: str) -> Any:
        made = deployed.client(service)

        def end(**_: Any) -> None:
            raise Killed

        made.meta.events.register_first(at, end)
        return made

    with pytest.raises(Killed):
        list(Letters(NAME, Clients(client)).send([letter.id]))
    assert len(starts(deployed, NAME)) == 1
    assert [one.id for one in box(deployed).look().letters] == [letter.id]
    (done,) = box(deployed).send([letter.id])
    assert done.verdict == "known"
    assert len(starts(deployed, NAME)) == 1 and box(deployed).look().letters == ()


def test_odd_letters_are_never_sent_and_can_be_dropped(deployed: Aws) -> None:
    put(deployed, "[]")
    put(deployed, json.dumps({"reason": "mine", "event": order({"orderId": 1}), "failure": 1}) + "x")
    undelivered(deployed, order({"orderId": 7}), machine="somebody-elses")
    found = {one.id for one in box(deployed).look().letters}
    assert [one.verdict for one in box(deployed).send(found)] == ["stays"] * 3
    assert starts(deployed, NAME) == []
    first, *others = sorted(found)
    assert list(box(deployed).drop([first])) == [first]
    assert {one.id for one in box(deployed).look().letters} == set(others)
    assert list(box(deployed).drop(["of another"])) == []


@pytest.mark.long
def test_a_flow_that_is_gone_keeps_its_letters(deployed: Aws) -> None:
    undelivered(deployed, order({"orderId": 7}))
    states = deployed.client("stepfunctions")
    for name in (NAME, names.starter_name(NAME)):
        states.delete_state_machine(stateMachineArn=f"arn:aws:states:{ACCOUNT}:stateMachine:{name}")
    (letter,) = box(deployed).look().letters
    assert "create" in letter.stays
    (done,) = box(deployed).send([letter.id])
    assert (done.verdict, len(box(deployed).look().letters)) == ("stays", 1)


def test_a_queue_that_passes_on_is_not_looked_into(deployed: Aws) -> None:
    from metaflow_triggers.diagnostics import DiagnosticError

    undelivered(deployed, order({"orderId": 7}))
    sqs = deployed.client("sqs")
    sqs.create_queue(QueueName="next")
    policy = json.dumps({"deadLetterTargetArn": "arn:aws:sqs:eu-west-1:123456789012:next", "maxReceiveCount": "1"})
    sqs.set_queue_attributes(QueueUrl=url(deployed), Attributes={"RedrivePolicy": policy})
    with pytest.raises(DiagnosticError) as raised:
        box(deployed).look()
    assert raised.value.diagnostics[0].code == "FT772"
    for _ in range(2):
        assert len(messages(deployed)) == 1, "nobody has counted"
        sqs.set_queue_attributes(QueueUrl=url(deployed), Attributes={"RedrivePolicy": ""})


def test_nothing_is_hidden_for_longer_than_is_said(deployed: Aws) -> None:
    """Of requests: each says how long, and what is put back is what was read."""
    asked: list[tuple[str, Any]] = []

    def client(service: str) -> Any:
        made = deployed.client(service)

        def seen(params: dict[str, Any], model: Any, **_: Any) -> None:
            asked.append((model.name, params))

        made.meta.events.register("provide-client-params.sqs", seen)
        return made

    for number in range(23):
        undelivered(deployed, order({"orderId": number}))
    assert len(Letters(NAME, Clients(client)).look().letters) == 23
    held = [params["VisibilityTimeout"] for name, params in asked if name == "ReceiveMessage"]
    assert held and max(held) <= HIDES <= 30
    back = [one for name, params in asked if name == "ChangeMessageVisibilityBatch" for one in params["Entries"]]
    assert len(back) == 23 and {one["VisibilityTimeout"] for one in back} == {0}
    assert not {name for name, _ in asked} & {"DeleteMessage", "SendMessage", "SetQueueAttributes", "PurgeQueue"}
    assert len(box(deployed).look().letters) == 23


def letter_of_the_starter(aws: Aws, sent: Any) -> None:
    put(aws, json.dumps({"failure": {"Error": "S3.S3Exception", "Cause": "busy"}, "event": sent}))


@pytest.mark.long
def test_of_several_machines_each_gets_what_its_rules_take(aws: Aws) -> None:
    aws.client("s3").create_bucket(Bucket="flows", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    whole = trigger(event("left"), event("right"), join="all")
    deploy(aws, required=False, triggers=[trigger(event("left")), whole])
    left = order({}, id="l", **{"detail-type": "left"})
    right = order({}, id="r", **{"detail-type": "right"})
    letter_of_the_starter(aws, left)
    letter_of_the_starter(aws, right)
    letter_of_the_starter(aws, order({}, **{"detail-type": "neither"}))
    found = {one.name: one for one in box(aws).look().letters}
    assert found["left"].reason == "S3.S3Exception: busy"
    done = {one.letter.name: one.verdict for one in box(aws).send([one.id for one in found.values()])}
    assert done == {"left": "started", "right": "taken", "neither": "stays"}
    assert [one.name for one in box(aws).look().letters] == ["neither"]
    assert len(starts(aws, NAME)) == 2, "one by the event alone, one by the set"

    # A set that was claimed and could not be started is nowhere but in its letter.
    (started,) = (one for one in starts(aws, NAME) if "events" in json.dumps(stored(aws, one)["events"]))
    put(aws, json.dumps({"failure": {"Error": "E"}, "events": stored(aws, started)["events"]}))
    (letter,) = of_kind(box(aws).look().letters, "set")
    assert [one.verdict for one in box(aws).send([letter.id])] == ["known"]
    later = [one | {"uri": one["uri"].replace("/events/", "/events/f")} for one in stored(aws, started)["events"]]
    put(aws, json.dumps({"failure": {"Error": "E"}, "events": later}))
    (letter,) = of_kind(box(aws).look().letters, "set")
    (sent,) = box(aws).send([letter.id])
    (new,) = (one for one in starts(aws, NAME) if one["name"] == sent.told)
    assert sent.verdict == "started"
    assert stored(aws, new) == stored(aws, started) | {"events": later}
    assert of_kind(box(aws).look().letters, "set") == []


def stored(aws: Aws, started: dict[str, Any]) -> Any:
    """The trigger document of an execution."""
    bucket, _, key = json.loads(started["input"])["MetaflowTrigger"]["uri"].removeprefix("s3://").partition("/")
    return json.loads(aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())


@pytest.mark.long
def test_a_scheduled_run_is_made_up_for_once_and_a_reset_is_not(deployed: Aws) -> None:
    group = names.schedule_group_name(NAME)
    for name in ("schedule-1", "event-reset-1"):
        put(deployed, "{}", {"SCHEDULE_ARN": f"arn:aws:scheduler:{ACCOUNT}:schedule/{group}/{name}", "ERROR_CODE": "E"})
    run, reset = sorted(box(deployed).look().letters, key=lambda one: one.kind, reverse=True)
    assert (run.kind, reset.kind, run.name, run.reason) == ("schedule", "reset", "schedule-1", "E")
    done = {one.letter.kind: one for one in box(deployed).send([run.id, reset.id])}
    assert (done["schedule"].verdict, done["reset"].verdict) == ("started", "stays")
    (started,) = starts(deployed, NAME)
    assert started["name"] == done["schedule"].told and json.loads(started["input"]) == {"Parameters": "{}"}
    assert [one.id for one in box(deployed).look().letters] == [reset.id]


def test_the_command(deployed: Aws, tmp_path: Path) -> None:
    undelivered(deployed, order({"orderId": "\u009b2J\u202e"}, resources=["metaflow-triggers:event/o-2"]))
    undelivered(deployed, order({"orderId": 1}, id="late"), ERROR_CODE="THROTTLING")
    put(deployed, "\u009b damaged")
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "eu-west-1"}
    where = ("--backend", "step-functions", "--flow", NAME)
    with warm(tmp_path, AWS_ENDPOINT_URL=deployed.url, **keys) as run:

        def typed(*words: str) -> tuple[int, str, str]:
            done = run("dead-letters", *words, *where, cwd=tmp_path)
            return done.code, done.out, done.err

        code, out, _ = typed("list")
        assert code == 0 and out.startswith("ID ")
        assert "order-placed" in out and "NO_PERMISSIONS: The role may not start it" in out
        assert out.isascii() and "damaged" not in out, "no payload in a list"
        code, out, _ = typed("list", "--format", "json", "--since", "1h")
        letters = {one["event_id"]: one for one in json.loads(out)["letters"]}
        assert set(letters) == {"o-2", "late", None} and "payload" not in letters["o-2"]
        assert json.loads(typed("list", "--format", "json", "--reason", "throttl")[1])["letters"] == [letters["late"]]
        assert typed("list", "--since", "2999-01-01")[1] == "no dead letters\n"

        code, out, _ = typed("show", letters["o-2"]["id"][:8])
        assert code == 0 and "\\x9b2J\\u202e" in out and out.isascii()
        code, _, err = typed("show", "none-of-these")
        assert code == 1 and "FT773" in err

        assert typed("send-again")[0] == 2
        code, out, _ = typed("send-again", "--all", "--reason", "NO_PERM")
        assert code == 0 and "order-placed  started: event-" in out
        code, out, _ = typed("send-again", letters[None]["id"])
        assert code == 1 and "not sent" in out
        code, _, err = typed("drop", "--all")
        assert code == 2 and "FT780" in err
        assert typed("drop", "--all", "--yes")[:2] == (0, "dropped 2 of 2 dead letters\n")
        assert typed("list")[1] == "no dead letters\n"
    assert len(starts(deployed, NAME)) == 1


SHARED = "shared"
QUEUE_OPTION = json.dumps({"step-functions": {"dead-letter-queue": f"arn:aws:sqs:eu-west-1:123456789012:{SHARED}"}})
FILE = """
from metaflow import FlowSpec, Parameter, step, trigger
@trigger(event={"name": "order-placed", "parameters": {"order_id": "orderId"}})
class OneFlow(FlowSpec):
    order_id = Parameter("order_id", required=True)
    @step
    def start(self): self.next(self.end)
    @step
    def end(self): pass
if __name__ == "__main__": OneFlow()
"""


def test_a_queue_that_flows_share_and_letters_of_a_project_and_of_files(aws: Aws, tmp_path: Path) -> None:
    """Each letter once, under its flow's name; who asks by the project's id sees all of it and nobody else's."""
    aws.client("s3").create_bucket(Bucket="flows", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    sqs = aws.client("sqs")
    there = sqs.create_queue(QueueName=SHARED)["QueueUrl"]
    shop = dataclasses.replace(CONFIGURED, project_id="shop", user="ada")
    others = dataclasses.replace(shop, project_id="others")

    def made(name: str, settings: Any, *, required: bool = True, **options: str) -> None:
        needs = (parameter("order_id", required=required),)
        item = flow(name, trigger(PLACED, **options), parameters=needs)
        create(step_functions.manifests(item, GRAPH, WORKFLOW, settings)[0].content, {}, settings, aws.client)

    for name, settings, options in (
        ("OneFlow", shop, {"options": QUEUE_OPTION}),
        ("TwoFlow", shop, {"options": QUEUE_OPTION}),
        ("OwnFlow", shop, {}),
        ("TheirFlow", others, {}),
    ):
        made(name, settings, **options)
        aws.run(names.starter_name(name), "one", order({"n": name}, resources=["metaflow-triggers:event/o-1"]))
    old = {"reason": "of an earlier version", "event": order({}, resources=["metaflow-triggers:event/o-2"])}
    sqs.send_message(QueueUrl=there, MessageBody=json.dumps(old))
    (tmp_path / "one.py").write_text(FILE, encoding="utf-8")
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "eu-west-1"}
    with warm(tmp_path, AWS_ENDPOINT_URL=aws.url, METAFLOW_TRIGGERS_PROJECT_ID="shop", **keys) as run:

        def letters(*words: str) -> list[tuple[str | None, str | None]]:
            done = run("dead-letters", "list", *words, "--backend", "step-functions", "--format", "json", cwd=tmp_path)
            assert done.code == 0, done.err
            found = json.loads(done.out)["letters"]
            assert [one["at"] for one in found] == sorted(one["at"] for one in found)
            return sorted(((one["flow"], one["event_id"]) for one in found), key=str)

        whole = [("OneFlow", "o-1"), ("OwnFlow", "o-1"), ("TwoFlow", "o-1"), (None, "o-2")]
        assert letters() == sorted(whole, key=str)
        assert letters("--path", "one.py") == letters("--flow", "OneFlow") == [("OneFlow", "o-1"), (None, "o-2")]
        shown = run("dead-letters", "list", "--backend", "step-functions", cwd=tmp_path).out
        assert shown.count("o-2") == 1 and "  ?  " in shown

        made("OneFlow", shop, required=False, options=QUEUE_OPTION)
        sent = run(
            "dead-letters", "send-again", "--all", "--backend", "step-functions", "--flow", "OneFlow", cwd=tmp_path
        )
        assert sent.code == 1 and "started: event-" in sent.out and "does not say whose it is" in sent.out
        assert [len(starts(aws, name)) for name in ("OneFlow", "TwoFlow", "OwnFlow")] == [1, 0, 0]
        done = run("dead-letters", "drop", "--all", "--yes", "--backend", "step-functions", cwd=tmp_path)
        assert (done.code, done.out) == (0, "dropped 3 of 3 dead letters\n")
        assert letters() == [] and letters("--flow", "TheirFlow") == [("TheirFlow", "o-1")]
