"""Values: what stands in many places of a template."""

from __future__ import annotations

from typing import Any

from ..notation import Schema, a, any_of, closed, number, some, text

KEY, LOG_GROUP, BUCKET = ({"Ref": name} for name in ("KmsKeyArn", "LogGroupArn", "DatastoreBucket"))
QUEUE = {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}
SUB, REF, GET_ATT, TEXT, TAGS = map(a, ("sub", "ref", "getAtt", "text", "tags"))
QUEUE_ARN, QUEUE_URL, MACHINE_NAME = map(a, ("queueArn", "queueUrl", "machineName"))


def attribute(*logical: str) -> list[dict[str, list[str]]]:
    """The ARNs of resources of the template."""
    return [{"Fn::GetAtt": [name, "Arn"]} for name in logical]


def resource(kind: str, properties: dict[str, Any] | Schema, **before: Any) -> Schema:
    """A resource of CloudFormation."""
    return closed({"Type": kind, **before, "Properties": properties})


_mappings = some(
    any_of({"parameter": text(), "field": text()}, {"parameter": text(), "constant_json": text()}), at_least=0
)
_asked = {"filter_json?": text("^\\{"), "required?": some(text())}

_MARK = text("^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$")
MARKS = {
    "metaflow-triggers/project": text("^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$"),
    "metaflow-triggers/branch": _MARK,
    "metaflow-triggers/production": any_of("true", "false"),
    "metaflow-triggers/user": _MARK,
}
"""What the objects of a project with an id are marked with."""

VALUES: dict[str, Any] = {
    "tags": some(
        any_of(
            {"Key": any_of("metaflow-triggers/flow", "metaflow-triggers/deployed-name"), "Value": text(None, 1, 256)},
            *({"Key": key, "Value": value} for key, value in MARKS.items()),
        ),
        2,
        6,
    ),
    "sub": {"Fn::Sub": text()},
    "ref": {"Ref": text("^[A-Za-z0-9:]+$")},
    "getAtt": {"Fn::GetAtt": some(text(), 2, 2)},
    "text": any_of(text(), SUB),
    "role": any_of(GET_ATT, REF),
    "parameter": {
        "Type": "String",
        "Description": text(),
        "AllowedPattern?": text(),
        "Default?": text(),
        "MinLength?": 1,
    },
    "ruleName": text("^[.\\-_A-Za-z0-9]{1,64}$"),
    "machineName": text("^[.\\-_A-Za-z0-9]{1,80}$"),
    "queueArn": any_of(GET_ATT, text("^arn:[a-z-]+:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,80}$")),
    "queueUrl": any_of(REF, text("^https://sqs\\.")),
    "deadLetter": {"Arn": QUEUE_ARN},
    "delivery": {
        "MaximumEventAgeInSeconds": number("integer", 60, 86400),
        "MaximumRetryAttempts": number("integer", 0, 185),
    },
    "dependencies": some(
        any_of(
            {
                "kind": "event",
                "name": text("^[A-Za-z0-9_.-]{1,128}$"),
                "auto_map": Schema(type="boolean"),
                "mappings": _mappings,
                "origin?": {"source": text(), "detail-type?": text()},
                **_asked,
            },
            {
                "kind": "finish",
                "name": text(),
                "flow": text(),
                "project?": text(),
                "branch?": text(),
                "match": some(any_of("success", "failure", "timeout", "aborted")),
                "auto_map": Schema(type="boolean"),
                "mappings": _mappings,
                **_asked,
            },
        )
    ),
}
