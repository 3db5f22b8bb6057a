"""Credentials that expire at a request: what is told is what the account shows, and the next run finishes."""

from __future__ import annotations

import re
from typing import Any

import pytest
from metaflow_triggers.diagnostics import DiagnosticError

from ...unit.backends.step_functions.samples import SET_FLOW
from .account import content
from .inside import Inside, account, in_a_copy
from .refusals import Refusal, Refusing, denied, expired
from .stories import STORIES, deploy

KINDS = {
    "AWS::Batch::JobDefinition": "job definition",
    "AWS::DynamoDB::Table": "table",
    "AWS::Events::Rule": "rule",
    "AWS::IAM::Role": "role",
    "AWS::SQS::Queue": "queue",
    "AWS::SQS::QueuePolicy": "queue",
    "AWS::Scheduler::Schedule": "schedule",
    "AWS::Scheduler::ScheduleGroup": "group",
    "AWS::StepFunctions::StateMachine": "state machine",
}
NOTE = re.compile(r"(done|in part): \w+ (AWS::\S+) (\S+)")


def told(notes: tuple[str, ...]) -> dict[str, str]:
    """Of each object that was changed, as `content` calls it: whether wholly or in part."""
    found = {}
    for how, kind, name in (match.groups() for note in notes if (match := NOTE.match(note))):
        name = name.partition(":")[0] if kind.endswith("JobDefinition") else name
        found[f"{KINDS[kind]} {name}"] = how
    return found


def changed(was: dict[str, Any], now: dict[str, Any]) -> set[str]:
    """Objects that differ, rules without their bus."""
    names = {name for name in {*was, *now} if was.get(name) != now.get(name)}
    return {f"rule {name.rpartition('/')[2]}" if name.startswith("rule ") else name for name in names}


def expire_at(story: str, numbers: slice) -> int:
    """Let the credentials of the story's work expire at each of these requests; returns how many it has."""
    before, work = STORIES[story]

    def whole(aws: Inside) -> tuple[Any, int]:
        refusing = Refusing(aws)
        work(refusing.client)
        count = len(refusing.actions)  # the clients are those that `content` asks too
        return content(aws), count

    def at(aws: Inside, number: int, was: Any, wanted: Any) -> None:
        refusing = Refusing(aws)
        refusing.refuse = lambda asked: expired(asked) if len(refusing.actions) > number else None
        with pytest.raises(DiagnosticError) as raised:
            work(refusing.client)
        asked = refusing.actions[number]
        refusing.refuse = lambda asked: None
        (found,) = raised.value.diagnostics
        assert found.code == "FT701", (number, asked, found)
        assert re.search(r"does not accept the credentials \(ExpiredToken\w*\) for \w+:\w+ on \S", found.message), found
        assert "log in again" in found.helps[0]
        notes = tuple(note for item in raised.value.aftermath for note in item.notes)
        here, there = told(notes), changed(was, content(aws))
        assert there <= set(here), (number, asked, notes)
        # In part may be so little that nothing of it is seen yet, as waiting.
        assert {name for name, how in here.items() if how == "done"} <= there, (number, asked, notes)
        work(refusing.client)
        assert content(aws) == wanted, (number, asked)

    def campaign() -> int:
        with account() as aws:
            before(aws.client)
            wanted, count = in_a_copy(lambda: whole(aws))
            was = content(aws)
            for number in range(count)[numbers]:
                in_a_copy(lambda number=number: at(aws, number, was, wanted))  # type: ignore[misc]
        return count

    return in_a_copy(campaign)


@pytest.mark.parametrize(("refusal", "code"), [(expired, "FT701"), (denied, "FT702")])
def test_what_is_refused_while_create_waits_for_a_table_is_no_long_wait(refusal: Any, code: str) -> None:
    def work() -> None:
        with account() as aws:
            refusing = Refusing(aws)

            def refuse(asked: str) -> Refusal | None:
                waits = asked == "dynamodb:DescribeTable" and "dynamodb:CreateTable" in refusing.actions
                return refusal(asked) if waits else None

            refusing.refuse = refuse
            with pytest.raises(DiagnosticError) as raised:
                deploy(SET_FLOW)(refusing.client)
            (found,) = raised.value.diagnostics
            assert found.code == code and "dynamodb:DescribeTable on SetFlow-sets-" in found.message

    in_a_copy(work)


def test_credentials_that_expire_half_way_leave_what_is_told() -> None:
    assert expire_at("fewer triggers", slice(5, None, 30)) > 40


@pytest.mark.long
@pytest.mark.parametrize("story", STORIES)
def test_credentials_may_expire_at_every_request(story: str) -> None:
    print(f"{story}: expired at each of {expire_at(story, slice(None))} requests")
