"""Failure log: where starter, correlator and what submits a poller's job say that they failed, without a word of an
event.

In:   settings.
Out:  the template's parameter; the rights that a role needs.

Not here: the log of the flow's own state machine (`--log-execution-history`, Metaflow's), what goes to the dead-letter
queue, the log group itself: it is the user's, as Metaflow's setting names it.
"""

from __future__ import annotations

LOG_GROUP = "LogGroupArn"
"""The template's parameter."""
LOG_GROUP_ARN = r"arn:[a-z-]+:logs:[a-z0-9-]+:[0-9]{12}:log-group:[A-Za-z0-9_/.#-]{1,512}:\*"
"""Step Functions takes it with the `:*` at its end only (API Reference, `CloudWatchLogsLogGroup`)."""

DELIVERY = (
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
)
"""What Step Functions asks of the role of a state machine that logs, on `*` (Developer Guide, "IAM Policies for logging
to CloudWatch Logs"): a delivery and a resource policy of CloudWatch Logs have no resource in IAM."""
