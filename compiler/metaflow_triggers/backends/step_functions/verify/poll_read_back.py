"""Poll read-back: what a template's poller says, held against the poll triggers that start the flow.

In:   the properties of a template's resources, the flow, its poll triggers, the settings.
Out:  texts: each thing that the one says and the other does not; the rights that its roles need.

Not here: the other resources (`read_back`), the order of the machine's states (`schemas/step_functions`). Worked out
from the model and the settings alone, not from `compile.poller`.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterator, Sequence
from typing import Any

from ....model.facts import needs_value
from ....model.flows import Flow, PollTrigger
from ....model.settings import Settings
from ..compile import names
from ..compile.sources import TASKS, machine_sources

JOB, MACHINE, TABLE, WATCHDOG = "PollerJob", "PollMachine", "PollTable", "PollSchedule"
_ROLES = {"PollerRole": "poller_role", "PollMachineRole": "poll_machine_role"}
_WHOLE = (JOB, MACHINE, WATCHDOG)
_OF_A_RUN = {"RUN_ID", "STEP_NAME", "PARAMETERS", "DEFAULT_PARAMETERS", "PRODUCTION_TOKEN", "TEMPDIR"}
_OWN_VARIABLES = {"METAFLOW_TRIGGERS_POLLS"}
_SMALL = {True: [("VCPU", "0.25"), ("MEMORY", "512")], False: [("VCPU", "1"), ("MEMORY", "512")]}
_HERE = "${AWS::Region}:${AWS::AccountId}:"
_FLOW_MACHINE = f"arn:${{AWS::Partition}}:states:{_HERE}stateMachine:"


def poll_differences(
    given: dict[str, Any], flow: Flow, settings: Settings, polls: Sequence[PollTrigger]
) -> Iterator[str]:
    """What the poller's resources say and the triggers do not mean, and the other way round."""
    there = {name for name in given if name.startswith("Poll")}
    wanted = {TABLE} if polls else set()
    wanted |= {*_WHOLE, "PollMachineRole"} if polls and "StateMachine" in given else set()
    wanted |= {"PollerRole"} if polls else set()
    wanted -= {name for name, field in _ROLES.items() if getattr(settings, field) is not None}
    if there != wanted:
        yield f"has the poller's {sorted(there)}, where {sorted(wanted)} are meant"
        return
    if not polls:
        return
    deployed = names.own_name(flow, settings)
    for logical, key, name in (
        (TABLE, "TableName", names.poll_table_name(deployed)),
        (MACHINE, "StateMachineName", names.poller_name(deployed)),
        (JOB, "JobDefinitionName", names.poller_job_name(deployed)),
    ):
        if logical in given and given[logical][key] != name:
            yield f"calls {logical} {given[logical][key]!r}, not {name!r}"
    if JOB not in given:
        return
    once = all(poll.interval_milliseconds >= 900_000 for poll in polls)
    yield from _declared(given, flow, deployed, polls)
    yield from _timely(given[WATCHDOG], polls, once=once)
    yield from _submitted(given, deployed, settings)
    yield from _called(_text(given[JOB]["ContainerProperties"]["Command"][-1]), deployed, settings, once=once)
    yield from _as_the_start_step(given, settings)


def _declared(given: dict[str, Any], flow: Flow, deployed: str, polls: Sequence[PollTrigger]) -> Iterator[str]:
    values = given[MACHINE]["Definition"]["States"]["Declare"]["Parameters"]["ExpressionAttributeValues"]
    text = values[":declared"]["S"]
    said = {item["name"]: item for item in map(json.loads, json.loads(text))}
    if sorted(said) != sorted(poll.name for poll in polls):
        yield f"declares {sorted(said)}"
        return
    needed = [item.name for item in flow.parameters if needs_value(item)]
    for poll in polls:
        found = said[poll.name]
        meant = {
            "workflow": flow.name,
            "template": deployed,
            "poll_interval": poll.interval,
            "poll_interval_ms": poll.interval_milliseconds,
            "allow_concurrent": poll.allow_concurrent,
            "dedup": poll.dedup,
            "dedup_keys": None if poll.dedup_keys is None else list(poll.dedup_keys),
        }
        for key, value in meant.items():
            if found[key] != value:
                yield f"declares {poll.name} with {key}={found[key]!r}, where {value!r} is meant"
        asked = [item[0] for item in found["parameters"] if item[2] and not item[3] and not item[4]]
        if asked != needed:
            yield f"declares that {poll.name} has to give {asked}, where {needed} are needed"
        if not poll.file.endswith(found["file"]):
            yield f"declares {poll.name} in the file {found['file']!r}, which is not {poll.file!r}"
    told = {item["Name"]: item["Value"] for item in given[JOB]["ContainerProperties"]["Environment"]}
    if told.get("METAFLOW_TRIGGERS_POLLS") != hashlib.sha256(text.encode("utf-8")).hexdigest():
        yield "would keep the poller of other declarations"


