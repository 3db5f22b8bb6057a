"""Statuses: how Step Functions calls the ways in which a run ends.

In:   nothing.
Out:  the table.

Not here: anything else.
"""

STATUS = {"success": "SUCCEEDED", "failure": "FAILED", "timeout": "TIMED_OUT", "aborted": "ABORTED"}
"""Outcome -> status in "Step Functions Execution Status Change"."""

STATUS_CHANGE = "Step Functions Execution Status Change"
"""The detail-type of these events; their source is `aws.states`, their bus `default`."""
