"""Read encryption: with which key a template's queue, table and state machines keep events, held against the settings.

In:   the properties of a template's resources, settings.
Out:  texts: each thing that is encrypted in another way; the rights to the key that a role needs.

Not here: the other rights (`read_back.py`). Worked out from the settings alone, not from `compile.encryption`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ....model.settings import Settings

_KEY = {"Ref": "KmsKeyArn"}
_FIELDS = ("ServerSideEncryption", "SsekmsKeyId")


def encryption_differences(given: dict[str, Any], settings: Settings) -> Iterator[str]:
    """What is encrypted otherwise than the settings say."""
    keyed = settings.kms_key is not None
    queue: dict[str, Any] = {"KmsMasterKeyId": _KEY} if keyed else {"SqsManagedSseEnabled": True}
    table = {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": _KEY} if keyed else None
    objects = _objects(settings)
    for logical, properties in given.items():
        if "QueueName" in properties:
            found = {key: properties[key] for key in ("KmsMasterKeyId", "SqsManagedSseEnabled") if key in properties}
            if found != queue:
                yield f"encrypts {logical} by {found!r}, not by {queue!r}"
        if "TableName" in properties and properties.get("SSESpecification") != table:
            yield f"encrypts {logical} by {properties.get('SSESpecification')!r}, not by {table!r}"
        for name, state in (
            properties.get("Definition", {}).get("States", {}).items() if logical != "StateMachine" else ()
        ):
            if str(state.get("Resource")).endswith(":s3:putObject'}"):
                found = {key: state["Parameters"][key] for key in _FIELDS if key in state["Parameters"]}
                if found != objects:
                    yield f"{logical}: {name} encrypts by {found!r}, not by {objects!r}"


def _objects(settings: Settings) -> dict[str, Any]:
    said = settings.s3_encryption
    if settings.kms_key is not None and said != "AES256":
        return {"ServerSideEncryption": said or "aws:kms", "SsekmsKeyId": _KEY}
    return {"ServerSideEncryption": said} if said else {}


def key_rights(settings: Settings, *, stores: bool, gathers: bool) -> list[tuple[str, str, Any]]:
    """(action, on what, on which condition) for a role that sends to the queue, and that `stores` and `gathers`."""
    if settings.kms_key is None:
        return []
    services = ["s3"] if stores and "SsekmsKeyId" in _objects(settings) else []
    services += ["sqs", "dynamodb"] if gathers else ["sqs"]
    via = [{"Fn::Sub": f"{service}.${{AWS::Region}}.amazonaws.com"} for service in services]
    only = {"StringEquals": {"kms:ViaService": via}}
    return [(f"kms:{verb}", "KmsKeyArn", only) for verb in ("Decrypt", "GenerateDataKey")]