def _timely(schedule: dict[str, Any], polls: Sequence[PollTrigger], *, once: bool) -> Iterator[str]:
    minutes = min(poll.interval_milliseconds for poll in polls) // 60_000 if once else 2
    meant = f"rate({minutes} minute{'' if minutes == 1 else 's'})"
    if schedule["ScheduleExpression"] != meant:
        yield f"looks after the poller at {schedule['ScheduleExpression']!r}, not at {meant!r}"
    if schedule["Target"]["Arn"] != {"Fn::GetAtt": [MACHINE, "Arn"]}:
        yield "has a schedule for polls that starts something else"


def _submitted(given: dict[str, Any], deployed: str, settings: Settings) -> Iterator[str]:
    """The version is the job definition's revision wherever it stands; the job goes where the start step's go."""
    machine = given[MACHINE]
    states = machine["Definition"]["States"]
    poll, declare = states["Poll"]["Parameters"], states["Declare"]["Parameters"]
    version = {"Ref": JOB}
    places = [
        poll["JobDefinition"],
        declare["ExpressionAttributeValues"][":wanted"]["S"],
        states["Wanted"]["Choices"][0]["And"][1]["StringEquals"],
    ]
    if any(place != version for place in places):
        yield "submits, wants or looks for another version than the job definition that it makes"
    if poll["ContainerOverrides"] != {"Environment": [{"Name": "METAFLOW_TRIGGERS_POLLER_VERSION", "Value": version}]}:
        yield "tells the poller another version, or more than that"
    if poll["Tags"] != {"metaflow-triggers/deployed-name": deployed}:
        yield f"submits the poller with the tags {poll['Tags']}"
    start = _start(given)
    if poll["JobQueue"] != start["JobQueue"]:
        yield f"submits the poller to {poll['JobQueue']!r}, where the start step's jobs go to {start['JobQueue']!r}"
    if declare["ExpressionAttributeValues"][":since"] != {"S.$": "$$.Execution.StartTime"}:
        yield "does not say since when the version is wanted"
    if any(states[name]["Parameters"]["TableName"] != {"Ref": TABLE} for name in ("Look", "Declare")):
        yield "looks after the poller in another table"
    if machine["RoleArn"] != _role("PollMachineRole", settings):
        yield f"lets {MACHINE} act with another role"
    if given[JOB]["ContainerProperties"]["JobRoleArn"] != _role("PollerRole", settings):
        yield "lets the poller act with another role"


def _called(command: str, deployed: str, settings: Settings, *, once: bool) -> Iterator[str]:
    head, found, _ = command.rpartition(" && exec ")
    if not found or "mflog 'Downloading code package...'" not in head:
        yield "polls before the code is there"
        return
    words_ = shlex.split(command[len(head) + len(" && ") :])
    given = words_[words_.index("--table") :]
    meant = ["--table", names.poll_table_name(deployed), "--machine", _FLOW_MACHINE + deployed]
    method = settings.s3_encryption
    if settings.kms_key is not None and method != "AES256":
        meant += ["--encryption", method or "aws:kms", "--kms-key", "${KmsKeyArn}"]
    elif method:
        meant += ["--encryption", method]
    root = f"s3://${{DatastoreBucket}}/{_prefix(settings)}".rstrip("/")
    meant += ["--documents", root, "--version", "$METAFLOW_TRIGGERS_POLLER_VERSION"]
    if given != meant + (["--once"] if once else []):
        yield f"calls the poller with {given}, not with {meant}"


def _as_the_start_step(given: dict[str, Any], settings: Settings) -> Iterator[str]:
    """What lets a job start and read its code, held against the step's own."""
    start = _start(given)
    step, own = given[start["JobDefinition"]["Ref"]], given[JOB]
    for key in ("PlatformCapabilities", "PropagateTags", "Type"):
        if own.get(key) != step.get(key):
            yield f"has a poller with {key}={own.get(key)!r}, where the start step's job has {step.get(key)!r}"
    container, of_step = own["ContainerProperties"], step["ContainerProperties"]
    same = {*container, *of_step} - {"Command", "Environment", "JobRoleArn", "LinuxParameters", "ResourceRequirements"}
    for key in sorted(same):
        if container.get(key) != of_step.get(key):
            yield f"has a poller whose container has another {key} than the start step's"
    small = [(item["Type"], item["Value"]) for item in container["ResourceRequirements"]]
    if small != _SMALL["FARGATE" in own.get("PlatformCapabilities", ())]:
        yield f"has a poller that holds {small}"
    if own["RetryStrategy"]["EvaluateOnExit"][-1] != {"OnReason": "*", "Action": "exit"}:
        yield "has a poller that Batch begins again whatever has ended it"
    told = {item["Name"]: item.get("Value") for item in container["Environment"]}
    meant = {item["Name"]: item.get("Value") for item in of_step.get("Environment", [])}
    meant |= {item["Name"]: item.get("Value") for item in start["ContainerOverrides"]["Environment"]}
    meant = {name: value for name, value in meant.items() if name.removeprefix("METAFLOW_") not in _OF_A_RUN}
    if {name: value for name, value in told.items() if name not in _OWN_VARIABLES} != meant:
        yield f"has a poller with another environment than the start step: {sorted(told.keys() ^ meant.keys())}"


