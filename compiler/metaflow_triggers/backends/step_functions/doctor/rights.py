"""Rights: what `create` asks of AWS, and whether this identity may.

In:   settings, flows, the account.
Out:  a finding for each service: IAM itself is asked (`iam:SimulatePrincipalPolicy`), about the names that the flows'
      objects have.

Not here: the calls (`deploy`). IAM answers from the identity's policies, its boundary and the organisation's: not from
the policy of a bucket, a queue or a key. Where a policy has conditions on what a simulation is not told, its no is no
answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ....doctor.findings import Finding, fine, lacking, not_asked
from ....model.facts import is_set
from ....model.flows import Flow
from ....model.settings import Settings
from ..compile import names, roles
from ..compile.lower import datastore
from ..compile.options import queue_arns
from .asking import Account, Refused, ask
from .named_by_flows import buses
from .roles import ROLES

SIMULATE = "iam:SimulatePrincipalPolicy"
_MOST = 50
"""Flows whose names are asked about: a request has an end."""

_TAGS = ("TagResource", "UntagResource")
OF_SERVICES: dict[str, tuple[str, ...]] = {
    "states": (
        "CreateStateMachine",
        "UpdateStateMachine",
        "DeleteStateMachine",
        "DescribeStateMachine",
        "ListTagsForResource",
        "ListExecutions",
        *_TAGS,
    ),
    "events": (
        "PutRule",
        "DeleteRule",
        "DescribeRule",
        "PutTargets",
        "RemoveTargets",
        "ListTargetsByRule",
        "ListTagsForResource",
        *_TAGS,
    ),
    "batch": ("RegisterJobDefinition", "DeregisterJobDefinition", "DescribeJobDefinitions", "TagResource"),
    "sqs": (
        "CreateQueue",
        "DeleteQueue",
        "GetQueueUrl",
        "GetQueueAttributes",
        "SetQueueAttributes",
        "ListQueueTags",
        "TagQueue",
        "UntagQueue",
    ),
    "cloudwatch": ("PutMetricAlarm", "DeleteAlarms", "DescribeAlarms", "ListTagsForResource", *_TAGS),
    "iam": (
        "CreateRole",
        "DeleteRole",
        "GetRole",
        "GetRolePolicy",
        "ListRolePolicies",
        "ListRoleTags",
        "PutRolePolicy",
        "DeleteRolePolicy",
        "TagRole",
        "UntagRole",
        "UpdateAssumeRolePolicy",
        "PassRole",
    ),
    "dynamodb": (
        "CreateTable",
        "DeleteTable",
        "DescribeTable",
        "DescribeTimeToLive",
        "UpdateTimeToLive",
        "DescribeContinuousBackups",
        "UpdateContinuousBackups",
        "ListTagsOfResource",
        "Scan",
        *_TAGS,
    ),
    "scheduler": ("CreateSchedule", "UpdateSchedule", "DeleteSchedule", "GetSchedule", "ListSchedules"),
    "s3": ("PutObject", "GetObject"),
}
"""By service, without its name: what `create` and `delete` call on a flow's own objects."""

OF_GROUPS = ("CreateScheduleGroup", "DeleteScheduleGroup", "GetScheduleGroup", "ListTagsForResource", *_TAGS)
"""What they call on groups of schedules: a policy may allow each of the two kinds its own actions."""


@dataclass(frozen=True)
class _Asked:
    service: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    passed_to: str = ""


def rights(
    settings: Settings, flows: Sequence[Flow], account: Account, polled: Sequence[Flow] = ()
) -> Iterator[Finding]:
    """A finding for each service; one for all where nobody can be asked. `polled`: flows that poll triggers start."""
    principal = _principal(account)
    if isinstance(principal, Finding):
        yield principal
        return
    if not flows:
        yield not_asked("rights", "a flow in PATHS: rights are given for names, which are made of the flows'")
        return
    refused: dict[str, list[str]] = {}
    unknown: dict[str, list[str]] = {}
    services = []
    for one in _asked(settings, flows[:_MOST], polled[:_MOST], account):
        services += [one.service]
        try:
            _simulate(one, principal, account, refused, unknown)
        except Refused as no_answer:
            yield no_answer.finding
            return
    for service in dict.fromkeys(services):
        yield _finding(service, refused.get(service, []), unknown.get(service, []), account)


def _principal(account: Account) -> str | Finding:
    """Whose policies count: of a session those of its role, whose path only IAM knows."""
    *_, kind = account.identity.split(":")
    if kind == "root":
        return fine("rights", "the account's root user may do everything")
    if not kind.startswith("assumed-role/"):
        return account.identity
    name = kind.split("/")[1]
    iam = account.clients["iam"]
    try:
        found = ask("rights", "iam:GetRole", name, lambda: iam.get_role(RoleName=name), "NoSuchEntity")
    except Refused as refused:
        return refused.finding
    if found is None:
        return f"arn:{account.partition}:iam::{account.number}:role/{name}"
    return str(found["Role"]["Arn"])


