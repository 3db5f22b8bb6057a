"""Machines: the starter, and the correlator of a set; what of their states is the same in every flow."""

from __future__ import annotations

from calendar import timegm
from typing import Any

from ..notation import Schema, a, any_of, closed, some, text
from .asl import SUCCEED, caught, choose, choose_any, fail, has, put, task, tried, wait, when
from .values import BUCKET, KEY, LOG_GROUP, MACHINE_NAME, QUEUE_URL, REF, SUB, TAGS, TEXT, attribute, resource

_already = [
    "StepFunctions.ExecutionAlreadyExistsException",
    "StepFunctions.ExecutionAlreadyExists",
    "Sfn.ExecutionAlreadyExistsException",
    "Sfn.ExecutionAlreadyExists",
    "ExecutionAlreadyExists",
]
_cancelled = [f"{service}.TransactionCanceledException" for service in ("DynamoDb", "DynamoDB")]
_unmet = [f"{service}.ConditionalCheckFailedException" for service in ("DynamoDB", "DynamoDb")]
_five = tried(5)


def _machine(kind: str, roles: list[Any], seconds: Any, start: Any, states: dict[str, Any]) -> Schema:
    log = [{"CloudWatchLogsLogGroup": {"LogGroupArn": LOG_GROUP}}]
    return resource(
        "AWS::StepFunctions::StateMachine",
        {
            "StateMachineName": MACHINE_NAME,
            "StateMachineType": kind,
            "RoleArn": any_of(*roles),
            "Tags": TAGS,
            "LoggingConfiguration?": {"Level": "ERROR", "IncludeExecutionData": False, "Destinations": log},
            "Definition": {
                "Comment": text(),
                "QueryLanguage": "JSONPath",
                "StartAt": start,
                "TimeoutSeconds": seconds,
                "States": states,
            },
        },
    )


def _keep(body: dict[str, Any], then: str) -> dict[str, Any]:
    body = {**body, "deployed?": MACHINE_NAME}
    return task("sqs:sendMessage", {"QueueUrl": QUEUE_URL, "MessageBody": body}, then, retry=_five)


def _store(body: dict[str, Any], then: str, failed: str, retry: Any = None) -> dict[str, Any]:
    parameters = {
        "Bucket": BUCKET,
        "Key.$": TEXT,
        "ContentType": "application/json",
        **body,
        "ServerSideEncryption?": any_of("AES256", "aws:kms", "aws:kms:dsse"),
        "SsekmsKeyId?": KEY,
    }
    with_its_kind = closed(parameters, dependentRequired={"SsekmsKeyId": ["ServerSideEncryption"]})
    return task("aws-sdk:s3:putObject", with_its_kind, then, caught(failed), retry=retry)


def _asked(there: str, not_there: str, failed: str) -> dict[str, Any]:
    """Whether an object is in the datastore."""
    asked = {"Bucket": BUCKET, "Prefix.$": TEXT, "MaxKeys": 1}
    answered = has("$.found.Contents[0]")
    return {
        "IsStored": task("aws-sdk:s3:listObjectsV2", asked, "WasStored", caught(failed), retry=_five, place="$.found"),
        "WasStored": choose(when(answered, then=there), otherwise=not_there),
    }


def _start(run: str, then: str, failed: str) -> dict[str, Any]:
    parameters = {
        "StateMachineArn": SUB,
        "Name.$": run,
        "Input": {"Parameters": "{}", "MetaflowTrigger": {"uri.$": SUB}},
    }
    catches = (caught(then, _already, "$.discarded"), caught(failed))
    return task("states:startExecution", parameters, then, *catches, retry=tried(6, _already))


def _arrival(after: str) -> dict[str, Any]:
    """What both do with an event: know it by its key, filter it, look for its required fields."""
    key = any_of(after, "Require", "ErrorText")
    first = "$.resources[0]"
    ours = when(has(first), has(first, "StringMatches", "metaflow-triggers:event/*"), then="TakeEventId")
    outcome = when(has("$.source", "StringEquals", "aws.states"), has("$.detail.executionArn"), then="TakeOutcome")
    outcome_key = "States.Format('{}/{}', $.detail.executionArn, $.detail.status)"
    return {
        "Identify": any_of(*(choose(*ways, otherwise="TakeTransportId") for ways in ([ours, outcome], [ours]))),
        "TakeOutcome?": put({"event.$": "$", "key.$": outcome_key}, key),
        "TakeTransportId": put({"event.$": "$", "key.$": "$.id"}, key),
        "Filter?": choose_any(any_of(after, "Require")),
        "Excluded?": SUCCEED,
        "Require?": choose_any(after),
        "^Missing[0-9]+$": a("missing"),
        "Refuse?": _keep({"reason.$": "$.reason", "event.$": "$.event"}, "Refused"),
        "Refused?": SUCCEED,
    }


