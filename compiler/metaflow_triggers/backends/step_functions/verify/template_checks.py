"""Checks: what no validator catches in a finished template.

In:   a template as `assemble.template` gives it; upstream's definition.
Out:  diagnostics.

Not here: what cfn-lint, statelint and the closed schemas catch.
Limits: reference of AWS CloudFormation, EventBridge, Step Functions and Batch.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from ....diagnostics import Diagnostic
from ....diagnostics.ours import our_mistakes
from ..compile.lower import FLOW, PATTERN_LIMIT
from ..compile.open_settings import resolve

TEMPLATE_LIMIT = 1_000_000
"""Bytes of a template in S3 (1 MB; the lower reading of it)."""
DEFINITION_LIMIT = 1_048_576
"""Characters of a state machine's definition."""
OVERRIDES_LIMIT = 8_192
"""Characters of all container overrides of a Batch job."""

_JSON_FACTOR = 6
"""JSON has at most so many characters for one of the same value in YAML: `\\u0007` and the like."""

# The longest values of the pseudo parameters; a parameter of ours counts as its longest ARN.
_LONGEST = {"AWS::Partition": "aws-iso-b", "AWS::Region": "ap-southeast-99", "AWS::AccountId": "123456789012"}
_DYNAMIC = "{{resolve:"
_NAME = re.compile(r"[.\-_A-Za-z0-9]{1,64}")
_INPUT_PATH = re.compile(r"\$(\.[A-Za-z0-9_*-]+(\[([0-9]+|\*)\])*)*")

TASK_PARAMETERS = {
    "aws-sdk:sfn:listExecutions": {
        "StateMachineArn",
        "StatusFilter",
        "MaxResults",
        "NextToken",
        "MapRunArn",
        "RedriveFilter",
    },
    "batch:submitJob.sync": {
        "JobDefinition",
        "JobName",
        "JobQueue",
        "ArrayProperties",
        "ContainerOverrides",
        "DependsOn",
        "NodeOverrides",
        "Parameters",
        "PropagateTags",
        "RetryStrategy",
        "SchedulingPriorityOverride",
        "ShareIdentifier",
        "Tags",
        "Timeout",
    },
    "sqs:sendMessage": {
        "QueueUrl",
        "MessageBody",
        "DelaySeconds",
        "MessageAttributes",
        "MessageSystemAttributes",
        "MessageDeduplicationId",
        "MessageGroupId",
    },
    "states:startExecution": {"StateMachineArn", "Name", "Input", "TraceHeader"},
    "aws-sdk:s3:listObjectsV2": {"Bucket", "Prefix", "MaxKeys"},
    "aws-sdk:s3:putObject": {"Bucket", "Key", "Body", "ContentType", "ServerSideEncryption", "SsekmsKeyId"},
    "aws-sdk:dynamodb:transactWriteItems": {"TransactItems", "ClientRequestToken"},
    "dynamodb:getItem": {
        "TableName",
        "Key",
        "AttributesToGet",
        "ConsistentRead",
        "ExpressionAttributeNames",
        "ProjectionExpression",
    },
    "dynamodb:updateItem": {
        "TableName",
        "Key",
        "UpdateExpression",
        "ConditionExpression",
        "ExpressionAttributeNames",
        "ExpressionAttributeValues",
        "ReturnValues",
    },
}
"""What the tasks of our state machines take (botocore's models; a test compares them). Not read from botocore here:
compiling needs no client, and loading its models takes longer than the compilation."""

_PATH = re.compile(r"\$(\$?\.|\[|$)")


def check_workflow(workflow: Any, flow: str) -> list[Diagnostic]:
    """Nulls and container overrides of upstream's definition."""
    text = json.dumps(workflow)  # tells at once that something is nowhere; only else its place is looked for
    has_null = ": null" in text or "[null" in text or ", null" in text
    out = [
        Diagnostic("FT403", f"the definition of `{flow}` holds a null at {pointer}, which CloudFormation refuses")
        for pointer in (nulls(workflow) if has_null else ())
    ]
    out += [
        Diagnostic(
            "FT403",
            f"the definition of `{flow}` has the key `{key}` at {pointer}, a function to CloudFormation",
        )
        for pointer, key in (_function_keys(workflow, "") if '"Ref"' in text or '"Fn::' in text else ())
    ]
    out += dynamic_references(workflow, flow) if _DYNAMIC in text else []
    for name, state in _states(workflow["definition"]):
        overrides = state.get("Parameters", {}).get("ContainerOverrides")
        if overrides is None:
            continue
        size = _characters(overrides)
        if size > OVERRIDES_LIMIT:
            out.append(
                Diagnostic(
                    "FT404",
                    f"command and environment of step `{name}` of `{flow}` have {size} characters; AWS Batch takes "
                    f"{OVERRIDES_LIMIT}",
                    helps=("move long values of @environment into a file, or use --compress-state-machine",),
                )
            )
    return out


