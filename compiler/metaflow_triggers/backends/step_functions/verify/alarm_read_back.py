"""Read the alarm: whether a template's dead-letter queue rings as the settings say, and for that queue.

In:   the properties of a template's resources, its flow's deployed name, settings.
Out:  texts: an alarm that is missing, idle, or looks elsewhere.

Not here: names and tags that all objects have (`marks_read_back`). Worked out from queue and settings alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ....model.settings import Settings
from ..compile import names

_RINGS = {
    "ActionsEnabled": True,
    "AlarmActions": [{"Ref": "AlarmTopicArn"}],
    "Namespace": "AWS/SQS",
    "MetricName": "ApproximateNumberOfMessagesVisible",
    "Dimensions": [{"Name": "QueueName", "Value": {"Fn::GetAtt": ["DeadLetterQueue", "QueueName"]}}],
    "Statistic": "Maximum",
    "Period": 300,
    "EvaluationPeriods": 1,
    "ComparisonOperator": "GreaterThanThreshold",
    "Threshold": 0,
    "TreatMissingData": "notBreaching",
}


def alarm_differences(given: dict[str, Any], deployed: str, settings: Settings) -> Iterator[str]:
    """What is not as the settings say."""
    wanted = settings.alarm_topic is not None and "DeadLetterQueue" in given
    found = given.get("DeadLetterAlarm")
    if (found is not None) != wanted:
        yield f"has {'no' if found is None else 'an'} alarm of its dead-letter queue"
    if found is None:
        return
    for key, value in _RINGS.items():
        if found.get(key) != value:
            yield f"DeadLetterAlarm has {key} {found.get(key)!r}, not {value!r}"
    if found.get("AlarmName") != names.alarm_name(deployed):
        yield f"calls DeadLetterAlarm {found.get('AlarmName')!r}"
