"""Sets under load: shuffled events with duplicates from many threads, lost answers, a lost table.

The flow is deployed by the literal `create`; its jobs succeed at once. What is counted are the starts of its state
machine and the events that each start's document refers to.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from .engine import Engine
from .workshop import Workshop

THREADS = 25
FLOW = """
@trigger(events=['{name}.a', '{name}.b'], options={{'join': '{join}'}})
class {name}(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
"""


@pytest.fixture(autouse=True)
def switches(engine: Engine) -> Iterator[None]:
    engine.switch(run_jobs=False, faults=0.0, conflicts=0.0, deliveries=1, waits=0.01)
    yield


def deploy(workshop: Workshop, name: str, join: str) -> None:
    workshop.write(name.lower(), FLOW.format(name=name, join=join))
    workshop.create(name.lower())


def wave(engine: Engine, name: str, prefix: str, pairs: int) -> list[str]:
    """Send `pairs` events of each name in random order from many threads, one in ten of them twice; their ids."""
    identities = [f"{side}-{prefix}-{number}" for side in "ab" for number in range(pairs)]
    sent = [*identities, *identities[::10]]
    random.Random(prefix).shuffle(sent)
    client = engine.client("events")

    def put(identity: str) -> None:
        entry = {
            "Source": "metaflow",
            "DetailType": f"{name}.{identity[0]}",
            "Detail": json.dumps({"n": identity}),
            "Resources": [f"metaflow-triggers:event/{identity}"],
        }
        assert client.put_events(Entries=[entry])["FailedEntryCount"] == 0

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(put, sent))
    engine.wait()
    return identities


def sets(engine: Engine, name: str) -> list[tuple[str, ...]]:
    """The events of each start, as its document refers to them."""
    s3 = engine.client("s3")

    def read(uri: str) -> Any:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())

    out = []
    for execution in engine.executions(name):
        uri = json.loads(engine.describe(execution)["input"])["MetaflowTrigger"]["uri"]
        out.append(tuple(read(item["uri"])["detail"]["n"] for item in read(uri)["events"]))
    return out


def problems(found: list[tuple[str, ...]], sent: list[str]) -> dict[str, Any]:
    """What is wrong with the sets of a queue to which all of `sent` came, as many of each name: {} if nothing is."""
    used = Counter(event for one in found for event in one)
    out = {
        "in the wrong place": [one for one in found if [event[0] for event in one] != ["a", "b"]],
        "lost": sorted(set(sent) - set(used)),
        "used twice": sorted(event for event, times in used.items() if times > 1),
        "starts": [] if len(found) == len(sent) / 2 else [len(found)],
    }
    return {key: value for key, value in out.items() if value}


def table(engine: Engine, name: str) -> str:
    (found,) = [item for item in engine.client("dynamodb").list_tables()["TableNames"] if item.startswith(f"{name}-")]
    return str(found)


def left_over(engine: Engine, name: str) -> list[str]:
    """What stands in the sets' row when all is quiet, and what lies in the dead-letter queue."""
    dynamo, sqs = engine.client("dynamodb"), engine.client("sqs")
    out = []
    for page in dynamo.get_paginator("scan").paginate(TableName=table(engine, name)):
        for item in page["Items"]:
            if item["pk"]["S"].startswith("set-"):
                out += [key for key, value in item.items() if key != "pk" and value != {"L": []}]
    for url in sqs.list_queues(QueueNamePrefix=f"{name}-").get("QueueUrls", []):
        answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
        out += ["dead letter"] * int(answer["Attributes"]["ApproximateNumberOfMessages"])
    return out


ALL_AT_ONCE = {"faults": 0.15, "conflicts": 0.15, "deliveries": 2}
LONG = pytest.mark.long


@pytest.mark.parametrize(
    ("pairs", "troubles"),
    [
        pytest.param(20, ALL_AT_ONCE, id="20 pairs, all at once"),
        pytest.param(100, {}, id="100 pairs", marks=LONG),
        pytest.param(100, {"faults": 0.15}, id="100 pairs, 15% of answers lost", marks=LONG),
        pytest.param(100, ALL_AT_ONCE, id="100 pairs, all at once", marks=LONG),
    ],
)
def test_a_queue_starts_each_set_once_and_loses_none(workshop: Workshop, pairs: int, troubles: dict[str, Any]) -> None:
    engine = workshop.engine
    deploy(workshop, "Queue", "queue")
    engine.switch(**troubles)
    sent = wave(engine, "Queue", "first", pairs)
    injected = engine.state()["injected"]
    assert bool(injected) == bool(troubles)
    assert problems(sets(engine, "Queue"), sent) == {}
    assert left_over(engine, "Queue") == []


def test_without_the_claim_the_same_events_are_lost(workshop: Workshop) -> None:
    engine = workshop.engine
    deploy(workshop, "Control", "queue")
    linger_between_claim_and_read(engine, "Control")
    sent = wave(engine, "Control", "with", 10)
    assert problems(sets(engine, "Control"), sent) == {}
    claim_whatever_is_claimed(engine, "Control")
    sent += wave(engine, "Control", "without", 10)
    assert problems(sets(engine, "Control"), sent)["lost"]


@LONG
def test_a_lost_table_and_a_new_deployment_lose_and_double_nothing(workshop: Workshop) -> None:
    engine = workshop.engine
    deploy(workshop, "Lost", "queue")
    engine.switch(faults=0.15)
    sent = wave(engine, "Lost", "first", 100)
    engine.client("dynamodb").delete_table(TableName=table(engine, "Lost"))
    engine.switch(faults=0.0)
    workshop.create("lost")
    engine.switch(faults=0.15)
    sent += wave(engine, "Lost", "second", 100)
    assert problems(sets(engine, "Lost"), sent) == {}
    assert left_over(engine, "Lost") == []


@pytest.mark.parametrize("pairs", [pytest.param(20, id="20 pairs"), pytest.param(100, id="100 pairs", marks=LONG)])
def test_latest_uses_no_event_twice(workshop: Workshop, pairs: int) -> None:
    engine = workshop.engine
    deploy(workshop, "Latest", "latest")
    engine.switch(**ALL_AT_ONCE)
    sent = wave(engine, "Latest", "first", pairs)
    found = sets(engine, "Latest")
    assert 1 <= len(found) <= pairs
    assert set(problems(found, sent)) <= {"lost", "starts"}
    assert len(left_over(engine, "Latest")) <= 1  # half a set waits


@LONG
def test_a_burst_costs_about_one_attempt_for_each_start(workshop: Workshop) -> None:
    engine = workshop.engine
    deploy(workshop, "Burst", "queue")
    engine.switch(waits=1.0)  # pauses are as long as they are
    wave(engine, "Burst", "first", 20)
    (machine,) = [name for name in engine.machines() if name.startswith("Burst-")]
    attempts = sum(
        item["type"] == "TaskScheduled" and item["taskScheduledEventDetails"]["resource"].endswith("startExecution")
        for execution in engine.executions(machine)
        for item in history(engine, execution)
    )
    # Counted 20; 245 when everybody finishes every claim that they see.
    assert 20 <= attempts < 60


def history(engine: Engine, execution: dict[str, Any]) -> list[dict[str, Any]]:
    pages = engine.client("stepfunctions").get_paginator("get_execution_history")
    return [item for page in pages.paginate(executionArn=execution["executionArn"]) for item in page["events"]]


def change(engine: Engine, name: str, edit: Any) -> None:
    """Edit the deployed definition of the flow's correlator."""
    (machine,) = [item for item in engine.machines() if item.startswith(f"{name}-")]
    states, arn = engine.client("stepfunctions"), engine.machine(machine)
    definition = json.loads(states.describe_state_machine(stateMachineArn=arn)["definition"])
    edit(definition["States"])
    states.update_state_machine(stateMachineArn=arn, definition=json.dumps(definition))


def linger_between_claim_and_read(engine: Engine, name: str) -> None:
    """A Wait after a claim, so that others certainly come in between."""

    def edit(states: dict[str, Any]) -> None:
        states["Claim"]["Next"] = "Linger"
        states["Linger"] = {"Type": "Wait", "Seconds": 20, "Next": "Read"}

    change(engine, name, edit)


def claim_whatever_is_claimed(engine: Engine, name: str) -> None:
    """The condition of a claim without "nobody has one"."""

    def edit(states: dict[str, Any]) -> None:
        parameters = states["Claim"]["Parameters"]
        before = parameters["ConditionExpression"]
        parameters["ConditionExpression"] = before.replace("attribute_not_exists(claim_0) AND ", "")
        assert parameters["ConditionExpression"] != before

    change(engine, name, edit)
