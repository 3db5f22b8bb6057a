"""Polled: poll triggers that a deployment would end, though they are still written.

In:   a plan, which has what is deployed of the poller and what it will be; what is known of the flow.
Out:  FT515 for each; what is polled, before and after.

Not here: planning; when one is left out (`backends.left_out`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from ....diagnostics import Diagnostic, DiagnosticError
from ....model.flows import PollTrigger
from ...left_out import There, left_out
from ...shape import About
from ..compile.poller import declared_polls
from .instructions import Plan
from .state_machines import MACHINE

_THERE = There("is deployed", "polled on AWS", "deploy both: metaflow-triggers create --backend step-functions")


def polled(plan: Plan) -> tuple[list[PollTrigger], list[PollTrigger]]:
    """(what is polled today, what will be)."""
    machines = [step for step in plan.steps if step.type == MACHINE]
    return _declared(step.was for step in machines), _declared(step.now for step in machines)


def _declared(states: Iterator[Any]) -> list[PollTrigger]:
    found = []
    for state in states:
        try:
            found += declared_polls([(state or {}).get("definition")])
        except ValueError:
            continue  # another version's, or what somebody else has put there: it is nothing that we would end
    return found


def polls_left_out(plan: Plan, about: About) -> Iterator[Diagnostic]:
    """A trigger that is deployed, that the command has not read, and whose file beside the flow still names it."""
    was, now = polled(plan)
    kept = {poll.name for poll in now}
    flow = about.flow
    own = {os.path.realpath(flow.file)} | {os.path.realpath(poll.file) for poll in about.polls if poll.file}
    others = [poll for poll in was if poll.name not in kept]
    yield from left_out(flow, os.path.dirname(flow.file), others, lambda path: os.path.realpath(path) in own, _THERE)


def refuse_left_out(plan: Plan, about: About | None) -> None:
    """Raises DiagnosticError (FT515)."""
    found = [] if about is None or about.as_written else list(polls_left_out(plan, about))
    if found:
        raise DiagnosticError(found)
