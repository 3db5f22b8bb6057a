"""Alarm: who is told that something lies in a dead-letter queue.

In:   settings.
Out:  the template's parameter; the metric that an alarm looks at.

Not here: the alarm itself (its template). A queue that `options` name is its owner's, and may be many flows': so is its
alarm, for which `doctor` looks.
"""

from __future__ import annotations

TOPIC = "AlarmTopicArn"
"""The template's parameter."""
STANDARD_TOPIC_ARN = r"arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}"
"""SNS takes no message for a FIFO topic without a group (API_Publish, `MessageGroupId`), and an alarm has none to give
(API_PutMetricAlarm): it would ring, and nobody be told."""
TOPIC_ARN = rf"{STANDARD_TOPIC_ARN}(\.fifo)?"
"""What a deployed template takes. A setting takes less."""

NAMESPACE, METRIC = "AWS/SQS", "ApproximateNumberOfMessagesVisible"
PERIOD = 300
"""Seconds. SQS counts once a minute; who looks at letters hides them for at most 30 s, so one of the five counts may
miss them. The most of the five does not, and CloudWatch looks at the last five each minute, so it rings no later."""
