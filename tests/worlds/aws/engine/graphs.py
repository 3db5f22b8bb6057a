"""Graphs: random projects (`tests/scenarios/chance.py`) on the AWS that runs, side by side, up to the starts.

In:   seeds.
Out:  what each project's starters and correlators started, in the words of the local engine (`engines.step_through`).

Not here: tasks; a flow's state machine is one state, as in `table`. Polls, which AWS has none of, are taken out of a
project, and so is each trigger that the backend refuses; what remains is deployed under a prefix, an event source and
a datastore of its own. Time is played: the emulator's clock is off, and what a schedule of EventBridge Scheduler would
start between two items is started with the target and the input that are deployed.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from metaflow_extensions.triggers.contract import exact_json, words
from metaflow_extensions.triggers.contract.words import STATUS
from metaflow_triggers.backends.step_functions import backend as step_functions
from metaflow_triggers.backends.step_functions.compile import assemble, names
from metaflow_triggers.graph.link import link
from metaflow_triggers.language import cron
from metaflow_triggers.model.facts import identity, qualified_name
from metaflow_triggers.model.flows import FinishDependency, Flow, Trigger, TriggerGraph
from metaflow_triggers.model.settings import Settings
from metaflow_triggers.rules.find import check
from metaflow_triggers.rules.weight import has_errors
from metaflow_triggers.simulate.items import Item

from tests.scenarios import chance, engines
from tests.scenarios.stepped import started
from tests.unit.backends.step_functions.samples import CONFIGURED

from .engine import ACCOUNT, BUCKET, Engine

CIRCLE = "FT203"
"""Flows that start each other would never end; here none ends but by an item, so nothing speaks against them."""

WAITS = {"StartAt": "wait", "States": {"wait": {"Type": "Succeed"}}}


@dataclass
class Project:
    """A random project as AWS can carry it, and what it came to there.

    `refused`: code -> triggers that were taken out for it. `starts`: as `engines.line` says them. `dead`: flow ->
    events in its dead-letter queue, each counted once however often it was delivered.
    """

    seed: int
    graph: TriggerGraph
    items: list[Item]
    settings: Settings
    refused: Counter[str]
    starts: Counter[str] = field(default_factory=Counter)
    dead: Counter[str] = field(default_factory=Counter)


def project(seed: int) -> Project:
    """The project of a seed, without polls and without what the backend refuses."""
    graph, items = chance.project(seed)
    settings = dataclasses.replace(
        CONFIGURED,
        datastore_s3=f"s3://{BUCKET}/graph-{seed}",
        state_machine_prefix=f"g{seed}",
        event_source=f"graph-{seed}",
    )
    refused: Counter[str] = Counter()
    flows = [_carried(flow, settings, refused) for flow in graph.flows]
    kept = [_as_aws_tells(item) for item in items if _happens_on_aws(item)]
    return Project(seed, link(flows), kept, settings, refused)


def _carried(flow: Flow, settings: Settings, refused: Counter[str]) -> Flow:
    """The flow with those of its triggers that the compiler takes, for all backends and for this one."""
    kept: list[Any] = []
    for trigger in map(_as_read, flow.triggers):
        tried = dataclasses.replace(flow, triggers=(*kept, trigger))
        alone = link([tried])
        told = [*step_functions.refusals(tried, alone, settings), *check(alone, project_wide=False)]
        codes = {item.code for item in told if has_errors([item])} - {CIRCLE}
        refused.update(codes)
        if not codes:
            kept.append(trigger)
    return dataclasses.replace(flow, triggers=tuple(kept))


def _as_read(trigger: Trigger) -> Trigger:
    """The production branch is `prod` in all that is read of a flow, however it is written there (`read.py`)."""
    return dataclasses.replace(
        trigger,
        dependencies=tuple(
            dataclasses.replace(item, branch="prod")
            if isinstance(item, FinishDependency) and item.branch == "production"
            else item
            for item in trigger.dependencies
        ),
    )


def _happens_on_aws(item: Item) -> bool:
    """Not a poll, nor the end of a run that a poll started (its id is no number, see `chance`)."""
    return item.kind == "event" or (item.kind == "finish" and str(item.identity).isdecimal())


def _as_aws_tells(item: Item) -> Item:
    """An outcome on AWS names no step (semantics, section 4), and Metaflow's run id there begins with `sfn-`."""
    if item.kind != "finish":
        return item
    return dataclasses.replace(item, identity=f"sfn-{item.identity}", step=None)


