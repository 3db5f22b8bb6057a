"""What became of a poll trigger's fires on AWS: each cause by its facts, the same words as on this machine."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from metaflow_triggers.backends.step_functions.trail.asking import ACTIONS, ACTIONS_OF_POLLS
from metaflow_triggers.diagnostics import DiagnosticError
from metaflow_triggers.manifests.schemas import findings
from metaflow_triggers.trail.answer import Answer, Poll
from metaflow_triggers.trail.json import as_value
from metaflow_triggers.trail.question import Question
from metaflow_triggers.trail.text import text

from ...unit.backends.step_functions.samples import event, flow, poll, trigger
from .polled_account import LOOKS, POLL, Polled
from .refusals import expired
from .test_trail_standing import deploy, tried
from .trails import ask as ask_trail
from .trails import codes, refusing

CONTEXT = {"file": "a b.csv", "n": 10**30}
WAITS = flow("TrailWaits", trigger(event("paid")))
BEGAN = "2026-01-01T00:00:01+00:00"
DENIED = (
    "states:StartExecution of poll-x: AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/poller/i-1 "
    "is not authorized to perform: states:StartExecution on resource: arn:aws:states:eu-west-1:123456789012:x"
)


def ask(world: Polled, identity: str = "looks", **more: Any) -> Answer:
    (found,) = ask_trail(world.aws, identity, LOOKS, polls=(POLL,), **more)
    assert findings(as_value(Question(identity, None, None, ()), ["step-functions"], [found]), "trail/answers") == []
    return found


def on_an_account(work: Callable[[Polled], None]) -> None:
    tried(lambda aws: work(Polled(aws)))


def test_a_run_its_fire_and_its_trigger_are_one_answer() -> None:
    def work(world: Polled) -> None:
        claim = world.fired(CONTEXT, status="SUCCEEDED")
        found = ask(world, f"sfn-{claim['name']}")
        assert codes(found) == ["run"] and found.poll == Poll("looks", claim["name"], CONTEXT)
        assert found.poll.context == CONTEXT and found.run is not None and found.event == "looks"
        assert (found.run.state, found.run.parameters) == ("succeeded", {"file": "a b.csv"})
        assert found.run.log == f"s3://flows/metaflow/data/TrailLooks/sfn-{claim['name']}/"
        lines = text([found]).splitlines()
        assert lines[0] == "step-functions: TrailLooks: started by poll trigger looks"
        assert f'  fire {claim["name"]} with {{"file":"a b.csv","n":{10**30}}}' in lines
        assert ask(world, claim["name"]) == found == ask(world)
        read = ask_trail(world.aws, claim["name"], LOOKS, read=False)
        assert [one.poll for one in read] == [found.poll], "without a file"
        states = world.client("stepfunctions")
        states.delete_state_machine(stateMachineArn=f"arn:aws:states:eu-west-1:123456789012:stateMachine:{LOOKS.name}")
        gone = ask(world, f"sfn-{claim['name']}")
        assert codes(gone) == ["run"] and gone.run is not None and gone.poll == found.poll, "the record has it"
        assert gone.poll.context == CONTEXT and gone.run.id == found.run.id

    on_an_account(work)


def waits(**changes: Any) -> Callable[[Polled], Any]:
    return lambda world: world.fired(CONTEXT, **changes)


def paused(world: Polled) -> None:
    world.fired(CONTEXT)
    world.put("flow", paused="true")


def said(last: str, **more: Any) -> Callable[[Polled], Any]:
    return lambda world: world.polled(last, **more)


def silent(world: Polled) -> None:
    world.polled("skip")
    world.heard(datetime(2026, 1, 1, tzinfo=timezone.utc))


def no_job(world: Polled) -> None:
    world.heard(None)
    world.failed({"JobName": "p", "StatusReason": "no image", "Container": {"LogStreamName": "p/default/1"}})


def declared_no_more(world: Polled) -> None:
    world.polled("skip")
    world.declare(poll("other", of=LOOKS))


Row = tuple[Callable[[Polled], Any], str, tuple[str, ...], str]
ROWS: dict[str, Row] = {
    "its execution is not made yet": (waits(), "queued", ("has not started it yet", "fire poll-looks-"), "waiting"),
    "AWS is away": (waits(error="no answer"), "queued", ("no answer",), "waiting"),
    "the poller lacks a right": (
        waits(error=DENIED),
        "no-right",
        ("assumed-role/poller/i-1 lacks the right states:StartExecution",),
        "waiting",
    ),
    "refused": (waits(state="failed", error="it is too large"), "refused", ("refused: it is too large",), "refused"),
    "its execution is known no more": (
        waits(state="lost", error="gone", run_started_at=BEGAN),
        "lost",
        ("gone",),
        "lost",
    ),
    "paused": (
        paused,
        "paused",
        ("TrailLooks is paused", "= metaflow-triggers resume TrailLooks --backend step-functions"),
        "waiting",
    ),
    "suppressed": (
        waits(last="suppressed", status="RUNNING"),
        "suppressed-poll",
        ("equal to that of run sfn-poll-looks-", "a b.csv"),
        "running",
    ),
    "it skips": (said("skip"), "poll-skips", ("said at 2026-01-01T00:00:00+00:00 that there is nothing",), ""),
    "it fails": (said("error", last_error="KeyError: 'X'"), "poll-fails", ("failed at 2026", "KeyError: 'X'"), ""),
    "its file cannot be read": (said("skip", down="polls.py: no module"), "not-polled", ("no module",), ""),
    "not polled yet": (lambda world: None, "not-polled", ("has not polled it yet",), ""),
    "its job fails": (
        no_job,
        "not-polled",
        ("its last job failed: States.TaskFailed: no image", "stream p/default/1", "= aws stepfunctions list-exec"),
        "",
    ),
    "its poller stands still": (silent, "not-polled", ("was last heard of at 2026-01-01",), ""),
    "declared no more": (declared_no_more, "not-polled", ("the deployed flow declares it no more",), ""),
    "disabled": (
        lambda world: world.record(enabled="false", declaration=world.declaration().text()),
        "disabled",
        ("= metaflow-triggers enable TrailLooks/looks --backend step-functions",),
        "",
    ),
    "its record is broken": (
        lambda world: world.record(state="no state", declaration=world.declaration().text()),
        "not-polled",
        ("what is remembered of it cannot be read",),
        "",
    ),
}


def test_the_true_cause() -> None:
    def work(aws: Any) -> None:
        for row, (made, expected, words, state) in ROWS.items():
            world = Polled(aws)
            made(world)
            found = ask(world)
            assert codes(found) == [expected], row
            told = text([found])
            for word in words:
                assert word in told, (row, told)
            assert (found.run.state if found.run else "") == state, row
            assert "by poll trigger looks" in told.splitlines()[0]
            world.client("dynamodb").delete_table(TableName=world.table)
            states = world.client("stepfunctions")
            for item in states.list_state_machines()["stateMachines"]:
                states.delete_state_machine(stateMachineArn=item["stateMachineArn"])

    tried(work)


def test_the_context_that_is_asked_about_says_which_run_suppressed_it() -> None:
    def work(world: Polled) -> None:
        first = world.fired({"file": "1"}, status="RUNNING")
        world.fired({"file": "2"}, "suppressed", "RUNNING")
        assert ask(world, payload={"file": "1"}).cause.facts == {"by": f"run sfn-{first['name']}"}
        assert "a run that is active" in ask(world).cause.words

    on_an_account(work)


def test_flows_that_wait_for_events_are_not_told_of_and_an_event_id_means_no_poll() -> None:
    def work(world: Polled) -> None:
        deploy(world.aws, WAITS)
        claim = world.fired(CONTEXT, status="SUCCEEDED")
        for identity in ("looks", claim["name"], f"sfn-{claim['name']}"):
            found = ask_trail(world.aws, identity, LOOKS, WAITS, polls=(POLL,))
            assert [item.flow for item in found] == ["TrailLooks"]
        assert [codes(item) for item in ask_trail(world.aws, "17", LOOKS, WAITS, polls=(POLL,))] == [["not-kept"]]
        assert ask_trail(world.aws, "looks", LOOKS, name="paid", polls=(POLL,))[0].poll is None
        refusing(world.aws).actions.clear()
        ask_trail(world.aws, "17", WAITS)
        assert "dynamodb:Scan" not in refusing(world.aws).actions
        assert set(ACTIONS_OF_POLLS).isdisjoint(ACTIONS)

    on_an_account(work)


def test_what_may_not_be_asked_is_said() -> None:
    def work(world: Polled) -> None:
        world.polled("skip")
        assert "dynamodb:Scan" in ACTIONS_OF_POLLS
        denied = ask(world, refused="dynamodb:Scan")
        assert codes(denied) == ["could-not-ask"] and denied.cause.facts["right"] == "dynamodb:Scan"
        world.heard(None)
        found = ask(world, refused="states:ListExecutions")
        assert "why its last job failed is not known here: access denied: states:ListExecutions" in found.cause.words
        with pytest.raises(DiagnosticError) as raised:
            ask(world, refuse=expired)
        assert [item.code for item in raised.value.diagnostics] == ["FT701"]

    on_an_account(work)


def test_a_job_that_failed_before_what_counts_now_is_not_blamed() -> None:
    """It failed before a poller was heard of, or before what is deployed was."""
    failure = {"JobName": "p", "StatusReason": "no image"}
    now = datetime.now(timezone.utc)

    def why(world: Polled) -> str:
        return str(ask(world).cause.facts["why"])

    def work(world: Polled) -> None:
        world.polled("skip")
        long_ago, since, later = (now - timedelta(hours=hours) for hours in (9, 6, 3))
        world.ticked(since)
        world.heard(later)
        world.failed(failure, when=now - timedelta(hours=4))
        assert "see the executions of state machine" in why(world) and "no image" not in why(world)
        world.heard(None)
        assert "no image" in why(world)
        world.ticked(now - timedelta(hours=1))  # another version
        assert "no image" not in why(world)
        world.ticked(long_ago)
        assert "no image" in why(world)
        world.version, deployed = "former", world.version
        world.ticked(long_ago)  # the first tick of what is deployed has not come
        assert "no image" not in why(world)
        world.failed("denied", error="DynamoDB.AmazonDynamoDBException")  # nor will it, before that is mended
        assert "its last job failed: DynamoDB.AmazonDynamoDBException: denied" in why(world)
        world.version = deployed

    on_an_account(work)
