"""FT706: a setting names something that is not there."""

SOURCE = "step-functions.md#deploying"
RAISED = "backends"
FINDS = """A job queue, role, bucket or table that a setting names does not exist in the account and region of the
credentials; or, on Argo, a Secret with certificates in the namespace that needs it."""
WHY = "The deployment would fail half-way, or its first run. Nothing was deployed."
BAD = "$ METAFLOW_BATCH_JOB_QUEUE=quue python flow.py step-functions create"
GOOD = "$ METAFLOW_BATCH_JOB_QUEUE=queue AWS_DEFAULT_REGION=eu-west-1 python flow.py step-functions create"
