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
@trigger(events=['a', 'b'], options={{'join': '{join}'}})
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
    engine.switch(run_jobs=False, faults=0.0, deliveries=1)
    yield
    engine.switch(faults=0.0, deliveries=1)


def deploy(workshop: Workshop, name: str, join: str) -> None:
    for machine in workshop.engine.machines():  # of another test
        if "-" not in machine:
            delete(workshop, machine)
    workshop.write(name.lower(), FLOW.format(name=name, join=join))
    workshop.create(name.lower())


def delete(workshop: Workshop, name: str) -> None:
    done = workshop.python(f"{name.lower()}.py", "--no-pylint", "step-functions", "delete")
    assert done.code == 0, done.err


def wave(engine: Engine, prefix: str, pairs: int, again: tuple[str, ...] = ()) -> list[str]:
    """Send `pairs` events of each name in random order from many threads, one in ten of them twice; their ids."""
    identities = [f"{name}-{prefix}-{number}" for name in "ab" for number in range(pairs)]
    sent = [*identities, *identities[::10], *again]
    random.Random(prefix).shuffle(sent)
    client = engine.client("events")

    def put(identity: str) -> None:
        entry = {
            "Source": "metaflow",
            "DetailType": identity[0],
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


def left_over(engine: Engine) -> list[str]:
    """What stands in the sets' rows when all is quiet, and what lies in the dead-letter queues."""
    dynamo, sqs = engine.client("dynamodb"), engine.client("sqs")
    out = []
    for table in dynamo.list_tables()["TableNames"]:
        for page in dynamo.get_paginator("scan").paginate(TableName=table):
            for item in page["Items"]:
                if "pk" in item and item["pk"]["S"].startswith("set-"):
                    out += [key for key, value in item.items() if key != "pk" and value != {"L": []}]
    for url in sqs.list_queues().get("QueueUrls", []):
        answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
        out += ["dead letter"] * int(answer["Attributes"]["ApproximateNumberOfMessages"])
    return out


SIZES = [pytest.param(20, id="20 pairs"), pytest.param(100, id="100 pairs", marks=pytest.mark.long)]


@pytest.mark.parametrize("pairs", SIZES)
@pytest.mark.parametrize("faults", [0.0, 0.15], ids=["all well", "15% of answers lost"])
def test_a_queue_starts_each_set_once_and_loses_none(workshop: Workshop, pairs: int, faults: float) -> None:
    engine = workshop.engine
    deploy(workshop, f"Queue{pairs}x{int(faults * 100)}", "queue")
    engine.switch(faults=faults)
    sent = wave(engine, "first", pairs)
    injected = engine.switch(faults=0.0)["injected"] if not faults else {}
    assert problems(sets(engine, f"Queue{pairs}x{int(faults * 100)}"), sent) == {}
    assert left_over(engine) == []
    assert injected == {}