_take_id = {"event.$": "$", "id.$": "$.resources[0]"}
_take_name = put({"event.$": "$.event", "id.$": "$.id", "name.$": "$.event['detail-type']"}, "NameAndId")


def _name_and_id(after: str) -> dict[str, Any]:
    key = "States.Format('{} {}', $.name, $.id)"
    return put({"event.$": "$.event", "key.$": key}, any_of(after, "Require", "ErrorText"))


def _error_text() -> dict[str, Any]:
    """An outcome's error and cause as one text."""
    error, cause = "$.event.detail.error", "$.event.detail.cause"

    def is_text(variable: str) -> dict[str, Any]:
        not_empty = {"Not": has(variable, "StringEquals", "")}
        return {"And": [has(variable), has(variable, "IsString"), not_empty]}

    def text_of(value: str) -> dict[str, Any]:
        return put({"text.$": value}, "Filter", "$.error")

    return {
        "ErrorText?": choose(
            when(is_text(error), is_text(cause), then="ErrorAndCause"),
            when(is_text(error), then="OnlyError"),
            when(is_text(cause), then="OnlyCause"),
            otherwise="NoError",
        ),
        "ErrorAndCause?": text_of(f"States.Format('{{}}: {{}}', {error}, {cause})"),
        "OnlyError?": text_of(error),
        "OnlyCause?": text_of(cause),
        "NoError?": put({"text": ""}, "Filter", "$.error"),
    }


def _starter() -> dict[str, Any]:
    document = {
        "version": 1,
        "dependencies": a("dependencies"),
        "events": [{"transport": "eventbridge", "event.$": "$.event"}],
    }
    return {
        **_arrival("Name"),
        "TakeEventId": put(_take_id, "TakeEventName"),
        "TakeEventName": _take_name,
        "NameAndId": _name_and_id("Name"),
        **_error_text(),
        "Name": put({"event.$": "$.event", "run.$": text()}, "IsStored"),
        **_asked("Start", "Store", failed="Keep"),
        "Store": _store({"Body": document}, "Start", failed="Keep", retry=_five),
        "Start": _start("$.run", "Started", failed="Keep"),
        "Started": {"Type": "Pass", "Parameters": {"run.$": "$.run"}, "End": True},
        "Keep": _keep({"failure.$": "$.failure", "event.$": "$.event"}, "NotStarted"),
        "NotStarted": fail("NotStarted", "The event did not start the flow; it is in the dead-letter queue"),
    }


_table, _row, _attribute = {"Ref": "SetTable"}, {"pk": {"S": text()}}, {"S.$": text()}
_seen = {"pk": {"S.$": "States.Format('seen-{}', $.mark)"}}


def _read(then: str, place: str) -> dict[str, Any]:
    asked = {"TableName": _table, "Key": _row, "ConsistentRead": True, "ProjectionExpression": text()}
    return task("dynamodb:getItem", asked, then, caught("Keep"), place=place)


def _look(then: str, place: str) -> dict[str, Any]:
    asked = {"TableName": REF, "Key": _row, "ConsistentRead": True, "ProjectionExpression": text()}
    return task(SUB, asked, then, retry=a("retry"), place=place) | {"Catch": a("catch")}


def _update(then: str, unmet: str, **more: Any) -> dict[str, Any]:
    told = {"TableName": _table, "Key": _row, "UpdateExpression": text(), "ConditionExpression": text(), **more}
    catches = (caught(unmet, _unmet, "$.discarded"), caught("Keep"))
    return task("dynamodb:updateItem", told, then, *catches, retry=tried(6, _unmet))


