"""Poller: what lets a flow's poll triggers be polled: a job, the machine that submits it, a schedule that asks for it.

In:   a flow, its poll triggers, what upstream made of its start step or None, the settings.
Out:  a `resources.Poller`; the machine's definition; what declarations a template holds.

Not here: what of the start step's job the poller's has (`poller_job`), the resources around (templates), polling
(`polling.aws`). A flow has a poller of its own, because the code that is polled is the flow's.

The machine runs from tick to tick of the schedule and does one thing: where no other execution of it runs, it submits
the job and waits for its end. A new deployment writes its version into the table; the job that polls reads there that
it is no longer wanted, and ends. So a stack and `create` behave alike, and nothing has to be told to anybody.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ....model.flows import Flow, PollTrigger
from ....model.settings import Settings, open_setting
from ....polling.aws import LONG_SECONDS
from ... import declared
from . import names
from .asl import SUCCEED, State, choice, definition, equal, pause, present, retry, task, way
from .encryption import stores_by_key
from .lower import datastore
from .poller_job import of_start_step
from .resources import JOB, MACHINE, TABLE, Poller
from .roles import PARAMETERS, POLLER

WATCHED_MINUTES = 2
"""How often the schedule looks whether a job that is kept is there."""
_HANDOVER_SECONDS = 60
"""A poller looks every 5 seconds whether it is wanted, and lets polls end, which take at most 30."""
_FOR_A_YEAR, _FOR_A_DAY = 31_536_000, 86_400
LARGEST_DECLARED = 200_000
"""Bytes of what is declared: a state has 256 KiB for all that it is given (quota of Step Functions), a row of DynamoDB
400 KB with what else is in it."""
VERSION_VARIABLE = "METAFLOW_TRIGGERS_POLLER_VERSION"
POLLS_VARIABLE = "METAFLOW_TRIGGERS_POLLS"
"""What is declared, by its hash: for other declarations the job definition has another revision, the version."""
_CODE = (
    "import sys; sys.path[:] = filter(None, sys.path); "
    "from metaflow_triggers.polling.aws import serve; serve.main(sys.argv[1:])"
)
_ROW = {"pk": {"S": "poller"}}
_HERE = f"{open_setting('AWS::Region')}:{open_setting('AWS::AccountId')}"


def poller(flow: Flow, polls: Sequence[PollTrigger], workflow: Any, settings: Settings) -> Poller | None:
    """None for a flow that has no poll trigger. Raises DiagnosticError (FT004)."""
    if not polls:
        return None
    deployed = names.own_name(flow, settings)
    in_order = sorted(polls, key=lambda poll: poll.name)
    texts = [declared.declaration(flow, poll, deployed).text() for poll in in_order]
    text = json.dumps(texts, ensure_ascii=False)
    shortest = min(poll.interval_milliseconds for poll in polls)
    once = shortest >= LONG_SECONDS * 1000
    job = None
    if workflow is not None:
        told = [{"name": POLLS_VARIABLE, "value": hashlib.sha256(text.encode("utf-8")).hexdigest()}]
        call = _call(deployed, settings, once=once)
        job = of_start_step(workflow, call, told, open_setting(PARAMETERS[POLLER]))
    return Poller(
        table=names.poll_table_name(deployed),
        machine=names.poller_name(deployed),
        job_name=names.poller_job_name(deployed),
        declared=text,
        once=once,
        minutes=shortest // 60_000 if once else WATCHED_MINUTES,
        job=job,
    )


def _call(deployed: str, settings: Settings, *, once: bool) -> str:
    """What follows the interpreter, as words of a shell; what is open in it is filled in by the template."""
    machine = f"arn:{open_setting('AWS::Partition')}:states:{_HERE}:stateMachine:{deployed}"
    prefix = "" if datastore(settings)[1] == "" else f"/{open_setting('DatastorePrefix')}"
    root = f"s3://{open_setting('DatastoreBucket')}{prefix}"
    given = ["--table", names.poll_table_name(deployed), "--machine", machine]
    if stores_by_key(settings):
        given += ["--encryption", settings.s3_encryption or "aws:kms", "--kms-key", open_setting("KmsKeyArn")]
    elif settings.s3_encryption is not None:
        given += ["--encryption", settings.s3_encryption]
    more = " --once" if once else ""
    # A path may have characters that a shell reads; none of them is a single quote (the parameter's pattern).
    return f"-c {shlex.quote(_CODE)} {shlex.join(given)} --documents '{root}' --version \"${VERSION_VARIABLE}\"{more}"


def poller_definition(made: Poller, flow: str, tags: Mapping[str, str], queue: Any) -> dict[str, Any]:
    """The machine's definition. `tags` are the job's, by which the machine's role may end it and no other one; `queue`
    is where it goes, as CloudFormation has it."""
    version = {"Ref": JOB}
    wanted = "$.poller.Item.wanted.S"
    put = {
        "UpdateExpression": "SET wanted = :wanted, declared = :declared, since = :since",
        "ExpressionAttributeValues": {
            ":wanted": {"S": version},
            ":declared": {"S": made.declared},
            ":since": {"S.$": "$$.Execution.StartTime"},
        },
    }
    running = {"StateMachineArn.$": "$$.StateMachine.Id", "StatusFilter": "RUNNING", "MaxResults": 2}
    states = {
        "Look": task(
            "dynamodb:getItem",
            _in_row(ConsistentRead=True, ProjectionExpression="wanted"),
            "Wanted",
            again=retry(6),
            place="$.poller",
        ),
        "Wanted": choice(way(present(wanted), equal(wanted, version), to="Running"), default="Declare"),
        "Declare": task("dynamodb:updateItem", _in_row(**put), "Replaces", again=retry(6)),
        "Replaces": choice(way(present(wanted), to="Handover"), default="Running"),
        "Handover": pause(_HANDOVER_SECONDS, "Running"),
        "Running": task("aws-sdk:sfn:listExecutions", running, "Others", again=retry(6), place="$.running"),
        "Others": choice(way(present("$.running.Executions[1]"), to="Polled"), default="Poll"),
        "Poll": _poll(made, version, tags, queue),
        "Polled": SUCCEED,
    }
    seconds = _FOR_A_DAY if made.once else _FOR_A_YEAR
    return definition(f"Lets the poll triggers of the flow {flow} be polled", "Look", seconds, states)


def _in_row(**more: Any) -> dict[str, Any]:
    return {"TableName": {"Ref": TABLE}, "Key": _ROW, **more}


def _poll(made: Poller, version: Any, tags: Mapping[str, str], queue: Any) -> State:
    parameters = {
        "JobDefinition": version,
        "JobName": made.machine,
        "JobQueue": queue,
        "ContainerOverrides": {"Environment": [{"Name": VERSION_VARIABLE, "Value": version}]},
        "Tags": dict(tags),
    }
    # A job that fails is not submitted again here: the next tick does that.
    refused = {"ErrorEquals": ["Batch.AWSBatchException"], "IntervalSeconds": 2, "BackoffRate": 2.0, "MaxAttempts": 6}
    return task("batch:submitJob.sync", parameters, "Polled", again=[refused])


def declared_polls(contents: Iterable[Any]) -> list[PollTrigger]:
    """What templates declare, or definitions of machines; files are below the flow's folder. Raises ValueError."""
    return declared.declared(text for content in contents for text in declared_texts(content))


def wanted_version(definition: Any) -> str:
    """The version that the machine of this definition has polled; "" where it says none, or it is open."""
    try:
        values = definition["States"]["Declare"]["Parameters"]["ExpressionAttributeValues"]
        found = values[":wanted"]["S"]
    except (KeyError, TypeError):
        return ""
    return found if isinstance(found, str) else ""


def declared_texts(content: Any) -> list[str]:
    """The declarations of a template, or of the machine's definition; [] where it has none. Raises ValueError."""
    if not isinstance(content, dict):
        return []
    if "Resources" in content:
        machine = content["Resources"].get(MACHINE, {})
        return declared_texts(machine.get("Properties", {}).get("Definition"))
    try:
        values = content["States"]["Declare"]["Parameters"]["ExpressionAttributeValues"]
        found = json.loads(values[":declared"]["S"])
    except (KeyError, TypeError):
        return []
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise ValueError("what the machine declares is no list of declarations")
    return found
