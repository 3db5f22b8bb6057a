"""Send: a letter once more to where it was going, and what became of it.

In:   what is deployed of the flow, a letter that was read.
Out:  `Sent`.

Not here: taking the letter out of the queue: that follows, and only if what is told here is one of `GOOD`. Nothing is
sent whose run is there already. What is sent twice, because a process was ended in between, starts nothing twice: a run
is named by its event, an event of a set has a mark, a scheduled run is named by its letter.
"""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from typing import Any

from ....dead_letters.letter import KNOWN, REFUSED, SCHEDULE, STARTED, STAYS, TAKEN, UNSURE, Sent
from ..compile.actions import run_of
from ..deploy.calls import absent, calling
from .machines import Deployment, Machine, is_started, start_key, takers
from .read import GONE, Found
from .sets import send_set

PATIENCE = 10.0
"""Seconds in which a run that was started has to be found, and a correlator to end."""

_LEFT_OUT = "a filter of what is deployed leaves it out now"
_FIRST = (STAYS, UNSURE, REFUSED, STARTED, TAKEN, KNOWN)
"""Of several machines: what keeps the letter counts before what is done with it."""


def send(found: Deployment, item: Found) -> Sent:
    """Raises DiagnosticError where AWS cannot be asked."""
    letter = item.letter
    if letter.stays:
        return Sent(letter, STAYS, letter.stays)
    if not found.there:
        return Sent(letter, STAYS, GONE)
    if letter.kind == SCHEDULE:
        return _run_late(found, item)
    if len(item.refs) > 1:
        return send_set(found, item)
    event, text = (item.event, item.text) if item.event is not None else _stored(found, item.refs[0])
    target = found.machine(item.target) if item.target else None
    meant = [target] if target is not None else takers(found, event)
    if not meant:
        return Sent(letter, STAYS, "no rule of what is deployed takes this event any more")
    done = [_to(found, one, event, text, item) for one in meant]
    return min(done, key=lambda one: _FIRST.index(one.verdict))


def _stored(found: Deployment, uri: str) -> tuple[dict[str, Any], str]:
    """An event of a set, which lies in the datastore."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    with calling("s3:GetObject", uri):
        text = found.place.clients["s3"].get_object(Bucket=bucket, Key=key)["Body"].read().decode("utf-8")
    return json.loads(text), text


def _to(found: Deployment, machine: Machine, event: dict[str, Any], text: str, item: Found) -> Sent:
    if machine.claims:
        return _to_correlator(found, machine, text, item)
    run = run_of(found.place.deployed, start_key(machine, event))
    if is_started(found.place, run):
        return Sent(item.letter, KNOWN, run)
    return _to_starter(found, machine, text, item, run)


def _to_starter(found: Deployment, machine: Machine, text: str, item: Found, run: str) -> Sent:
    """The starter is run and waited for. What it does not start it puts into the queue itself, as a new letter."""
    with calling("states:StartSyncExecution", machine.name):
        answer = run_express(found.place.clients["stepfunctions"], machine.arn, text)
    output = json.loads(answer.get("output") or "{}")
    if answer["status"] == "SUCCEEDED" and output.get("run") == run:
        if _comes(lambda: is_started(found.place, run)):
            return Sent(item.letter, STARTED, run)
        return Sent(item.letter, UNSURE, f"the starter says that it started {run}, which is not found yet")
    if answer["status"] == "SUCCEEDED" and "reason" in output:
        return Sent(item.letter, REFUSED, str(output["reason"]))
    if answer.get("error") == "NotStarted":
        return Sent(item.letter, REFUSED, "the starter failed; its new letter says why")
    why = ": ".join(filter(None, (answer.get("error"), answer.get("cause")))) or _LEFT_OUT
    return Sent(item.letter, UNSURE if answer["status"] != "SUCCEEDED" else STAYS, why)


def _to_correlator(found: Deployment, machine: Machine, text: str, item: Found) -> Sent:
    """An event that is in its set by then is not added again."""
    states = found.place.clients["stepfunctions"]
    asked = {"stateMachineArn": machine.arn, "name": f"again-{uuid.uuid4()}", "input": text}
    with calling("states:StartExecution", machine.name):
        execution = states.start_execution(**asked)["executionArn"]
    ended: dict[str, Any] = {}

    def ends() -> bool:
        with calling("states:DescribeExecution", machine.name):
            ended.update(states.describe_execution(executionArn=execution))
        return bool(ended["status"] != "RUNNING")

    if not _comes(ends):
        return Sent(item.letter, UNSURE, f"{execution} is still at work")
    output = json.loads(ended.get("output") or "{}")
    if ended["status"] == "SUCCEEDED" and "mark" in output:
        return Sent(item.letter, TAKEN, "the set has it")
    if ended["status"] == "SUCCEEDED" and "reason" in output:
        return Sent(item.letter, REFUSED, str(output["reason"]))
    if ended["status"] == "SUCCEEDED":
        return Sent(item.letter, STAYS, _LEFT_OUT)
    if ended.get("error") == "NotGathered":
        return Sent(item.letter, REFUSED, "the correlator failed; its new letter says why")
    return Sent(item.letter, UNSURE, f"{execution} ended as {ended['status']}")


def _run_late(found: Deployment, item: Found) -> Sent:
    """A scheduled run has no event: its letter names it."""
    place = found.place
    run = f"again-{hashlib.sha256(f'{place.deployed} {item.letter.id}'.encode()).hexdigest()}"
    if is_started(place, run):
        return Sent(item.letter, KNOWN, run)
    asked = {"stateMachineArn": place.arn("states", f"stateMachine:{place.deployed}"), "name": run}
    with calling("states:StartExecution", place.deployed):
        absent(
            lambda: place.clients["stepfunctions"].start_execution(**asked, input='{"Parameters": "{}"}'),
            "ExecutionAlreadyExists",
        )
    if _comes(lambda: is_started(place, run)):
        return Sent(item.letter, STARTED, run)
    return Sent(item.letter, UNSURE, f"{run} is not found yet")


def run_express(states: Any, arn: str, text: str) -> dict[str, Any]:
    """Run an Express state machine and wait for its end."""

    def straight(params: dict[str, Any], **_: Any) -> None:
        # AWS has these requests under `sync-states.`; at an address that somebody gave there is no such name.
        if "amazonaws.com" not in states.meta.endpoint_url:
            params["url"] = params["url"].replace("://sync-", "://", 1)

    event = "before-call.sfn.StartSyncExecution"
    states.meta.events.register(event, straight, unique_id="metaflow-triggers-sync")
    found: dict[str, Any] = states.start_sync_execution(stateMachineArn=arn, input=text)
    return found


def _comes(asked: Any) -> bool:
    """Whether it is so within the patience."""
    end = time.monotonic() + PATIENCE
    pause = 0.05
    while not asked():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
        pause = min(pause * 2, 1.0)
    return True
