"""Named by flows: buses and dead-letter queues that `options` of triggers name.

In:   flows, the account.
Out:  a finding for each; which buses a flow's rules are on.

Not here: what settings name (`things`). Options that are not understood say nothing here: `check` tells them.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from ....doctor.findings import Finding, fine, lacking, not_asked
from ....model.flows import Flow
from ....model.settings import Settings
from ..compile.options import Options, option_mistakes, options
from ..deploy.objects import NO_QUEUE
from .asking import Account, ask
from .statements import lets, listed
from .things import read_bus

_EVENTS = "events.amazonaws.com"


def questions(settings: Settings, flows: Sequence[Flow], account: Account) -> Iterator[Callable[[], Finding]]:
    """What to ask."""
    named = [one for flow in flows for one in _options(flow)]
    for bus in sorted({one.bus for one in named if one.bus} - {"default", settings.event_bus}):
        yield partial(_bus, bus, account)
    for arn in named_queues(flows):
        yield partial(_queue, arn, account)


def named_queues(flows: Sequence[Flow]) -> list[str]:
    """ARNs of the dead-letter queues, each once."""
    return sorted({one.queue_arn for flow in flows for one in _options(flow) if one.queue_arn})


def buses(flow: Flow, settings: Settings) -> list[str]:
    """Those on which the flow's rules are: outcomes come on the default one."""
    found = {one.bus or settings.event_bus for one in _options(flow, "event")}
    return sorted(found | ({"default"} if any(item.kind == "finish" for item in flow.triggers) else set()))


def _options(flow: Flow, kind: str = "") -> Iterator[Options]:
    for trigger in flow.triggers:
        if kind in ("", trigger.kind) and not list(option_mistakes(trigger)):
            yield options(trigger)


def _bus(name: str, account: Account) -> Finding:
    thing = f"event bus {name}"
    owner = name.split(":")[3:5] if name.startswith("arn:") else [account.region, account.number]
    if owner != [account.region, account.number]:
        return not_asked(thing, f"credentials of {owner[1]} in {owner[0]}")
    if read_bus(thing, name, account) is None:
        make = f"aws events create-event-bus --name {shlex.quote(name.rpartition('/')[2])} --region {account.region}"
        return lacking(thing, "there is none", make, "or name another in the trigger's `options`", code="FT706")
    return fine(thing)


def _queue(arn: str, account: Account) -> Finding:
    _, _, _, region, owner, name = arn.split(":")
    thing, sqs = f"dead-letter queue {name}", account.clients["sqs"]
    another = "or name another in the trigger's `options`"
    if region != account.region:
        told = f"`{arn}` is in {region}, and the rules are in {account.region}"
        return lacking(thing, told, f"name one of {account.region} in the trigger's `options`")
    found = ask(
        thing,
        "sqs:GetQueueUrl",
        name,
        lambda: sqs.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=owner),
        *NO_QUEUE,
    )
    if found is None:
        make = f"aws sqs create-queue --queue-name {shlex.quote(name)} --region {account.region}"
        return lacking(thing, "there is none", make, another)
    url = str(found["QueueUrl"])
    attributes = ask(
        thing,
        "sqs:GetQueueAttributes",
        name,
        lambda: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"]),
    )
    policy = json.loads((attributes.get("Attributes") or {}).get("Policy") or "{}")
    statements = listed(policy.get("Statement"))
    if any(lets(item, _EVENTS, "sqs:sendmessage", "sqs:*", "*") for item in statements):
        return fine(thing)
    more = {"Effect": "Allow", "Principal": {"Service": _EVENTS}, "Action": "sqs:SendMessage", "Resource": arn}
    whole = {"Version": "2012-10-17", **policy, "Statement": [*statements, more]}
    attribute = shlex.quote(json.dumps({"Policy": json.dumps(whole)}))
    mend = f"aws sqs set-queue-attributes --queue-url {url} --attributes {attribute} --region {account.region}"
    return lacking(thing, f"its policy does not let {_EVENTS} send to it: what cannot be delivered is lost", mend)
