"""Options: what a trigger's `options` mean here.

In:   a trigger.
Out:  `Options`, the defaults where nothing is said; what is wrong with them.

Not here: the place of a mistake in the user's file, options of other backends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ....diagnostics.suggest import did_you_mean
from ....model.flows import Flow, Trigger
from .. import NAME
from .resources import Delivery
from .scheduler_cron import Cron

QUEUE_ARN = re.compile(r"arn:[a-z-]+:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,80}")

_DOMAINS = {
    "aws-cn": "amazonaws.com.cn",
    "aws-iso": "c2s.ic.gov",
    "aws-iso-b": "sc2s.sgov.gov",
}


@dataclass(frozen=True)
class Options:
    """`bus` and `queue_arn` are None where the trigger does not say. `reset_at` is (cron, timezone) or None."""

    bus: str | None
    queue_arn: str | None
    delivery: Delivery
    join: str
    reset_at: Cron | None


def options(trigger: Trigger) -> Options:
    """Of a trigger in which `option_mistakes` finds nothing."""
    own = trigger.options.value.get(NAME, {})
    reset = trigger.options.reset_at
    return Options(
        bus=own.get("bus"),
        queue_arn=own.get("dead-letter-queue"),
        delivery=Delivery(own.get("retry", Delivery.attempts), own.get("maximum-event-age", Delivery.age)),
        join=trigger.options.join,
        reset_at=None if reset is None else Cron(reset.cron, reset.timezone or "UTC"),
    )


_RANGES = {"retry": (0, 185), "maximum-event-age": (60, 86400)}
"""Limits of EventBridge's RetryPolicy."""
BUS = r"[A-Za-z0-9/_.-]{1,256}|arn:[a-z-]+:events:[a-z0-9-]+:[0-9]{12}:event-bus/[A-Za-z0-9/_.-]{1,256}"
_KEYS = ("bus", "retry", "maximum-event-age", "dead-letter-queue")


def option_mistakes(trigger: Trigger) -> Iterator[tuple[tuple[str, ...], str]]:
    """What is wrong with the options for this backend, after the keys that lead to it."""
    for key, value in trigger.options.plain().get(NAME, {}).items():
        if key not in _KEYS:
            yield (key, ""), "; ".join([f"unknown key {key!r}", *did_you_mean(key, _KEYS)])
            continue
        told = _mistake(trigger.kind, key, value)
        if told:
            yield (key,), told


def _mistake(kind: str, key: str, value: Any) -> str:
    if key in _RANGES:
        low, high = _RANGES[key]
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            return f"{key!r} takes an integer from {low} to {high}"
    elif key == "bus" and kind == "finish":
        return "outcomes are on the default bus, whatever bus is named"
    elif key == "bus" and not (isinstance(value, str) and re.fullmatch(BUS, value)):
        return "'bus' takes the name or the ARN of an event bus"
    elif key == "dead-letter-queue" and not (isinstance(value, str) and QUEUE_ARN.fullmatch(value)):
        return "'dead-letter-queue' takes the ARN of a standard SQS queue"
    return ""


def queue_arns(flow: Flow) -> list[str]:
    """The dead-letter queues that the flow's triggers name, each once."""
    return list(dict.fromkeys(arn for item in flow.triggers if (arn := options(item).queue_arn) is not None))


def queue_url(arn: str) -> str:
    """The address of a queue (Amazon SQS developer guide, "Queue and message identifiers")."""
    _, partition, _, region, account, name = arn.split(":")
    return f"https://sqs.{region}.{_DOMAINS.get(partition, 'amazonaws.com')}/{account}/{name}"
