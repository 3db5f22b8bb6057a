"""emit_event: what is published where, under which id, and what is refused."""

from __future__ import annotations

import base64
import json
import sys
from datetime import datetime, timezone

import metaflow  # noqa: F401 - it imports its extensions, not they it
import pytest
from metaflow_extensions.triggers.plugins.emit_event import EmitError, emit_event, webhook_body

CALL = """
import json, sys
from metaflow import emit_event
name, payload, ignore = eval(sys.argv[1])
try:
    print("RETURNED", json.dumps(emit_event(name, payload, ignore_errors=ignore)))
except Exception as error:
    print("RAISED", type(error).__name__, error)
"""


def emit(workspace, name, payload=None, ignore=False, environment=None):
    arguments = name if isinstance(name, str) and name.startswith("(") else repr((name, payload, ignore))
    done = workspace.python("-c", CALL, arguments, environment=environment)
    assert "RETURNED" in done.stdout or "RAISED" in done.stdout, done.stderr
    return done.stdout.strip(), done.stderr


def test_a_plain_run_logs_one_line(workspace):
    stdout, stderr = emit(workspace, "e", {"a": 1})
    assert stdout == "RETURNED null"
    assert stderr.count("\n") == 1


def test_webhook(workspace, server):
    server.answers = [(503, b""), (429, b""), (200, b"success")]
    payload = {"name": "mine", "big": 2**90, "text": "é $(x)"}
    environment = {"METAFLOW_TRIGGERS_WEBHOOK_URL": server.url + "/events", "METAFLOW_TRIGGERS_WEBHOOK_TOKEN": "secret"}
    stdout, _ = emit(workspace, "order-placed", payload, environment=environment)
    identity = json.loads(stdout.split(" ", 1)[1])
    assert len(server.requests) == 3
    assert len({request[3] for request in server.requests}) == 1  # one id
    method, path, headers, content = server.requests[-1]
    assert (method, path, headers["Authorization"]) == ("POST", "/events", "Bearer secret")
    body = json.loads(content)
    assert (body["name"], body["id"], body["keys"]) == ("order-placed", identity, ["name", "big", "text"])
    assert json.loads(base64.b64decode(body["payload_base64"])) == payload
    assert {**body["payload"], **payload} == body["payload"]
    assert body["payload"]["id"] == identity
    assert isinstance(body["payload"]["timestamp"], int)


def test_permanent_faults_raise_and_can_be_ignored(workspace, server):
    server.answers = [(401, b"{}")]
    environment = {"METAFLOW_TRIGGERS_WEBHOOK_URL": server.url}
    stdout, _ = emit(workspace, "e", environment=environment)
    assert stdout.startswith("RAISED EmitError")
    assert "401" in stdout
    assert len(server.requests) == 1
    stdout, stderr = emit(workspace, "e", ignore=True, environment=environment)
    assert stdout == "RETURNED null"
    assert "401" in stderr


def test_a_redirect_is_not_followed_and_the_token_is_in_no_message(workspace, server):
    server.answers, server.location = [(302, b"")], "http://name:s3cret@127.0.0.1:1/events?token=s3cret"
    environment = {"METAFLOW_TRIGGERS_WEBHOOK_URL": server.url, "METAFLOW_TRIGGERS_WEBHOOK_TOKEN": "s3cret\n"}
    stdout, stderr = emit(workspace, "e", environment=environment)
    assert stdout.startswith("RAISED EmitError") and "a redirect to http://127.0.0.1:1/events." in stdout
    assert "s3cret" not in stdout + stderr
    ((method, _, headers, _),) = server.requests
    assert (method, headers["Authorization"]) == ("POST", "Bearer s3cret")


