"""FT017: a setting cannot be read."""

SOURCE = "settings.md#settings"
RAISED = "backends/argo/compile backends/step_functions/compile"
FINDS = """METAFLOW_TRIGGERS_WEBHOOK_ACCEPTED is not a list of HTTP statuses from 200 to 299,
METAFLOW_TRIGGERS_WEBHOOK_TLS_SECRET or METAFLOW_TRIGGERS_WEBHOOK_CA_SECRET no name of a Secret,
METAFLOW_TRIGGERS_KMS_KEY not the ARN of a KMS key, METAFLOW_SFN_EXECUTION_LOG_GROUP_ARN not that of a log group with
`:*` at its end, or METAFLOW_S3_SERVER_SIDE_ENCRYPTION nothing S3 takes."""
WHY = """Every task that publishes would fail with this value; the cluster would refuse it, and AWS what is to be
encrypted."""
LANGUAGE = "console"
BAD = "$ METAFLOW_TRIGGERS_WEBHOOK_ACCEPTED=ok metaflow-triggers compile flows"
GOOD = "$ METAFLOW_TRIGGERS_WEBHOOK_ACCEPTED=200,202 metaflow-triggers compile flows"
