"""Machines: state machines and the job definitions that they use.

In:   resolved properties, what the account has.
Out:  `Planned`.

Not here: carrying anything out. Nothing in this module writes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ...inventory import refuse_other_project
from ...plans import covers
from .calls import absent, calling
from .instructions import Instruction, JsonText, Place, Planned, Result, Step, part
from .ownership import is_ours, refuse, retagged, tag_list, tag_map

MACHINE, JOB_DEFINITION = "AWS::StepFunctions::StateMachine", "AWS::Batch::JobDefinition"
_DEFINITION_ARN = re.compile(r"arn:[^:]+:batch:[^:]*:[^:]*:job-definition/([^:]+):\d+")
_MADE_BY_FLOW = ("metaflow.flow_name", "metaflow.production_token")

ROLE_UNKNOWN = tuple(
    (error, word)
    for error in ("AccessDeniedException", "ValidationException", "InvalidParameterValueException")
    for word in ("assume", "role")
)
"""How services refuse a role that was made a moment ago (IAM is eventually consistent)."""


@dataclass(frozen=True)
class Machine:
    """A state machine of the account."""

    arn: str
    definition: Any
    role: str
    tags: dict[str, str]
    deleting: bool
    logging: Any


def read_machine(place: Place, name: str) -> Machine | None:
    """The state machine of that name, or None."""
    key = f"machine {name}"
    if key not in place.seen:
        place.seen[key] = _read_machine(place, name)
    found: Machine | None = place.seen[key]
    return found


def _read_machine(place: Place, name: str) -> Machine | None:
    states = place.clients["stepfunctions"]
    arn = place.arn("states", f"stateMachine:{name}")
    with calling("states:DescribeStateMachine", name):
        found = absent(lambda: states.describe_state_machine(stateMachineArn=arn), "StateMachineDoesNotExist")
    if found is None:
        return None
    deleting = found.get("status") == "DELETING"
    tags: dict[str, str] = {}
    if not deleting:
        with calling("states:ListTagsForResource", name):
            answer = absent(lambda: states.list_tags_for_resource(resourceArn=arn), "ResourceNotFound")
        deleting = answer is None
        tags = tag_map((answer or {}).get("tags", []), "key", "value")
    definition = json.loads(found["definition"])
    return Machine(arn, definition, found["roleArn"], tags, deleting, found.get("loggingConfiguration"))


def flow_of(definition: Any, key: str = _MADE_BY_FLOW[0]) -> str | None:
    """What Metaflow leaves in the start state's parameters (`StepFunctions.get_existing_deployment`, 2.19)."""
    try:
        value = definition["States"][definition["StartAt"]]["Parameters"]["Parameters"][key]
    except (KeyError, TypeError):
        return None
    return value if isinstance(value, str) else None


def production_token(place: Place) -> str | None:
    """The token under which the flow is deployed, or None."""
    found = read_machine(place, place.deployed)
    return None if found is None else flow_of(found.definition, _MADE_BY_FLOW[1])


def made_by_metaflow(before: Any, definition: Any) -> bool:
    """True if Metaflow deployed the definition `before` for the same flow as `definition` is."""
    flow = flow_of(before)
    return flow is not None and flow == flow_of(definition)