@pytest.mark.parametrize("token", ["s3cret\ns3cret", "s3cret\xe9", "s3cret\u20ac"])
def test_a_token_that_cannot_be_sent_is_not_in_the_traceback_either(workspace, server, token):
    environment = {"METAFLOW_TRIGGERS_WEBHOOK_URL": server.url, "METAFLOW_TRIGGERS_WEBHOOK_TOKEN": token}
    environment |= {"PYTHONIOENCODING": "utf-8", "PYTHONUTF8": "1"}
    done = workspace.python("-c", "from metaflow import emit_event\nemit_event('e')", environment=environment)
    assert done.returncode == 1 and "Traceback" in done.stderr
    assert "METAFLOW_TRIGGERS_WEBHOOK_TOKEN" in done.stderr and "s3cret" not in done.stdout + done.stderr
    assert server.requests == []


def test_names_that_only_look_like_those_of_outcomes_are_published(workspace, server):
    environment = {"METAFLOW_TRIGGERS_WEBHOOK_URL": server.url}
    for name in ("metaflow.outcome", "metaflow.end", "metaflow.ends", "ametaflow.outcome.x", "Metaflow.A.end"):
        stdout, _ = emit(workspace, name, environment=environment)
        assert stdout.startswith("RETURNED"), stdout


def test_a_gateways_answer_counts_where_the_setting_says_so(workspace, server):
    server.answers = [(202, b"")]
    environment = {"METAFLOW_TRIGGERS_WEBHOOK_URL": server.url}
    assert "expected HTTP 200" in emit(workspace, "e", environment=environment)[0]
    environment["METAFLOW_TRIGGERS_WEBHOOK_ACCEPTED"] = "202"
    assert emit(workspace, "e", environment=environment)[0].startswith("RETURNED")


@pytest.mark.parametrize(
    ("name", "payload", "word"),
    [
        ("a b", {}, "128 characters"),
        ("a" * 129, {}, "128 characters"),
        (lambda: 5, {}, "128 characters"),
        ("e", [1], "must be a dict"),
        ("e", {"a": "x" * 245760}, "the limit is 245760"),
        ("e", {"a": ["\0"]}, "NUL"),
        ("e", {"\0": 1}, "NUL"),
        ("e", {"a": "\ud800"}, "lone surrogate"),
        ("e", {"a": float("nan")}, "not JSON"),
        ("e", {1: 2}, "not JSON"),
        ("metaflow.outcome.flowa.success", {}, "one of an outcome"),
        ("metaflow.outcome.x", {}, "one of an outcome"),
        ("metaflow.FlowA.end", {}, "one of an outcome"),
        (lambda: "metaflow.shop.prod.FlowA.end", {}, "one of an outcome"),
        ("e", {"a": object}, "not JSON"),
    ],
)
def test_refused_names_and_payloads(name, payload, word):
    with pytest.raises(EmitError) as raised:
        emit_event(name, payload)
    assert word in str(raised.value)


def test_a_payload_that_contains_itself_is_refused():
    payload: dict[str, object] = {}
    payload["self"] = payload
    with pytest.raises(EmitError, match="contains itself"):
        emit_event("e", payload)


def test_the_largest_payload_passes(workspace, server):
    environment = {"METAFLOW_TRIGGERS_WEBHOOK_URL": server.url}
    stdout, _ = emit(workspace, "('e', {'a': 'x' * (245760 - 8)}, False)", environment=environment)
    assert stdout.startswith("RETURNED"), stdout
    assert len(server.requests[0][3]) < 1024 * 1024


ON_AWS = {
    "SFN_STATE_MACHINE": "m",
    "AWS_ACCESS_KEY_ID": "t",
    "AWS_SECRET_ACCESS_KEY": "t",
    "AWS_DEFAULT_REGION": "us-east-1",
}


def test_how_numbers_are_spelled_is_left_out_where_it_does_not_fit(workspace, server):
    server.answers = [(200, b'{"FailedEntryCount": 0, "Entries": [{"EventId": "x"}]}')]
    stdout, stderr = emit(
        workspace,
        "('e', {'a': [1.0] * 40000, 'b': 2**60}, False)",
        environment=ON_AWS | {"AWS_ENDPOINT_URL": server.url},
    )
    assert stdout.startswith("RETURNED"), stderr
    (entry,) = json.loads(server.requests[0][3])["Entries"]
    assert base64.urlsafe_b64decode(entry["Resources"][1].rpartition("/")[2]) == b'[[["b"],"1152921504606846976"]]'


