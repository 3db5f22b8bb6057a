"""The column of AWS Step Functions: how each situation is made in an emulated account.

In:   a folder, which is not used: the account is in memory.
Out:  `MADE`, `CANNOT`, as in `local.py`.

Not here: what is expected (`situations`), machines that run: `tests/worlds/aws/test_trail.py` holds the computed names
against what starter and correlator make. What those leave is put here as they leave it.
"""

from __future__ import annotations

import functools
import hashlib
import json
import traceback
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from metaflow_extensions.triggers.contract.trigger_document import event as bus_event
from metaflow_extensions.triggers.contract.trigger_document import started_by
from metaflow_triggers.backends.step_functions import backend as step_functions
from metaflow_triggers.backends.step_functions.compile import names
from metaflow_triggers.backends.step_functions.compile.dependencies import document_dependencies
from metaflow_triggers.backends.step_functions.trail.computed import Asked, document_key, event_key, roads, set_run
from metaflow_triggers.model.flows import Flow
from metaflow_triggers.trail.answer import Answer

from tests.flows import GRAPH
from tests.unit.backends.step_functions.samples import CONFIGURED, event, flow, mapping, parameter, trigger
from tests.worlds.aws.account import clients
from tests.worlds.aws.inside import Inside, account, in_a_copy, inside
from tests.worlds.aws.laid import lay
from tests.worlds.aws.polled_account import LOOKS, POLL, Polled
from tests.worlds.aws.service import ACCOUNT, order
from tests.worlds.aws.trails import ask

CANNOT = {
    "paused": "nothing pauses runs on AWS; a rule that is switched off is `disabled`",
    "busy": "AWS starts as many runs as events come; what it throttles is `throttled`",
    "lost": "an execution has no process that could be killed: Step Functions keeps its state",
    "no-engine": "EventBridge looks at an event at once, or never",
    "listened-later": "EventBridge keeps no event that no rule takes: it is never-came-unknown",
    "pruned": "AWS forgets a run 90 days after its end and keeps no mark of it; of a stored event that is told as what "
    "could not be asked (test_trail_standing)",
}

SUCCEEDS: dict[str, Any] = {"StartAt": "start", "States": {"start": {"Type": "Succeed"}}}
ARNS = f"aws:states:{ACCOUNT}"
DEEP = '{"order": {"customer": {"tier": ["gold", {"prefix": "plat"}]}}}'
LIST = '{"items": {"kind": ["a"], "size": [2]}}'
DAILY = {"reset_at": {"cron": "0 0 * * *"}}


class World:
    """An account; `F` is the flow in question."""

    def __init__(self, folder: Path, aws: Inside | None = None) -> None:
        del folder
        self.aws = aws or inside()

    def close(self) -> None:
        """The account was in a process of its own, which has ended."""


def f(*dependencies: Any, **more: Any) -> Flow:
    named = {key: more.pop(key) for key in ("join", "options") if key in more}
    return flow("F", trigger(*dependencies, **named), **more)


def sent(name: str, detail: Any, identity: str = "id-1") -> dict[str, Any]:
    return order(detail, resources=[f"metaflow-triggers:event/{identity}"], **{"detail-type": name})


def deploy(world: World, item: Flow) -> None:
    workflow = {"definition": SUCCEEDS, "job_definitions": {}}
    lay(clients(world.aws), step_functions.manifests(item, GRAPH, workflow, CONFIGURED)[0].content)


def put(world: World, key: str, value: Any) -> None:
    clients(world.aws)("s3").put_object(Bucket="flows", Key=key, Body=json.dumps(value).encode())


def start(world: World, item: Flow, name: str, events: list[Any]) -> None:
    """As starter and correlator do: the document, then the run of its name."""
    whole = roads(item, CONFIGURED, Asked("", ARNS))
    document = started_by(document_dependencies(item, item.triggers, CONFIGURED), events)
    put(world, document_key(whole, name), document)
    arn = f"arn:aws:states:{ACCOUNT}:stateMachine:{item.name}"
    clients(world.aws)("stepfunctions").start_execution(stateMachineArn=arn, name=name, input="{}")


def started(world: World, detail: Any = None, item: Flow = f(event("paid")), name: str = "paid") -> None:  # noqa: B008
    deploy(world, item)
    text = f"{item.name} {name} metaflow-triggers:event/id-1"
    run = f"event-{hashlib.sha256(text.encode()).hexdigest()}"
    start(world, item, run, [bus_event("eventbridge", sent(name, detail or {}))])


def failed(world: World, item: Flow, detail: Any = None, *types: str) -> None:
    """The run has failed, and `types` are what its history has beside its beginning and its end."""
    started(world, detail, item)
    from moto.stepfunctions.models import stepfunctions_backends

    (machine,) = [one for one in stepfunctions_backends["123456789012"]["eu-west-1"].state_machines if one.name == "F"]
    (execution,) = machine.executions
    execution.status, execution.stop_date = "FAILED", execution.start_date
    execution.error, execution.cause = "States.TaskFailed", "it did not go well"
    events = [{"timestamp": 0, "type": kind, "id": number, "previousEventId": 0} for number, kind in enumerate(types)]
    execution.get_execution_history = lambda roleArn: events


