"""Options: what a trigger's `options` mean here.

In:   a trigger.
Out:  `Options`; the defaults where nothing is said.

Not here: judging the user's words (`metaflow_triggers.reading.options` does it, FT107).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from ....model.flows import Flow, Trigger
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
    """The options of a trigger that `read` has accepted."""
    said = json.loads(trigger.options or "{}")
    own = said.get("step-functions", {})
    reset = said.get("reset_at")
    return Options(
        bus=own.get("bus"),
        queue_arn=own.get("dead-letter-queue"),
        delivery=Delivery(own.get("retry", Delivery.attempts), own.get("maximum-event-age", Delivery.age)),
        join=said.get("join", "latest"),
        reset_at=None if reset is None else Cron(reset["cron"], reset.get("timezone") or "UTC"),
    )


def queue_arns(flow: Flow) -> list[str]:
    """The dead-letter queues that the flow's triggers name, each once."""
    return list(dict.fromkeys(arn for item in flow.triggers if (arn := options(item).queue_arn) is not None))


def queue_url(arn: str) -> str:
    """The address of a queue (Amazon SQS developer guide, "Queue and message identifiers")."""
    _, partition, _, region, account, name = arn.split(":")
    return f"https://sqs.{region}.{_DOMAINS.get(partition, 'amazonaws.com')}/{account}/{name}"