def _start(given: dict[str, Any]) -> Any:
    definition = given["StateMachine"]["Definition"]
    return definition["States"][definition["StartAt"]]["Parameters"]


def _role(logical: str, settings: Settings) -> dict[str, Any]:
    made = getattr(settings, _ROLES[logical]) is None
    return {"Fn::GetAtt": [logical, "Arn"]} if made else {"Ref": f"{logical}Arn"}


def _prefix(settings: Settings) -> str:
    root = settings.datastore_s3
    return "${DatastorePrefix}/" if root is None or root.removeprefix("s3://").partition("/")[2].strip("/") else ""


def _text(value: Any) -> str:
    """Text with its functions as they are written; an escaped `${!X}` as what it stands for."""
    if isinstance(value, dict):
        ((key, argument),) = value.items()
        if key == "Fn::Join":
            return "".join(map(_text, argument[1]))
        value = argument if isinstance(argument, str) else argument[0]
        return f"${{{value}}}" if key == "Ref" else str(value).replace("${!", "${")
    return str(value)


Needed = dict[str, tuple[str, tuple[str, ...], list[tuple[str, str, str]]]]
"""Role -> (service that takes it, on whose behalf, (action, on what, on which condition))."""


def poll_rights(given: dict[str, Any], flow: Flow, settings: Settings, folder: str) -> Needed:
    """What polling does. `folder` is where the flow's documents are."""
    deployed = names.own_name(flow, settings)
    bucket, states = "arn:${AWS::Partition}:s3:::${DatastoreBucket}/", f"arn:${{AWS::Partition}}:states:{_HERE}"
    batch = f"arn:${{AWS::Partition}}:batch:{_HERE}"
    root = _prefix(settings)
    job = [
        ("s3:GetObject", f"{bucket}{root}{flow.name}/data/*", ""),
        ("s3:PutObject", f"{bucket}{folder}*", ""),
        *((f"dynamodb:{verb}", TABLE, "") for verb in ("GetItem", "UpdateItem")),
        ("states:StartExecution", f"{states}stateMachine:{deployed}", ""),
        ("states:DescribeExecution", f"{states}execution:{deployed}:*", ""),
        *_key(settings, stores=True),
    ]
    needed: Needed = {}
    if JOB in given:
        if "metaflow.plugins.pypi.bootstrap" in _text(given[JOB]["ContainerProperties"]["Command"][-1]):
            job.append(("s3:GetObject", f"{bucket}{root}conda/*", ""))
        machine = names.poller_name(deployed)
        rule = f"arn:${{AWS::Partition}}:events:{_HERE}rule/StepFunctionsGetEventsForBatchJobsRule"
        submits = [
            *((f"dynamodb:{verb}Item", TABLE, "") for verb in ("Get", "Update")),
            ("states:ListExecutions", f"{states}stateMachine:{machine}", ""),
            *(("batch:SubmitJob", place, "") for place in _submitted_to(given, deployed, settings)),
            ("batch:DescribeJobs", "*", ""),
            ("batch:TagResource", f"{batch}job/*", _tagged("Request", deployed)),
            ("batch:TerminateJob", f"{batch}job/*", _tagged("Resource", deployed)),
            *((f"events:{verb}", rule, "") for verb in ("DescribeRule", "PutRule", "PutTargets")),
            *_key(settings, stores=False),
        ]
        needed["PollMachineRole"] = ("states", machine_sources([machine]), submits)
    needed["PollerRole"] = ("ecs-tasks", TASKS, job)
    return needed


def _tagged(what: str, deployed: str) -> str:
    only = {"StringEquals": {f"aws:{what}Tag/metaflow-triggers/deployed-name": deployed}}
    return json.dumps(only, sort_keys=True, ensure_ascii=False)


def _submitted_to(given: dict[str, Any], deployed: str, settings: Settings) -> Iterator[str]:
    batch = f"arn:${{AWS::Partition}}:batch:{_HERE}"
    queue = given[MACHINE]["Definition"]["States"]["Poll"]["Parameters"]["JobQueue"]
    if isinstance(queue, str):
        yield queue if queue.startswith("arn:") else f"{batch}job-queue/{queue}"
    elif (settings.batch_job_queue or "").startswith("arn:"):
        yield str(queue["Ref"])
    else:
        yield f"{batch}job-queue/${{{queue['Ref']}}}"
    yield f"{batch}job-definition/{names.poller_job_name(deployed)}:*"
    yield f"{batch}job/*"


def _key(settings: Settings, *, stores: bool) -> list[tuple[str, str, str]]:
    if settings.kms_key is None:
        return []
    services = ["s3", "dynamodb"] if stores and settings.s3_encryption != "AES256" else ["dynamodb"]
    via = [{"Fn::Sub": f"{service}.${{AWS::Region}}.amazonaws.com"} for service in services]
    only = json.dumps({"StringEquals": {"kms:ViaService": via}}, sort_keys=True, ensure_ascii=False)
    return [(f"kms:{verb}", "KmsKeyArn", only) for verb in ("Decrypt", "GenerateDataKey")]
