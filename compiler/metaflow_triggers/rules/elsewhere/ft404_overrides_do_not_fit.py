"""FT404: the overrides of a task do not fit."""

SOURCE = "step-functions.md#limits-today"
RAISED = "backends/step_functions/verify"
FINDS = """Command and environment of a step are larger than the backend takes in one request (AWS Batch: 8,192
characters for all container overrides)."""
WHY = "The step could be deployed and never be started."
BAD = "@environment(vars={'RULES': LONG_TEXT})"
GOOD = """
# keep long texts in a file beside the flow, or in S3
@environment(vars={'RULES_FILE': 'rules.json'})
"""
