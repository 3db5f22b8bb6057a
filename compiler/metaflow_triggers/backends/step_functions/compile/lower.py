"""Lower: a flow and its triggers to resources.

In:   a flow that `refusals` has passed, settings, upstream's job definitions.
Out:  `resources.Triggers` and `resources.JobDefinition`.

Not here: text, key order, CloudFormation's functions.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from metaflow_extensions.triggers.contract.words import STATUS

from ....model.facts import filter_text, is_set
from ....model.flows import EventDependency, Filter, FinishDependency, Flow
from ....model.names import digest, logical_id
from ....model.settings import Settings
from . import names
from .dependencies import arrival, document_dependencies, finish_filter
from .event_patterns import merged, ranges_last
from .machines import Machine, correlator_logical, groups, machines, origin_of, sender
from .options import options, queue_arns
from .resources import Correlator, EventRule, JobDefinition, OutcomeRule, Schedule, Slot, Starter, Triggers
from .scheduler_cron import scheduler_expressions

PATTERN_LIMIT = 2048
"""Characters of an event pattern (default quota of EventBridge; not adjustable in every region)."""

EXPRESSION_LIMIT = 4096
"""Characters of an update or condition expression (quota of DynamoDB)."""

# The longest values of ${AWS::Partition}, ${AWS::Region} and ${AWS::AccountId} that a pattern may grow by.
_ARN_ROOM = len("arn:aws-iso-b:states:ap-southeast-99:123456789012:stateMachine:")

# Maps whose keys belong to the user (botocore's model of RegisterJobDefinition): copied as they are.
_FREE_MAPS = frozenset({"parameters", "tags", "options", "limits", "requests", "labels", "annotations"})

FLOW = "StateMachine"
"""The logical name of the flow's own state machine."""


def deployed(flow: Flow, settings: Settings) -> str:
    return names.own_name(flow, settings)


def datastore(settings: Settings) -> tuple[str | None, str | None]:
    """Bucket and prefix of the configured datastore, without slashes at its ends; (None, None) when open."""
    if settings.datastore_s3 is None:
        return None, None
    bucket, _, prefix = settings.datastore_s3.removeprefix("s3://").partition("/")
    return bucket, prefix.strip("/")


def lower_triggers(flow: Flow, settings: Settings, *, polled: bool = False) -> Triggers | None:
    """None for a flow that nothing starts; where it is `polled`, not even then: the poller has a schedule."""
    found = machines(flow, settings)
    starts = bool(found) or flow.schedule is not None
    if not starts and not polled:
        return None
    name = deployed(flow, settings)
    starters = tuple(
        Starter(
            logical=item.logical,
            role=item.role,
            name=item.name,
            arrival=arrival(item.serves, flow, settings, in_set=False),
            dependencies=document_dependencies(flow, item.told, settings),
        )
        for item in found
        if not is_set(item.told[0])
    )
    correlators = tuple(_correlator(flow, item, settings) for item in found if is_set(item.told[0]))
    targets = {id(item): machine.logical for machine in found for _, item in machine.serves}
    queues = queue_arns(flow)
    return Triggers(
        flow=flow.name,
        deployed=name,
        rules=(*_event_rules(flow, name, targets, settings), *_outcome_rules(flow, name, targets, settings)),
        starters=starters,
        correlators=correlators,
        schedules=tuple(_schedules(flow, name)),
        group=names.schedule_group_name(name),
        table=names.table_name(name),
        queue=names.queue_name(name) if starts else None,
        queue_arn=queues[0] if queues else None,
        alarm=names.alarm_name(name) if settings.alarm_topic is not None and starts and not queues else None,
        prefixed=datastore(settings)[1] != "",
    )