SET = f(event("paid"), event("sent"), join="all", options=json.dumps(DAILY))


def arrive(world: World, name: str, identity: str, **slots: str) -> str:
    """As a correlator takes an event: its file, that it was seen, and the set's row as it is then; the event's mark."""
    whole = roads(SET, CONFIGURED, Asked(identity, ARNS, name))
    (way,) = whole.ways
    mark = way.keeps[0].mark
    put(world, event_key(whole, mark), sent(name, {}, identity))
    dynamo, table = clients(world.aws)("dynamodb"), names.table_name("F")
    assert way.set is not None
    dynamo.put_item(TableName=table, Item={"pk": {"S": f"seen-{mark}"}})
    row = {"pk": {"S": way.set.key}, way.slot: {"S": mark}} | {key: {"S": text} for key, text in slots.items()}
    dynamo.put_item(TableName=table, Item=row)
    return mark


def empty(world: World) -> None:
    way = roads(SET, CONFIGURED, Asked("x", ARNS)).ways[0]
    assert way.set is not None
    clients(world.aws)("dynamodb").put_item(TableName=names.table_name("F"), Item={"pk": {"S": way.set.key}})


def whole_set(world: World) -> list[Answer]:
    deploy(world, SET)
    whole = roads(SET, CONFIGURED, Asked("x", ARNS))
    marks = (arrive(world, "sent", "id-2"), arrive(world, "paid", "id-1"))[::-1]
    empty(world)
    uris = [f"s3://flows/{event_key(whole, mark)}" for mark in marks]
    start(world, SET, set_run("F", marks), [{"transport": "eventbridge", "uri": uri} for uri in uris])
    return ask(world.aws, "id-1", SET)


def half_a_set(world: World) -> list[Answer]:
    deploy(world, SET)
    arrive(world, "paid", "id-1")
    return ask(world.aws, "id-1", SET)


def set_reset(world: World) -> list[Answer]:
    half_a_set(world)
    empty(world)
    return ask(world.aws, "id-1", SET, now=datetime.now(timezone.utc) + timedelta(days=1))


def set_replaced(world: World) -> list[Answer]:
    half_a_set(world)
    arrive(world, "paid", "id-2")
    return ask(world.aws, "id-1", SET)


def asked(world: World, item: Flow = f(event("paid")), **more: Any) -> list[Answer]:  # noqa: B008
    deploy(world, item)
    return ask(world.aws, "id-1", item, **more)


def judged(item: Flow, detail: Any) -> Callable[[World], list[Answer]]:
    return lambda world: asked(world, item, name="paid", payload=detail)


def right_start(world: World) -> list[Answer]:
    started(world)
    return ask(world.aws, "id-1", f(event("paid")))


def duplicate(world: World) -> list[Answer]:
    started(world)
    started(world)
    return ask(world.aws, "id-1", f(event("paid")))


def ended(*types: str, **more: Any) -> Callable[[World], list[Answer]]:
    def made(world: World) -> list[Answer]:
        item = f(event("paid", mapping("n", "n")), parameters=(parameter("n", "int"),))
        failed(world, item, more.get("detail"), *types)
        return ask(world.aws, "id-1", item)

    return made


def other_payload(world: World) -> list[Answer]:
    started(world, {"n": 1})
    return ask(world.aws, "id-1", f(event("paid")), payload={"n": 2})


def two_names(world: World) -> list[Answer]:
    item = f(event("paid"), event("sent"))
    started(world, {}, item)
    started(world, {}, item, "sent")
    return [answer for answer in ask(world.aws, "id-1", item) if answer.event == "paid"]


def disabled(world: World) -> list[Answer]:
    asked(world)
    clients(world.aws)("events").disable_rule(Name=names.rule_name("F", "events", "default", "1"))
    return ask(world.aws, "id-1", f(event("paid")))


def gone(world: World) -> list[Answer]:
    asked(world)
    rule = names.rule_name("F", "events", "default", "1")
    clients(world.aws)("events").remove_targets(Rule=rule, Ids=["starter"])
    clients(world.aws)("events").delete_rule(Name=rule)
    return ask(world.aws, "id-1", f(event("paid")))


def of_a_project(name: str) -> Callable[[World], list[Answer]]:
    item = f(event("shop.user.me.paid"), project="shop", branch="user.me", deployed_as="F")
    return lambda world: ask(world.aws, "id-1", item, name=name)


def undelivered(code: str, message: str) -> Callable[[World], list[Answer]]:
    """EventBridge could not start the starter (its guide, "Using dead-letter queues to process undelivered events")."""

    def made(world: World) -> list[Answer]:
        item = f(event("paid"))
        deploy(world, item)
        target = f"arn:aws:states:{ACCOUNT}:stateMachine:{names.starter_name('F')}"
        given = {"RULE_ARN": "arn:aws:events:x:y:rule/F", "TARGET_ARN": target}
        letter(world, sent("paid", {}), given | {"ERROR_CODE": code, "ERROR_MESSAGE": message})
        return ask(world.aws, "id-1", item)

    return made


