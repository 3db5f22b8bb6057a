"""The correlator, run by an emulator's interpreter: which events make which sets, what is kept when it cannot start."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from metaflow_triggers.backends.step_functions import backend as step_functions
from metaflow_triggers.backends.step_functions.compile import names
from metaflow_triggers.backends.step_functions.deploy.converge import create

from tests.flows import GRAPH

from ...unit.backends.step_functions.samples import CONFIGURED, event, finish, flow, mapping, parameter, trigger
from .service import Aws, documents, ended, order, starts

RUNS = {"StartAt": "start", "States": {"start": {"Type": "Succeed"}}}
WORKFLOW: dict[str, Any] = {"definition": RUNS, "job_definitions": {}}
TABLE = names.table_name("OrderFlow")
QUEUE = names.queue_name("OrderFlow")
SETS = names.correlator_name("OrderFlow", "event")


def pair(join: str, **more: Any) -> Any:
    options = json.dumps({"join": join, **more})
    return flow("OrderFlow", trigger(event("a"), event("b"), join="all", options=options))


def content(item: Any) -> Any:
    text = json.dumps(step_functions.manifests(item, GRAPH, WORKFLOW, CONFIGURED)[0].content)
    # Retries take a minute, and a pause seconds; what follows them is the subject here.
    for number in (5, 6):
        text = text.replace(f'"MaxAttempts": {number}', '"MaxAttempts": 0')
    return json.loads(text.replace("States.MathRandom(2, 10)", "1"))


def deploy(aws: Aws, item: Any) -> None:
    aws.client("s3").create_bucket(Bucket="flows", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    create(content(item), {}, CONFIGURED, aws.client)


def send(aws: Aws, *sent: str, first: int = 0) -> None:
    """Deliver events: `a1` is the event `a` with id `a1`. The same text twice is a redelivery."""
    for number, text in enumerate(sent, first):
        described = aws.run(SETS, f"n{number}", named(text))
        assert described["status"] == "SUCCEEDED", (text, described.get("cause"), aws.messages(QUEUE))


def named(text: str) -> dict[str, Any]:
    return order({"n": text}, id=text, **{"detail-type": text[0]})


def sets(aws: Aws) -> list[tuple[str, ...]]:
    """The events of each run, as the run's own reader finds them, in the order of the dependencies."""
    found = documents(aws)
    out = []
    for start in starts(aws, "OrderFlow"):
        key = f"metaflow/data/OrderFlow/_triggers/sfn-{start['name']}.json"
        assert json.loads(start["input"]) == {"Parameters": "{}", "MetaflowTrigger": {"uri": f"s3://flows/{key}"}}
        events = [found[item["uri"].removeprefix("s3://flows/")] for item in found[key]["events"]]
        out.append(tuple(item["detail"]["n"] for item in events))
    return sorted(out)


