"""What stands between the bus and a flow, on AWS: rules, buses, rights, versions; of an event that left nothing."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from metaflow_extensions.triggers.contract import exact_json
from metaflow_triggers.backends.step_functions import backend as step_functions
from metaflow_triggers.backends.step_functions.compile import names
from metaflow_triggers.backends.step_functions.trail.asking import ACTIONS
from metaflow_triggers.backends.step_functions.trail.computed import Asked, Kept, document_key, event_key, roads
from metaflow_triggers.backends.step_functions.trail.letters import RIGHTS
from metaflow_triggers.diagnostics import DiagnosticError
from metaflow_triggers.model.flows import Flow

from tests.flows import GRAPH

from ...unit.backends.step_functions.samples import CONFIGURED, event, finish, flow, mapping, parameter, trigger
from .account import clients
from .inside import Inside, account, in_a_copy
from .laid import lay
from .refusals import Refusal, expired
from .service import ACCOUNT, Aws, ended, order
from .trails import ask, codes, one, refusing

UPLOAD = '{"step-functions": {"source": "aws.s3", "detail-type": "Object Created"}}'
ARNS = f"aws:states:{ACCOUNT}"
SUCCEEDS: dict[str, Any] = {"StartAt": "start", "States": {"start": {"Type": "Succeed"}}}
ORDERS = flow(
    "TrailOrders",
    trigger(event("order-placed", mapping("n", "n"), filter='{"kind": ["new"]}')),
    parameters=(parameter("n", "int", required=True),),
)
GOOD = {"kind": "new", "n": 1}
SET = flow("TrailSet", trigger(event("a"), event("b"), join="all", options='{"join": "queue"}'))
ELSEWHERE = flow(
    "TrailElsewhere", trigger(event("order-moved"), options=json.dumps({"step-functions": {"bus": "orders"}}))
)


def deploy(aws: Aws, *flows: Flow) -> None:
    for item in flows:
        workflow = {"definition": SUCCEEDS, "job_definitions": {}}
        lay(clients(aws), step_functions.manifests(item, GRAPH, workflow, CONFIGURED)[0].content)


def tried(work: Callable[[Inside], None]) -> None:
    """In an account with a bucket, of which nothing stays."""

    def inner() -> None:
        with account() as aws:
            where = {"LocationConstraint": "eu-west-1"}
            aws.client("s3").create_bucket(Bucket="flows", CreateBucketConfiguration=where)
            work(aws)

    in_a_copy(inner)


def rule(name: str, bus: str = "default") -> str:
    return names.rule_name(name, "events", bus, "1")


def kept(item: Flow, identity: str, way: int = 0) -> Kept:
    return roads(item, CONFIGURED, Asked(identity, ARNS)).ways[way].keeps[0]


def put(aws: Aws, key: str, value: Any) -> None:
    clients(aws)("s3").put_object(Bucket="flows", Key=key, Body=json.dumps(value).encode())


def sent(name: str, identity: str, detail: Any) -> dict[str, Any]:
    return order(detail, resources=[f"metaflow-triggers:event/{identity}"], **{"detail-type": name})


def store(aws: Aws, item: Flow, made: dict[str, Any], identity: str, *, run: bool) -> None:
    """As the starter stores an event, and starts the flow or does not."""
    whole, name = roads(item, CONFIGURED, Asked(identity, ARNS)), kept(item, identity).run
    document = {"version": 1, "dependencies": [], "events": [{"transport": "eventbridge", "event": made}]}
    put(aws, document_key(whole, name), document)
    if run:
        arn = f"arn:aws:states:{ACCOUNT}:stateMachine:{item.name}"
        clients(aws)("stepfunctions").start_execution(stateMachineArn=arn, name=name, input="{}")


def test_what_stands_between_the_bus_and_the_flow() -> None:
    def off(aws: Aws) -> None:
        clients(aws)("events").disable_rule(Name=rule("TrailOrders"))

    def without_target(aws: Aws) -> None:
        clients(aws)("events").remove_targets(Rule=rule("TrailOrders"), Ids=["starter"])

    def without_rule(aws: Aws) -> None:
        without_target(aws)
        clients(aws)("events").delete_rule(Name=rule("TrailOrders"))

    def without(machine: str) -> Callable[[Aws], None]:
        arn = f"arn:aws:states:{ACCOUNT}:stateMachine:{machine}"
        return lambda aws: clients(aws)("stepfunctions").delete_state_machine(stateMachineArn=arn)

    starter = names.starter_name("TrailOrders")
    # The last: without a file. Which rules there should be is not known then, nor what no starter waits for.
    table: list[tuple[Callable[[Aws], None], str, str, str]] = [
        (off, "disabled", f"the rule default/{rule('TrailOrders')} is disabled", "disabled"),
        (without_target, "gone", f"the target of the rule default/{rule('TrailOrders')} is not there", "gone"),
        (without_rule, "gone", f"the rule default/{rule('TrailOrders')} is not there", "could-not-ask"),
        (without(starter), "gone", f"the state machine {starter} is not there", "not-kept"),
        (without("TrailOrders"), "gone", "the state machine TrailOrders is not there", "gone"),
    ]

    def said(aws: Aws, done: Callable[[Aws], None]) -> tuple[list[tuple[str, str]], list[str]]:
        done(aws)
        more: list[dict[str, Any]] = [{}, {"name": "order-placed"}, {"name": "order-placed", "payload": GOOD}]
        answers = [one(aws, "x", ORDERS, **given) for given in more]
        assert {answer.verdict for answer in answers} == {"not started"}
        found = list({("+".join(codes(answer)), answer.cause.words): None for answer in answers})
        return found, codes(one(aws, "x", ORDERS, read=False))

    def work(aws: Inside) -> None:
        deploy(aws, ORDERS)
        for done, code, words, without_file in table:
            ((found, told),), unread = in_a_copy(lambda done=done: said(aws, done))  # type: ignore[misc]
            assert found == code and words in told, (found, told)
            assert unread == [without_file], (code, unread)
        assert codes(one(aws, "x", ORDERS, name="order-placed", payload=GOOD)) == ["not-arrived"]

    tried(work)


def test_another_bus_another_source_another_version() -> None:
    def work(aws: Inside) -> None:
        deploy(aws, ELSEWHERE, ORDERS)
        for more in ({}, {"name": "order-moved"}, {"payload": {}}):
            answer = one(aws, "x", ELSEWHERE, **more)
            assert codes(answer) == ["wrong-bus"]
            assert "is sent to the bus default; the flow listens on orders" in answer.cause.words
        there = dataclasses.replace(CONFIGURED, event_bus="orders")
        assert codes(one(aws, "x", ELSEWHERE, settings=there)) == ["not-kept"]
        # A rule that is deployed waits for another source than these settings send with.
        source = dataclasses.replace(CONFIGURED, event_source="elsewhere")
        answer = one(aws, "x", ORDERS, payload=GOOD, settings=source)
        assert codes(answer) == ["filter"]
        assert answer.cause.words == 'the filter said no: `source` has to be "metaflow"; found "elsewhere"'

        def changed(**more: Any) -> Flow:
            return dataclasses.replace(ORDERS, triggers=(trigger(event("order-placed", mapping("n", "n"), **more)),))

        answer = one(aws, "x", changed(filter='{"kind": ["old"]}'), payload={"kind": "old", "n": 1})
        assert codes(answer) == ["filter", "other-version"]
        assert answer.cause.words == 'the filter said no: `kind` has to be "new"; found "old"'
        wider = dataclasses.replace(ORDERS, triggers=(trigger(event("order-placed"), event("order-newer")),))
        assert codes(one(aws, "x", wider, name="order-newer")) == ["other-version"]

    tried(work)


def test_what_one_flow_has_kept_says_why_another_was_not_started() -> None:
    other = flow("TrailOther", trigger(event("order-placed", filter='{"kind": ["old"]}')))

    def work(aws: Inside) -> None:
        deploy(aws, ORDERS, other)
        store(aws, ORDERS, sent("order-placed", "x", GOOD), "x", run=True)
        first, second = ask(aws, "x", ORDERS, other)
        assert (codes(first), codes(second)) == (["run"], ["filter"])
        assert second.cause.words == 'the filter said no: `kind` has to be "old"; found "new"'

    tried(work)


def test_stored_and_not_started_or_long_ago() -> None:
    def work(aws: Inside) -> None:
        deploy(aws, ORDERS, SET)
        store(aws, ORDERS, sent("order-placed", "x", GOOD), "x", run=False)
        answer = one(aws, "x", ORDERS)
        assert codes(answer) == ["queued"] and "the starter stored the event at" in answer.cause.words
        # No starter is at work on it for a day, and no letter tells what it could not do.
        later = one(aws, "x", ORDERS, now=datetime.now(timezone.utc) + timedelta(days=1))
        assert codes(later) == ["refused"] and "its dead letter is not there any more" in later.cause.words
        later = one(aws, "x", ORDERS, now=datetime.now(timezone.utc) + timedelta(days=1), refused="sqs:ReceiveMessage")
        assert codes(later) == ["could-not-ask"]
        later = one(aws, "x", ORDERS, now=datetime.now(timezone.utc) + timedelta(days=91))
        assert codes(later) == ["could-not-ask"] and "forgets a run 90 days after its end" in later.cause.words
        whole = roads(SET, CONFIGURED, Asked("y", ARNS))
        mark = kept(SET, "y").mark
        put(aws, event_key(whole, mark), sent("a", "y", {}))
        assert codes(one(aws, "y", SET)) == ["queued"]
        dynamo, table = clients(aws)("dynamodb"), names.table_name("TrailSet")
        dynamo.put_item(TableName=table, Item={"pk": {"S": f"seen-{mark}"}})
        assert whole.ways[0].set is not None
        row = {"pk": {"S": whole.ways[0].set.key}, "claim_0": {"S": mark}, "claim_1": {"S": "other"}}
        dynamo.put_item(TableName=table, Item=row)
        answer = one(aws, "y", SET)
        assert codes(answer) == ["queued"] and "its run is being started" in answer.cause.words
        row = {"pk": {"S": whole.ways[0].set.key}, "slot_0": {"L": [{"S": "older"}, {"S": mark}]}}
        dynamo.put_item(TableName=table, Item=row)
        answer = one(aws, "y", SET)
        assert codes(answer) == ["waiting-in-set"] and answer.cause.facts["lacks"] == "event b"
        assert "until" not in answer.cause.facts, "nothing resets this set"

    tried(work)


def message(aws: Aws, item: Flow, body: Any, **attributes: str) -> None:
    sqs = clients(aws)("sqs")
    url = sqs.get_queue_url(QueueName=names.queue_name(item.name))["QueueUrl"]
    given = {name: {"DataType": "String", "StringValue": text} for name, text in attributes.items()}
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps(body), MessageAttributes=given)


def test_dead_letters_of_the_event_and_of_no_other() -> None:
    after = flow("TrailAfter", trigger(finish("Ingest")), trigger(event("upload", origin=UPLOAD)))

    def work(aws: Inside) -> None:
        deploy(aws, ORDERS, SET, after)
        denied = {"Error": "S3.S3Exception", "Cause": "User: x is not authorized to perform: s3:PutObject on y"}
        message(aws, ORDERS, {"failure": denied, "event": sent("order-placed", "x", GOOD)})
        answer = one(aws, "x", ORDERS)
        assert codes(answer) == ["no-right"] and answer.cause.facts["right"] == "s3:PutObject"
        assert codes(one(aws, "another", ORDERS)) == ["not-kept"]
        # A whole set that could not be started, and its events are in no row any more.
        whole = roads(SET, CONFIGURED, Asked("y", ARNS))
        mark = kept(SET, "y").mark
        put(aws, event_key(whole, mark), sent("a", "y", {}))
        clients(aws)("dynamodb").put_item(TableName=names.table_name("TrailSet"), Item={"pk": {"S": f"seen-{mark}"}})
        refs = [{"uri": f"s3://flows/{event_key(whole, one)}"} for one in (mark, "b" * 64)]
        message(aws, SET, {"failure": {"Error": "E", "Cause": "it is full"}, "events": refs})
        answer = one(aws, "y", SET)
        assert codes(answer) == ["dead-letter"] and answer.cause.facts["reason"] == "E: it is full"
        # An end of a run, and an event of AWS: they have other names on the bus.
        gone = {"RULE_ARN": "r", "TARGET_ARN": f"arn:{ARNS}:stateMachine:{names.starter_name('TrailAfter')}"}
        message(aws, after, ended("Ingest", "SUCCEEDED"), **gone, ERROR_CODE="THROTTLING", ERROR_MESSAGE="slower")
        answer = one(aws, "sfn-run-1", after)
        assert codes(answer) == ["throttled"] and answer.event == "Ingest"
        made = order({}, id="bus-1", source="aws.s3", **{"detail-type": "Object Created"})
        message(aws, after, made, **gone, ERROR_CODE="RESOURCE_NOT_FOUND", ERROR_MESSAGE="no such machine")
        answer = one(aws, "bus-1", after)
        assert codes(answer) == ["dead-letter"] and answer.event == "upload"
        # Who may not look says so, and the rest is told; what somebody else looks at is not denied.
        answer = one(aws, "x", ORDERS, refused="sqs:ReceiveMessage", payload={"kind": "old"})
        assert codes(answer) == ["filter", "could-not-ask"] and answer.also[0].facts["right"] == "sqs:ReceiveMessage"
        refusing(aws).refuse = lambda action: None
        sqs = clients(aws)("sqs")
        sqs.receive_message(QueueUrl=sqs.get_queue_url(QueueName=names.queue_name("TrailOrders"))["QueueUrl"])
        answer = one(aws, "x", ORDERS)
        assert codes(answer) == ["could-not-ask"] and "1 dead letters were not seen" in answer.cause.words

    tried(work)


CALLED = {action for action in ACTIONS if action != "s3:ListBucket"}
"""It is no call of its own: without it S3 answers that an object may not be read, where there is none."""


def test_a_right_that_is_missing_is_named_and_what_is_known_stays() -> None:
    failed = flow("TrailFailed", trigger(event("order-placed")))
    never_denied = {"events:TestEventPattern", "states:GetExecutionHistory"}  # denied in all these tests; no run failed

    def work(aws: Inside) -> None:
        deploy(aws, ORDERS, SET, failed)
        mark = kept(SET, "x").mark
        put(aws, event_key(roads(SET, CONFIGURED, Asked("x", ARNS)), mark), sent("a", "x", {}))
        clients(aws)("dynamodb").put_item(TableName=names.table_name("TrailSet"), Item={"pk": {"S": f"seen-{mark}"}})
        store(aws, failed, sent("order-placed", "x", {"kind": "old"}), "x", run=True)
        whole = ask(aws, "x", ORDERS, SET, failed)
        assert [codes(one)[0] for one in whole] == ["filter", "could-not-ask", "run"]
        for action in sorted(CALLED - never_denied):
            denied = ask(aws, "x", ORDERS, SET, failed, refused=action)
            named = [
                any(cause.facts.get("right") == action for cause in (answer.cause, *answer.also)) for answer in denied
            ]
            assert any(named), action
            for before, after, missing in zip(whole, denied, named, strict=True):
                assert missing or codes(after) == codes(before), action
                assert after.cause.code not in ("not-kept", "not-arrived", "gone"), "what is not known is not denied"

    tried(work)


def test_of_a_flow_of_which_no_file_was_read() -> None:
    def work(aws: Inside) -> None:
        deploy(aws, ORDERS, ELSEWHERE)
        more: dict[str, Any] = {"read": False, "name": "order-placed"}
        assert codes(one(aws, "x", ORDERS, read=False)) == ["not-kept"]
        answer = one(aws, "x", ORDERS, payload={"kind": "old"}, **more)
        assert answer.cause.words == 'the filter said no: `kind` has to be "new"; found "old"'
        # The starter wants a field; which one a payload lacks stands in the file alone.
        assert codes(one(aws, "x", ORDERS, payload={"kind": "new"}, **more)) == ["not-kept"]
        assert codes(one(aws, "x", flow("TrailNobody"), **more)) == ["gone"]
        # On which bus its rule is nobody has said.
        answer = one(aws, "x", ELSEWHERE, read=False)
        assert codes(answer) == ["could-not-ask"] and "no rule for order-moved on the bus default" in answer.cause.words

    tried(work)


def test_credentials_that_have_expired_and_a_cloud_that_is_busy() -> None:
    def work(aws: Inside) -> None:
        deploy(aws, ORDERS)
        with pytest.raises(DiagnosticError) as raised:
            ask(aws, "x", ORDERS, refuse=expired)
        assert [item.code for item in raised.value.diagnostics] == ["FT701"]
        busy = Refusal("ThrottlingException", "Rate exceeded")
        (answer,) = ask(aws, "x", ORDERS, refuse=lambda action: busy if action.startswith("states:") else None)
        assert codes(answer)[0] == "could-not-ask" and answer.verdict == "unknown"
        assert "FT704 AWS allows no more of states:DescribeExecution" in answer.cause.words
        called = {action for action in refusing(aws).actions if not action.startswith("sts:")}
        assert called <= CALLED | set(RIGHTS)

    tried(work)


def test_of_a_run_whose_end_a_flow_waits_for_the_run_itself_says_why_not() -> None:
    waiting = flow("TrailAfter", trigger(finish("TrailUpstream"), finish("TrailOther", "failure")), trigger(event("x")))

    def work(aws: Inside) -> None:
        deploy(aws, waiting, ORDERS, flow("TrailUpstream", trigger(event("y"))))
        arn = f"arn:aws:states:{ACCOUNT}:stateMachine:TrailUpstream"
        clients(aws)("stepfunctions").start_execution(stateMachineArn=arn, name="by-hand", input="{}")
        from moto.stepfunctions.models import stepfunctions_backends

        machines = stepfunctions_backends["123456789012"]["eu-west-1"].state_machines
        (execution,) = next(one for one in machines if one.name == "TrailUpstream").executions
        table = {"RUNNING": "not-ended", "FAILED": "filter", "SUCCEEDED": "not-arrived"}
        for status, code in table.items():
            execution.status = status
            (answer,) = ask(aws, "sfn-by-hand", waiting, ORDERS)
            assert (codes(answer), answer.flow, answer.event) == ([code], "TrailAfter", "TrailUpstream")
            if code == "filter":
                told = 'the filter said no: `outcome` has to be "success"; found "failure"'
                assert answer.cause.words == told

    tried(work)


ODD = ("'\"`$(x) {} {0} %s\\", "\u00e9\U0001f600", "x" * 1024, "../..", "a/b:c*", "-")


def test_a_payload_is_the_same_digit_by_digit_and_a_file_that_somebody_damaged_is_said() -> None:
    payload = {"kind": "new", "n": 12345678901234567890}
    numbers = exact_json.numbers_resource(payload)
    assert numbers is not None
    on_the_bus = sent("order-placed", "x", {"n": 1.2345678901234567e19, "kind": "new"})
    on_the_bus["resources"].append(numbers)

    def work(aws: Inside) -> None:
        deploy(aws, ORDERS)
        store(aws, ORDERS, on_the_bus, "x", run=True)
        assert codes(one(aws, "x", ORDERS, payload=payload)) == ["run"]
        other = one(aws, "x", ORDERS, payload={**payload, "n": 12345678901234567891})
        assert codes(other) == ["other-payload", "run"]
        key = document_key(roads(ORDERS, CONFIGURED, Asked("x", ARNS)), kept(ORDERS, "x").run)
        for damaged in (b"{", b"[]", b"null", b"\xff"):
            clients(aws)("s3").put_object(Bucket="flows", Key=key, Body=damaged)
            answer = one(aws, "x", ORDERS)
            assert codes(answer) == ["run", "could-not-ask"] and "is not what a starter" in answer.also[0].words

    tried(work)


def test_an_event_that_fills_two_places_is_told_once() -> None:
    twice = flow("TrailTwice", trigger(event("a"), event("a"), event("b"), join="all"))

    def work(aws: Inside) -> None:
        deploy(aws, twice)
        whole = roads(twice, CONFIGURED, Asked("x", ARNS, "a"))
        row: dict[str, Any] = {"pk": {"S": whole.ways[0].set.key if whole.ways[0].set else ""}}
        for way in whole.ways:
            mark = way.keeps[0].mark
            put(aws, event_key(whole, mark), sent("a", "x", {}))
            item = {"pk": {"S": f"seen-{mark}"}}
            clients(aws)("dynamodb").put_item(TableName=names.table_name("TrailTwice"), Item=item)
            row[way.slot] = {"S": mark}
        clients(aws)("dynamodb").put_item(TableName=names.table_name("TrailTwice"), Item=row)
        answer = one(aws, "x", twice)
        assert codes(answer) == ["waiting-in-set"] and answer.cause.facts["lacks"] == "event b"

    tried(work)


def test_odd_ids_are_asked_for_as_they_are() -> None:
    def work(aws: Inside) -> None:
        deploy(aws, ORDERS)
        for identity in ODD:
            assert codes(one(aws, identity, ORDERS)) == ["not-kept"]
            store(aws, ORDERS, sent("order-placed", identity, GOOD), identity, run=True)
            assert codes(one(aws, identity, ORDERS)) == ["run"]

    tried(work)