def _correlator(flow: Flow, machine: Machine, settings: Settings) -> Correlator:
    trigger = machine.told[0]
    senders = [sender(item, settings) for item in trigger.dependencies]
    join = options(trigger).join
    several = any(len(group) > 1 for group in groups(trigger, settings))
    # Another set, or another way to keep its events, starts with empty slots; another filter or mapping does not, but
    # where filters alone tell two slots apart.
    identity = [repr(item) for item in senders]
    if several:
        identity += [filter_text(item) or "" for item in trigger.dependencies]
    mine = [id(item) for _, item in machine.serves]
    slots = [Slot(f"slot_{number}", item) for number, item in enumerate(senders)]
    return Correlator(
        logical=machine.logical,
        role=machine.role,
        name=machine.name,
        arrival=arrival(machine.serves, flow, settings, in_set=True),
        dependencies=document_dependencies(flow, machine.told, settings),
        slots=tuple(slot for slot, item in zip(slots, trigger.dependencies, strict=True) if id(item) in mine),
        attributes=tuple(slot.attribute for slot in slots),
        join=join,
        key=f"set-{digest(trigger.kind, join, *identity)}",
    )


def _schedules(flow: Flow, name: str) -> list[Schedule]:
    out = []
    if flow.schedule is not None:
        out.append(
            Schedule(
                logical="Schedule",
                name="schedule",
                description=f"Starts the flow {flow.name} at times",
                expression=f"cron({flow.schedule.cron})",
                timezone=flow.schedule.timezone or "UTC",
                target=FLOW,
                input=json.dumps({"Parameters": "{}"}),
            )
        )
    for trigger in flow.triggers:
        reset = options(trigger).reset_at
        if reset is None or not is_set(trigger):
            continue
        for number, expression in enumerate(scheduler_expressions(reset.fields), 1):
            out.append(
                Schedule(
                    logical=f"{trigger.kind.capitalize()}Reset{number}",
                    name=f"{trigger.kind}-reset-{number}",
                    description=f"Forgets the events of half-arrived sets of the flow {flow.name}",
                    expression=expression,
                    timezone=reset.timezone,
                    target=correlator_logical(trigger),
                    input=json.dumps({"reset": True}),
                )
            )
    return out


# rules ----------------------------------------------------------------------------------------------------------


def event_pattern(source: str, detail_types: list[str] | tuple[str, ...], detail: Any) -> dict[str, Any]:
    """The pattern of a rule for events."""
    out: dict[str, Any] = {"source": [source]}
    if detail_types:
        out["detail-type"] = list(detail_types)
    if detail:
        out["detail"] = detail
    return out


def _event_rules(flow: Flow, name: str, targets: dict[int, str], settings: Settings) -> list[EventRule]:
    # Events share a rule when nothing but their names tells them apart.
    groups: dict[Any, list[str]] = {}
    details: dict[str, dict[str, Any]] = {}
    for trigger in flow.triggers:
        said = options(trigger)
        ways: dict[Any, list[Filter | None]] = {}
        for item in trigger.dependencies:
            if not isinstance(item, EventDependency):
                continue
            own = origin_of(item)
            source, detail_type, bus = settings.event_source, item.name, said.bus or settings.event_bus
            if own is not None:
                source, detail_type = own["source"], own.get("detail-type", "")
                # AWS's own events are on no other bus, and whoever names no bus means the same for any origin.
                bus = said.bus if said.bus and not source.startswith("aws.") else "default"
            way = (targets[id(item)], said.delivery, bus, source, detail_type)
            ways.setdefault(way, []).append(item.filter)
        for (target, delivery, bus, source, detail_type), filters in ways.items():
            # An event that several filters of one name let through comes once.
            for detail in merged(filters, PATTERN_LIMIT - _length(event_pattern(source, [detail_type], None))):
                text = json.dumps(detail)
                details[text] = ranges_last(detail)
                key = (target, delivery, bus, source, detail_type == "", text)
                groups.setdefault(key, []).append(detail_type)
    out: list[EventRule] = []
    for (target, delivery, bus, source, is_any, text), found in groups.items():
        detail = details[text]

        def size(items: list[str], source: str = source, detail: Any = detail) -> int:
            return _length(event_pattern(source, items, detail))

        for part in [[]] if is_any else _parts(_unique(found), size):
            number = len(out) + 1
            out.append(
                EventRule(
                    logical=f"EventRule{number}",
                    name=names.rule_name(name, "events", bus, str(number)),
                    description=f"Starts the flow {flow.name} on events",
                    bus=bus,
                    source=source,
                    detail_types=tuple(part),
                    detail=detail or None,
                    target=target,
                    delivery=delivery,
                )
            )
    return out


