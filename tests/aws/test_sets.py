"""The correlator, run by an emulator's interpreter: which events make which sets, what is kept when it cannot start."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from metaflow_triggers.backends import step_functions
from metaflow_triggers.backends.step_functions import names
from metaflow_triggers.backends.step_functions.deploy import create

from .samples import CONFIGURED, GRAPH, event, finish, flow, mapping, parameter, trigger
from .service import ACCOUNT, Aws, documents, ended, order, starts

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
    # Retries take a minute; what follows them is the subject here.
    return json.loads(text.replace('"MaxAttempts": 5', '"MaxAttempts": 0').replace('"MaxAttempts": 6', '"MaxAttempts": 0'))


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
