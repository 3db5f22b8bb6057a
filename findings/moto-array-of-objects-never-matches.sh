#!/bin/sh
# moto 5.2.5 (PyPI), EventBridge rules of `mock_aws`.
#
# Guess before running: moto knows prefix, suffix, wildcard, anything-but, numeric, cidr and $or, so what it delivers to
# a rule's target is what EventBridge delivers: an array of objects is looked into (the EventBridge guide, "Arrays in
# event patterns"; Amazon's own event-ruler 2.1.0 matches it), 1 is not true, and an operator that EventBridge does not
# know is refused with InvalidEventPatternException.
#
# Seen:
#   - {"a": {"b": ["x"]}} never matches {"a": [{"b": "x"}]}: an event that starts a flow on AWS is lost in the test
#   - {"a": [1]} matches {"a": true}
#   - {"a": [{"nosuch": 1}]} is accepted by PutRule and matches every value; so does {"numeric": [">"]}
#   - an empty array and a bare string are refused, as on AWS, so PutRule does look
# A test on moto can hold neither that such a filter works nor that a misspelt one is refused.
#
# Fails if any of this changes. Needs Python >= 3.10 and PyPI.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" --disable-pip-version-check install --quiet 'moto[events,sqs]==5.2.5' boto3==1.44.8
cd "$work"
cat >ask.py <<'PY'
import json, os

os.environ |= {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1"}
import boto3
from moto import mock_aws

CASES = [
    ({"a": {"b": ["x"]}}, {"a": {"b": "x"}}),
    ({"a": {"b": ["x"]}}, {"a": [{"b": "x"}]}),
    ({"a": [1]}, {"a": True}),
    ({"a": [{"nosuch": 1}]}, {"a": "x"}),
    ({"a": [{"numeric": [">"]}]}, {"a": 1}),
    ({"a": []}, {"a": "x"}),
    ({"a": "x"}, {"a": "x"}),
]
with mock_aws():
    events, queues = boto3.client("events"), boto3.client("sqs")
    url = queues.create_queue(QueueName="q")["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    for pattern, detail in CASES:
        try:
            events.put_rule(Name="r", EventPattern=json.dumps({"detail": pattern}))
        except events.exceptions.InvalidEventPatternException:
            print(json.dumps(pattern), "refused")
            continue
        events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": arn}])
        events.put_events(Entries=[{"Source": "s", "DetailType": "d", "Detail": json.dumps(detail)}])
        found = queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        for message in found:
            queues.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        print(json.dumps(pattern), json.dumps(detail), len(found))
PY
"$work/venv/bin/python" ask.py >seen
cat >expected <<'TXT'
{"a": {"b": ["x"]}} {"a": {"b": "x"}} 1
{"a": {"b": ["x"]}} {"a": [{"b": "x"}]} 0
{"a": [1]} {"a": true} 1
{"a": [{"nosuch": 1}]} {"a": "x"} 1
{"a": [{"numeric": [">"]}]} {"a": 1} 1
{"a": []} refused
{"a": "x"} refused
TXT
cat seen
diff expected seen && echo "as described"
