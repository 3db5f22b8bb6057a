"""Settings: those of tests that need no configuration of a user's.

In:   nothing.
Out:  `OPEN`, in which nothing is configured. A test says what it has beside that with `dataclasses.replace`.

Not here: reading settings (`metaflow_triggers.seams`).
"""

from metaflow_triggers.model.settings import Settings

OPEN = Settings(
    user="tester",
    user_is_configured=True,
    production=False,
    metaflow_version="2.19.39",
    code_package=True,
    datastore_s3=None,
    batch_job_queue=None,
    batch_job_role=None,
    fargate_execution_role=None,
    batch_platform="EC2",
    state_machine_role=None,
    events_role=None,
    dynamo_db_table=None,
    state_machine_prefix=None,
    event_bus="default",
    event_source="metaflow",
    kubernetes_namespace="default",
    workflow_service_account=None,
    argo_event="metaflow-event",
    argo_event_source="metaflow-triggers",
    argo_event_source_is_ours=True,
    argo_event_bus="default",
    argo_sensor_namespace="default",
    argo_sensor_service_account=None,
    argo_webhook_url=None,
    argo_webhook_secret="metaflow-triggers-webhook",
)
