"""Alarms: whether somebody hears of a dead letter.

In:   the topic that the setting names, flows, the account.
Out:  a finding for the topic; one for each dead-letter queue that `options` name: for these `create` makes no alarm,
      since several flows may share one.

Not here: the rights to make alarms (`rights`), whether the setting is a topic's ARN at all (`setting_forms`).
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from ....doctor.findings import Finding, fine, lacking, not_asked
from ....model.flows import Flow
from ..compile.alarm import METRIC, NAMESPACE, PERIOD
from ..compile.names import ALARMS
from ..deploy.preflight import NO_TOPIC
from .asking import Account, ask
from .named_by_flows import named_queues
from .statements import lets, listed
from .things import NOT_THERE, elsewhere

TOPIC, SETTING = "alarm topic", "METAFLOW_TRIGGERS_ALARM_TOPIC"
_CLOUDWATCH = "cloudwatch.amazonaws.com"
_OWN_KEY = "alias/aws/sns"


def questions(topic: str, flows: Sequence[Flow], account: Account) -> Iterator[Callable[[], Finding]]:
    """What to ask."""
    yield partial(_topic, topic, account)
    for queue in named_queues(flows):
        if queue.split(":")[3] == account.region:  # another's is told by itself
            yield partial(_alarm, queue, topic, account)


def _topic(arn: str, account: Account) -> Finding:
    other = elsewhere(TOPIC, arn, SETTING, account)
    if other is not None:
        return other
    sns, region = account.clients["sns"], f"--region {account.region}"
    found = ask(TOPIC, "sns:GetTopicAttributes", arn, lambda: sns.get_topic_attributes(TopicArn=arn), *NO_TOPIC)
    if found is None:
        owner, name = arn.split(":")[4:6]
        make = f"aws sns create-topic --name {name} {region}"
        mends = [f"set {SETTING} to one that exists", *([make] if owner == account.number else [])]
        return lacking(TOPIC, f"there is no `{arn}`", *reversed(mends), code=NOT_THERE)
    said = found["Attributes"]
    change = f"aws sns set-topic-attributes --topic-arn {arn} {region} --attribute-name"
    if said.get("KmsMasterKeyId") == _OWN_KEY:
        told = f"`{arn}` is encrypted with {_OWN_KEY}, whose policy lets no alarm publish"
        return lacking(TOPIC, told, f"{change} KmsMasterKeyId --attribute-value KEY, whose policy lets {_CLOUDWATCH}")
    policy = json.loads(said.get("Policy") or "{}")
    statements = listed(policy.get("Statement"))
    if not any(lets(item, _CLOUDWATCH, "sns:publish", "sns:*", "*") for item in statements):
        more = {
            "Effect": "Allow",
            "Principal": {"Service": _CLOUDWATCH},
            "Action": "sns:Publish",
            "Resource": arn,
            "Condition": {"StringEquals": {"aws:SourceAccount": account.number}},
        }
        whole = {"Version": "2012-10-17", **policy, "Statement": [*statements, more]}
        mend = f"{change} Policy --attribute-value {shlex.quote(json.dumps(whole))}"
        return lacking(TOPIC, f"its policy does not let {_CLOUDWATCH} publish: alarms would tell nobody", mend)
    if said.get("SubscriptionsConfirmed") == "0":
        mend = f"aws sns subscribe --topic-arn {arn} {region} --protocol email --notification-endpoint ADDRESS"
        return lacking(TOPIC, "nobody has subscribed to it: alarms would tell nobody", mend)
    return fine(TOPIC, arn)


def _alarm(queue: str, topic: str, account: Account) -> Finding:
    owner, name = queue.split(":")[4:]
    thing = f"alarm of dead-letter queue {name}"
    if owner != account.number:
        return not_asked(thing, f"credentials of {owner} in {account.region}")
    cloudwatch = account.clients["cloudwatch"]
    looks: dict[str, Any] = {
        "Namespace": NAMESPACE,
        "MetricName": METRIC,
        "Dimensions": [{"Name": "QueueName", "Value": name}],
    }
    found = ask(
        thing, "cloudwatch:DescribeAlarmsForMetric", name, lambda: cloudwatch.describe_alarms_for_metric(**looks)
    )
    if any(
        item["Dimensions"] == looks["Dimensions"] and topic in item.get("AlarmActions", ())
        for item in found["MetricAlarms"]
    ):
        return fine(thing)
    make = (
        f"aws cloudwatch put-metric-alarm --alarm-name {ALARMS}{name} --alarm-actions {topic} --namespace {NAMESPACE} "
        f"--metric-name {METRIC} --dimensions Name=QueueName,Value={name} --statistic Maximum --period {PERIOD} "
        "--evaluation-periods 1 --comparison-operator GreaterThanThreshold --threshold 0 "
        f"--treat-missing-data notBreaching --region {account.region}"
    )
    return lacking(thing, f"none tells `{topic}`, and `create` makes none for a queue that flows name", make)