def test_numbers_that_no_sensor_can_read_travel_beside_the_payload_only():
    text = '{"a":1e400,"b":[-1%s,{"c":1e308}],"d":18446744073709551616,"e":"1e400"}' % ("0" * 400)
    body = webhook_body("e", text, "id", datetime(2026, 1, 1, tzinfo=timezone.utc))
    largest = sys.float_info.max
    # A Go program reads numbers as 64-bit floats, and nothing of an object in which one is too large.
    assert body["payload"]["a"] == largest and body["payload"]["b"] == [-largest, {"c": 1e308}]
    assert (body["payload"]["d"], body["payload"]["e"]) == (2**64, "1e400")
    assert base64.b64decode(body["payload_base64"]).decode() == text


@pytest.mark.parametrize(
    ("payload", "exact"),
    [("{'a': 'x' * 245752}", True), ("{'a': '<xxx' * 61430, 'n': [-5, None]}", False), ("{'a': '<' * 999}", True)],
)
def test_a_payload_in_which_much_is_escaped_travels_once_where_it_loses_nothing(workspace, server, payload, exact):
    environment = {"METAFLOW_TRIGGERS_WEBHOOK_URL": server.url}
    stdout, _ = emit(workspace, f"('e', {payload}, False)", environment=environment)
    assert stdout.startswith("RETURNED"), stdout
    body = json.loads(server.requests[0][3])
    assert ("payload_base64" in body) is exact
    assert {key: body["payload"][key] for key in body["keys"]} == eval(payload)


@pytest.mark.parametrize("payload", ["{'a': '<' * 200000}", "{'a': '<xxx' * 61430, 'n': 1.5}", "{'a': '&' * 130000}"])
def test_a_payload_that_the_bus_of_argo_cannot_carry_is_refused_with_its_size(workspace, server, payload):
    environment = {"METAFLOW_TRIGGERS_WEBHOOK_URL": server.url}
    stdout, _ = emit(workspace, f"('e', {payload}, False)", environment=environment)
    assert stdout.startswith("RAISED EmitError event 'e' needs") and "the limit is 774144" in stdout, stdout
    assert server.requests == []


def test_eventbridge_is_not_looked_for_where_a_redirect_leads(workspace, server):
    server.answers, server.location = [(307, b"")], server.url + "/elsewhere"
    stdout, _ = emit(workspace, "e", environment=ON_AWS | {"AWS_ENDPOINT_URL": server.url})
    assert stdout.startswith("RAISED EmitError") and "307" in stdout
    assert len(server.requests) == 1


def test_eventbridge(workspace, server):
    server.answers = [
        (500, b"{}"),
        (200, b'{"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException", "ErrorMessage": "slow"}]}'),
        (200, b'{"FailedEntryCount": 0, "Entries": [{"EventId": "x"}]}'),
    ]
    environment = {
        "SFN_STATE_MACHINE": "m",
        "AWS_ENDPOINT_URL": server.url,
        "AWS_ACCESS_KEY_ID": "t",
        "AWS_SECRET_ACCESS_KEY": "t",
        "AWS_DEFAULT_REGION": "us-east-1",
        "METAFLOW_TRIGGERS_EVENT_BUS": "bus",
    }
    stdout, stderr = emit(workspace, "order-placed", {"a": 2**60}, environment=environment)
    identity = json.loads(stdout.split(" ", 1)[1])
    entries = [json.loads(request[3])["Entries"][0] for request in server.requests]
    assert len(entries) == 3, stderr
    assert all(entry == entries[0] for entry in entries)
    entry = entries[0]
    assert (entry["Source"], entry["DetailType"], entry["EventBusName"]) == ("metaflow", "order-placed", "bus")
    assert json.loads(entry["Detail"]) == {"a": 2**60}
    assert entry["Resources"][0] == f"metaflow-triggers:event/{identity}"
    assert entry["Resources"][1].startswith("metaflow-triggers:numbers/")