def _record() -> dict[str, Any]:
    """An event is marked as seen and put into its set in one."""
    mark = {
        "TableName": REF,
        "Item": {"pk": _attribute, "expires": {"N.$": text()}},
        "ConditionExpression": text(),
    }
    add = {
        "TableName": REF,
        "Key": _row,
        "UpdateExpression": text(),
        "ExpressionAttributeNames": {"#slot.$": text()},
        "ExpressionAttributeValues": any_of(
            {":none": {"L": []}, ":event": {"L": some(_attribute, 1, 1)}}, {":event": _attribute}
        ),
    }
    both = {"TransactItems": some(any_of({"Put": mark}, {"Update": add}), 2, 2)}
    catches = (caught("Seen", _cancelled), caught("Keep"))
    return task("aws-sdk:dynamodb:transactWriteItems", both, "Claim", *catches, retry=tried(6, _cancelled))


def _refer() -> dict[str, Any]:
    """The mark is kept to the end of the next year: the list has its seconds for each year from 2026 to 2099."""
    ends = ", ".join(f"'{timegm((year + 2, 1, 1, 0, 0, 0))}'" for year in range(2026, 2100))
    now = "States.Format('{}', $$.State.EnteredTime)"
    year = f"States.StringToJson(States.ArrayGetItem(States.StringSplit({now}, '-'), 0))"
    return {
        "mark.$": "$.mark",
        "slot.$": "$.slot",
        "expires.$": f"States.ArrayGetItem(States.Array({ends}), States.MathAdd({year}, -2026))",
        "conflicts": {"count": 0, "wait": 1},
        "pause": {"seconds": 0},
    }


def _reference(uri: Schema, at_least: int, at_most: int | None = None) -> Schema:
    return some({"transport": "eventbridge", "uri.$": uri}, at_least, at_most)


def _correlator() -> dict[str, Any]:
    take_key = {"event.$": "$", "key.$": "$.resources[0]"}
    document = {"version": 1, "dependencies": a("dependencies"), "events.$": "$.set.events"}
    count = {"count.$": "States.MathAdd($.conflicts.count, 1)", "wait.$": "States.MathRandom(1, 8)"}
    return {
        "What?": choose(when(has("$.reset"), then="Reset"), otherwise="Identify"),
        "Reset?": task(
            "dynamodb:updateItem", {"TableName": _table, "Key": _row, "UpdateExpression": text()}, "Forgotten"
        ),
        "Forgotten?": SUCCEED,
        **_arrival("Slot"),
        "TakeEventId": put(any_of(take_key, _take_id), any_of("Slot", "Require", "ErrorText", "TakeEventName")),
        "TakeEventName?": _take_name,
        "NameAndId?": _name_and_id("Slot"),
        "ErrorText?": a("choice"),
        **dict.fromkeys(("ErrorAndCause?", "OnlyError?", "OnlyCause?"), put({"text.$": text()}, "Filter", "$.error")),
        "NoError?": put({"text": ""}, "Filter", "$.error"),
        "Slot": choose_any("NoSlot"),
        "^Slot[0-9]+$": {"Type": "Pass", "Result": text("^slot_[0-9]+$"), "ResultPath": "$.slot", "Next": "Mark"},
        "NoSlot": fail("NoSlot", "The event belongs to no dependency of the flow"),
        "Mark": put({"event.$": "$.event", "slot.$": "$.slot", "mark.$": text()}, "IsStored"),
        **_asked("Refer", "StoreEvent", failed="KeepEvent"),
        "StoreEvent": _store({"Body.$": "$.event"}, "Refer", failed="KeepEvent"),
        "Refer": put(_refer(), "Record"),
        "Record": _record(),
        "Seen": task(
            "dynamodb:getItem",
            {"TableName": _table, "Key": _seen, "ConsistentRead": True, "ProjectionExpression": "pk"},
            "IsSeen",
            caught("Keep"),
            place="$.seen",
        ),
        "IsSeen": choose(
            when(has("$.seen.Item.pk"), then="Claim"),
            when(has("$.conflicts.count", "NumericGreaterThan", 30), then="Keep"),
            otherwise="Conflict",
        ),
        "Conflict": put(count, "LetPass", "$.conflicts"),
        "LetPass": wait("$.conflicts.wait", "Record"),
        "Claim": _update("Read", unmet="Look"),
        "Look": _look("IsOpen", "$.row"),
        "IsOpen": a("choice"),
        "Pause": put({"seconds.$": text()}, "LetFinish", "$.pause"),
        "LetFinish": wait("$.pause.seconds", "LookAgain"),
        "LookAgain": _look("IsStuck", "$.later"),
        "IsStuck": a("choice"),
        "GetsOn": {"Type": "Pass", "InputPath": "$.later", "ResultPath": "$.row", "Next": "Pause"},
        "Read": _read("IsWhole", "$.row"),
        "IsWhole": choose(when(has("$.row.Item.claim_0"), then="Name"), otherwise="Waiting"),
        "Waiting": SUCCEED,
        "Name": put({"run.$": text(), "events": _reference(SUB, 2)}, "Store", "$.set"),
        "Store": _store({"Body": document}, "Start", failed="KeepSet"),
        "Start": _start("$.set.run", "Release", failed="KeepSet"),
        "KeepSet": _keep({"failure.$": "$.failure", "events.$": "$.set.events"}, "Release"),
        "Release": _update(
            "Claim", unmet="Claim", ExpressionAttributeValues=closed({"^:claim_[0-9]+$": _attribute}, minProperties=2)
        ),
        "Keep": _keep({"failure.$": "$.failure", "events": _reference(SUB, 1, 1)}, "NotGathered"),
        "KeepEvent": _keep({"failure.$": "$.failure", "event.$": "$.event"}, "NotGathered"),
        "NotGathered": fail("NotGathered", "The event could not be added to its set; it is in the dead-letter queue"),
    }


