"""An event on the bus of an AWS that runs: what the literal `create` deployed starts, and what its runs find.

Each event is delivered twice. All flows are deployed and all events are sent once, in the fixture: a task takes a
process of seconds.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.language.hostile import TEXTS

from .engine import Engine
from .workshop import Workshop

ORDER = """
@trigger(event={'name': 'order-placed', 'parameters': {
    'order_id': 'orderId', 'Amount': 'order.amount', 'lines': 'lines', 'env': {'value': 'production'}}})
class Order(FlowSpec):
    order_id = Parameter('order_id', type=str, required=True)
    Amount = Parameter('Amount', type=float, default=1.5)
    lines = Parameter('lines', type=JSONType, default='[]')
    env = Parameter('env', default='laptop')

    @step
    def start(self):
        self.first = (current.trigger.event_name, current.trigger.payload, current.trigger.id)
        self.next(self.end)

    @step
    def end(self):
        trigger = current.trigger
        self.later = (trigger.event_name, trigger.payload, trigger.id, trigger.timestamp.isoformat())
"""

REPORT = """
@trigger_on_finish(flow='Order')
class Report(FlowSpec):
    @step
    def start(self):
        self.latest = Flow('Order').latest_successful_run.pathspec
        self.next(self.end)

    @step
    def end(self):
        self.parent = current.trigger.run.pathspec
        self.order_id = current.trigger.run['end'].task.data.order_id
        self.payload = current.trigger.payload
"""

JOINED = """
@trigger(events=[{'name': 'left', 'parameters': {'l': 'n'}}, {'name': 'right', 'parameters': {'r': 'n'}}],
         options={'join': 'queue'})
class Joined(FlowSpec):
    l = Parameter('l', type=int, default=0)
    r = Parameter('r', type=int, default=0)

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        self.found = {event.event_name: event.payload for event in current.trigger.events}
"""

HOSTILE = {text: text for text in TEXTS if "\0" not in text and text.isprintable() | ("\ud800" not in text)}
LINES = [{"n": 12345678901234567890, "texts": HOSTILE}, {"long": "é" * 100_000}]
ORDER_ID = 'it\'s "so" $(touch pwned) `touch pwned` {{x}} <y> ${HOME}\\ \n\u2028 \U0001f600'
PAYLOAD = {"orderId": ORDER_ID, "order": {"amount": 99.99}, "lines": LINES, "more": None}
TEXT = "x" * (240 * 1024 - 40)


@pytest.fixture(scope="module")
def ran(engine: Engine, workshop: Workshop) -> Workshop:
    for name, text in (("order", ORDER), ("report", REPORT), ("joined", JOINED)):
        workshop.write(name, text)
    workshop.create_all("order", "report", "joined")
    engine.switch(deliveries=2)
    engine.put("order-placed", PAYLOAD, "our-id", Time=1_700_000_000)
    engine.put("order-placed", {"orderId": None, "more": 1}, "lacks what is required")
    engine.put("left", {"n": 1, "text": TEXT})
    engine.put("right", {"n": 2, "text": TEXT})
    engine.wait()
    return workshop


def test_an_event_delivered_twice_starts_one_run_that_finds_it_in_every_step(ran: Workshop) -> None:
    (run,) = ran.artifacts("Order", "order_id", "Amount", "lines", "env", "first", "later")
    assert run["order_id"] == ORDER_ID
    assert (run["Amount"], run["env"]) == (99.99, "production")
    assert run["lines"] == LINES
    assert run["first"] == ["order-placed", PAYLOAD, "our-id"]
    assert run["later"] == [*run["first"], "2023-11-14T22:13:20+00:00"]


def test_nothing_that_an_event_asked_for_was_done(ran: Workshop) -> None:
    assert (ran.engine.folder / "jobs").is_dir()
    assert not [path for path in ran.engine.folder.rglob("*") if path.name.lower() == "pwned"]
    for machine in ran.engine.machines():
        for execution in ran.engine.executions(machine):
            assert execution["status"] == "SUCCEEDED", (machine, ran.engine.job_output())


def test_an_event_without_a_required_field_starts_nothing_and_is_kept(ran: Workshop) -> None:
    assert [message["event"]["detail"] for message in dead_letters(ran.engine, "Order")] == [
        {"orderId": None, "more": 1}
    ] * 2


def test_a_flow_that_waits_for_another_finds_its_run_as_the_documents_say(ran: Workshop) -> None:
    ((order,), (report,)) = ran.artifacts("Order"), ran.artifacts("Report", "latest", "parent", "order_id", "payload")
    assert report["latest"] == report["parent"] == f"Order/{order['run']}"
    assert report["order_id"] == ORDER_ID
    assert report["payload"]["outcome"] == "success"


def test_two_events_of_240_kib_arrive_in_one_run(ran: Workshop) -> None:
    (run,) = ran.artifacts("Joined", "l", "r", "found")
    assert (run["l"], run["r"]) == (1, 2)
    assert run["found"] == {"left": {"n": 1, "text": TEXT}, "right": {"n": 2, "text": TEXT}}


TRAIL = """
import contextlib, io, json, sys
from metaflow_triggers.commands import cli

def ask(*words):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        code = cli.main(["trail", *words, "--backend", "step-functions", "--format", "json"])
    return code, json.loads(out.getvalue())["answers"]

found = [ask("our-id", "."), ask("--id", "lacks what is required", "--event", "order-placed", ".")]
run = next((item["run"]["id"] for item in found[0][1] if item["run"]), "no run")
print("FOUND" + json.dumps([*found, ask(run, ".")]))
"""


def test_trail_says_what_became_of_each_event_and_of_a_run(ran: Workshop) -> None:
    done = ran.python("-c", TRAIL)
    assert done.code == 0, done.err
    right, lacking, run = json.loads(done.out.partition("FOUND")[2])
    # The same id is asked for under every name that a flow waits for, and it has come under one.
    said = {item["flow"]: item for item in right[1]}
    assert right[0] == 0 and {flow: item["cause"]["code"] for flow, item in said.items()} == {
        "Joined": "not-kept",
        "Order": "run",
        "Report": "not-kept",
    }
    order = said["Order"]
    assert (order["event"], order["run"]["state"], order["also"]) == ("order-placed", "succeeded", [])
    assert order["run"]["parameters"]["order_id"] == ORDER_ID and order["run"]["parameters"]["lines"] == LINES
    assert lacking[0] == 1
    assert [(item["flow"], item["cause"]["code"], item["cause"]["facts"]) for item in lacking[1]] == [
        ("Order", "missing-field", {"parameter": "order_id", "field": "orderId"})
    ]
    # A run: itself, and what its end has started.
    assert run[0] == 0
    ends = {item["flow"]: (item["cause"]["code"], item["event"]) for item in run[1]}
    assert ends == {"Order": ("run", "order-placed"), "Report": ("run", "Order")}


def dead_letters(engine: Engine, flow: str) -> list[Any]:
    sqs = engine.client("sqs")
    (url,) = sqs.list_queues(QueueNamePrefix=f"{flow}-dead-letter")["QueueUrls"]
    # Hidden from nobody: what else looks here finds them.
    found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0).get("Messages", [])
    return [json.loads(message["Body"]) for message in found]