def _asked(settings: Settings, flows: Sequence[Flow], polled: Sequence[Flow], account: Account) -> Iterator[_Asked]:
    place = f"{account.region}:{account.number}"
    named = [(flow, names.own_name(flow, settings)) for flow in flows]
    started = [(flow, name) for flow, name in named if flow.triggers]
    sets = [name for flow, name in started if any(map(is_set, flow.triggers))]
    timed = [name for flow, name in named if flow.schedule is not None or _resets(flow)]
    watched = [names.own_name(flow, settings) for flow in polled]
    pollers = [names.poller_name(name) for name in watched]

    def of(service: str, resources: list[str]) -> _Asked:
        prefix = f"arn:{account.partition}:{service}:"
        return _Asked(service, OF_SERVICES[service], tuple(prefix + item for item in resources))

    machines = [name for _, name in named]
    machines += [*(names.starter_name(name) for _, name in started), *pollers]
    yield of("states", [f"{place}:stateMachine:{name}" for name in machines])
    if pollers:  # a poller that is replaced, or goes, is stopped
        executions = [f"arn:{account.partition}:states:{place}:execution:{name}:any" for name in pollers]
        yield _Asked("states", ("StopExecution",), tuple(executions))
    jobs = [names.job_definition_name(name, "start") for _, name in named]
    jobs += [names.poller_job_name(name) for name in watched]
    yield of("batch", [f"{place}:job-definition/{name}" for name in jobs])
    if started:
        rules = [
            f"{place}:rule/{'' if bus == 'default' else f'{bus}/'}{names.rule_name(name, 'event')}"
            for flow, name in started
            for bus in buses(flow, settings)
            if not bus.startswith("arn:")
        ]
        if rules:  # buses of other accounts are theirs to say
            yield of("events", rules)
    queues = [name for flow, name in started if not queue_arns(flow)]
    if queues:
        yield of("sqs", [f"{place}:{names.queue_name(name)}" for name in queues])
    if queues and settings.alarm_topic is not None:
        yield of("cloudwatch", [f"{place}:alarm:{names.alarm_name(name)}" for name in queues])
    tables = [*(names.table_name(name) for name in sets), *(names.poll_table_name(name) for name in watched)]
    if tables:
        yield of("dynamodb", [f"{place}:table/{name}" for name in tables])
    if timed or watched:
        groups = [names.schedule_group_name(name) for name in dict.fromkeys((*timed, *watched))]
        yield of("scheduler", [f"{place}:schedule/{one}/any" for one in groups])
        yield replace(of("scheduler", [f"{place}:schedule-group/{one}" for one in groups]), actions=OF_GROUPS)
    yield from _of_roles(settings, started, watched, account)
    bucket, prefix = datastore(settings)
    if bucket:
        root = f"{bucket}/{prefix}/" if prefix else f"{bucket}/"
        yield of("s3", [f"::{root}{flow.name}/data/any" for flow, _ in named])


def _of_roles(
    settings: Settings, started: Sequence[tuple[Flow, str]], watched: Sequence[str], account: Account
) -> Iterator[_Asked]:
    """To make roles where they are not given, and to hand over those that are."""
    arn = f"arn:{account.partition}:iam::{account.number}:role/"
    of_starts = [one for one in (roles.RULES, roles.STARTER) if roles.is_made(one, settings)]
    of_polls = [one for one in (roles.POLL_MACHINE, roles.POLLER) if roles.is_made(one, settings)]
    made = [(name, one) for _, name in started for one in of_starts]
    made += [(name, one) for name in watched for one in of_polls]
    if made:
        called = tuple(arn + names.role_name(name, one, account.region) for name, one in made)
        yield _Asked("iam", OF_SERVICES["iam"], called)
    for role in ROLES:
        given = getattr(settings, role.field)
        if given is not None:
            yield _Asked("iam", ("PassRole",), (given,), f"{role.service}.amazonaws.com")


def _resets(flow: Flow) -> bool:
    return any(trigger.options.reset_at is not None for trigger in flow.triggers)


def _simulate(
    one: _Asked, principal: str, account: Account, refused: dict[str, list[str]], unknown: dict[str, list[str]]
) -> None:
    """Add the actions that IAM denies, and those of which its no depends on what it was not told."""
    iam = account.clients["iam"]
    told: dict[str, Any] = {}
    if one.passed_to:
        keys = {"ContextKeyName": "iam:PassedToService", "ContextKeyType": "string"}
        told["ContextEntries"] = [{**keys, "ContextKeyValues": [one.passed_to]}]
    marker: dict[str, str] = {}
    actions = [f"{one.service}:{action}" for action in one.actions]
    for resource in one.resources:
        while True:
            answer = ask(
                "rights",
                SIMULATE,
                principal,
                lambda resource=resource, marker=marker: iam.simulate_principal_policy(  # type: ignore[misc]
                    PolicySourceArn=principal, ActionNames=actions, ResourceArns=[resource], **told, **marker
                ),
            )
            for item in answer["EvaluationResults"]:
                if item["EvalDecision"] == "allowed":
                    continue
                where = unknown if item.get("MissingContextValues") else refused
                seen = where.setdefault(one.service, [])
                if item["EvalActionName"] not in seen:
                    seen.append(item["EvalActionName"])
            if not answer.get("IsTruncated"):
                break
            marker = {"Marker": answer["Marker"]}


def _finding(service: str, refused: list[str], unknown: list[str], account: Account) -> Finding:
    thing = f"rights of {service}"
    if refused:
        mend = f"let {account.identity} do {', '.join(refused)}"
        return lacking(thing, f"not allowed: {', '.join(refused)}", mend, code="FT702")
    if unknown:
        told = f"a policy allows {', '.join(unknown)} under conditions that a simulation is not told"
        return not_asked(thing, "a call in earnest", told)
    return fine(thing, f"as far as {SIMULATE} tells")
