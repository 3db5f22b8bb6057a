"""Things: what settings name, and whether it is there and fit for it.

In:   settings, the account; whether a flow needs what not all flows need.
Out:  a finding for each.

Not here: the rights of who deploys (`rights`), the objects that `create` makes. A code is that with which `create`
refuses the same (`deploy.preflight`, `deploy.converge`); without one, the first run would show it.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ....doctor.findings import Finding, fine, lacking
from ....model.flows import Flow
from ....model.settings import Settings
from ..compile.lower import datastore
from . import roles
from .asking import Account, ask

MISSING, NOT_THERE = "FT002", "FT706"
QUEUE, BUCKET, BUS, KEY, LOG_GROUP, TABLE = (
    "job queue",
    "datastore",
    "event bus",
    "KMS key",
    "log group",
    "table of foreach steps",
)
_FARGATE = ("FARGATE", "FARGATE_SPOT")


def questions(
    settings: Settings, account: Account, flows: Sequence[Flow], wrong: frozenset[str]
) -> Iterator[Callable[[], Finding]]:
    """What to ask; `wrong` are fields of settings that are no such name at all."""
    if "datastore_s3" not in wrong:
        yield lambda: _bucket(settings, account)
    yield lambda: _queue(settings, account)
    yield from roles.questions(settings, account, wrong)
    if settings.event_bus != "default" and "event_bus" not in wrong:
        yield lambda: _bus(settings, account)
    if settings.kms_key and "kms_key" not in wrong:
        yield lambda: _key(str(settings.kms_key), account)
    if settings.log_group and "log_group" not in wrong:
        yield lambda: _log_group(str(settings.log_group), account)
    if settings.dynamo_db_table or any("foreach" in flow.features for flow in flows):
        yield lambda: _table(settings.dynamo_db_table, account)


def unset_bucket() -> Finding:
    return unset(BUCKET, "METAFLOW_DATASTORE_SYSROOT_S3", "s3://BUCKET/PREFIX")


def unset_queue() -> Finding:
    return unset(QUEUE, "METAFLOW_BATCH_JOB_QUEUE", "one of: aws batch describe-job-queues")


def unset(thing: str, setting: str, expected: str) -> Finding:
    """A setting that every deployment needs."""
    return lacking(thing, f"{setting} is not set", f"set {setting} to {expected}", code=MISSING)


def _in_region(account: Account) -> str:
    return f"--region {account.region}"


def _bucket(settings: Settings, account: Account) -> Finding:
    bucket, _ = datastore(settings)
    if bucket is None:
        return unset_bucket()
    s3 = account.clients["s3"]
    found = ask(BUCKET, "s3:ListBucket", bucket, lambda: s3.head_bucket(Bucket=bucket), "404", "NoSuchBucket")
    if found is None:
        place = (
            ""
            if account.region == "us-east-1"
            else f" --create-bucket-configuration LocationConstraint={account.region}"
        )
        make = f"aws s3api create-bucket --bucket {bucket} {_in_region(account)}{place}"
        return lacking(
            BUCKET, f"there is no bucket `{bucket}`", make, _another("METAFLOW_DATASTORE_SYSROOT_S3"), code=NOT_THERE
        )
    return fine(BUCKET, str(settings.datastore_s3))


def _another(setting: str) -> str:
    return f"or set {setting} to one that exists"


def _queue(settings: Settings, account: Account) -> Finding:
    name, setting = settings.batch_job_queue, "METAFLOW_BATCH_JOB_QUEUE"
    if name is None:
        return unset_queue()
    batch = account.clients["batch"]
    queues = ask(
        QUEUE, "batch:DescribeJobQueues", name, lambda: batch.describe_job_queues(jobQueues=[name])["jobQueues"]
    )
    if not queues:
        told = f"there is no `{name}` in {account.region} of {account.number}"
        listed = f"set {setting} to one of: aws batch describe-job-queues {_in_region(account)}"
        return lacking(QUEUE, told, listed, code=NOT_THERE)
    queue = queues[0]
    if queue.get("state") == "DISABLED":
        enable = f"aws batch update-job-queue --job-queue {shlex.quote(name)} --state ENABLED {_in_region(account)}"
        return lacking(QUEUE, f"`{name}` is disabled: it takes no jobs", enable)
    if queue.get("status", "VALID") not in ("VALID", "UPDATING", "CREATING"):
        told = f"`{name}` is {queue['status']}: {queue.get('statusReason') or 'AWS gives no reason'}"
        return lacking(
            QUEUE, told, f"aws batch describe-job-queues --job-queues {shlex.quote(name)} {_in_region(account)}"
        )
    return _computes(
        name, [item["computeEnvironment"] for item in queue.get("computeEnvironmentOrder", ())], settings, account
    )


def _computes(name: str, environments: list[str], settings: Settings, account: Account) -> Finding:
    """Where the queue's jobs run has to be there, and of the platform that the job definitions say."""
    batch = account.clients["batch"]
    found = ask(
        QUEUE,
        "batch:DescribeComputeEnvironments",
        ", ".join(environments),
        lambda: batch.describe_compute_environments(computeEnvironments=environments)["computeEnvironments"],
    )
    usable = [item for item in found if item.get("state") == "ENABLED"]
    if not usable:
        told = f"no compute environment of `{name}` is enabled: its jobs would wait for ever"
        enable = (
            f"aws batch update-compute-environment --compute-environment {shlex.quote(item)} "
            f"--state ENABLED {_in_region(account)}"
            for item in environments
        )
        return lacking(QUEUE, told, *enable)
    kinds = {str((item.get("computeResources") or {}).get("type", "")) for item in usable}
    kinds.discard("")
    platform = "FARGATE" if kinds and kinds <= set(_FARGATE) else "EC2"
    if kinds and platform != settings.batch_platform:
        told = f"`{name}` runs its jobs on {platform}, and they are made for {settings.batch_platform}"
        return lacking(QUEUE, told, f"set METAFLOW_TRIGGERS_BATCH_PLATFORM={platform}")
    return fine(QUEUE, name)


