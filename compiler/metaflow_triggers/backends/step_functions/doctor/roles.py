"""Roles: whether those that settings name exist, in this account, and trust the service that takes them.

In:   settings, the account.
Out:  a finding for each role.

Not here: what a role allows (`compile --show policies` prints what it has to).
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from urllib.parse import unquote

from ....doctor.findings import Finding, fine, lacking
from ....model.settings import Settings
from .asking import Account, ask
from .statements import lets, listed


class Role(NamedTuple):
    """`field` of `Settings`; `service` takes the role; `make` says that `create` makes one where none is given."""

    thing: str
    field: str
    setting: str
    service: str
    made: bool = True


ROLES = (
    Role("role of the tasks", "batch_job_role", "METAFLOW_ECS_S3_ACCESS_IAM_ROLE", "ecs-tasks", False),
    Role("role of Fargate", "fargate_execution_role", "METAFLOW_ECS_FARGATE_EXECUTION_ROLE", "ecs-tasks", False),
    Role("role of the state machine", "state_machine_role", "METAFLOW_SFN_IAM_ROLE", "states", False),
    Role("role of rules", "events_role", "METAFLOW_EVENTS_SFN_ACCESS_IAM_ROLE", "events"),
    Role("role of the starter", "starter_role", "METAFLOW_TRIGGERS_STARTER_ROLE", "states"),
    Role("role of correlators", "correlator_role", "METAFLOW_TRIGGERS_CORRELATOR_ROLE", "states"),
    Role("role of schedules", "scheduler_role", "METAFLOW_TRIGGERS_SCHEDULER_ROLE", "scheduler"),
    Role("role of the poller", "poller_role", "METAFLOW_TRIGGERS_POLLER_ROLE", "ecs-tasks"),
    Role("role of the poller's machine", "poll_machine_role", "METAFLOW_TRIGGERS_POLL_MACHINE_ROLE", "states"),
)


def questions(settings: Settings, account: Account, wrong: frozenset[str]) -> Iterator[Callable[[], Finding]]:
    """What to ask."""
    for role in wanted(settings, wrong):
        yield _Question(role, getattr(settings, role.field), account)


def wanted(settings: Settings, wrong: frozenset[str]) -> Iterator[Role]:
    """The roles of a deployment; Fargate's is for queues of Fargate."""
    for role in ROLES:
        if role.field not in wrong and (role.field != "fargate_execution_role" or settings.batch_platform == "FARGATE"):
            yield role


def without(role: Role) -> Finding:
    """Of one that no setting gives."""
    if role.made:
        return fine(role.thing, "`create` makes it")
    told = f"set {role.setting} to the ARN of a role; `compile --show policies` prints what it has to allow"
    return lacking(role.thing, f"{role.setting} is not set", told, code="FT002")


class _Question:
    def __init__(self, role: Role, arn: str | None, account: Account) -> None:
        self._role, self._arn, self._account = role, arn, account

    def __call__(self) -> Finding:
        role, arn, account = self._role, self._arn, self._account
        if arn is None:
            return without(role)
        owner = arn.split(":")[4]
        if owner not in ("", account.number):
            told = f"`{arn}` is of the account {owner}, and the credentials are of {account.number}"
            return lacking(role.thing, told, f"set {role.setting} to a role of {account.number}", code="FT706")
        name = arn.rpartition("/")[2]
        iam = account.clients["iam"]
        found = ask(role.thing, "iam:GetRole", name, lambda: iam.get_role(RoleName=name), "NoSuchEntity")
        if found is None:
            told = f"set {role.setting} to a role that exists; `compile --show policies` prints one to be made"
            return lacking(role.thing, f"there is no `{arn}`", told, code="FT706")
        return _trusted(role, name, _document(found["Role"].get("AssumeRolePolicyDocument")), account)


def _document(found: Any) -> dict[str, Any]:
    """boto3 decodes it; other clients leave the text as IAM sends it."""
    value = json.loads(unquote(found)) if isinstance(found, str) else found
    return value if isinstance(value, dict) else {}


def _trusted(role: Role, name: str, document: dict[str, Any], account: Account) -> Finding:
    service = f"{role.service}.amazonaws.com"
    statements = listed(document.get("Statement"))
    if any(lets(item, service, "sts:assumerole", "sts:*", "*") for item in statements):
        return fine(role.thing, name)
    more = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    trust = {"Version": "2012-10-17", **document, "Statement": [*statements, more]}
    document_text = shlex.quote(json.dumps(trust))
    mend = f"aws iam update-assume-role-policy --role-name {shlex.quote(name)} --policy-document {document_text}"
    return lacking(role.thing, f"`{name}` does not trust {service}, which takes it", mend)