# the local engine ---------------------------------------------------------------------------------------------------


def locally(one: Project, folder: Path) -> engines.Found:
    """What the local engine makes of it."""
    if not one.items:  # all were polls
        return engines.Found(Counter(), Counter(), [])
    return engines.step_through(one.graph, one.items, folder, one.seed, {})


# AWS ----------------------------------------------------------------------------------------------------------------


def observe(engine: Engine, projects: Sequence[Project], told: Callable[[str], None] = lambda text: None) -> None:
    """Deploy them, let everything happen, and fill in `starts` and `dead` of each."""
    engine.switch(publishes_statuses=False, keeps_time=False)  # the items say what ends, and when it is
    client = engine.client
    flows = [(one, flow) for one in projects for flow in one.graph.flows]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda pair: _deploy(engine.url, client, *pair), flows))
    told(f"{len(flows)} flows of {len(projects)} projects are deployed")
    rounds = [list(_rounds(client, one)) for one in projects]
    for number in range(max(map(len, rounds), default=0)):
        now = [action for todo in rounds if number < len(todo) for action in todo[number]]
        _put(client, [entry for kind, entry in now if kind == "event"])
        engine.switch(publish=[entry for kind, entry in now if kind == "finish"])
        for kind, target in now:
            if kind == "time":
                client("stepfunctions").start_execution(stateMachineArn=target["Arn"], input=target["Input"])
        engine.wait()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda pair: _read(engine, client, *pair), flows))


def _deploy(url: str, client: Callable[[str], Any], one: Project, flow: Flow) -> None:
    """By CloudFormation: one call, where `create` asks for each object."""
    # `manifests` without its checks, which change nothing.
    template = assemble.template(flow, {"definition": WAITS, "job_definitions": {}}, one.settings)
    formation, name = client("cloudformation"), f"graph-{one.seed}-{flow.name}"
    key = f"templates/{name}.json"
    client("s3").put_object(Bucket=BUCKET, Key=key, Body=json.dumps(template).encode("utf-8"))
    formation.create_stack(StackName=name, TemplateURL=f"{url}/{BUCKET}/{key}", Capabilities=["CAPABILITY_IAM"])
    while True:
        (stack,) = formation.describe_stacks(StackName=name)["Stacks"]
        if stack["StackStatus"] == "CREATE_COMPLETE":
            return
        assert stack["StackStatus"] == "CREATE_IN_PROGRESS", stack
        time.sleep(0.05)


Action = tuple[str, dict[str, Any]]


def _rounds(client: Callable[[str], Any], one: Project) -> Iterator[list[Action]]:
    """What happens at once, one after the other: an item, and before it the schedules that fired since the last."""
    schedules = [found for flow in one.graph.flows for found in _schedules(client, one, flow)]
    now = one.items[0].at if one.items else None
    for item in one.items:
        assert now is not None
        if item.at is not None and item.at > now:
            fired = [("time", target) for expression in schedules for target in _fired(*expression, now, item.at)]
            now = item.at
            if fired:
                yield fired
        yield [("event", _event(item, one.settings)) if item.kind == "event" else ("finish", _ended(item, one))]


