"""Polls: what AWS tells of a poll trigger, or of one of its fires.

In:   the facts of a flow, the question.
Out:  an answer; None: no poll of the flow is meant.

Not here: what a table holds (`polls.tables`), what a record says on every cloud (`backends.poll_trail`); a run, which
its execution tells as long as AWS knows it (`tell`).
"""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from typing import Any

from metaflow_extensions.triggers.contract import words

from ....polling.aws.starting import RUN_PREFIX
from ....trail import causes
from ....trail.answer import Answer
from ....trail.causes import Cause
from ....trail.question import Question
from ... import poll_trail
from ...poll_trail import Remembered
from .. import NAME
from ..compile.names import poll_table_name, poller_name
from ..polls.tables import Region, Trigger, table
from .asking import Unanswered
from .gather import own_run
from .tell import Facts, answer, history, of_own, unanswered

_DENIED = re.compile(r"User: (?P<who>\S+) is not authorized to perform: (?P<right>[a-z0-9]+:[A-Za-z]+)")
"""What IAM says in a refusal (IAM user guide, "Troubleshoot access denied error messages")."""


def fire_of(question: Question) -> str | None:
    """The name of the fire that is asked about: its own, or Metaflow's id of its run; None: none is meant."""
    name = question.identity.removeprefix(RUN_PREFIX)
    is_fire = name.startswith(words.POLLED_RUN) and poll_trail.FIRE.fullmatch(name) is not None
    return name if is_fire and question.event is None else None


def of_poll(facts: Facts, question: Question) -> Answer | None:
    """What became of a fire that has no execution, or what the last poll of a trigger said."""
    fire = fire_of(question)
    is_asked = fire is not None or facts.asked.polls or facts.asked.flow is None
    if not is_asked or question.event is not None:
        return None
    deployed, asking = facts.roads.deployed, facts.asking
    found = asking.ask_others(lambda: table(Region(asking.clients, ""), deployed), poll_table_name(deployed))
    if isinstance(found, Unanswered):
        is_meant = fire is not None or question.identity in {poll.name for poll in facts.asked.polls}
        return answer(facts, None, unanswered(found)) if is_meant else None
    for one in found.triggers if found is not None else ():
        remembered = _remembered(one)
        claim = remembered.fire(fire) if fire is not None else None
        if claim is not None or remembered.name == question.identity:
            return _of_trigger(facts, one, remembered, claim, question.payload)
    return None


def _remembered(one: Trigger) -> Remembered:
    state, problem = one.read
    return Remembered(one.declared, state, RUN_PREFIX, one.is_enabled, one.table.is_paused, problem)


def _of_trigger(
    facts: Facts, one: Trigger, found: Remembered, claim: dict[str, Any] | None, context: dict[str, Any] | None
) -> Answer:
    """Of a claim; without one of the trigger's last poll. `context`: the one that is asked about."""
    if claim is not None:
        cause = poll_trail.of_fire(found, claim)
    else:
        said = facts.asking.ask_others(lambda: one.not_polled, poller_name(facts.roads.deployed))
        cause, claim = poll_trail.of_trigger(found, None if isinstance(said, Unanswered) else said, context)
    cause = _named_right(cause)
    own = None if claim is None else own_run(facts.roads, f"{RUN_PREFIX}{claim['name']}", facts.asking)
    made = answer(facts, found.name, cause, commands=_commands(facts, cause, found), poll=found.poll(claim))
    if claim is None:
        return made
    if own is None:
        return replace(made, run=poll_trail.run_of(found, claim))
    of_run = of_own(facts, own)
    if cause.kind is causes.SUPPRESSED_POLL:
        return replace(made, run=of_run.run, commands=(*made.commands, history(own.run)))
    return replace(of_run, event=found.name, poll=made.poll if of_run.poll is None else of_run.poll)


def _named_right(cause: Cause) -> Cause:
    """The right that AWS's refusal names, where that holds a start up."""
    lacks = _DENIED.search(cause.facts["why"]) if cause.kind is causes.QUEUED else None
    return cause if lacks is None else causes.NO_RIGHT(who=lacks["who"], right=lacks["right"])


def _commands(facts: Facts, cause: Cause, found: Remembered) -> tuple[str, ...]:
    """What to look at or to do next."""
    named = shlex.quote(f"{facts.roads.deployed}/{found.name}")
    if cause.kind is causes.DISABLED:
        return (f"metaflow-triggers enable {named} --backend {NAME}",)
    if cause.kind is causes.PAUSED:
        return (f"metaflow-triggers resume {facts.roads.deployed} --backend {NAME}",)
    if cause.kind is causes.NOT_POLLED:
        place = facts.asking.place
        arn = place.arn("states", f"stateMachine:{poller_name(facts.roads.deployed)}")
        return (f"aws stepfunctions list-executions --state-machine-arn {arn} --region {place.region}",)
    return (f"metaflow-triggers history {named} --backend {NAME}",)
