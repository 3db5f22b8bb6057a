"""Setting forms: what the settings of this backend look like.

In:   nothing.
Out:  `FORMS`, and those that count only where something is kept, or logged, or cannot be delivered.

Not here: asking them (`backends.setting_forms`). Sources: the API references of EventBridge (CreateEventBus,
PutEvents), IAM (ARNs), AWS Batch (queues) and S3 (buckets).
"""

from __future__ import annotations

from ...setting_forms import OF_ALL, Form
from .alarm import STANDARD_TOPIC_ARN
from .encryption import KEY_ARN, METHODS
from .failure_log import LOG_GROUP_ARN
from .options import BUS
from .poller_job import QUEUE_ARN, QUEUE_NAME

_ROLE = r"arn:[a-z-]+:iam::[0-9]*:role/([\x21-\x7e]+/)?[A-Za-z0-9_+=,.@-]{1,64}"
"""With a path, if the role has one (IAM API reference, CreateRole)."""


def _role(setting: str, field: str) -> Form:
    return Form(setting, field, _ROLE, "the ARN of a role", "write arn:aws:iam::ACCOUNT:role/NAME")


FORMS = (
    *OF_ALL,
    Form(
        "METAFLOW_DATASTORE_SYSROOT_S3",
        "datastore_s3",
        r"s3://[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?(/.*)?",
        "a place in S3",
        "write s3://BUCKET/PREFIX",
    ),
    Form(
        "METAFLOW_BATCH_JOB_QUEUE",
        "batch_job_queue",
        f"{QUEUE_NAME}|{QUEUE_ARN}",
        "the name or the ARN of a job queue of AWS Batch",
        "write NAME, or arn:aws:batch:REGION:ACCOUNT:job-queue/NAME",
    ),
    Form(
        "METAFLOW_TRIGGERS_EVENT_BUS",
        "event_bus",
        BUS,
        "the name of an event bus",
        "it has letters, digits, `.`, `_`, `-` and `/`",
    ),
    Form(
        "METAFLOW_TRIGGERS_EVENT_SOURCE",
        "event_source",
        r"(?!aws\.)[^\x00-\x1f]{1,256}",
        "the `source` of events, which begins with `aws.` for AWS's own alone",
        "give it a name of yours, at most 256 characters",
    ),
    Form(
        "METAFLOW_TRIGGERS_BATCH_PLATFORM",
        "batch_platform",
        "EC2|FARGATE",
        "EC2 or FARGATE",
        "set the queue's platform",
    ),
    _role("METAFLOW_SFN_IAM_ROLE", "state_machine_role"),
    _role("METAFLOW_EVENTS_SFN_ACCESS_IAM_ROLE", "events_role"),
    _role("METAFLOW_ECS_S3_ACCESS_IAM_ROLE", "batch_job_role"),
    _role("METAFLOW_ECS_FARGATE_EXECUTION_ROLE", "fargate_execution_role"),
    _role("METAFLOW_TRIGGERS_STARTER_ROLE", "starter_role"),
    _role("METAFLOW_TRIGGERS_CORRELATOR_ROLE", "correlator_role"),
    _role("METAFLOW_TRIGGERS_SCHEDULER_ROLE", "scheduler_role"),
    _role("METAFLOW_TRIGGERS_POLLER_ROLE", "poller_role"),
    _role("METAFLOW_TRIGGERS_POLL_MACHINE_ROLE", "poll_machine_role"),
)

OF_WHAT_IS_KEPT = (
    Form(
        "METAFLOW_TRIGGERS_KMS_KEY",
        "kms_key",
        KEY_ARN,
        "the ARN of a KMS key",
        "write arn:aws:kms:REGION:ACCOUNT:key/ID; the name of an alias stands for no key in a policy",
    ),
    Form(
        "METAFLOW_S3_SERVER_SIDE_ENCRYPTION",
        "s3_encryption",
        "|".join(METHODS),
        f"{', '.join(METHODS[:-1])} or {METHODS[-1]}",
        "set it to what S3 takes, or leave it to the bucket",
    ),
)

OF_LOGS = (
    Form(
        "METAFLOW_SFN_EXECUTION_LOG_GROUP_ARN",
        "log_group",
        LOG_GROUP_ARN,
        "the ARN of a log group with `:*` at its end",
        "write arn:aws:logs:REGION:ACCOUNT:log-group:NAME:*",
    ),
)

OF_ALARMS = (
    Form(
        "METAFLOW_TRIGGERS_ALARM_TOPIC",
        "alarm_topic",
        STANDARD_TOPIC_ARN,
        "the ARN of a standard SNS topic, as a FIFO topic takes no message of an alarm",
        "write arn:aws:sns:REGION:ACCOUNT:NAME; who shall be told subscribes to it",
    ),
)
