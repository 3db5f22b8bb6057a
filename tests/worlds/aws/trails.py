"""Questions of trails, as the tests ask them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from metaflow_triggers.backends.step_functions.deploy.calls import Clients
from metaflow_triggers.backends.step_functions.trail.target import Target
from metaflow_triggers.model.flows import Flow, PollTrigger
from metaflow_triggers.model.settings import Settings
from metaflow_triggers.trail.answer import Answer
from metaflow_triggers.trail.question import Asked, Question

from ...unit.backends.step_functions.samples import CONFIGURED
from .refusals import Refusal, Refusing, denied
from .service import Aws

_made: dict[str, Refusing] = {}


def refusing(aws: Aws) -> Refusing:
    """That of the account: making clients takes longer than what they are asked. Its queues have at once what they
    have: nobody waits for more."""
    if aws.url not in _made:
        made = _made[aws.url] = Refusing(aws)
        asked = "provide-client-params.sqs.ReceiveMessage"
        made.client("sqs").meta.events.register(asked, lambda params, **_: {**params, "WaitTimeSeconds": 0})
    return _made[aws.url]


def ask(
    aws: Aws,
    identity: str,
    *flows: Flow,
    name: str | None = None,
    payload: Any = None,
    now: datetime | None = None,
    refused: str = "",
    refuse: Callable[[str], Refusal | None] = lambda action: None,
    settings: Settings = CONFIGURED,
    read: bool = True,
    polls: tuple[PollTrigger, ...] = (),
) -> list[Answer]:
    """The answers. `refused`: an action that this identity has no right to. Nor may it test a pattern, which the
    emulator cannot: the filters are judged here, then. `read`: the flows' files were; `polls` start the first
    of them."""
    asking = refusing(aws)
    not_allowed = {"events:TestEventPattern", refused}
    asking.refuse = lambda action: denied(action) if action in not_allowed else refuse(action)
    asked = tuple(
        Asked(item.name, item.deployed_as or item.name, item if read else None, polls if item is flows[0] else ())
        for item in flows
    )
    return Target(Clients(asking.client), now).ask(Question(identity, name, payload, asked), settings)


def one(aws: Aws, identity: str, item: Flow, **more: Any) -> Answer:
    """The only answer."""
    (answer,) = ask(aws, identity, item, **more)
    return answer


def codes(answer: Answer) -> list[str]:
    """The cause, then what is said beside it: all that the answer claims."""
    return [answer.cause.code, *(cause.code for cause in answer.also)]
