"""Many flows in one `create`: one plan, each flow by itself, and what was cut short is finished by the next one."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from metaflow_triggers.backends.step_functions.deploy.converge import create
from metaflow_triggers.deploying import run, words

from ...unit.backends.step_functions.samples import CONFIGURED, event, flow, trigger
from .account import Watched, content
from .inside import Inside, in_a_copy
from .inside import account as empty_account
from .many_flows import FLOWS, files, part, settings_are_there, to_delete, wanted
from .service import ROLE


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METAFLOW_TOKEN_HOME", str(tmp_path))


@contextlib.contextmanager
def account() -> Iterator[Inside]:
    with empty_account() as aws:
        settings_are_there(aws.client)
        yield aws


def deploy(client: Callable[[str], Any], flows: Any = FLOWS, **more: Any) -> tuple[Any, Any, list[str]]:
    """(the plan, what was done, lines of progress)."""
    parts = [part(client, (wanted(item, **more) for item in flows))]
    whole = run.plan(parts, {})
    lines: list[str] = []
    done = run.carry_out(whole, parts, {}, lambda row, number, of: lines.append(words.done(row, number, of)))
    return whole, done, lines


def verbs(plan: Any) -> dict[str, str]:
    return {row.name: row.verb for row in plan.rows}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    def told() -> dict[str, Any]:
        os.environ["METAFLOW_TOKEN_HOME"] = str(tmp_path_factory.mktemp("home"))
        return story()

    return in_a_copy(told)


def story() -> dict[str, Any]:
    with account() as aws:
        watched = Watched(aws)
        client = watched.client
        parts = [part(client, map(wanted, FLOWS))]
        whole = run.plan(parts, {})
        found: dict[str, Any] = {"text": words.text(whole), "writes of the plan": list(watched.writes)}
        _, done, found["progress"] = deploy(client)
        found["made"] = verbs(done)
        watched.calls.clear()
        again, done, _ = deploy(client)
        found["same"] = (again.same, verbs(done), list(watched.writes))
        changed = [*FLOWS[:2], flow("Ingest", trigger(event("order-placed"), event("paid")))]
        watched.calls.clear()
        plan, done, _ = deploy(client, changed)
        found["changed"] = (verbs(plan), words.text(plan), watched.writes)
        memory = [part(client, [wanted(FLOWS[0], memory="8192")])]
        found["memory"] = words.text(run.plan(memory, {}))
        mixed = in_a_copy(lambda: _besides_a_foreign_one(aws))
        return found | {"mixed": mixed}


def remove(client: Callable[[str], Any], flows: Any) -> tuple[Any, Any]:
    """(the plan, what was done) of `delete`."""
    parts = [part(client, (to_delete(item) for item in flows))]
    whole = run.plan(parts, {}, deleting=True)
    return whole, run.carry_out(whole, parts, {}, lambda row, number, of: None, deleting=True)


def deleting() -> dict[str, Any]:
    with account() as aws:
        empty = content(aws)
        sets = [*FLOWS, flow("Pair", trigger(event("a"), event("b"), join="all"))]
        deploy(aws.client, sets)
        rows = aws.client("dynamodb")
        (table,) = rows.list_tables()["TableNames"]
        rows.put_item(TableName=table, Item={"pk": {"S": "set-1"}, "slot_0": {"L": [{"S": "x"}, {"S": "y"}]}})
        whole, done = remove(aws.client, sets)
        left = sorted(content(aws).keys() - empty.keys())
        again, _ = remove(aws.client, sets)
        return {
            "plan": words.text(whole),
            "verbs": verbs(done),
            "left": left,
            "notes": words.notes(done),
            "again": set(verbs(again).values()),
        }


def test_what_is_deleted_leaves_what_waits_and_says_so(tmp_path: Path) -> None:
    found = in_a_copy(deleting)
    assert set(found["verbs"].values()) == {"deleted"}
    assert "    = the table Pair-" in found["plan"] and "stays: 2 events wait in it\n" in found["plan"]
    assert [name.split("-")[0] for name in found["left"]] == ["table Pair"]
    assert "Pair: waiting: 2 events wait in the table Pair-" in found["notes"]
    assert found["again"] == {"unchanged"}


def _besides_a_foreign_one(aws: Inside) -> Any:
    """One flow's state machine is somebody else's."""
    aws.client("stepfunctions").create_state_machine(
        name="Foreign", definition='{"StartAt": "a", "States": {"a": {"Type": "Succeed"}}}', roleArn=ROLE
    )
    before = content(aws)["state machine Foreign"]
    flows = [flow("Foreign", trigger(event("x"))), flow("Newer", trigger(event("y")))]
    whole, done, _ = deploy(aws.client, flows)
    assert content(aws)["state machine Foreign"] == before
    refusal = [(item.code, item.message) for row in done.refused for item in row.refusal]
    return verbs(whole), verbs(done), refusal, "state machine Newer" in content(aws)


def test_many_flows_are_one_plan_and_each_is_carried_out_by_itself(found: dict[str, Any]) -> None:
    assert found["writes of the plan"] == []
    starts, objects = found["text"].split("\n\n")[:2]
    assert starts == (
        "What starts differently:\n"
        "  Report is new: it starts when Train succeeds\n"
        "  Train is new: it starts when Ingest succeeds or fails\n"
        "  Ingest is new: it starts when event order-placed arrives"
    )
    assert "  Report: created\n" in objects and "    + the state machine Report\n" in objects
    assert found["text"].endswith("\n\nstep-functions: 3 flows: 3 created\n")
    assert found["made"] == dict.fromkeys(("Report", "Train", "Ingest"), "created")
    assert [line.split(" (")[0] for line in found["progress"]] == [
        f"[{number}/3] step-functions {name}: created" for number, name in enumerate(("Report", "Train", "Ingest"), 1)
    ]
    assert found["same"] == (True, dict.fromkeys(("Report", "Train", "Ingest"), "unchanged"), [])
    planned, text, writes = found["changed"]
    assert planned == {"Report": "unchanged", "Train": "unchanged", "Ingest": "changed"}
    assert "  Ingest does not start on paid of metaflow yet\n" in text
    assert "    ~ the rule Ingest-events-" in text and "pattern" in text
    assert set(writes) == {"PutRule", "UpdateStateMachine"}
    # What a step needs changes no start.
    assert "starts differently" not in found["memory"]
    assert "  Report: changed\n" in found["memory"] and "8192" in found["memory"]


def test_a_flow_that_is_refused_stops_no_other(found: dict[str, Any]) -> None:
    planned, done, refusal, newer = found["mixed"]
    assert planned == {"Foreign": "refused", "Newer": "created"}
    assert done == {"Foreign": "refused", "Newer": "created"} and newer
    assert refusal == [("FT703", "the state machine Foreign exists and was not made for this flow")]


def cut_off(every: int) -> int:
    """End at each `every`-th write of a first `create` of all flows; the next one finishes. How many ends."""

    def again(aws: Inside, wanted_: Any) -> None:
        deploy(aws.client)
        assert content(aws) == wanted_
        assert deploy(aws.client)[0].same

    def campaign() -> int:
        seen, ends = 0, 0
        with account() as aws:

            def whole() -> Any:
                deploy(aws.client)
                return content(aws)

            after = in_a_copy(whole)
            mine = os.getpid()

            def at_write(side: str, operation: str) -> None:
                nonlocal seen, ends
                if os.getpid() == mine:
                    seen += 1
                    if seen % every == every // 2:
                        ends += 1
                        in_a_copy(lambda: again(aws, after))

            with aws.at_writes(at_write):
                deploy(aws.client)
        return ends

    return in_a_copy(campaign)


def test_what_was_cut_short_is_finished_by_the_next() -> None:
    assert cut_off(41) >= 2


@pytest.mark.long
def test_what_was_cut_short_anywhere_is_finished_by_the_next() -> None:
    assert cut_off(1) > 60


def test_single_flows_and_many_leave_the_same_account() -> None:
    def alone() -> Any:
        with account() as aws:
            for item in FLOWS:
                deploy(aws.client, [item])
            return content(aws)

    def together() -> Any:
        with account() as aws:
            deploy(aws.client)
            one = content(aws)
            single_of(aws)
            return one

    def single_of(aws: Inside) -> None:
        watched = Watched(aws)
        token = {"ProductionToken": "ingest-0-xmrk"}
        create(files(FLOWS[2])[0].content, token, CONFIGURED, watched.client)
        assert watched.writes == []

    assert in_a_copy(alone) == in_a_copy(together)
