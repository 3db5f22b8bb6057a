"""The starter, run by an emulator's interpreter: what it stores, what it starts, what it refuses."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import pytest
from metaflow_triggers.backends.step_functions import backend as step_functions
from metaflow_triggers.backends.step_functions.compile import names
from metaflow_triggers.backends.step_functions.deploy.converge import create

from tests.flows import GRAPH

from ...unit.backends.step_functions.samples import (
    CONFIGURED,
    MAPPING_FLOW,
    event,
    finish,
    flow,
    mapping,
    parameter,
    trigger,
)
from .service import ACCOUNT, ROLE, Aws, documents, ended, order, starts

RUNS = {"StartAt": "start", "States": {"start": {"Type": "Succeed"}}}
WORKFLOW: dict[str, Any] = {"definition": RUNS, "job_definitions": {}}
HOSTILE = {
    "orderId": "$(touch x) `y` \"q\" '{{z}}' ${Ref} \u00e9\u2028\n\\",
    "n": -1,
    "f": 1.5,
    "null": None,
    "$.x": "$.y",
}


def deploy(aws: Aws, item: Any = MAPPING_FLOW) -> str:
    aws.client("s3").create_bucket(Bucket="flows", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    content = step_functions.manifests(item, GRAPH, WORKFLOW, CONFIGURED)[0].content
    create(content, {}, CONFIGURED, aws.client)
    return names.starter_name(item.name)


def test_an_event_is_stored_and_starts_the_flow_once(aws: Aws) -> None:
    starter = deploy(aws)
    sent = order(HOSTILE | {"customer": {"name": "n"}})
    assert aws.run(starter, "one", sent)["status"] == "SUCCEEDED"
    ((key, document),) = documents(aws).items()
    assert re.fullmatch(r"metaflow/data/OrderFlow/_triggers/sfn-event-[0-9a-f]{64}\.json", key)
    assert document["version"] == 1
    assert document["events"] == [{"transport": "eventbridge", "event": sent}]
    assert document["dependencies"][0] == {
        "kind": "event",
        "name": "order-placed",
        "auto_map": False,
        "mappings": [
            {"parameter": "order_id", "field": "orderId"},
            {"parameter": "who", "field": "customer.name"},
            {"parameter": "env", "constant_json": '"$.x ${y}"'},
        ],
    }
    (start,) = starts(aws, "OrderFlow")
    assert key == f"metaflow/data/OrderFlow/_triggers/sfn-{start['name']}.json"
    assert json.loads(start["input"]) == {"Parameters": "{}", "MetaflowTrigger": {"uri": f"s3://flows/{key}"}}

    # Delivered again: the same execution name, so nothing starts, and that is no error.
    assert aws.run(starter, "two", sent)["status"] == "SUCCEEDED"
    assert len(starts(aws, "OrderFlow")) == 1
    assert aws.messages(names.queue_name("OrderFlow")) == []


def test_the_start_key_is_our_event_id_then_the_transports_then_the_outcome(aws: Aws) -> None:
    starter = deploy(aws)
    full = {"orderId": 1, "customer": {"name": "n"}}
    ours = "metaflow-triggers:event/1"
    sent = [
        order(full, id="a"),
        order(full, id="b"),
        order(full, id="c", resources=[ours]),
        order(full, id="d", resources=[ours]),  # published again under one id: another id of the bus
        order({"order": {"id": 7}}, id="f", resources=[ours], **{"detail-type": "order-changed"}),  # another event
        order(full, id="e", resources=["arn:aws:s3:::somebody"]),
        ended("DataIngestion", "SUCCEEDED"),
        ended("DataIngestion", "SUCCEEDED"),
        ended("OtherFlow", "FAILED"),
    ]
    for number, item in enumerate(sent):
        assert aws.run(starter, f"n{number}", item)["status"] == "SUCCEEDED"
    keys = [
        "a",
        "b",
        f"order-placed {ours}",
        f"order-changed {ours}",
        "e",
        f"arn:aws:states:{ACCOUNT}:execution:DataIngestion:run-1/SUCCEEDED",
        f"arn:aws:states:{ACCOUNT}:execution:OtherFlow:run-1/FAILED",
    ]
    # The deployed name is part of it: deployments of one flow class share a datastore, and Metaflow a run's name.
    expected = {f"event-{hashlib.sha256(f'OrderFlow {key}'.encode()).hexdigest()}" for key in keys}
    assert {item["name"] for item in starts(aws, "OrderFlow")} == expected


def test_an_id_that_comes_again_with_another_payload_does_not_replace_what_the_run_reads(aws: Aws) -> None:
    starter = deploy(aws)
    ours = ["metaflow-triggers:event/1"]
    first = order({"orderId": 1, "customer": {"name": "n"}}, resources=ours)
    for number, item in enumerate((first, order({"orderId": 2, "customer": {"name": "n"}}, id="b", resources=ours))):
        assert aws.run(starter, f"n{number}", item)["status"] == "SUCCEEDED"
    ((_, document),) = documents(aws).items()
    assert document["events"] == [{"transport": "eventbridge", "event": first}]
    assert len(starts(aws, "OrderFlow")) == 1
    assert aws.messages(names.queue_name("OrderFlow")) == []


@pytest.mark.parametrize(
    ("detail", "starts_it"),
    [
        ({"order.id": 1}, True),
        ({"order": {"id": 1}}, True),
        ({"order.id": None, "order": {"id": 1}}, False),  # the key that itself contains the dot wins
        ({"order": {"id": None}}, False),
        ({"order": {}}, False),
        ({"order": "text"}, False),
        ({"order": {"id": False}}, True),
        ({"order": {"id": ""}}, True),
        ({}, False),
    ],
)
def test_a_required_field_decides_before_the_start(aws: Aws, detail: Any, starts_it: bool) -> None:
    item = flow(
        "OrderFlow",
        trigger(event("order-placed", mapping("order_id", "order.id"), mapping("note", "note"))),
        parameters=(parameter("order_id", required=True), parameter("note")),
    )
    starter = deploy(aws, item)
    sent = order(detail)
    assert aws.run(starter, "one", sent)["status"] == "SUCCEEDED"
    assert len(starts(aws, "OrderFlow")) == int(starts_it)
    assert len(documents(aws)) == int(starts_it)
    messages = aws.messages(names.queue_name("OrderFlow"))
    if starts_it:
        assert messages == []
    else:
        ((message),) = messages
        assert message["event"] == sent
        assert "order.id" in message["reason"] and "order_id" in message["reason"]


@pytest.mark.parametrize(
    ("detail", "starts_it"),
    [
        ({"a.b.c": 1}, True),
        ({"a.b": {"c": 1}}, True),
        ({"a": {"b.c": 1}}, True),
        ({"a": {"b": {"c": 1}}}, True),
        ({"a.b": 3, "a": {"b": {"c": 1}}}, True),
        ({"a.b": {"c": None}, "a": {"b": {"c": 1}}}, False),
        ({"a.c": {"b": 1}}, False),
    ],
)
def test_a_field_is_looked_for_where_the_run_looks(aws: Aws, detail: Any, starts_it: bool) -> None:
    from metaflow_extensions.triggers.contract.event_reader import field

    assert (field(detail, "a.b.c") is not None) is starts_it
    dependency = event("order-placed", mapping("p", "a.b.c"))
    starter = deploy(aws, flow("OrderFlow", trigger(dependency), parameters=(parameter("p", required=True),)))
    assert aws.run(starter, "one", order(detail))["status"] == "SUCCEEDED"
    assert len(starts(aws, "OrderFlow")) == int(starts_it)


@pytest.mark.parametrize(
    ("field", "error", "starts_it"),
    [("run_id", None, True), ("error", "E", True), ("error", None, False), ("step", "E", False)],
)
def test_a_required_field_of_an_outcome(aws: Aws, field: str, error: str | None, starts_it: bool) -> None:
    dependency = finish("G", "failure", mappings=(mapping("p", field),))
    starter = deploy(aws, flow("OrderFlow", trigger(dependency), parameters=(parameter("p", required=True),)))
    sent = ended("G", "FAILED")
    sent["detail"] |= {"error": error, "cause": None}
    assert aws.run(starter, "one", sent)["status"] == "SUCCEEDED"
    assert len(starts(aws, "OrderFlow")) == int(starts_it)
    assert len(aws.messages(names.queue_name("OrderFlow"))) == int(not starts_it)


def test_another_events_requirements_do_not_count(aws: Aws) -> None:
    starter = deploy(aws)
    sent = order({"order": {"id": 7}}, **{"detail-type": "order-changed"})
    assert aws.run(starter, "one", sent)["status"] == "SUCCEEDED"
    assert len(starts(aws, "OrderFlow")) == 1


def test_what_cannot_be_stored_or_started_goes_to_the_queue(aws: Aws) -> None:
    item = flow("OrderFlow", trigger(event("order-placed")))
    content = json.dumps(step_functions.manifests(item, GRAPH, WORKFLOW, CONFIGURED)[0].content)
    # Retries take half a minute; what follows them is the subject here.
    content = content.replace('"MaxAttempts": 5', '"MaxAttempts": 0').replace('"MaxAttempts": 6', '"MaxAttempts": 0')
    create(json.loads(content), {}, CONFIGURED, aws.client)
    sent = order({})
    described = aws.run(names.starter_name("OrderFlow"), "one", sent)  # there is no bucket
    assert (described["status"], described["error"]) == ("FAILED", "NotStarted")
    (message,) = aws.messages(names.queue_name("OrderFlow"))
    assert message["event"] == sent
    assert message["failure"]["Error"]
    assert starts(aws, "OrderFlow") == []


def test_a_flow_that_is_gone_keeps_the_event(aws: Aws) -> None:
    item = flow("OrderFlow", trigger(event("order-placed")))
    deploy(aws, item)
    starter = names.starter_name("OrderFlow")
    states = aws.client("stepfunctions")
    arn = f"arn:aws:states:{ACCOUNT}:stateMachine:"
    definition = states.describe_state_machine(stateMachineArn=arn + starter)["definition"]
    states.create_state_machine(
        name="impatient", definition=definition.replace('"MaxAttempts": 6', '"MaxAttempts": 0'), roleArn=ROLE
    )
    states.delete_state_machine(stateMachineArn=arn + "OrderFlow")
    described = aws.run("impatient", "one", order({}))
    assert (described["status"], described["error"]) == ("FAILED", "NotStarted")
    assert len(aws.messages(names.queue_name("OrderFlow"))) == 1


FIRST = event("order-placed", mapping("p", "x"), filter='{"repo": ["a", {"prefix": "b"}]}')
SECOND = event("order-placed", mapping("p", "y.z"), filter='{"n": [{"numeric": [">", 5]}, null]}')


@pytest.mark.parametrize(
    ("detail", "reason"),
    [
        ({"repo": "a", "n": 6, "x": 1, "y": {"z": 1}}, None),
        ({"repo": "a", "n": 6, "y": {"z": 1}}, None),
        ({"repo": "a", "n": 6, "x": 1}, None),
        ({"repo": "bc", "n": 6}, "has no field x"),
        ({"repo": "a", "n": 5, "y.z": 1}, "has no field x"),
        ({"repo": "c", "n": None, "x": 1}, "has no field y.z"),
        ({"repo": "c", "n": 5.5, "x": 1, "y": {"z": None}}, "has no field y.z"),
        ({"repo": ["a", 1], "n": {"m": 1}, "y": {"z": 1}}, None),  # it may be either, and the run knows
    ],
)
def test_an_event_starts_the_flow_when_one_dependency_has_its_fields(aws: Aws, detail: Any, reason: str | None) -> None:
    starter = deploy(aws, flow("OrderFlow", trigger(FIRST, SECOND), parameters=(parameter("p", required=True),)))
    assert aws.run(starter, "one", order(detail))["status"] == "SUCCEEDED"
    messages = aws.messages(names.queue_name("OrderFlow"))
    assert len(starts(aws, "OrderFlow")) == int(reason is None)
    assert [reason in message["reason"] for message in messages] == ([] if reason is None else [True])


def test_two_starters_of_one_flow_start_it_once_for_each_decorator(aws: Aws) -> None:
    origin = '{"step-functions": {"source": "aws.states"}}'
    item = flow("OrderFlow", trigger(event("any", origin=origin)), trigger(finish("Up")))
    first = deploy(aws, item)
    for machine in (first, names.starter_name("OrderFlow", 2)):
        assert aws.run(machine, f"n-{machine[-4:]}", ended("Up", "SUCCEEDED"))["status"] == "SUCCEEDED"
    assert len(starts(aws, "OrderFlow")) == 2
    kinds = sorted(one["kind"] for document in documents(aws).values() for one in document["dependencies"])
    assert kinds == ["event", "finish"]


@pytest.mark.parametrize("is_there", [True, False])
def test_s3_that_does_not_say_whether_the_event_is_there_replaces_nothing(aws: Aws, is_there: bool) -> None:
    """Only an answer counts as one: an error (here: no such bucket; as well denied, busy) is no `not there`."""
    item = flow("OrderFlow", trigger(event("order-placed")))
    deploy(aws, item)
    starter = names.starter_name("OrderFlow")
    first = order({"n": 1}, resources=["metaflow-triggers:event/1"])
    if is_there:
        assert aws.run(starter, "one", first)["status"] == "SUCCEEDED"
    states = aws.client("stepfunctions")
    arn = f"arn:aws:states:{ACCOUNT}:stateMachine:"
    definition = json.loads(states.describe_state_machine(stateMachineArn=arn + starter)["definition"])
    definition["States"]["IsStored"]["Parameters"]["Bucket"] = "no-such-bucket"
    for retry in definition["States"]["IsStored"].get("Retry", []):
        retry["MaxAttempts"] = 0  # what follows the retries is the subject here
    states.create_state_machine(name="unsure", definition=json.dumps(definition), roleArn=ROLE)
    sent = order({"n": 2}, resources=["metaflow-triggers:event/1"])
    described = aws.run("unsure", "two", sent)
    assert (described["status"], described["error"]) == ("FAILED", "NotStarted")
    (message,) = aws.messages(names.queue_name("OrderFlow"))
    assert message["event"] == sent and message["failure"]["Error"]
    found = [document["events"][0]["event"] for document in documents(aws).values()]
    assert found == ([first] if is_there else [])
    assert len(starts(aws, "OrderFlow")) == int(is_there)