def simulate(join: str, sent: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Section 7 of the semantics, written down directly."""
    seen: set[str] = set()
    waiting: dict[str, list[str]] = {"a": [], "b": []}
    out = []
    for text in sent:
        if text in seen:
            continue
        seen.add(text)
        kept = waiting[text[0]]
        waiting[text[0]] = [*kept, text] if join == "queue" else [text]
        if all(waiting.values()):
            out.append((waiting["a"].pop(0), waiting["b"].pop(0)))
    return sorted(out)


ORDERS = (
    ("a1", "b1"),
    ("b1", "a1", "a1", "b1"),
    ("a1", "a2", "b1", "b2"),
    ("a1", "a2", "a3", "b1", "a2", "b2", "b1", "b3"),
    ("b1", "b2", "a1", "b2", "b3", "a2", "a1", "a3"),
)


@pytest.mark.parametrize("join", ["latest", "queue"])
@pytest.mark.parametrize("sent", ORDERS, ids="-".join)
def test_sets_are_those_of_the_semantics_and_a_repeated_event_starts_nothing(
    aws: Aws, join: str, sent: tuple[str, ...]
) -> None:
    deploy(aws, pair(join))
    send(aws, *sent)
    assert sets(aws) == simulate(join, sent)
    assert aws.messages(QUEUE) == []


def test_three_of_a_kind_need_three_and_outcomes_are_told_apart_by_status(aws: Aws) -> None:
    item = flow(
        "OrderFlow", trigger(finish("A"), finish("A", "failure", "aborted"), finish("B", "timeout"), join="all")
    )
    deploy(aws, item)
    machine = names.correlator_name("OrderFlow", "finish")
    sent = [ended("A", "SUCCEEDED"), ended("A", "SUCCEEDED"), ended("B", "TIMED_OUT"), ended("A", "ABORTED")]
    counts = []
    for number, one in enumerate(sent):
        assert aws.run(machine, f"n{number}", one)["status"] == "SUCCEEDED"
        counts.append(len(starts(aws, "OrderFlow")))
    assert counts == [0, 0, 0, 1]


def test_an_event_without_a_required_field_takes_no_place_in_a_set(aws: Aws) -> None:
    dependencies = (event("a", mapping("p", "n")), event("b"))
    deploy(aws, flow("OrderFlow", trigger(*dependencies, join="all"), parameters=(parameter("p", required=True),)))
    lacking = order({"m": 1}, id="a0", **{"detail-type": "a"})
    assert aws.run(SETS, "x", lacking)["status"] == "SUCCEEDED"
    send(aws, "b1")
    assert sets(aws) == []
    ((message),) = aws.messages(QUEUE)
    assert message["event"] == lacking and "required parameter p" in message["reason"]
    send(aws, "a1", first=9)
    assert sets(aws) == [("a1", "b1")]


@pytest.mark.parametrize("join", ["latest", "queue"])
def test_a_reset_forgets_half_arrived_sets_and_nothing_else(aws: Aws, join: str) -> None:
    deploy(aws, pair(join, reset_at={"cron": "0 0 * * *"}))
    send(aws, "a1", "b1", "a2")
    assert aws.run(SETS, "reset", {"reset": True})["status"] == "SUCCEEDED"
    send(aws, "b2", "a2", first=5)  # a2 has been seen: a redelivery is no new event
    assert sets(aws) == [("a1", "b1")]
    send(aws, "a3", first=9)
    assert sets(aws) == [("a1", "b1"), ("a3", "b2")]


def test_a_start_that_fails_for_good_is_kept_and_the_next_set_starts(aws: Aws) -> None:
    deploy(aws, pair("queue"))
    states = aws.client("stepfunctions")
    arn = "arn:aws:states:eu-west-1:123456789012:stateMachine:OrderFlow"
    states.delete_state_machine(stateMachineArn=arn)
    send(aws, "a1", "b1")
    (message,) = aws.messages(QUEUE)
    found = documents(aws)
    assert [found[item["uri"].removeprefix("s3://flows/")]["id"] for item in message["events"]] == ["a1", "b1"]
    assert message["failure"]["Error"]
    create(content(pair("queue")), {}, CONFIGURED, aws.client)
    send(aws, "a2", "b2", first=5)
    assert sets(aws) == [("a2", "b2")]


def test_a_claim_that_nobody_finished_is_finished_by_the_next_event(aws: Aws) -> None:
    deploy(aws, pair("queue"))
    dynamo = aws.client("dynamodb")

    def row() -> dict[str, Any]:
        (found,) = [item for item in dynamo.scan(TableName=TABLE)["Items"] if item["pk"]["S"].startswith("set-")]
        return dict(found)

    send(aws, "b1")
    mark = row()["slot_1"]["L"][0]
    send(aws, "a1", "a2", first=1)
    # The row as somebody leaves it who claimed (a2, b1) and was stopped before the start.
    dynamo.put_item(
        TableName=TABLE,
        Item={"pk": row()["pk"], "claim_0": row()["slot_0"]["L"][0], "claim_1": mark, "slot_1": {"L": []}},
    )
    send(aws, "a3", first=3)
    assert sets(aws) == [("a1", "b1"), ("a2", "b1")]
    assert "claim_0" not in row() and len(row()["slot_0"]["L"]) == 1


def test_a_table_that_was_lost_starts_no_set_twice(aws: Aws) -> None:
    deploy(aws, pair("queue"))
    send(aws, "a1", "b1")
    aws.client("dynamodb").delete_table(TableName=TABLE)
    create(content(pair("queue")), {}, CONFIGURED, aws.client)
    send(aws, "a1", "b1", "a2", "b2", first=5)
    assert sets(aws) == [("a1", "b1"), ("a2", "b2")]
    assert aws.messages(QUEUE) == []  # a start that has been made is no failure


def test_two_events_of_240_kib_make_a_set(aws: Aws) -> None:
    deploy(aws, pair("latest"))
    for number, name in enumerate("ab"):
        sent = order({"n": f"{name}1", "text": "x" * (240 * 1024 - 40)}, id=f"{name}1", **{"detail-type": name})
        assert aws.run(SETS, f"n{number}", sent)["status"] == "SUCCEEDED"
    assert sets(aws) == [("a1", "b1")]
    states = aws.client("stepfunctions")
    arn = f"arn:aws:states:eu-west-1:123456789012:stateMachine:{SETS}"
    for item in states.list_executions(stateMachineArn=arn)["executions"]:
        history = states.get_execution_history(executionArn=item["executionArn"])["events"]
        texts = [value for one in history for key in one if key.startswith("state") for value in one[key].values()]
        assert max(len(text) for text in texts if isinstance(text, str)) < 262_144


def test_a_mark_expires_at_the_end_of_the_next_year(aws: Aws) -> None:
    from datetime import datetime, timezone

    deploy(aws, pair("latest"))
    send(aws, "a1")
    (mark,) = [item for item in aws.client("dynamodb").scan(TableName=TABLE)["Items"] if "expires" in item]
    now = datetime.now(timezone.utc)
    assert mark["expires"] == {"N": str(int(datetime(now.year + 2, 1, 1, tzinfo=timezone.utc).timestamp()))}


@pytest.mark.long
@pytest.mark.parametrize("join", ["latest", "queue"])
@pytest.mark.parametrize("sent", sorted(set(itertools.permutations(("a1", "a2", "b1", "b2", "a1")))), ids="-".join)
def test_every_order(aws: Aws, join: str, sent: tuple[str, ...]) -> None:
    deploy(aws, pair(join))
    send(aws, *sent)
    assert sets(aws) == simulate(join, sent)


SEVERAL = flow(
    "OrderFlow",
    trigger(event("a", filter='{"x": [1]}'), event("a", filter='{"y": [1]}'), event("b"), join="all"),
)


@pytest.mark.parametrize("order_of_machines", [(1, 2), (2, 1)])
def test_an_event_fills_every_place_that_it_matches_in_either_order(
    aws: Aws, order_of_machines: tuple[int, int]
) -> None:
    deploy(aws, SEVERAL)
    machines = [names.correlator_name("OrderFlow", "event", number) for number in order_of_machines]
    for repeated in range(2):  # a redelivery starts nothing
        for machine in machines:
            assert aws.run(machine, f"{machine[-4:]}-{repeated}", named("a1"))["status"] == "SUCCEEDED"
    assert sets(aws) == []
    assert aws.run(SETS, "b", named("b1"))["status"] == "SUCCEEDED"
    assert sets(aws) == [("a1", "a1", "b1")]
    # One that matches one of them fills that, whichever machine completes the set.
    assert aws.run(machines[0], "a2", named("a2"))["status"] == "SUCCEEDED"
    assert aws.run(SETS, "b2", named("b2"))["status"] == "SUCCEEDED"
    assert aws.run(machines[1], "a3", named("a3"))["status"] == "SUCCEEDED"
    places = ("a2", "a3") if order_of_machines == (1, 2) else ("a3", "a2")
    assert sets(aws) == [("a1", "a1", "b1"), (*places, "b2")]
    assert aws.messages(QUEUE) == []


def test_each_of_the_places_looks_for_its_own_required_field(aws: Aws) -> None:
    item = flow(
        "OrderFlow",
        trigger(event("a", mapping("p", "n"), filter='{"x": [1]}'), event("a", mapping("q", "m")), join="all"),
        parameters=(parameter("p", required=True), parameter("q", required=True)),
    )
    deploy(aws, item)
    for number in (1, 2):
        machine = names.correlator_name("OrderFlow", "event", number)
        assert aws.run(machine, f"n{number}", named("a1"))["status"] == "SUCCEEDED"
    (message,) = aws.messages(QUEUE)
    assert "has no field m, which the required parameter q" in message["reason"]
    assert sets(aws) == []


def test_an_id_that_comes_again_with_another_payload_does_not_replace_what_a_set_has(aws: Aws) -> None:
    deploy(aws, pair("queue"))
    ours = {"detail-type": "a", "resources": ["metaflow-triggers:event/a1"]}
    for number, payload in enumerate(("first", "second")):
        sent = order({"n": payload}, id=payload, **ours)
        assert aws.run(SETS, f"ours{number}", sent)["status"] == "SUCCEEDED"
    send(aws, "b1", "b2")
    assert sets(aws) == [("first", "b1")]
    assert aws.messages(QUEUE) == []


def test_one_id_under_two_names_is_two_events_for_a_place_that_takes_all_of_a_source(aws: Aws) -> None:
    any_of_app = event("app", origin='{"step-functions": {"source": "app"}}')
    deploy(aws, flow("OrderFlow", trigger(any_of_app, event("b"), join="all", options='{"join": "queue"}')))
    ours = {"source": "app", "resources": ["metaflow-triggers:event/1"]}
    for number, name in enumerate(("p", "q", "p")):
        sent = order({"n": name}, id=str(number), **ours, **{"detail-type": name})
        assert aws.run(SETS, f"ours{number}", sent)["status"] == "SUCCEEDED"
    send(aws, "b1", "b2", "b3")
    assert sets(aws) == [("p", "b1"), ("q", "b2")]
