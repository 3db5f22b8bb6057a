#!/bin/sh
# ministack 1.5.33 (an emulator of AWS, PyPI), its Step Functions, without any setting of ours.
#
# Guess before running: an emulator that runs the states language ends an execution at the machine's TimeoutSeconds and
# fails it where a path leads to nothing, as the States Language specification and AWS say (States.Timeout,
# States.ParameterPathFailure, States.Runtime). A test that waits for the failure would then see it.
#
# Seen: each of these executions SUCCEEDS.
#   - Parameters, InputPath: a path to a field that is not there gives null, and the run goes on with it
#   - a Choice on a variable that is not there takes Default
#   - a filter expression, `$.l[?(@.a==1)]`, gives null, whether or not something fits
#   - a union, `$['a','b']`, gives null
#   - States.Format writes Python's words: `True` for true, `{'b': 1}` for an object
#   - TimeoutSeconds: 1 on a machine that waits three seconds changes nothing
# So "the run failed because the event lacked the field" cannot be tested there, and a test that expects success of a
# misspelt path passes.
#
# Fails if any of this changes. Needs Python >= 3.10 and PyPI; a server on 127.0.0.1 is ended by its pid.
set -eu
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || :; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" --disable-pip-version-check install --quiet ministack==1.5.33 boto3==1.43.106
port=$("$work/venv/bin/python" -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
cd "$work"
BIND_HOST=127.0.0.1 GATEWAY_PORT=$port "$work/venv/bin/ministack" >"$work/log" 2>&1 &
server=$!
cat >ask.py <<'PY'
import json, os, sys, time, urllib.request

os.environ |= {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1"}
import boto3

url = f"http://127.0.0.1:{sys.argv[1]}"
for _ in range(120):
    try:
        urllib.request.urlopen(url, timeout=5).close()
        break
    except urllib.error.HTTPError:
        break
    except OSError:
        time.sleep(0.5)
client = boto3.client("stepfunctions", endpoint_url=url)


def result(name, state, given, **machine):
    definition = {"StartAt": "A", "States": {"A": state, "B": {"Type": "Pass", "Result": "default", "End": True}}}
    arn = client.create_state_machine(
        name=name, definition=json.dumps(definition | machine), roleArn="arn:aws:iam::000000000000:role/r"
    )["stateMachineArn"]
    execution = client.start_execution(stateMachineArn=arn, name="one", input=json.dumps(given))["executionArn"]
    for _ in range(100):
        found = client.describe_execution(executionArn=execution)
        if found["status"] != "RUNNING":
            break
        time.sleep(0.1)
    print(name, found["status"], found.get("output"))


def passed(**fields):
    return {"Type": "Pass", "End": True} | fields


result("parameter", passed(Parameters={"x.$": "$.missing"}), {})
result("input-path", passed(InputPath="$.missing"), {})
result("filter", passed(Parameters={"x.$": "$.l[?(@.a==1)]"}), {"l": [{"a": 1}, {"a": 2}]})
result("union", passed(OutputPath="$['a','b']"), {"a": 1, "b": 2, "c": 3})
result("format-true", passed(Parameters={"x.$": "States.Format('{}', $.a)"}), {"a": True})
result("format-object", passed(Parameters={"x.$": "States.Format('{}', $.a)"}), {"a": {"b": 1}})
rule = {"Variable": "$.missing", "StringEquals": "x", "Next": "A"}
result("choice", {"Type": "Choice", "Choices": [rule], "Default": "B"}, {})
result("timeout", {"Type": "Wait", "Seconds": 3, "End": True}, {}, TimeoutSeconds=1)
PY
"$work/venv/bin/python" ask.py "$port" >seen
cat >expected <<'TXT'
parameter SUCCEEDED {"x": null}
input-path SUCCEEDED null
filter SUCCEEDED {"x": null}
union SUCCEEDED null
format-true SUCCEEDED {"x": "True"}
format-object SUCCEEDED {"x": "{'b': 1}"}
choice SUCCEEDED "default"
timeout SUCCEEDED {}
TXT
cat seen
diff expected seen && echo "as described"
