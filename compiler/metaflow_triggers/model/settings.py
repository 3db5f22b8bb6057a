"""Settings: the configuration that a compilation depends on, as one frozen value.

In:   Metaflow's configuration (through `metaflow_triggers.seams`) and our own METAFLOW_TRIGGERS_* names.
Out:  `Settings`. None means "not configured": the setting stays open, by name, in what is emitted.

Not here: operating-system user, home, machine, clock. Reading the environment
happens in `seams.read_settings` alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

OPEN_PREFIX = "OPEN."
OPEN_SUFFIX = ".SETTING"
SECRET_NAME = re.compile(r"_(TOKEN|PASSWORD|AUTH_KEY|HEADERS)$")
"""Found in the name of a setting whose value is secret."""


def open_setting(name: str) -> str:
    """The placeholder of a setting that is not known when compiling.

    Letters, digits, `_`, `:` and dots only: it passes shlex, URLs and JSON unchanged.
    """
    return f"{OPEN_PREFIX}{name}{OPEN_SUFFIX}"


@dataclass(frozen=True)
class Settings:
    """What configuration gives. Field comments name the Metaflow setting behind each."""

    user: str  # METAFLOW_USER, else "nobody"
    user_is_configured: bool
    production: bool
    metaflow_version: str
    # both
    code_package: bool  # False: --no-code-package
    datastore_s3: str | None  # METAFLOW_DATASTORE_SYSROOT_S3
    # AWS
    batch_job_queue: str | None  # METAFLOW_BATCH_JOB_QUEUE
    batch_job_role: str | None  # METAFLOW_ECS_S3_ACCESS_IAM_ROLE
    fargate_execution_role: str | None  # METAFLOW_ECS_FARGATE_EXECUTION_ROLE
    batch_platform: str  # METAFLOW_TRIGGERS_BATCH_PLATFORM: EC2 (default) or FARGATE
    state_machine_role: str | None  # METAFLOW_SFN_IAM_ROLE
    events_role: str | None  # METAFLOW_EVENTS_SFN_ACCESS_IAM_ROLE
    dynamo_db_table: str | None  # METAFLOW_SFN_DYNAMO_DB_TABLE
    state_machine_prefix: str | None  # METAFLOW_SFN_STATE_MACHINE_PREFIX
    event_bus: str  # METAFLOW_TRIGGERS_EVENT_BUS, default "default"
    event_source: str  # METAFLOW_TRIGGERS_EVENT_SOURCE, default "metaflow"
    # Argo
    kubernetes_namespace: str  # METAFLOW_KUBERNETES_NAMESPACE, default "default"
    workflow_service_account: str | None  # METAFLOW_KUBERNETES_SERVICE_ACCOUNT
    argo_event: str  # METAFLOW_ARGO_EVENTS_EVENT, default "metaflow-event"
    argo_event_source: str  # METAFLOW_ARGO_EVENTS_EVENT_SOURCE, default "metaflow-triggers"
    argo_event_source_is_ours: bool  # False when METAFLOW_ARGO_EVENTS_EVENT_SOURCE is configured
    argo_event_bus: str  # METAFLOW_ARGO_EVENTS_EVENT_BUS, default "default"
    argo_sensor_namespace: str  # METAFLOW_ARGO_EVENTS_SENSOR_NAMESPACE, default kubernetes_namespace
    argo_sensor_service_account: str | None  # METAFLOW_ARGO_EVENTS_SERVICE_ACCOUNT; None: ours
    argo_webhook_url: str | None  # METAFLOW_ARGO_EVENTS_INTERNAL_WEBHOOK_URL; None: our event source's service
    argo_webhook_secret: (
        str  # METAFLOW_TRIGGERS_WEBHOOK_SECRET, default "metaflow-triggers-webhook"; its key is "token"
    )
    # Argo: TLS of the webhooks
    argo_webhook_tls_secret: str | None = None  # METAFLOW_TRIGGERS_WEBHOOK_TLS_SECRET; its keys are tls.crt and tls.key
    argo_webhook_ca_secret: str | None = None  # METAFLOW_TRIGGERS_WEBHOOK_CA_SECRET; its key is "ca.crt"
    # Argo: where exit handlers alone publish
    argo_outcome_event: str = "metaflow-outcome"  # METAFLOW_TRIGGERS_OUTCOME_EVENT
    argo_outcome_event_source: str = "metaflow-triggers-outcomes"  # METAFLOW_TRIGGERS_OUTCOME_EVENT_SOURCE
    argo_outcome_event_source_is_ours: bool = True  # False when METAFLOW_TRIGGERS_OUTCOME_EVENT_SOURCE is configured
    argo_outcome_webhook_url: str | None = None  # METAFLOW_TRIGGERS_OUTCOME_WEBHOOK_URL; None: its service
    argo_outcome_secret: str = "metaflow-triggers-outcomes"  # noqa: S105 - METAFLOW_TRIGGERS_OUTCOME_SECRET, a name
    argo_unproven_parents: str | None = None  # METAFLOW_TRIGGERS_UNPROVEN_PARENTS: allow (default), refuse, all, names
    argo_webhook_accepted: str | None = None  # METAFLOW_TRIGGERS_WEBHOOK_ACCEPTED
    # what tasks need to name and publish events as the deployment did
    events_prefix: str | None = None  # METAFLOW_NAMESPACED_EVENTS_PREFIX
    compatibility: str | None = None  # METAFLOW_TRIGGERS_COMPAT
    # AWS: roles that the template makes unless they are given
    starter_role: str | None = None  # METAFLOW_TRIGGERS_STARTER_ROLE
    correlator_role: str | None = None  # METAFLOW_TRIGGERS_CORRELATOR_ROLE
    scheduler_role: str | None = None  # METAFLOW_TRIGGERS_SCHEDULER_ROLE
    poller_role: str | None = None  # METAFLOW_TRIGGERS_POLLER_ROLE: of the job that polls
    poll_machine_role: str | None = None  # METAFLOW_TRIGGERS_POLL_MACHINE_ROLE: of what submits it
    # AWS: how what the triggers keep is encrypted
    s3_encryption: str | None = None  # METAFLOW_S3_SERVER_SIDE_ENCRYPTION
    kms_key: str | None = None  # METAFLOW_TRIGGERS_KMS_KEY, an ARN
    log_group: str | None = None  # METAFLOW_SFN_EXECUTION_LOG_GROUP_ARN: where starter and correlator log failures
    alarm_topic: str | None = None  # METAFLOW_TRIGGERS_ALARM_TOPIC, an ARN: who is told that a dead letter lies there
    # both: of which project the deployed objects are
    project_id: str | None = None  # METAFLOW_TRIGGERS_PROJECT_ID
    branch: str | None = None  # --branch of a command over many flows


def task_environment(settings: Settings) -> dict[str, str]:
    """Environment variables with which a task names and publishes events as the deployment does; defaults left out."""
    told = {
        "METAFLOW_TRIGGERS_EVENT_BUS": settings.event_bus if settings.event_bus != "default" else None,
        "METAFLOW_TRIGGERS_EVENT_SOURCE": settings.event_source if settings.event_source != "metaflow" else None,
        "METAFLOW_NAMESPACED_EVENTS_PREFIX": settings.events_prefix,
        "METAFLOW_TRIGGERS_COMPAT": settings.compatibility,
    }
    return {name: value for name, value in told.items() if value}