def _poll_machine() -> dict[str, Any]:
    """Declare what is wanted, and submit the job that polls unless one is there."""
    row = {"TableName": {"Ref": "PollTable"}, "Key": {"pk": {"S": "poller"}}}
    version = {"Ref": "PollerJob"}
    wanted = "$.poller.Item.wanted.S"
    declared = {
        **row,
        "UpdateExpression": "SET wanted = :wanted, declared = :declared, since = :since",
        "ExpressionAttributeValues": {
            ":wanted": {"S": version},
            ":declared": {"S": text("^\\[")},
            ":since": {"S.$": "$$.Execution.StartTime"},
        },
    }
    running = {"StateMachineArn.$": "$$.StateMachine.Id", "StatusFilter": "RUNNING", "MaxResults": 2}
    submitted = {
        "JobDefinition": version,
        "JobName": text("^[A-Za-z0-9_-]{1,128}$"),
        "JobQueue": any_of(REF, text(at_least=1)),
        "ContainerOverrides": {"Environment": [{"Name": "METAFLOW_TRIGGERS_POLLER_VERSION", "Value": version}]},
        "Tags": {"metaflow-triggers/deployed-name": text(at_least=1)},
    }
    busy = {"ErrorEquals": ["Batch.AWSBatchException"], "IntervalSeconds": 2, "BackoffRate": 2.0, "MaxAttempts": 6}
    asked = {**row, "ConsistentRead": True, "ProjectionExpression": "wanted"}
    return {
        "Look": task("dynamodb:getItem", asked, "Wanted", place="$.poller"),
        "Wanted": choose(when(has(wanted), has(wanted, "StringEquals", version), then="Running"), otherwise="Declare"),
        "Declare": task("dynamodb:updateItem", declared, "Replaces"),
        "Replaces": choose(when(has(wanted), then="Handover"), otherwise="Running"),
        "Handover": {"Type": "Wait", "Seconds": 60, "Next": "Running"},
        "Running": task("aws-sdk:sfn:listExecutions", running, "Others", place="$.running"),
        "Others": choose(when(has("$.running.Executions[1]"), then="Polled"), otherwise="Poll"),
        "Poll": task("batch:submitJob.sync", submitted, "Polled", retry=[busy]),
        "Polled": SUCCEED,
    }


MACHINES: dict[str, Any] = {
    "pollMachine": _machine(
        "STANDARD",
        [*attribute("PollMachineRole"), {"Ref": "PollMachineRoleArn"}],
        any_of(86_400, 31_536_000),
        "Look",
        _poll_machine(),
    ),
    "missing": {"Type": "Pass", "Result": text(), "ResultPath": "$.reason", "Next": "Refuse"},
    "starter": _machine("EXPRESS", [*attribute("StarterRole"), {"Ref": "StarterRoleArn"}], 240, "Identify", _starter()),
    "correlator": _machine(
        "STANDARD",
        [*attribute("EventCorrelatorRole", "FinishCorrelatorRole"), {"Ref": "CorrelatorRoleArn"}],
        3600,
        any_of("Identify", "What"),
        _correlator(),
    ),
}
