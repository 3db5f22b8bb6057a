"""Encryption: how what the triggers keep is encrypted, as the settings say.

In:   settings.
Out:  fields of S3's putObject, and through which services a role uses the customer's key.

Not here: the fields of queue and table (their templates), judging the settings (`setting_forms`), what the flow's own
steps store, which Metaflow encrypts.
"""

from __future__ import annotations

from typing import Any

from ....model.settings import Settings

KEY = "KmsKeyArn"
"""The template's parameter."""

KEY_ARN = r"arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+"
BY_KEY = ("aws:kms", "aws:kms:dsse")
METHODS = ("AES256", *BY_KEY)


def has_key(settings: Settings) -> bool:
    return settings.kms_key is not None


def stores_by_key(settings: Settings) -> bool:
    """Whether S3 uses the customer's key: Metaflow's setting may name a method that has none."""
    return has_key(settings) and settings.s3_encryption in (None, *BY_KEY)


def object_fields(settings: Settings) -> dict[str, Any]:
    """More fields of each putObject, as Step Functions spells them (those of AWS's SDK for Java 2)."""
    if stores_by_key(settings):
        return {"ServerSideEncryption": settings.s3_encryption or "aws:kms", "SsekmsKeyId": {"Ref": KEY}}
    return {} if settings.s3_encryption is None else {"ServerSideEncryption": settings.s3_encryption}


def key_services(settings: Settings, *services: str) -> tuple[str, ...]:
    """Those of `services` that use the customer's key on a role's behalf; none without a key."""
    return tuple(one for one in services if has_key(settings) and (one != "s3" or stores_by_key(settings)))
