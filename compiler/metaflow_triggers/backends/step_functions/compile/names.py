"""Names: upstream's name of a state machine, and the names of what we add beside it.

In:   flow, project, branch, settings; a deployed name.
Out:  names that AWS accepts.

Not here: refusing a name that is too long; that is `refusals.py`.
"""

from __future__ import annotations

import base64
import hashlib
import re

from ....model.flows import Flow
from ....model.names import aws_name
from ....model.settings import Settings

STATE_MACHINE_LIMIT = 80
RULE_LIMIT = 64
_HASHED_ABOVE = 60

VALID_STATE_MACHINE = re.compile(r"[A-Za-z0-9_.-]{1,80}")
"""Stricter than AWS, which allows more: the name also stands in ARNs and in tag values."""


def deployed_name(flow: str, project: str | None, branch: str | None, settings: Settings) -> str:
    """The state machine's name, as upstream gives it (`resolve_state_machine_name`, Metaflow 2.19).

    `branch` is the whole branch (`user.name`, `test.x`, `prod`, `prod.x`). The result may be longer
    than AWS allows when there is no project; upstream refuses it then, and so do we (FT401).
    """
    name = flow if project is None else f"{project}.{branch}.{flow}"
    prefix = settings.state_machine_prefix
    if prefix is not None and not name.startswith(prefix):
        name = f"{prefix}_{name}"
    if project is not None and len(name) > _HASHED_ABOVE:
        suffix = base64.b32encode(hashlib.sha1(name.encode("utf-8")).digest()).decode("ascii")  # noqa: S324
        name = f"{name[:_HASHED_ABOVE]}-{suffix[:16].lower()}"
    return name


def rule_name(deployed: str, *parts: str) -> str:
    """A rule's name. It never equals `deployed`, which is the name of the rule that upstream makes for @schedule."""
    return aws_name(f"{_front(deployed)}-{parts[0]}", "rule", deployed, *parts, limit=RULE_LIMIT)


def rule_prefix(deployed: str) -> str:
    """What the names of all rules of a deployed flow begin with. Other flows' rules may begin so too."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", _front(deployed)).strip("-")


def starter_name(deployed: str, number: int = 1) -> str:
    """The name of the state machine that starts the flow, or of a further one."""
    more = [] if number == 1 else [str(number)]
    readable = "-".join([f"{deployed[:50]}-starter", *more])
    return aws_name(readable, "starter", deployed, *more, limit=STATE_MACHINE_LIMIT)


def correlator_name(deployed: str, kind: str, number: int = 1) -> str:
    """The name of the state machine that waits for a whole set, or of a further one; `kind` is the trigger's."""
    more = [] if number == 1 else [str(number)]
    readable = "-".join([f"{deployed[:50]}-{kind}-sets", *more])
    return aws_name(readable, "correlator", deployed, kind, *more, limit=STATE_MACHINE_LIMIT)


def table_name(deployed: str) -> str:
    """The name of the table in which sets are gathered (3 to 255 of `[A-Za-z0-9_.-]`)."""
    return aws_name(f"{deployed}-sets", "table", deployed, limit=128)


def poll_table_name(deployed: str) -> str:
    """The name of the table in which is remembered what is polled."""
    return aws_name(f"{deployed}-polls", "poll-table", deployed, limit=128)


def poller_name(deployed: str) -> str:
    """The name of the state machine that lets the flow's poll triggers be polled, and of its job."""
    return aws_name(f"{deployed[:50]}-poller", "poller", deployed, limit=STATE_MACHINE_LIMIT)


def poller_job_name(deployed: str) -> str:
    """The name of the job definition with which they are polled: no step has one of this name."""
    return aws_name(f"{deployed}-poller", "poller-job", deployed, limit=128)


def schedule_group_name(deployed: str) -> str:
    """The name of the group of the flow's schedules (at most 64 of `[A-Za-z0-9_.-]`)."""
    return aws_name(f"{_front(deployed)}-schedules", "schedule-group", deployed, limit=64)


def upstream_rule_name(deployed: str) -> str:
    """The rule that Metaflow makes for @schedule (`event_bridge_client.format`, 2.19)."""
    if len(deployed) <= RULE_LIMIT:
        return deployed
    suffix = base64.b32encode(hashlib.sha1(deployed.encode("utf-8")).digest()).decode("ascii")  # noqa: S324
    return f"{deployed[:47]}-{suffix[:16].lower()}"


def queue_name(deployed: str) -> str:
    """The name of the dead-letter queue (at most 80 of `[A-Za-z0-9_-]`)."""
    return aws_name(f"{deployed[:50]}-dead-letter", "queue", deployed, limit=80)


ALARMS = "metaflow-triggers-"
"""What the names of all our alarms begin with: CloudWatch lists by a beginning."""


def alarm_name(deployed: str) -> str:
    """The name of the alarm of the dead-letter queue (at most 255 characters)."""
    return f"{ALARMS}{queue_name(deployed)}"


def job_definition_name(deployed: str, step: str) -> str:
    """The name of a step's job definition (at most 128 of `[A-Za-z0-9_-]`)."""
    return aws_name(f"{deployed}-{step}", "job-definition", deployed, step, limit=128)


def role_name(deployed: str, logical: str, region: str) -> str:
    """The name `create` gives a role. Roles belong to the whole account, so the region is part of the name;
    templates leave it to CloudFormation for the same reason."""
    return aws_name(f"{_front(deployed)}-{logical}", "role", deployed, logical, region, limit=64)


def _front(deployed: str) -> str:
    return deployed[:32]


def own_name(flow: Flow, settings: Settings) -> str:
    """The name of a flow of ours: the user's, else the derived one."""
    return flow.deployed_as or deployed_name(flow.name, flow.project, flow.branch, settings)
