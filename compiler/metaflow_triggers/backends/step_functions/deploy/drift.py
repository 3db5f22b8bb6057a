"""Drift: in words, what differs between the account and what would be deployed.

In:   a plan.
Out:  text for people.

Not here: reading the account. Production tokens are left out of the text.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from typing import Any

from ....model.flows import PollTrigger
from ...plans import beside_the_code, differences, short, told
from .alarms import ALARM
from .instructions import JsonText, Plan, Result, Step
from .objects import QUEUE, QUEUE_POLICY, ROLE, TABLE
from .polled import polled
from .rules_and_schedules import GROUP, RULE, SCHEDULE
from .state_machines import JOB_DEFINITION, MACHINE

_NOUNS = {
    ALARM: "the alarm",
    GROUP: "the schedule group",
    JOB_DEFINITION: "the job definition",
    MACHINE: "the state machine",
    QUEUE: "the queue",
    QUEUE_POLICY: "the policy of the queue",
    ROLE: "the role",
    RULE: "the rule",
    SCHEDULE: "the schedule",
    TABLE: "the table",
}


def words(plan: Plan, token: str | None = None, *, full: bool = False) -> str:
    """Line by line what differs; with `full` also each object as a unified diff. `token` is left out."""
    lines = [*plan.changes, *starts(plan)]
    for step in plan.steps:
        if step.instructions:
            lines += differs(step)
    text = "\n".join(lines) if lines else f"no difference: {plan.flow} is deployed as the flow is written"
    if full:
        text += "".join(unified(step) for step in plan.steps if step.instructions)
    if token:
        text = text.replace(token, "<production token>")
    return f"{text}\n"


def starts(plan: Plan) -> Iterator[str]:
    """What the account's rules match and the flow's do not, and the other way round."""
    was, now = set(), set()
    for step in plan.steps:
        if step.type == RULE and step.instructions:
            was |= set(_matched(step.was))
            now |= set(_matched(step.now))
    before, after = ({f"when poll {_told(poll)}" for poll in some} for some in polled(plan))
    was, now = was | before, now | after
    for text in sorted(now - was):
        yield f"{plan.flow} does not start {text} yet"
    for text in sorted(was - now):
        yield f"{plan.flow} still starts {text}"


def _told(poll: PollTrigger) -> str:
    return f"{poll.name} fires (every {poll.interval})"


def _matched(rule: Any) -> Iterator[str]:
    if not isinstance(rule, dict) or rule.get("state") == "DISABLED":
        return
    if rule.get("schedule"):
        yield f"at {rule['schedule']}"
    pattern = rule.get("pattern") or {}
    pattern = json.loads(pattern) if isinstance(pattern, str) else pattern
    detail = pattern.get("detail") or {}
    if pattern.get("source") == ["aws.states"]:
        for arn in detail.get("stateMachineArn", []):
            for status in detail.get("status", []):
                yield f"when {str(arn).rpartition(':')[2]} ends as {status}"
        return
    source = " or ".join(map(str, pattern.get("source", [])))
    for name in pattern.get("detail-type") or (["any event"] if source else []):
        yield f"on {name} of {source}"


def noun(step: Step) -> str:
    """What the object is called, for people."""
    return f"{_NOUNS.get(step.type, step.type)} {step.name}"


def differs(step: Step) -> Iterator[str]:
    """Lines about an object that is not as it shall be."""
    was, code = beside_the_code(step.was, step.now)
    yield from told(noun(step), step.verb, [*code, *differences(was, step.now, "", _members, _plain)])


def _members(was: dict[Any, Any], now: dict[Any, Any], where: str) -> Iterator[str]:
    for key in sorted(set(was) | set(now), key=str):
        at = f"{where}.{key}" if where else str(key)
        if key not in now:
            yield f"{at} is there and not wanted: {short(was[key], _plain)}"
        elif key not in was:
            yield f"{at} is not there: {short(now[key], _plain)}"
        else:
            yield from differences(was[key], now[key], at, _members, _plain)


def _plain(value: Any) -> Any:
    if isinstance(value, Result):
        return f"<what {value.logical} will be>"
    if isinstance(value, JsonText):
        return value.value
    return str(value)


def unified(step: Step) -> str:
    """The object as a unified diff."""
    was, now = ([] if item is None else _lines(item) for item in (step.was, step.now))
    return "\n" + "".join(difflib.unified_diff(was, now, f"account/{step.name}", f"flow/{step.name}"))


def _lines(value: Any) -> list[str]:
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, default=_plain)
    return [f"{line}\n" for line in text.splitlines()]