def check_template(template: dict[str, Any], text: str, flow: str) -> list[Diagnostic]:
    """Everything of the finished template. `text` is what is written: YAML, of which each line ends."""
    out = [
        Diagnostic("FT403", f"the template of `{flow}` holds a null at {pointer}, which CloudFormation refuses")
        for pointer in (nulls(template) if " null\n" in text else ())
    ]
    text_size = len(text.encode("utf-8"))
    large = _JSON_FACTOR * text_size > DEFINITION_LIMIT
    if text_size > TEMPLATE_LIMIT:
        out.append(
            Diagnostic(
                "FT402",
                f"the template of `{flow}` has {text_size} bytes; CloudFormation takes {TEMPLATE_LIMIT}",
                helps=("split the flow in two, joined by @trigger_on_finish",),
            )
        )
    for logical, resource in template["Resources"].items() if _DYNAMIC in text else ():
        if logical != FLOW and resource["Type"] != "AWS::Batch::JobDefinition":
            out += dynamic_references(resource, flow)
    for logical, resource in template["Resources"].items():
        properties = resource["Properties"]
        if resource["Type"] == "AWS::StepFunctions::StateMachine":
            size = _characters(properties["Definition"]) if large else 0
            if size > DEFINITION_LIMIT:
                out.append(
                    Diagnostic(
                        "FT402",
                        f"the definition {logical} of `{flow}` has {size} characters; AWS Step Functions takes "
                        f"{DEFINITION_LIMIT}",
                        helps=("split the flow in two, joined by @trigger_on_finish",),
                    )
                )
            if logical != FLOW:
                out += our_mistakes(f"{logical} of `{flow}`", definition_mistakes(properties["Definition"]))
        elif resource["Type"] == "AWS::Events::Rule":
            out += our_mistakes(f"{logical} of `{flow}`", rule_mistakes(properties))
        elif resource["Type"] == "AWS::Scheduler::Schedule":
            out += our_mistakes(f"{logical} of `{flow}`", schedule_mistakes(properties))
    return out


def _characters(value: Any) -> int:
    return len(json.dumps(value, separators=(",", ":"), ensure_ascii=False))


def dynamic_references(value: Any, flow: str) -> list[Diagnostic]:
    """Texts in which CloudFormation would put a secret or a parameter of the account."""
    return [
        Diagnostic(
            "FT403",
            f"a text of `{flow}` at {pointer} holds `{_DYNAMIC}`, in whose place CloudFormation would put another",
            helps=("keep the text in a file beside the flow",),
        )
        for pointer, text in _texts(value, "")
        if _DYNAMIC in text
    ]


def _texts(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield pointer, value
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, f"{pointer}/{index}")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(key, f"{pointer}/{key}")
            yield from _texts(item, f"{pointer}/{key}")


def rule_mistakes(properties: dict[str, Any]) -> Iterator[str]:
    """What neither cfn-lint nor the emulators notice about a rule."""
    pattern = resolve(properties["EventPattern"], lambda name: _LONGEST.get(name, "x" * 64), lambda *_: "x" * 64)
    if isinstance(pattern, str):
        try:
            pattern = json.loads(pattern)
        except ValueError:
            yield "has a pattern that is not JSON"
            return
    size = len(json.dumps(pattern, separators=(",", ":"), ensure_ascii=False).encode("utf-8"))
    if size > PATTERN_LIMIT:
        yield f"has a pattern of {size} characters; the quota is {PATTERN_LIMIT}"
    for pointer in _not_lists(pattern, ""):
        yield f"has a pattern with neither a list nor an object with a key at {pointer}"
    if not _NAME.fullmatch(properties["Name"]):
        yield f"has the name {properties['Name']!r}, which EventBridge refuses"
    for target in properties["Targets"]:
        yield from _target_mistakes(target)


