"""What is remembered of a trigger on a cloud: what a start that was refused leaves behind."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest
from metaflow_triggers.polling import record
from metaflow_triggers.polling.fires import Target, hash_of, run_name

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
ONCE = Target("inbox", "Flow", "flow", (), dedup="once")
CONTEXT = {"file": "a"}


def fired(state: dict[str, Any], target: Target) -> dict[str, Any]:
    return record.add(state, target, CONTEXT, "1.1", NOW, NOW, lambda digest, number: run_name("inbox", digest, number))


@pytest.mark.parametrize("dedup", ["once", "active"])
def test_a_start_that_was_refused_has_started_nothing(dedup: str) -> None:
    """Nobody sends it again: the next poll does, also where an equal context starts one run for ever."""
    target, state = replace(ONCE, dedup=dedup), record.state_of(None)
    claim = fired(state, target)
    assert record.blocked(state, target, hash_of(target, CONTEXT))
    record.ended(state, claim, "failed", NOW, "it is too large")
    assert not record.blocked(state, target, hash_of(target, CONTEXT))
    assert state["once"] == [] and state["claims"][0]["error"] == "it is too large"


@pytest.mark.parametrize("how", ["succeeded", "failed", "aborted", "lost"])
def test_once_is_once_however_the_run_ended(how: str) -> None:
    state = record.state_of(None)
    claim = fired(state, ONCE)
    record.started(claim, NOW)
    record.ended(state, claim, how, NOW)
    assert record.blocked(state, ONCE, hash_of(ONCE, CONTEXT))


@pytest.mark.parametrize("before", [ONCE, replace(ONCE, dedup="active"), replace(ONCE, allow_concurrent=True)])
def test_what_started_under_another_declaration_is_equal_all_the_same(before: Target) -> None:
    state, digest = record.state_of(None), hash_of(ONCE, CONTEXT)
    claim = fired(state, before)
    active = replace(ONCE, dedup="active")
    assert record.blocked(state, active, digest) and record.blocked(state, ONCE, digest)
    record.started(claim, NOW)
    record.ended(state, claim, "succeeded", NOW)
    assert record.blocked(state, ONCE, digest) and not record.blocked(state, active, digest)
    assert not record.blocked(state, replace(ONCE, allow_concurrent=True), digest)