def outcome_pattern(statuses: tuple[str, ...], machines: list[str], runs: Any) -> dict[str, Any]:
    """The pattern of a rule for outcomes, with ARNs as long as they can get."""
    detail: dict[str, Any] = {
        "status": list(statuses),
        "stateMachineArn": ["x" * _ARN_ROOM + item for item in machines],
    }
    if runs is not None:
        detail["name"] = runs
    return {"source": ["aws.states"], "detail-type": ["Step Functions Execution Status Change"], "detail": detail}


def _outcome_rules(flow: Flow, name: str, targets: dict[int, str], settings: Settings) -> list[OutcomeRule]:
    groups: dict[Any, list[str]] = {}
    for trigger in flow.triggers:
        for item in trigger.dependencies:
            if not isinstance(item, FinishDependency):
                continue
            machine = names.deployed_name(item.flow, item.project, item.branch, settings)
            left = finish_filter(item)
            key = (left.outcomes, targets[id(item)], options(trigger).delivery, json.dumps(left.runs))
            groups.setdefault(key, []).append(machine)
    out: list[OutcomeRule] = []
    numbers: dict[tuple[str, ...], int] = {}
    for (match, target, delivery, runs_text), upstream in sorted(groups.items(), key=lambda item: item[0][0]):
        statuses = tuple(STATUS[outcome] for outcome in match)
        runs = json.loads(runs_text)

        def size(items: list[str], statuses: tuple[str, ...] = statuses, runs: Any = runs) -> int:
            return _length(outcome_pattern(statuses, items, runs))

        word = "Or".join(outcome.capitalize() for outcome in match)
        for part in _parts(_unique(upstream), size):
            number = numbers[match] = numbers.get(match, 0) + 1
            out.append(
                OutcomeRule(
                    logical=f"{word}Rule{number}",
                    name=names.rule_name(name, "-".join(match), "outcome", str(number)),
                    description=f"Starts the flow {flow.name} when another flow ends ({' or '.join(match)})",
                    statuses=statuses,
                    machines=tuple(part),
                    runs=runs,
                    target=target,
                    delivery=delivery,
                )
            )
    return out


def _unique(items: Any) -> list[str]:
    return list(dict.fromkeys(items))


def _parts(items: list[str], size: Callable[[list[str]], int]) -> list[list[str]]:
    """`items` in as few runs as fit a pattern each; an item alone makes a run even if it does not fit."""
    out: list[list[str]] = []
    for item in items:
        if out and size([*out[-1], item]) <= PATTERN_LIMIT:
            out[-1].append(item)
        else:
            out.append([item])
    return out


def _length(pattern: Any) -> int:
    return len(json.dumps(pattern, separators=(",", ":"), ensure_ascii=False).encode("utf-8"))


def lower_job_definitions(workflow: Any, deployed_as: str) -> list[JobDefinition]:
    """One per step, in upstream's order."""
    return [
        JobDefinition(
            logical=logical_id(f"JobDefinition {step}", step),
            step=step,
            name=names.job_definition_name(deployed_as, step),
            properties=pascal_case(arguments),
        )
        for step, arguments in workflow["job_definitions"].items()
    ]


def pascal_case(value: Any) -> Any:
    """The argument of RegisterJobDefinition in CloudFormation's spelling: the same keys, first letter capital."""
    if isinstance(value, list):
        return [pascal_case(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key[:1].upper() + key[1:]: dict(item) if key in _FREE_MAPS else pascal_case(item) for key, item in value.items()
    }