def _target_mistakes(target: dict[str, Any]) -> Iterator[str]:
    if "RoleArn" not in target:
        yield "has a target without a role"
    if sum(key in target for key in ("Input", "InputPath", "InputTransformer")) > 1:
        yield "has a target with two kinds of input"
    if "DeadLetterConfig" not in target:
        yield "has a target without a dead-letter queue"
    if not _INPUT_PATH.fullmatch(target.get("InputPath", "$")):
        yield f"has a target with the path {target['InputPath']!r}, which EventBridge refuses"
    if not _is_json(target.get("Input", "{}")):
        yield "has a target whose input is not JSON"
    transformer = target.get("InputTransformer")
    if transformer is not None:
        for key, path in transformer.get("InputPathsMap", {}).items():
            if not _INPUT_PATH.fullmatch(path) or not re.fullmatch(r"(?!aws\.)[A-Za-z0-9_-]{1,256}", key):
                yield f"has a target with the path {key!r}: {path!r}, which EventBridge refuses"
        filled = re.sub(r"<[A-Za-z0-9_.-]+>", "0", transformer.get("InputTemplate", ""))
        if not _is_json(filled):
            yield "has a target whose template does not give JSON"


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _not_lists(pattern: Any, pointer: str) -> Iterator[str]:
    if isinstance(pattern, dict) and pattern:
        for key, item in pattern.items():
            yield from _not_lists(item, f"{pointer}/{key}")
    elif not (isinstance(pattern, list) and pattern):
        yield pointer or "/"


def schedule_mistakes(properties: dict[str, Any]) -> Iterator[str]:
    """What neither cfn-lint nor the emulators notice about a schedule."""
    expression = properties["ScheduleExpression"]
    if expression.startswith("rate("):
        if not re.fullmatch(r"rate\((1 minute|([2-9]|[1-9][0-9]+) minutes)\)", expression):
            yield f"has the expression {expression!r}, which EventBridge Scheduler refuses"
        # What is not started now the next tick starts: nothing is lost.
        yield from _target_mistakes({"DeadLetterConfig": {}, **properties["Target"]})
        return
    if not re.fullmatch(r"cron\(\S+( \S+){5}\)", expression):
        yield f"has the expression {expression!r}, which has not six fields"
    yield from _target_mistakes(properties["Target"])


def definition_mistakes(definition: dict[str, Any]) -> Iterator[str]:
    """Dangling states, paths under keys that do not take them, misspelt parameters, errors that cannot be matched."""
    states = definition["States"]
    reached = {definition["StartAt"]}
    for name, state in states.items():
        nexts = [state.get("Next"), state.get("Default")]
        nexts += [choice.get("Next") for choice in state.get("Choices", [])]
        nexts += [catch.get("Next") for catch in state.get("Catch", [])]
        for target in (item for item in nexts if item is not None):
            reached.add(target)
            if target not in states:
                yield f"goes from {name} to {target}, which is not there"
        for pointer in _unmarked_paths(state.get("Parameters", {}), ""):
            yield f"has a path under a key without `.$` at {name}{pointer}"
        for kind in ("Retry", "Catch"):
            rules = state.get(kind, [])
            for index, rule in enumerate(rules):
                errors = rule["ErrorEquals"]
                if "States.ALL" in errors and (len(errors) > 1 or index < len(rules) - 1):
                    yield f"has States.ALL beside or before other errors in {kind} of {name}"
        if state["Type"] == "Task":
            yield from _task_mistakes(name, state)
    for name in states:
        if name not in reached:
            yield f"never reaches {name}"


def _task_mistakes(name: str, state: dict[str, Any]) -> Iterator[str]:
    resource = resolve(state["Resource"], lambda _: "aws", lambda *_: "")
    action = resource.partition(":states:::")[2]
    allowed = TASK_PARAMETERS.get(action)
    if allowed is None:
        yield f"calls {resource} at {name}, which is no task that we make"
        return
    for key in state.get("Parameters", {}):
        if key.removesuffix(".$") not in allowed:
            yield f"gives {action} the parameter {key!r} at {name}, which it does not have"


def _unmarked_paths(value: Any, pointer: str) -> Iterator[str]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unmarked_paths(item, f"{pointer}/{index}")
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "dependencies":  # the user's words; they may look like a path and are not one
                continue
            if isinstance(item, str) and not key.endswith(".$") and _PATH.match(item):
                yield f"{pointer}/{key}"
            yield from _unmarked_paths(item, f"{pointer}/{key}")


def nulls(value: Any, pointer: str = "") -> Iterator[str]:
    """JSON pointers of every null."""
    if value is None:
        yield pointer or "/"
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from nulls(item, f"{pointer}/{index}")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from nulls(item, f"{pointer}/{key}")


def _function_keys(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _function_keys(item, f"{pointer}/{index}")
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "Ref" or key.startswith("Fn::"):
                yield pointer, key
            yield from _function_keys(item, f"{pointer}/{key}")


def _states(machine: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, state in machine.get("States", {}).items():
        yield name, state
        for branch in state.get("Branches", []):
            yield from _states(branch)
        for key in ("Iterator", "ItemProcessor"):
            if key in state:
                yield from _states(state[key])