def _schedules(client: Callable[[str], Any], one: Project, flow: Flow) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(expression, timezone, target) of each deployed schedule of a flow."""
    scheduler = client("scheduler")
    group = names.schedule_group_name(names.own_name(flow, one.settings))
    if flow.schedule is None and not any(trigger.options.reset_at for trigger in flow.triggers):
        return
    for item in scheduler.list_schedules(GroupName=group)["Schedules"]:
        found = scheduler.get_schedule(GroupName=group, Name=item["Name"])
        assert found["State"] == "ENABLED"
        yield found["ScheduleExpression"], found["ScheduleExpressionTimezone"], found["Target"]


def _fired(
    expression: str, timezone: str, target: dict[str, Any], after: datetime, until: datetime
) -> Iterable[dict[str, Any]]:
    """The target, once for each time that a schedule fires in between. Of several resets in a row one is enough."""
    moment = timedelta(microseconds=1)
    text = expression.removeprefix("cron(").removesuffix(")")
    times = sum(1 for _ in cron.fires(text, timezone, after + moment, until + moment))
    return [target] * (min(times, 1) if "reset" in target["Input"] else times)


def _put(client: Callable[[str], Any], entries: list[dict[str, Any]]) -> None:
    for first in range(0, len(entries), 10):
        answer = client("events").put_events(Entries=entries[first : first + 10])
        assert answer["FailedEntryCount"] == 0, answer


def _event(item: Item, settings: Settings) -> dict[str, Any]:
    numbers = exact_json.numbers_resource(item.payload)
    return {
        "Source": settings.event_source,
        "DetailType": item.name,
        "Detail": exact_json.dumps(item.payload),
        "Resources": [words.event_resource(str(item.identity)), *([numbers] if numbers else [])],
    }


def _ended(item: Item, one: Project) -> dict[str, Any]:
    machine = names.deployed_name(item.name, item.project, item.branch, one.settings)
    run = str(item.identity).removeprefix("sfn-")
    detail: dict[str, Any] = {
        "executionArn": f"arn:aws:states:{ACCOUNT}:execution:{machine}:{run}",
        "stateMachineArn": f"arn:aws:states:{ACCOUNT}:stateMachine:{machine}",
        "name": run,
        "status": STATUS[item.outcome],
        "error": item.error,
    }
    return {
        "Source": "aws.states",
        "DetailType": "Step Functions Execution Status Change",
        "Detail": json.dumps(detail),
        "Resources": [detail["executionArn"]],
    }


def _read(engine: Engine, client: Callable[[str], Any], one: Project, flow: Flow) -> None:
    name, key = names.own_name(flow, one.settings), qualified_name(identity(flow))

    def document(uri: str) -> Any:
        bucket, _, path = uri.removeprefix("s3://").partition("/")
        return exact_json.loads(client("s3").get_object(Bucket=bucket, Key=path)["Body"].read().decode("utf-8"))

    for execution in engine.executions(name):
        given = json.loads(engine.describe(execution)["input"])
        if "MetaflowTrigger" not in given:  # by a schedule
            one.starts[engines.line(key, [], {})] += 1
            continue
        read = document(given["MetaflowTrigger"]["uri"])
        read["events"] = [
            {"transport": item["transport"], "event": document(item["uri"])} if "uri" in item else item
            for item in read["events"]
        ]
        start = started(key, read, flow.parameters)
        events = [(event.name, event.id, event.payload) for event in start.events]
        one.starts[engines.line(key, events, "fails" if start.fails is not None else start.parameters)] += 1
    sqs = client("sqs")
    dead: set[str] = set()
    for url in sqs.list_queues(QueueNamePrefix=names.queue_name(name)).get("QueueUrls", []):
        while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            bodies = [json.loads(message["Body"]) for message in found]
            assert all("reason" in body for body in bodies)  # a starter put it there, not a delivery that failed
            dead |= {json.dumps([body["event"]["resources"], body["event"]["detail"]]) for body in bodies}
    if dead:
        one.dead[key] = len(dead)