def plan_machine(
    place: Place, properties: dict[str, Any], own_roles: frozenset[str], reminders: dict[str, str]
) -> Planned:
    """`own_roles`: ARNs of roles that this deployment makes. `reminders`: more tags."""
    name = properties["StateMachineName"]
    arn = place.arn("states", f"stateMachine:{name}")
    tags = tag_map(properties["Tags"]) | reminders
    role = properties["RoleArn"]
    again = ROLE_UNKNOWN if role in own_roles else ()
    now: Any = {"definition": properties["Definition"], "role": role}
    logging = _camel_case(properties.get("LoggingConfiguration"))
    found = read_machine(place, name)
    if not logging and name != place.deployed and found is not None and _logs(found):
        logging = {"level": "OFF", "includeExecutionData": False}
    logged = {"loggingConfiguration": logging} if logging else {}
    if logging:
        now["logging"] = logging
    attributes = {"Arn": arn, "Name": name}
    if found is None or found.deleting:
        make = Instruction(
            "stepfunctions",
            "create_state_machine",
            {
                "name": name,
                "definition": JsonText(properties["Definition"]),
                "roleArn": role,
                "type": properties["StateMachineType"],
                "tags": tag_list(tags, "key", "value"),
                **logged,
            },
            name,
            again=(*again, ("StateMachineDeleting", "")),
        )
        return Planned(Step("created", MACHINE, name, (make,), None, now), arn, attributes)
    ours = is_ours(place, found.tags)
    may_adopt = properties["StateMachineType"] == "STANDARD" and made_by_metaflow(
        found.definition, properties["Definition"]
    )
    if not ours and not may_adopt:
        raise refuse(f"the state machine {name}")
    if name == place.deployed:  # else a machine beside it, which goes where this one goes
        refuse_other_project(f"the state machine {name}", found.tags, tags)
    was: Any = {"definition": found.definition, "role": found.role}
    if logging:  # else that of the flow stays as it is: create may have been given --log-execution-history
        was["logging"] = part(found.logging, logging)
    instructions = []
    if was != now:
        arguments = {
            "stateMachineArn": arn,
            "definition": JsonText(properties["Definition"]),
            "roleArn": role,
            **logged,
        }
        instructions.append(Instruction("stepfunctions", "update_state_machine", arguments, name, again=again))
    calls, tags_were, tags_are = retagged(
        found.tags,
        tags,
        lambda missing: Instruction(
            "stepfunctions", "tag_resource", {"resourceArn": arn, "tags": tag_list(missing, "key", "value")}, name
        ),
        lambda stale: Instruction("stepfunctions", "untag_resource", {"resourceArn": arn, "tagKeys": stale}, name),
    )
    instructions += calls
    was, now = was | tags_were, now | tags_are
    verb = "updated" if instructions else "unchanged"
    return Planned(Step(verb, MACHINE, name, tuple(instructions), was, now), arn, attributes)


def _logs(found: Machine) -> bool:
    return bool(found.logging) and found.logging.get("level", "OFF") != "OFF"


def used_definitions(definition: Any) -> Iterator[str]:
    """ARNs of the job definitions that a state machine refers to."""
    if isinstance(definition, dict):
        arn = definition.get("JobDefinition")
        if isinstance(arn, str) and _DEFINITION_ARN.fullmatch(arn):
            yield arn
        for item in definition.values():
            yield from used_definitions(item)
    elif isinstance(definition, list):
        for item in definition:
            yield from used_definitions(item)


def definition_name(arn: str) -> str:
    """The name in a job definition's ARN."""
    found = _DEFINITION_ARN.fullmatch(arn)
    return found[1] if found else arn


# job definitions ----------------------------------------------------------------------------------------------------


def revisions(place: Place, name: str) -> list[dict[str, Any]]:
    """The active revisions of a job definition, newest first."""
    key = f"job definition {name}"
    if key not in place.seen:
        with calling("batch:DescribeJobDefinitions", name):
            pages = place.clients["batch"].get_paginator("describe_job_definitions")
            found = [
                item
                for page in pages.paginate(jobDefinitionName=name, status="ACTIVE")
                for item in page["jobDefinitions"]
            ]
        place.seen[key] = sorted(found, key=lambda item: -int(item["revision"]))
    found_before: list[dict[str, Any]] = place.seen[key]
    return found_before


def plan_job_definition(place: Place, logical: str, properties: dict[str, Any]) -> Planned:
    name = properties["JobDefinitionName"]
    arguments = {
        camel(key): _camel_case(value) if key not in ("Tags", "Parameters") else value
        for key, value in properties.items()
        if key != "ResourceRetentionPolicy"
    }
    found = revisions(place, name)
    was = None
    if found:
        if not is_ours(place, found[0].get("tags", {})):
            raise refuse(f"the job definition {name}")
        was = part(found[0], arguments)
        if covers(found[0], arguments):
            return Planned(Step("unchanged", JOB_DEFINITION, name, (), was, was), found[0]["jobDefinitionArn"])
    register = Instruction("batch", "register_job_definition", arguments, name, logical, "jobDefinitionArn")
    step = Step("updated" if found else "created", JOB_DEFINITION, name, (register,), was, arguments)
    return Planned(step, Result(logical))


_FREE_MAPS = frozenset({"Options", "Limits", "Requests", "Labels", "Annotations"})


def camel(key: str) -> str:
    return key[:1].lower() + key[1:]


def _camel_case(value: Any) -> Any:
    """CloudFormation's spelling back to the API's."""
    if isinstance(value, list):
        return [_camel_case(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {camel(key): dict(item) if key in _FREE_MAPS else _camel_case(item) for key, item in value.items()}