def read_bus(thing: str, name: str, account: Account) -> Any:
    """The event bus, or None."""
    events = account.clients["events"]
    return ask(
        thing,
        "events:DescribeEventBus",
        name,
        lambda: events.describe_event_bus(Name=name),
        "ResourceNotFoundException",
    )


def _bus(settings: Settings, account: Account) -> Finding:
    name = settings.event_bus
    if read_bus(BUS, name, account) is None:
        make = f"aws events create-event-bus --name {shlex.quote(name)} {_in_region(account)}"
        told = f"there is no `{name}` in {account.region} of {account.number}"
        return lacking(BUS, told, make, _another("METAFLOW_TRIGGERS_EVENT_BUS"), code=NOT_THERE)
    return fine(BUS, name)


def elsewhere(thing: str, arn: str, setting: str, account: Account) -> Finding | None:
    """Of a thing whose ARN says another region."""
    region = arn.split(":")[3]
    if region == account.region:
        return None
    told = f"`{arn}` is in {region}, and the flows are deployed to {account.region}"
    return lacking(thing, told, f"set {setting} to one in {account.region}", f"or AWS_DEFAULT_REGION={region}")


def _key(arn: str, account: Account) -> Finding:
    setting = "METAFLOW_TRIGGERS_KMS_KEY"
    other = elsewhere(KEY, arn, setting, account)
    if other is not None:
        return other
    kms = account.clients["kms"]
    found = ask(KEY, "kms:DescribeKey", arn, lambda: kms.describe_key(KeyId=arn), "NotFoundException")
    if found is None:
        listed = f"set {setting} to the ARN of one of: aws kms list-keys {_in_region(account)}"
        return lacking(KEY, f"there is no `{arn}`", listed, code=NOT_THERE)
    state = found["KeyMetadata"].get("KeyState", "Enabled")
    enable = f"aws kms enable-key --key-id {arn} {_in_region(account)}"
    if state == "Disabled":
        return lacking(KEY, f"`{arn}` is disabled", enable)
    if state == "PendingDeletion":
        keep = f"aws kms cancel-key-deletion --key-id {arn} {_in_region(account)} && {enable}"
        return lacking(KEY, f"`{arn}` is about to be deleted", keep)
    return fine(KEY, arn)


def _log_group(arn: str, account: Account) -> Finding:
    setting = "METAFLOW_SFN_EXECUTION_LOG_GROUP_ARN"
    other = elsewhere(LOG_GROUP, arn, setting, account)
    if other is not None:
        return other
    name = arn.split(":", 6)[6].removesuffix(":*")
    logs = account.clients["logs"]
    found = ask(
        LOG_GROUP,
        "logs:DescribeLogGroups",
        name,
        lambda: logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"],
    )
    if not any(item["logGroupName"] == name for item in found):
        make = f"aws logs create-log-group --log-group-name {shlex.quote(name)} {_in_region(account)}"
        return lacking(LOG_GROUP, f"there is no `{name}`", make, f"or unset {setting}")
    return fine(LOG_GROUP, name)


def _table(name: str | None, account: Account) -> Finding:
    setting = "METAFLOW_SFN_DYNAMO_DB_TABLE"
    if name is None:
        return unset(TABLE, setting, "a table whose key is `pathspec`, a string: a flow has a foreach")
    dynamo = account.clients["dynamodb"]
    found = ask(
        TABLE,
        "dynamodb:DescribeTable",
        name,
        lambda: dynamo.describe_table(TableName=name),
        "ResourceNotFoundException",
    )
    make = (
        f"aws dynamodb create-table --table-name {shlex.quote(name)} --billing-mode PAY_PER_REQUEST "
        "--attribute-definitions AttributeName=pathspec,AttributeType=S "
        f"--key-schema AttributeName=pathspec,KeyType=HASH {_in_region(account)}"
    )
    if found is None:
        return lacking(TABLE, f"there is no `{name}`", make, code=NOT_THERE)
    keys = [(item["AttributeName"], item["KeyType"]) for item in found["Table"]["KeySchema"]]
    if keys != [("pathspec", "HASH")]:
        told = f"the key of `{name}` is {_keys(keys)}, and Metaflow's is `pathspec`"
        return lacking(TABLE, told, f"set {setting} to a table that has it")
    return fine(TABLE, name)


def _keys(keys: Sequence[tuple[Any, Any]]) -> str:
    return " and ".join(f"`{name}`" for name, _ in keys)
