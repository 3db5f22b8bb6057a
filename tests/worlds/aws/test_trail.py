"""What AWS says of an event: each cause, made by machines that run, is named, and no other."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import urllib.request
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from metaflow_extensions.triggers.contract.trigger_document import event as bus_event
from metaflow_extensions.triggers.contract.trigger_document import started_by
from metaflow_triggers.backends.step_functions import backend as step_functions
from metaflow_triggers.backends.step_functions.compile import names
from metaflow_triggers.backends.step_functions.compile.dependencies import document_dependencies
from metaflow_triggers.model.flows import Flow

from tests.flows import GRAPH

from ...unit.backends.step_functions.samples import (
    CONFIGURED,
    constant,
    event,
    finish,
    flow,
    mapping,
    parameter,
    trigger,
)
from .account import clients
from .laid import lay
from .service import ACCOUNT, ROLE, Aws, ended, order
from .trails import ask, codes, one

SUCCEEDS: dict[str, Any] = {"StartAt": "start", "States": {"start": {"Type": "Succeed"}}}
FAILS = {"StartAt": "start", "States": {"start": {"Type": "Fail", "Error": "E", "Cause": "no queue"}}}
JOB = {
    "Type": "Task",
    "Resource": "arn:aws:states:::states:startExecution.sync:2",
    "Parameters": {"StateMachineArn": f"arn:aws:states:{ACCOUNT}:stateMachine:TrailFails", "Input": {}},
    "End": True,
}
TASK_FAILS = {"StartAt": "start", "States": {"start": JOB}}
"""A task that is begun and fails, as a job of AWS Batch does."""

KIND = '{"order": {"kind": ["new", {"prefix": "re"}]}}'
RESET = {"reset_at": {"cron": "0 0 * * *", "timezone": "Europe/Berlin"}}
UPLOAD = '{"step-functions": {"source": "aws.s3", "detail-type": "Object Created"}}'
PLACED = event("order-placed", mapping("n", "order.n"), mapping("text", "order.kind"), filter=KIND)
ORDERS = flow(
    "TrailOrders",
    trigger(PLACED, event("order-changed", mapping("n", "n")), event("upload", constant("n", 1), origin=UPLOAD)),
    trigger(event("a", constant("n", 1)), event("b"), join="all", options=json.dumps(RESET)),
    trigger(finish("Ingest", mappings=(constant("n", 1),))),
    parameters=(parameter("n", "int", required=True), parameter("text")),
)
FAILING = flow("TrailFails", trigger(event("order-failed", mapping("n", "n"))), parameters=(parameter("n", "int"),))
BROKEN = flow("TrailBroken", trigger(event("order-broke")))


@pytest.fixture(scope="module")
def account(server: Aws) -> Iterator[Aws]:
    """One flow with what starts it; the machines alone of two whose runs fail."""
    urllib.request.urlopen(urllib.request.Request(f"{server.url}/moto-api/reset", method="POST"), timeout=30).read()
    server.client("s3").create_bucket(Bucket="flows", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    workflow = {"definition": SUCCEEDS, "job_definitions": {}}
    content = step_functions.manifests(ORDERS, GRAPH, workflow, CONFIGURED)[0].content
    lay(clients(server), json.loads(json.dumps(content).replace("States.MathRandom(2, 10)", "1")))
    for name, definition in (("TrailFails", FAILS), ("TrailBroken", TASK_FAILS)):
        server.client("stepfunctions").create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE)
    yield server


def ours(name: str, identity: str, detail: Any, **more: Any) -> dict[str, Any]:
    """An event as our publisher sends it; the bus gives each an id of its own."""
    own = {"resources": [f"metaflow-triggers:event/{identity}"], "detail-type": name, "id": f"bus-{identity}"}
    return order(detail, **{**own, **more})


def deliver(aws: Aws, machine: str, sent: dict[str, Any], again: str = "") -> dict[str, Any]:
    return aws.run(machine, f"{sent['id']}{again}", sent)


STARTER = names.starter_name("TrailOrders")
NEW = {"order": {"kind": "new", "n": 7}}


def test_a_right_start_with_its_run_parameters_and_log(account: Aws) -> None:
    deliver(account, STARTER, ours("order-placed", "right", NEW))
    for more in ({}, {"name": "order-placed"}, {"payload": NEW}):
        answer = one(account, "right", ORDERS, **more)
        assert codes(answer) == ["run"] and answer.event == "order-placed" and answer.run is not None
        assert answer.run.state == "succeeded" and answer.run.id.startswith("sfn-event-")
        assert answer.run.parameters == {"n": 7, "text": "new"}
        assert answer.run.log == f"s3://flows/metaflow/data/TrailOrders/{answer.run.id}/"
        assert f":execution:TrailOrders:{answer.run.id.removeprefix('sfn-')} --region eu-west-1" in answer.commands[0]
    assert codes(one(account, "right", ORDERS, name="order-changed")) == ["not-kept"]
    unread = one(account, "right", ORDERS, read=False)
    assert (codes(unread), unread.event, unread.cause.facts) == (["run"], "order-placed", answer.cause.facts)
    assert unread.run == dataclasses.replace(answer.run, parameters=None)


def test_delivered_twice_it_is_one_start_and_another_payload_or_name_is_told(account: Aws) -> None:
    sent = ours("order-placed", "twice", NEW)
    for again in ("", "-2"):
        deliver(account, STARTER, sent, again)
    assert codes(one(account, "twice", ORDERS, payload=NEW)) == ["run"]
    other = one(account, "twice", ORDERS, payload={"order": {"kind": "new", "n": 8}})
    assert codes(other) == ["other-payload", "run"] and other.run is not None
    # One id under two names is two events.
    deliver(account, STARTER, ours("order-changed", "twice", {"n": 2}), "-3")
    first, second = ask(account, "twice", ORDERS)
    assert (first.event, second.event) == ("order-placed", "order-changed")
    assert codes(first) == codes(second) == ["run", "same-id"] and first.run != second.run


def start(aws: Aws, item: Flow, sent: dict[str, Any]) -> str:
    """What the starter of the flow does with an event; the run has ended. Its name is computed as the starter does."""
    text = f"{item.name} {sent['detail-type']} {sent['resources'][0]}"
    name = f"event-{hashlib.sha256(text.encode()).hexdigest()}"
    document = started_by(document_dependencies(item, item.triggers, CONFIGURED), [bus_event("eventbridge", sent)])
    key = f"metaflow/data/{item.name}/_triggers/sfn-{name}.json"
    clients(aws)("s3").put_object(Bucket="flows", Key=key, Body=json.dumps(document).encode())
    aws.run(item.name, name, {})
    return name


def test_a_value_of_the_wrong_type_and_a_run_without_a_task_failed_before_user_code(account: Aws) -> None:
    name = start(account, FAILING, ours("order-failed", "type", {"n": "many"}))
    answer = one(account, "type", FAILING)
    assert codes(answer) == ["wrong-type"] and answer.run is not None and answer.run.state == "failed"
    assert "expected an integer, found the text" in answer.cause.words and answer.run.id == f"sfn-{name}"
    start(account, FAILING, ours("order-failed", "no-task", {"n": 1}))
    answer = one(account, "no-task", FAILING)
    assert codes(answer) == ["failed-before-user-code"] and answer.cause.facts["why"] == "E: no queue"
    assert answer.run is not None and answer.run.parameters == {"n": 1}


def test_a_run_that_fails_in_a_task_is_a_start(account: Aws) -> None:
    start(account, BROKEN, ours("order-broke", "broke", {}))
    answer = one(account, "broke", BROKEN)
    assert codes(answer) == ["run"] and answer.run is not None and answer.run.state == "failed"
    answer = one(account, "broke", BROKEN, refused="states:GetExecutionHistory")
    assert codes(answer) == ["run", "could-not-ask"], "what cannot be asked is not claimed"


def test_what_the_starter_refused_is_told_without_a_payload(account: Aws) -> None:
    deliver(account, STARTER, ours("order-placed", "lacking", {"order": {"kind": "new"}}))
    answer = one(account, "lacking", ORDERS)
    assert codes(answer) == ["missing-field"] and answer.event == "order-placed"
    assert answer.cause.facts == {"parameter": "n", "field": "order.n"}
    show, again = answer.commands
    assert show.startswith("metaflow-triggers dead-letters show ") and " send-again " in again
    assert again.endswith(" --backend step-functions --flow TrailOrders")
    assert one(account, "lacking", ORDERS).cause == answer.cause, "the first look took nothing out, and hides nothing"
    assert codes(one(account, "lacking", ORDERS, name="order-changed")) == ["not-kept"]


def test_an_event_of_aws_has_the_id_of_the_bus(account: Aws) -> None:
    sent = order({"object": {"key": "x"}}, id="bus-7", source="aws.s3", **{"detail-type": "Object Created"})
    deliver(account, STARTER, sent)
    answer = one(account, "bus-7", ORDERS)
    assert codes(answer) == ["run"] and answer.event == "upload"


def test_the_end_of_a_run_and_a_run_itself(account: Aws) -> None:
    told = ended("Ingest", "SUCCEEDED")
    deliver(account, STARTER, told | {"id": "end-of-run"})
    after = one(account, "sfn-run-1", ORDERS)
    assert codes(after) == ["run"] and after.event == "Ingest" and after.run is not None
    own = one(account, after.run.id, ORDERS)
    assert codes(own) == ["run"] and own.run == after.run and own.event == "Ingest"


# sets -----------------------------------------------------------------------------------------------------------------

SETS = names.correlator_name("TrailOrders", "event")


def test_half_a_set_waits_until_it_is_whole(account: Aws) -> None:
    deliver(account, SETS, ours("a", "half", {}))
    answer = one(account, "half", ORDERS)
    assert codes(answer) == ["waiting-in-set"] and answer.verdict == "not started"
    assert answer.cause.facts["lacks"] == "event b"
    unread = one(account, "half", ORDERS, read=False)
    assert codes(unread) == ["waiting-in-set"] and unread.cause.facts["lacks"] == "event b"
    until = datetime.fromisoformat(answer.cause.facts["until"])
    assert timedelta(0) < until - datetime.now(timezone.utc) <= timedelta(hours=25)
    assert abs(datetime.fromisoformat(answer.cause.facts["since"]) - datetime.now(timezone.utc)) < timedelta(minutes=5)
    # A newer event takes its place, and the other one makes the set whole.
    deliver(account, SETS, ours("a", "newer-a", {}))
    replaced = one(account, "half", ORDERS)
    assert codes(replaced) == ["set-replaced"] and replaced.cause.facts["by"] == "newer-a"
    deliver(account, SETS, ours("b", "its-b", {}))
    for identity, others in (("newer-a", "event b"), ("its-b", "event a")):
        answer = one(account, identity, ORDERS)
        assert codes(answer) == ["run"] and answer.cause.facts["set"] == others
        assert one(account, identity, ORDERS, read=False).cause == answer.cause
    assert codes(one(account, "half", ORDERS)) == ["set-replaced"]


def test_a_reset_forgets_what_waited(account: Aws) -> None:
    deliver(account, SETS, ours("b", "forgotten", {}))
    account.run(SETS, "reset-1", {"reset": True})
    tomorrow = datetime.now(timezone.utc) + timedelta(hours=25)
    answer = one(account, "forgotten", ORDERS, now=tomorrow)
    assert codes(answer) == ["set-reset"]
    assert datetime.fromisoformat(answer.cause.facts["reset"]) <= tomorrow
