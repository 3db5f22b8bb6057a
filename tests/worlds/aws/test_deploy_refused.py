"""What AWS refuses: one coded message that names the action and the resource, and the next run goes on."""

from __future__ import annotations

import io
from collections.abc import Collection
from typing import Any

import pytest
from metaflow_triggers.diagnostics import Diagnostic, DiagnosticError

from .account import content, is_write
from .boundaries import Work
from .inside import Inside, account, in_a_copy
from .refusals import Refusal, Refusing, denied
from .stories import FEWER, FILTERED, STORIES, deploy, nothing
from .worlds import worlds


def said(work: Work, refusing: Refusing) -> Diagnostic:
    with pytest.raises(DiagnosticError) as raised:
        work(refusing.client)
    (found,) = raised.value.diagnostics
    return found


ASKED_FIRST = {"events:TestEventPattern"}
"""A question before anything is done: denied, it counts as answered with yes."""
NOT_LOOKED_AT = "what is left was not looked at"
"""Refused while the account was read again after a whole plan."""


def half_way(work: Work, refusing: Refusing) -> tuple[Diagnostic, tuple[str, ...]]:
    """The refusal, and what is told of what was done and what was not."""
    with pytest.raises(DiagnosticError) as raised:
        work(refusing.client)
    (found,) = raised.value.diagnostics
    notes = tuple(note for item in raised.value.aftermath for note in item.notes)
    assert (raised.value.result is None) == (not notes)
    return found, notes


def one_permission_after_the_other(before: Work, work: Work, only: Collection[str] = ()) -> list[str]:
    """Deny each action that is needed (of `only`, if there are any), the one after the other; returns them."""

    def whole(aws: Inside) -> tuple[object, list[str]]:
        refusing = Refusing(aws)
        work(refusing.client)
        needed = list(dict.fromkeys(refusing.actions))  # the clients are those that `content` asks too
        return content(aws), needed

    def campaign() -> list[str]:
        with account() as aws:
            before(aws.client)
            wanted, needed = in_a_copy(lambda: whole(aws))
            needed = [action for action in needed if action in (only or set(needed) - ASKED_FIRST)]
            refusing = Refusing(aws)
            for action in needed:
                refusing.refuse = lambda asked: None
                was = content(aws)
                refusing.refuse = lambda asked, action=action: denied(action) if asked == action else None  # type: ignore[misc]
                refusing.actions.clear()
                found, notes = half_way(work, refusing)
                assert refusing.actions.count(action) == 1, action  # what is denied will be denied again
                refusing.refuse = lambda asked: None
                # What is told is what the account shows: something was changed, or nothing was.
                changes = [note for note in notes if note.startswith(("done: ", "in part: "))]
                assert (content(aws) == was) == (not changes), (action, notes)
                assert not notes or notes[-1].startswith(("not done: ", "in part: ")) or notes[-1] == NOT_LOOKED_AT
                assert found.code == "FT702"
                assert found.message.startswith(f"access denied: {action} on ")
                assert len(found.message.partition(" on ")[2]) > 1
                assert any(action in note for note in found.notes)
            refusing.refuse = lambda action: None
            work(refusing.client)
            assert content(aws) == wanted
        return needed

    return in_a_copy(campaign)


SOME = {"sqs:ListQueueTags", "iam:PutRolePolicy", "states:CreateStateMachine", "events:PutTargets"}


def test_a_denied_action_is_named_with_its_resource_and_the_next_run_goes_on() -> None:
    assert set(one_permission_after_the_other(nothing, deploy(FEWER), SOME)) == SOME


@pytest.mark.long
@pytest.mark.parametrize("story", STORIES)
def test_each_denied_action_is_named_whatever_is_done(story: str) -> None:
    needed = one_permission_after_the_other(*STORIES[story])
    print(f"{story}: {len(needed)} actions, each denied once: {' '.join(sorted(needed))}")
    assert [action for action in needed if is_write(action.partition(":")[2])]


NOT_VALID = Refusal("InvalidEventPatternException", "Event pattern is not valid. Reason: Cannot compare number : 1e999")


def test_a_pattern_that_aws_refuses_is_told_in_its_words_before_anything_is_done() -> None:
    def work() -> None:
        with account() as aws:
            refusing = Refusing(aws)
            refusing.refuse = lambda asked: NOT_VALID if asked == "events:TestEventPattern" else None
            was = content(aws)
            with pytest.raises(DiagnosticError) as raised:
                deploy(FILTERED)(refusing.client)
            assert content(aws) == was
            assert not any(is_write(action.partition(":")[2]) for action in refusing.actions)
            assert {found.code for found in raised.value.diagnostics} == {"FT502"}
            first = raised.value.diagnostics[0]
            assert first.notes[0] == NOT_VALID.message
            assert "the rule" in first.message and '"detail-type"' in first.notes[1]
            # Who may not ask deploys as before; a pattern that is there as it is is not asked about again.
            refusing.refuse = lambda asked: denied(asked) if asked == "events:TestEventPattern" else None
            deploy(FILTERED)(refusing.client)
            refusing.actions.clear()
            refusing.refuse = lambda asked: NOT_VALID if asked == "events:TestEventPattern" else None
            deploy(FILTERED)(refusing.client)
            assert "events:TestEventPattern" not in refusing.actions

    in_a_copy(work)


REFUSALS = {
    "ExpiredTokenException": ("FT701", "does not accept the credentials (ExpiredTokenException) for"),
    "InvalidClientTokenId": ("FT701", "does not accept the credentials (InvalidClientTokenId) for"),
    "ThrottlingException": ("FT704", "AWS allows no more of"),
    "LimitExceededException": ("FT704", "AWS allows no more of"),
}


def test_a_refusal_of_any_call_has_its_code() -> None:
    def work() -> None:
        with account() as aws:
            refusing = Refusing(aws)
            for action in ("sts:GetCallerIdentity", "sqs:GetQueueUrl", "sqs:CreateQueue"):
                for name, (code, words) in REFUSALS.items():
                    refusal = Refusal(name, "what AWS says about it")
                    refusing.refuse = lambda asked, on=action, as_=refusal: as_ if asked == on else None  # type: ignore[misc]
                    found = said(deploy(FEWER), refusing)
                    assert found.code == code
                    assert words in found.message and f"{action} on " in found.message
                    assert found.notes == (refusal.message,)

    in_a_copy(work)


@pytest.mark.long
def test_what_is_throttled_is_repeated_a_few_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "3")
    with worlds() as aws:
        events, asked = aws.client("events"), []

        def busy(request: Any, **_: Any) -> Any:
            asked.append(request)
            return throttled(request.url) if len(asked) < patience else None

        events.meta.events.register("before-send.events.PutRule", busy)

        def client(service: str) -> Any:
            return events if service == "events" else aws.client(service)

        patience = 9
        with pytest.raises(DiagnosticError) as raised:
            deploy(FEWER)(client)
        (found,) = raised.value.diagnostics
        assert found.message.startswith("AWS allows no more of events:PutRule on OrderFlow-events-")
        assert len(asked) == 3
        patience = 5
        deploy(FEWER)(client)
        assert len(asked) == 5


def throttled(url: str) -> Any:
    from botocore.awsrequest import AWSResponse

    class Raw(io.BytesIO):
        def stream(self, **_: Any) -> Any:
            yield self.read()

    return AWSResponse(url, 400, {}, Raw(b'{"__type": "ThrottlingException", "message": "Rate exceeded"}'))
