"""Actions: what starter and correlator ask of services alike.

In:   `Around`, where a state leads.
Out:  states, the keys of what they store, the names of runs.

Not here: what else a machine does (`starter`, `correlator`), what an object is encrypted with (`encryption`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from .asl import State, catch, choice, present, retry, task, way

MACHINE_ARN = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:stateMachine:"

DOCUMENT = "sfn-{}.json"
"""The file of a run's trigger document."""

_BUCKET = {"Ref": "DatastoreBucket"}
_ALREADY_STARTED = [
    "StepFunctions.ExecutionAlreadyExistsException",
    "StepFunctions.ExecutionAlreadyExists",
    "Sfn.ExecutionAlreadyExistsException",
    "Sfn.ExecutionAlreadyExists",
    "ExecutionAlreadyExists",
]
"""Every spelling of "this key has started a run": AWS's, and those of emulators."""


@dataclass(frozen=True)
class Around:
    """What the machines of a flow share. `folder` is below the datastore's bucket, and refers to parameters if
    `prefixed`; `encryption` are fields of putObject. `shared`: the queue may be other flows', too."""

    flow: str
    deployed: str
    folder: str
    prefixed: bool
    queue_url: Any
    shared: bool
    encryption: dict[str, Any]


def key(around: Around, file: str, value: str) -> Any:
    """The key of a file of the flow's; `file` has a `{}` for the value."""
    text = f"States.Format('{around.folder}{file}', {value})"
    return {"Fn::Sub": text} if around.prefixed else text


def run_name(text: str) -> str:
    """The name of a run, by an expression for the text that tells it from all others."""
    return f"States.Format('event-{{}}', States.Hash({text}, 'SHA-256'))"


def run_of(deployed: str, *keys: str) -> str:
    """What `run_name` comes to for the run that an event starts, by its key, or a set, by its marks in order."""
    return f"event-{hashlib.sha256(' '.join((deployed, *keys)).encode('utf-8')).hexdigest()}"


def uri(around: Around, file: str, value: str) -> Any:
    return {"Fn::Sub": f"States.Format('s3://${{DatastoreBucket}}/{around.folder}{file}', {value})"}


def keep(around: Around, body: dict[str, Any], to: str) -> State:
    """Send what is not done to the dead-letter queue; in one that flows may share it says whose it is."""
    body = body | ({"deployed": around.deployed} if around.shared else {})
    return task("sqs:sendMessage", {"QueueUrl": around.queue_url, "MessageBody": body}, to, again=retry(5))


def ask_stored(at: Any, *, present_to: str, absent_to: str, failed: str) -> dict[str, State]:
    """What is there already stays: a run may read it. Only an answer counts: whoever may not ask, or gets none, does
    not store. A list, since it says "not there" by itself, where HeadObject has an error of one of several spellings.
    """
    asked = {"Bucket": _BUCKET, "Prefix.$": at, "MaxKeys": 1}
    answer = task("aws-sdk:s3:listObjectsV2", asked, "WasStored", catch(failed), again=retry(5), place="$.found")
    return {
        "IsStored": answer,
        "WasStored": choice(way(present("$.found.Contents[0]"), to=present_to), default=absent_to),
    }


def store(around: Around, at: Any, body: dict[str, Any], to: str, *, failed: str, attempts: int) -> State:
    """Write a file into the datastore. `body` is the parameter with its content."""
    parameters = {"Bucket": _BUCKET, "Key.$": at, "ContentType": "application/json", **around.encryption, **body}
    return task("aws-sdk:s3:putObject", parameters, to, catch(failed), again=retry(attempts))


def start(around: Around, run: str, to: str, *, failed: str) -> State:
    """Start the flow as the run that `run` names; one of this name, whoever started it, is as good."""
    parameters = {
        "StateMachineArn": {"Fn::Sub": MACHINE_ARN + around.deployed},
        "Name.$": run,
        "Input": {"Parameters": "{}", "MetaflowTrigger": {"uri.$": uri(around, DOCUMENT, run)}},
    }
    catches = (catch(to, _ALREADY_STARTED, "$.discarded"), catch(failed))
    return task("states:startExecution", parameters, to, *catches, again=retry(6, _ALREADY_STARTED))
