"""FT017: a setting cannot be read."""

SOURCE = "settings.md#settings"
RAISED = "backends/setting_forms.py backends/argo/compile seams/configuration.py"
FINDS = """A setting is not of the form that its backend takes: a namespace, a service account, a Secret, an event
source or an event bus has a name that none can have, the address of a webhook is none or holds a password, a role is
no ARN, METAFLOW_DATASTORE_SYSROOT_S3 no place in S3, METAFLOW_TRIGGERS_BATCH_PLATFORM neither EC2 nor FARGATE,
METAFLOW_TRIGGERS_WEBHOOK_ACCEPTED not a list of HTTP statuses from 200 to 299, METAFLOW_TRIGGERS_KMS_KEY not the ARN
of a KMS key, METAFLOW_SFN_EXECUTION_LOG_GROUP_ARN not that of a log group with `:*` at its end,
METAFLOW_TRIGGERS_ALARM_TOPIC not that of a standard SNS topic, METAFLOW_S3_SERVER_SIDE_ENCRYPTION nothing S3 takes, or
METAFLOW_TRIGGERS_PROJECT_ID nothing that is a label. In Metaflow's configuration file every value is a text."""
WHY = """The cluster or AWS would refuse what is made of it, or take something else for it, or every task that publishes
would fail."""
BAD = "$ METAFLOW_TRIGGERS_WEBHOOK_ACCEPTED=ok metaflow-triggers compile flows"
GOOD = "$ METAFLOW_TRIGGERS_WEBHOOK_ACCEPTED=200,202 metaflow-triggers compile flows"
