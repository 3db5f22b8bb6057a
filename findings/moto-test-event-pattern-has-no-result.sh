#!/bin/sh
# moto 5.2.5 (PyPI), EventBridge's TestEventPattern in `mock_aws`.
#
# Guess before running: moto has a matcher for the rules of a bus, and TestEventPattern is answered without an error, so
# the answer is what that matcher says: Result true or false, as the EventBridge API reference has it.
#
# Seen: the answer has no Result at all, for a pattern that matches and for one that does not. Code that asks whether a
# filter takes an event, and reads the answer with `.get("Result")`, is told "no" for every event, and a test of its
# "yes" fails while a test of its "no" passes for any code. The same pattern as a rule is matched by moto as it should.
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

EVENT = {"id": "1", "account": "123456789012", "source": "shop", "detail-type": "order", "region": "us-east-1"}
EVENT |= {"time": "2026-01-01T00:00:00Z", "resources": [], "detail": {"amount": 7}}
PATTERNS = {"matches": {"source": ["shop"]}, "does not": {"source": ["other"]}}

with mock_aws():
    events, sqs = boto3.client("events"), boto3.client("sqs")
    for name, pattern in PATTERNS.items():
        answer = events.test_event_pattern(EventPattern=json.dumps(pattern), Event=json.dumps(EVENT))
        del answer["ResponseMetadata"]
        queue = sqs.create_queue(QueueName=name.replace(" ", "-"))["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        events.put_rule(Name=name.replace(" ", "-"), EventPattern=json.dumps(pattern))
        events.put_targets(Rule=name.replace(" ", "-"), Targets=[{"Id": "queue", "Arn": arn}])
        events.put_events(Entries=[{"Source": "shop", "DetailType": "order", "Detail": json.dumps(EVENT["detail"])}])
        delivered = len(sqs.receive_message(QueueUrl=queue).get("Messages", []))
        print(f"a pattern that {name}: answer {answer}, delivered by a rule {delivered}")
PY
"$work/venv/bin/python" ask.py >seen
cat >expected <<'TXT'
a pattern that matches: answer {}, delivered by a rule 1
a pattern that does not: answer {}, delivered by a rule 0
TXT
cat seen
diff expected seen && echo "as described"
