"""Dead letters of an AWS that runs: made by a missing field and by a target that is away, mended, sent again, killed.

The short form, without a state machine's tasks, is `tests/worlds/aws/test_dead_letters.py`.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest
from metaflow_triggers.backends.step_functions.compile import names

from tests.unit.commands.conftest import Done, clean

from .engine import ACCOUNT, Engine
from .workshop import Workshop

FLOW = """
@trigger(event={{'name': 'order-placed', 'parameters': {{'order_id': 'orderId'}}}})
class Order(FlowSpec):
    order_id = Parameter('order_id', {more})

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
"""
WHERE = ("--backend", "step-functions", "--flow", "Order")
MOMENTS = (0.0, 0.3, 0.8)
"""Seconds after the command's first request at which it is killed."""


def typed(workshop: Workshop, *words: str) -> Done:
    return workshop.python("-m", "metaflow_triggers.commands.cli", "dead-letters", *words, *WHERE)


def killed(workshop: Workshop, seconds: float, *words: str) -> bool:
    """Whether it was ended before its own end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "metaflow_triggers.commands.cli", "dead-letters", *words, *WHERE],
        cwd=workshop.folder,
        env=clean(workshop.folder, **workshop.engine.settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    before = len(workshop.engine.executions("Order"))
    for _ in range(1000):  # until a first letter has arrived: what follows is the moment in between
        if len(workshop.engine.executions("Order")) > before or process.poll() is not None:
            break
        time.sleep(0.02)
    time.sleep(seconds)
    was_running = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return was_running


def lost(engine: Engine, identity: str) -> None:
    """What EventBridge leaves of an event whose target is away: the emulator only logs that."""
    sqs = engine.client("sqs")
    event = {
        "version": "0",
        "id": f"bus-{identity}",
        "detail-type": "order-placed",
        "source": "metaflow",
        "account": "123456789012",
        "time": "2026-01-02T03:04:05Z",
        "region": "us-east-1",
        "resources": [f"metaflow-triggers:event/{identity}"],
        "detail": {"orderId": identity},
    }
    given = {
        "RULE_ARN": f"arn:aws:events:{ACCOUNT}:rule/Order-events",
        "TARGET_ARN": f"arn:aws:states:{ACCOUNT}:stateMachine:{names.starter_name('Order')}",
        "ERROR_CODE": "RESOURCE_NOT_FOUND",
        "ERROR_MESSAGE": "The state machine does not exist",
    }
    url = sqs.get_queue_url(QueueName=names.queue_name("Order"))["QueueUrl"]
    attributes = {key: {"DataType": "String", "StringValue": value} for key, value in given.items()}
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps(event), MessageAttributes=attributes)


@pytest.mark.long
def test_mended_and_sent_again_and_killed_in_between_each_starts_one_run(engine: Engine, workshop: Workshop) -> None:
    engine.switch(run_jobs=False)
    workshop.write("order", FLOW.format(more="type=str, required=True"))
    workshop.create("order")
    wanted = {f"lacks-{number}" for number in range(2)} | {f"away-{number}" for number in range(2)}
    for number in range(2):
        engine.put("order-placed", {"more": number}, f"lacks-{number}")
    engine.wait()
    starter = engine.machine(names.starter_name("Order"))
    engine.client("stepfunctions").delete_state_machine(stateMachineArn=starter)
    for number in range(2):
        lost(engine, f"away-{number}")
    found = json.loads(typed(workshop, "list", "--format", "json").out)["letters"]
    assert {one["event_id"] for one in found} == wanted
    assert {one["reason"].split(":")[0] for one in found if one["event_id"].startswith("away")} == {
        "RESOURCE_NOT_FOUND"
    }
    assert all("order_id" in one["reason"] for one in found if one["event_id"].startswith("lacks"))
    assert engine.executions("Order") == []

    workshop.write("order", FLOW.format(more="default='none'"))
    workshop.create("order")
    ended = [killed(workshop, moment, "send-again", "--all") for moment in MOMENTS]
    assert any(ended), "none was killed in the middle"
    for _ in range(40):  # what a killed one was reading is there again within 30 seconds
        done = typed(workshop, "send-again", "--all")
        looked = json.loads(typed(workshop, "list", "--format", "json").out)
        if not looked["letters"] and not looked["hidden"]:
            break
        time.sleep(1)
    assert looked["letters"] == [], done.out + done.err
    runs = engine.executions("Order")
    assert len(runs) == len(wanted), [one["name"] for one in runs]
    told = [engine.document(json.loads(engine.describe(one)["input"])["MetaflowTrigger"]["uri"]) for one in runs]
    assert {one["events"][0]["event"]["resources"][0].rpartition("/")[2] for one in told} == wanted
