"""Lower: a flow and its triggers to resources.

In:   a flow that `refusals` has passed, settings, upstream's job definitions.
Out:  `resources.Triggers` and `resources.JobDefinition`.

Not here: text, key order, CloudFormation's functions.
"""

from __future__ import annotations

import json
from typing import Any

from ...model import EventDependency, FinishDependency, Flow
from ...names import logical_id
from ...settings import Settings
from . import names
from .resources import EventRule, JobDefinition, OutcomeRule, Starter, Triggers
from .starter import document_dependencies, requirements

PATTERN_LIMIT = 2048
"""Characters of an event pattern (default quota of EventBridge; not adjustable in every region)."""

# The longest values of ${AWS::Partition}, ${AWS::Region} and ${AWS::AccountId} that a pattern may grow by.
_ARN_ROOM = len("arn:aws-iso-b:states:ap-southeast-99:123456789012:stateMachine:")

STATUS = {"success": "SUCCEEDED", "failure": "FAILED"}
"""Outcome -> status in "Step Functions Execution Status Change"."""

# Maps whose keys belong to the user (botocore's model of RegisterJobDefinition): copied as they are.
_FREE_MAPS = frozenset({"parameters", "tags", "options", "limits", "requests", "labels", "annotations"})


def deployed(flow: Flow, settings: Settings) -> str:
    return names.own_name(flow, settings)


def datastore(settings: Settings) -> tuple[str | None, str | None]:
    """Bucket and prefix of the configured datastore, without slashes at its ends; (None, None) when open."""
    if settings.datastore_s3 is None:
        return None, None
    bucket, _, prefix = settings.datastore_s3.removeprefix("s3://").partition("/")
    return bucket, prefix.strip("/")


def lower_triggers(flow: Flow, settings: Settings) -> Triggers | None:
    """None for a flow that nothing starts."""
    if not any(trigger.dependencies for trigger in flow.triggers):
        return None
    name = deployed(flow, settings)
    rules: list[EventRule | OutcomeRule] = [*_event_rules(flow, name, settings), *_outcome_rules(flow, name, settings)]
    return Triggers(
        flow=flow.name,
        deployed=name,
        rules=tuple(rules),
        starter=Starter(
            name=names.starter_name(name),
            requirements=requirements(flow, settings),
            dependencies=document_dependencies(flow, settings),
            reads_outcomes=any(isinstance(rule, OutcomeRule) for rule in rules),
        ),
        queue=names.queue_name(name),
        own_rules_role=settings.events_role is None,
        prefixed=datastore(settings)[1] != "",
    )


def _event_rules(flow: Flow, name: str, settings: Settings) -> list[EventRule]:
    events = _unique(
        item.name for trigger in flow.triggers for item in trigger.dependencies if isinstance(item, EventDependency)
    )

    def size(items: list[str]) -> int:
        return _length({"source": [settings.event_source], "detail-type": items})

    return [
        EventRule(
            logical=f"EventRule{number}",
            name=names.rule_name(name, "events", settings.event_bus, str(number)),
            description=f"Starts the flow {flow.name} on events",
            bus=settings.event_bus,
            source=settings.event_source,
            detail_types=tuple(part),
        )
        for number, part in enumerate(_parts(events, size), 1)
    ]


def _outcome_rules(flow: Flow, name: str, settings: Settings) -> list[OutcomeRule]:
    groups: dict[tuple[str, ...], list[str]] = {}
    for trigger in flow.triggers:
        for item in trigger.dependencies:
            if isinstance(item, FinishDependency):
                machine = names.deployed_name(item.flow, item.project, item.branch, settings)
                groups.setdefault(item.match, []).append(machine)
    out = []
    for match in sorted(groups):
        statuses = tuple(STATUS[outcome] for outcome in match)

        def size(items: list[str], statuses: tuple[str, ...] = statuses) -> int:
            return _length(
                {
                    "source": ["aws.states"],
                    "detail-type": ["Step Functions Execution Status Change"],
                    "detail": {"status": list(statuses), "stateMachineArn": ["x" * _ARN_ROOM + item for item in items]},
                }
            )

        word = "Or".join(outcome.capitalize() for outcome in match)
        for number, part in enumerate(_parts(_unique(groups[match]), size), 1):
            out.append(
                OutcomeRule(
                    logical=f"{word}Rule{number}",
                    name=names.rule_name(name, "-".join(match), "outcome", str(number)),
                    description=f"Starts the flow {flow.name} when another flow ends ({' or '.join(match)})",
                    statuses=statuses,
                    machines=tuple(part),
                )
            )
    return out


def _unique(items: Any) -> list[str]:
    return list(dict.fromkeys(items))


def _parts(items: list[str], size: Any) -> list[list[str]]:
    """`items` in as few runs as fit a pattern each; an item alone always fits (names are at most 128 long)."""
    out: list[list[str]] = []
    for item in items:
        if out and size([*out[-1], item]) <= PATTERN_LIMIT:
            out[-1].append(item)
        else:
            out.append([item])
    return out


def _length(pattern: Any) -> int:
    return len(json.dumps(pattern, separators=(",", ":")))


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
