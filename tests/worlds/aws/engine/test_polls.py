"""Polls on an AWS that runs: what `create` deployed is polled by a job, and starts runs that find the context.

The whole way: schedule -> machine -> Batch job with the code package -> table, document -> execution -> artifacts. The
emulator's Scheduler has no clock, so a test ticks with the schedule's own target and input.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from metaflow_triggers.backends.step_functions.compile import names

from .engine import BUCKET, PATIENCE, Engine
from .workshop import Workshop

COMMANDS = ("-m", "metaflow_triggers.commands.cli")
POLLED = """
import json
from pathlib import Path
from metaflow_triggers.poll import Context, TriggerResult, trigger as poll_trigger

class Polled(FlowSpec):
    order_id = Parameter('order_id', type=str, required=True)

    @step
    def start(self):
        self.found = (current.trigger.event_name, current.trigger.payload)
        self.next(self.end)

    @step
    def end(self):
        self.later = current.trigger.payload

INBOX = Path({inbox!r})

@poll_trigger(workflow='Polled', name='inbox', poll_interval={interval!r})
def look():
    for path in sorted(INBOX.glob('*.json')):
        context = json.loads(path.read_text())
        path.unlink()
        return TriggerResult.fire(Context(context))
    return TriggerResult.skip()
"""


@pytest.mark.long
def test_a_flow_that_polls_start_runs_is_replaced_and_goes(engine: Engine, workshop: Workshop, tmp_path: Path) -> None:
    engine.switch(jobs_at_once=3)
    workshop.write("polled", POLLED.format(inbox=str(tmp_path), interval="1s"))
    workshop.create("polled")
    assert engine.executions(names.poller_name("Polled")) == []

    tick(engine)
    (tmp_path / "a.json").write_text(json.dumps({"order_id": "it's $(touch pwned)", "n": 1}))
    (run,) = until(lambda: ended(engine, 1), engine)
    assert run["name"].startswith("poll-inbox-")
    tick(engine)  # somebody polls, so nothing more begins
    until(lambda: len(running(engine)) == 1 and len(engine.executions(names.poller_name("Polled"))) == 2, engine)

    workshop.write("polled", POLLED.format(inbox=str(tmp_path), interval="2s"))
    workshop.create("polled")
    tick(engine)  # says what is wanted; a later one finds that the job before has ended
    until(lambda: pollers(engine) == 2 or tick(engine), engine, pause=2)
    (tmp_path / "b.json").write_text(json.dumps({"order_id": "second", "n": 2}))
    until(lambda: ended(engine, 2), engine)

    (again,) = workshop.artifacts("Polled", "order_id", "found", "later")[:1]
    assert again["order_id"] == "second"
    assert again["found"][0] == "inbox" and again["later"] == again["found"][1]
    assert {**again["later"], "triggered_at": ""} == {
        "n": 2,
        "order_id": "second",
        "trigger_name": "inbox",
        "triggered_at": "",
    }
    assert not [path for path in engine.folder.rglob("*") if path.name == "pwned"]

    done = workshop.python("flow_polled.py", "--no-pylint", "step-functions", "delete")
    assert done.code == 0, done.out + done.err
    until(lambda: not engine.state()["running"], engine)
    assert engine.client("dynamodb").list_tables()["TableNames"] == ["table"]
    assert engine.machines() == []


@pytest.mark.long
def test_a_job_that_cannot_begin_is_told_until_another_version_polls(
    engine: Engine, workshop: Workshop, tmp_path: Path
) -> None:
    """As when a package cannot be had: here it is the code that is there no more."""
    text = POLLED.replace("Polled", "Unfit").replace("inbox", "box").replace("{box!r}", "{inbox!r}")
    workshop.write("unfit", text.format(inbox=str(tmp_path), interval="1s"))
    workshop.create("unfit")
    s3 = engine.client("s3")
    for item in s3.list_objects_v2(Bucket=BUCKET)["Contents"]:
        if "/Unfit/data/" in item["Key"]:
            s3.delete_object(Bucket=BUCKET, Key=item["Key"])

    def listed() -> dict[str, Any]:
        done = workshop.python(*COMMANDS, "list", "--backend", "step-functions", "--format", "json")
        assert done.code == 0, done.err
        (row,) = json.loads(done.out)["poll_triggers"]
        return dict(row)

    assert "has not begun: see the executions of state machine" in listed()["down"]
    tick(engine, "Unfit")
    until(lambda: [one["status"] for one in engine.executions(names.poller_name("Unfit"))] == ["FAILED"], engine)
    assert "has not begun: its last job failed: " in listed()["down"]
    done = workshop.python(*COMMANDS, "doctor", "flow_unfit.py", "--backend", "step-functions")
    assert done.code == 1 and "nothing is polled: its poller has not begun: its last job failed" in done.out, done.out

    workshop.write("unfit", text.format(inbox=str(tmp_path), interval="2s"))
    workshop.create("unfit")
    assert "failed" not in listed()["down"]
    tick(engine, "Unfit")
    until(lambda: "down" not in listed() and listed()["last_poll_at"], engine, pause=2)
    done = workshop.python(*COMMANDS, "doctor", "flow_unfit.py", "--backend", "step-functions")
    assert "nothing is polled" not in done.out, done.out
    done = workshop.python("flow_unfit.py", "--no-pylint", "step-functions", "delete")
    assert done.code == 0, done.out + done.err
    until(lambda: not engine.state()["running"], engine)


def tick(engine: Engine, deployed: str = "Polled") -> None:
    """What EventBridge Scheduler does."""
    group = names.schedule_group_name(deployed)
    target = engine.client("scheduler").get_schedule(GroupName=group, Name="polls")["Target"]
    engine.client("stepfunctions").start_execution(
        stateMachineArn=target["Arn"], name=f"tick-{uuid.uuid4()}", input=target["Input"]
    )


def running(engine: Engine) -> list[Any]:
    return [item for item in engine.executions(names.poller_name("Polled")) if item["status"] == "RUNNING"]


def pollers(engine: Engine) -> int:
    """How many jobs have begun to poll."""
    return engine.job_output().count("polls 1 triggers")


def ended(engine: Engine, number: int) -> list[dict[str, Any]]:
    """The flow's runs, once there are so many and all have succeeded."""
    found = engine.executions("Polled")
    assert not [item for item in found if item["status"] in ("FAILED", "TIMED_OUT", "ABORTED")], engine.job_output()
    return found if len(found) == number and all(item["status"] == "SUCCEEDED" for item in found) else []


def until(seen: Callable[[], Any], engine: Engine, pause: float = 0.2) -> Any:
    for _ in range(int(PATIENCE / pause)):
        if found := seen():
            return found
        time.sleep(pause)
    pytest.fail(engine.job_output())
