"""Store: whether the datastore is there, to which `create` brings the code package.

In:   the settings; a maker of S3's client.
Out:  a finding.

Not here: what runs may do with it: their credentials are the cluster's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .... import seams
from ....doctor.findings import Finding, fine, lacking, not_asked
from ....model.settings import Settings

THING = "datastore"
SETTING = "METAFLOW_DATASTORE_SYSROOT_S3"


def store(settings: Settings, make_client: Callable[[str], Any] | None = None) -> Finding:
    """As S3's server, which need not be AWS, sees it."""
    if not settings.datastore_s3:
        return lacking(THING, f"{SETTING} is not set", f"set {SETTING} to s3://BUCKET/PREFIX", code="FT002")
    bucket = settings.datastore_s3.removeprefix("s3://").partition("/")[0]
    from botocore import exceptions
    from metaflow_extensions.triggers.plugins.aws_answers import one_line

    try:
        (make_client or _client)("s3").head_bucket(Bucket=bucket)
    except exceptions.ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in ("404", "NoSuchBucket"):
            make = f"aws s3api create-bucket --bucket {bucket}"
            return lacking(THING, f"there is no bucket `{bucket}`", make, f"or set {SETTING} to one that exists")
        if code in ("403", "AccessDenied"):
            return not_asked(THING, "s3:ListBucket")
        return not_asked(THING, "an answer of S3 to HEAD", one_line(error))
    except (exceptions.BotoCoreError, ValueError) as error:
        told = f"`{bucket}` cannot be reached: {one_line(error)}"
        mend = "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        return lacking(THING, told, mend, "or METAFLOW_S3_ENDPOINT_URL to a server that is reached")
    return fine(THING, settings.datastore_s3)


def _client(service: str) -> Any:
    import boto3

    return boto3.client(service, endpoint_url=seams.configured("S3_ENDPOINT_URL"))