def not_started(error: str, cause: str) -> Callable[[World], list[Answer]]:
    """The starter was refused, and has kept the event."""

    def made(world: World) -> list[Answer]:
        item = f(event("paid"))
        deploy(world, item)
        letter(world, {"failure": {"Error": error, "Cause": cause}, "event": sent("paid", {})})
        return ask(world.aws, "id-1", item)

    return made


def letter(world: World, body: Any, attributes: dict[str, str] | None = None) -> None:
    sqs = clients(world.aws)("sqs")
    url = sqs.get_queue_url(QueueName=names.queue_name("F"))["QueueUrl"]
    given = {name: {"DataType": "String", "StringValue": text} for name, text in (attributes or {}).items()}
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps(body), MessageAttributes=given)


def suppressed_poll(world: World) -> list[Answer]:
    polled = Polled(world.aws)
    polled.fired({"file": "a.csv"}, "suppressed", "RUNNING")
    return ask(world.aws, "looks", LOOKS, polls=(POLL,))


TWO = f(event("paid", filter='{"kind": ["a"]}'), event("paid", filter='{"kind": ["b"]}'))
NUMBER = f(event("paid", filter='{"n": [{"numeric": [">", 5]}], "kind": ["a"]}'))
NEEDED = (parameter("n", "int", required=True),)
FIELD = f(event("paid", mapping("n", "deep.n")), parameters=NEEDED)
SET_FIELD = f(event("paid", mapping("n", "deep.n")), event("sent"), join="all", parameters=NEEDED)
ELSEWHERE = f(event("paid"), options=json.dumps({"step-functions": {"bus": "orders"}}))
SPLIT = {"items": [{"kind": "a", "size": 1}, {"kind": "b", "size": 2}]}

_MADE: dict[str, Callable[[World], list[Answer]]] = {
    "right-start": right_start,
    "whole-set": whole_set,
    "duplicate": duplicate,
    "failed-in-a-step": ended("TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskFailed"),
    "filter-at-depth": judged(f(event("paid", filter=DEEP)), {"order": {"customer": {"tier": "tin"}}}),
    "filter-in-a-list": judged(f(event("paid", filter=LIST)), SPLIT),
    "two-filters": judged(TWO, {"kind": "c"}),
    "long-number": judged(NUMBER, {"n": 12345678901234567890, "kind": "b"}),
    "missing-field": judged(FIELD, {"other": 1}),
    "missing-field-in-set": judged(SET_FIELD, {"other": 1}),
    "wrong-type": ended("TaskSubmitted", "TaskFailed", detail={"n": "seven"}),
    "half-a-set": half_a_set,
    "set-reset": set_reset,
    "set-replaced": set_replaced,
    "other-payload": other_payload,
    "same-id-two-names": two_names,
    "disabled": disabled,
    "gone": gone,
    "wrong-bus": lambda world: asked(world, ELSEWHERE),
    "no-right": undelivered("NO_PERMISSIONS", "EventBridge may not start the target"),
    "throttled": not_started("StepFunctions.ThrottlingException", "Rate exceeded"),
    "dead-letter": not_started("S3.S3Exception", "We encountered an internal error"),
    "before-user-code": ended("TaskScheduled", "TaskStarted", "TaskSubmitFailed"),
    "other-branch": of_a_project("shop.test.x.paid"),
    "other-project": of_a_project("store.user.me.paid"),
    "misspelt": lambda world: ask(world.aws, "id-1", f(event("paid")), name="payd"),
    "never-came": judged(f(event("paid", filter=DEEP)), {"order": {"customer": {"tier": "gold"}}}),
    "never-came-and-no": judged(f(event("paid", filter=DEEP)), {"order": {}}),
    "never-came-unknown": asked,
    "suppressed-poll": suppressed_poll,
    "cannot-be-asked": lambda world: asked(world, refused="states:DescribeExecution"),
}


@functools.cache
def _answers() -> dict[str, list[Answer] | str]:
    """Of all rows, each in an empty account: one copy of the process for all costs a third of one for each."""

    def each() -> Iterator[tuple[str, list[Answer] | str]]:
        for name, made in _MADE.items():
            try:
                with account() as aws:
                    where = {"LocationConstraint": "eu-west-1"}
                    aws.client("s3").create_bucket(Bucket="flows", CreateBucketConfiguration=where)
                    yield name, made(World(Path(), aws))
            except Exception:
                yield name, traceback.format_exc()

    return in_a_copy(lambda: dict(each()))


def _answer(name: str) -> Callable[[World], list[Answer]]:
    def given(world: World) -> list[Answer]:
        del world
        found = _answers()[name]
        assert not isinstance(found, str), found
        return found

    return given


MADE = {name: _answer(name) for name in _MADE}
