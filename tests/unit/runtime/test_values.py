"""What arrives in a parameter, value by value (semantics, section 6), and what a document's events are."""

from __future__ import annotations

import base64
import json
import math
import pickle
from datetime import datetime, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metaflow_extensions.triggers.contract import exact_json, words
from metaflow_extensions.triggers.contract.event_reader import EventError, field, select
from metaflow_extensions.triggers.contract.parameter_values import convert, parameters_for

TEXT = st.text()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def document(event, *mappings, transport="local", **dependency):
    return {
        "version": 1,
        "dependencies": [
            {"kind": "event", "name": "order-placed", "auto_map": False, "mappings": list(mappings), **dependency}
        ],
        "events": [{"transport": transport, "event": event}],
    }


def placed(payload, *mappings, **dependency):
    return document({"name": "order-placed", "id": "1", "payload": payload}, *mappings, **dependency)


@given(JSON)
def test_json_text_round_trips(value):
    assert exact_json.loads(exact_json.dumps(value)) == value
    assert json.loads(exact_json.dumps(value)) == value


@given(st.integers(min_value=0, max_value=20000), st.sampled_from(["", "-"]), st.integers(1, 9))
@settings(max_examples=30)
def test_integers_of_any_size_keep_every_digit(zeros, sign, first):
    text = f"{sign}{first}{'0' * zeros}7"
    assert exact_json.dumps(exact_json.loads(text)) == text


@pytest.mark.parametrize("text", ["1.10", "1e400", "-0.0", "0.1000000000000000055511151231257827", "1E5", "1e-999"])
def test_decimals_keep_their_spelling(text):
    number = exact_json.loads(text)
    assert exact_json.dumps(number) == text
    assert convert(number, "str") == text
    assert type(pickle.loads(pickle.dumps(number))) is float


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", '{"a": NaN}'])
def test_what_is_not_json_is_refused(text):
    with pytest.raises(ValueError, match="not JSON"):
        exact_json.loads(text)


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        ("x $(id) `y` {{z}} <w> \"q\" 'r'\n", "str", "x $(id) `y` {{z}} <w> \"q\" 'r'\n"),
        (5, "str", "5"),
        (True, "str", "true"),
        ({"a": [1, None]}, "str", '{"a":[1,null]}'),
        (7, "int", "7"),
        ("-007", "int", "-007"),
        (3, "float", "3"),
        (2.5, "float", "2.5"),
        ("1e3", "float", "1e3"),
        (True, "bool", "true"),
        ("FALSE", "bool", "false"),
        ("x", "json", '"x"'),
        ({"ü": 1}, "json", '{"ü":1}'),
        ("path", "file", "path"),
    ],
)
def test_value_fits(value, kind, text):
    assert convert(value, kind) == text


def test_an_integer_beyond_what_python_prints_at_once():
    assert convert(-(10**5000), "int") == "-1" + "0" * 5000


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (True, "int"),
        (3.0, "int"),
        ("3.0", "int"),
        (" 3", "int"),
        ("3\n", "int"),
        ("٣", "int"),
        ("", "int"),
        ("+3", "int"),
        ("1_000", "int"),
        (True, "float"),
        ("nan", "float"),
        ("inf", "float"),
        ("1e999", "float"),
        (10**400, "float"),
        ("1_0.0", "float"),
        (" 1.0", "float"),
        (1, "bool"),
        ("yes", "bool"),
        ("", "bool"),
        ([True], "bool"),
    ],
)
def test_value_does_not_fit(value, kind):
    with pytest.raises(ValueError, match=r"expected .*, found"):
        convert(value, kind)


@given(JSON)
def test_conversion_never_invents(value):
    if isinstance(value, bool):
        assert convert(value, "bool") == ("true" if value else "false")
    elif isinstance(value, int):
        assert int(convert(value, "int")) == value
    elif isinstance(value, float):
        assert math.isclose(float(convert(value, "float")), value, rel_tol=0)
    elif isinstance(value, str):
        assert convert(value, "str") == value
    assert json.loads(convert(value, "json")) == value


@given(st.dictionaries(st.text("ab.", min_size=1, max_size=5), st.integers(), min_size=1))
def test_a_key_with_dots_wins(payload):
    for key, value in payload.items():
        assert field(payload, key) == value


@pytest.mark.parametrize(
    ("payload", "path", "value"),
    [
        ({"order": {"id": 1}}, "order.id", 1),
        ({"order": {"id": 1}, "order.id": 2}, "order.id", 2),
        ({"a.b": {"c": 3}, "a": {"b": {}}}, "a.b.c", 3),
        ({"a.b": {}, "a": {"b": {"c": 4}}}, "a.b.c", 4),
        ({"a": [1]}, "a.0", None),
        ({}, "a", None),
    ],
)
def test_paths(payload, path, value):
    assert field(payload, path) == value


def test_mapped_parameters():
    found = parameters_for(
        placed(
            {"orderId": "A-1", "amount": 99.5, "gone": None},
            {"parameter": "order_id", "field": "orderId"},
            {"parameter": "Amount", "field": "amount"},
            {"parameter": "absent", "field": "nowhere"},
            {"parameter": "null", "field": "gone"},
            {"parameter": "env", "constant_json": '"production"'},
        ),
        {"order_id": "str", "Amount": "float", "absent": "str", "null": "str", "env": "str", "other": "str"},
    )
    assert found == {"order_id": "A-1", "Amount": "99.5", "env": "production"}


def test_auto_map_takes_fields_of_the_same_name():
    found = parameters_for(
        placed({"a": 1, "b": 2, "c": 3}, {"parameter": "b", "field": "c"}, auto_map=True), {"a": "int", "b": "int"}
    )
    assert found == {"a": "1", "b": "3"}


def test_a_wrong_type_names_event_field_and_parameter():
    with pytest.raises(EventError) as raised:
        parameters_for(placed({"n": "many"}, {"parameter": "count", "field": "n"}), {"count": "int"})
    message = str(raised.value)
    assert "'order-placed'" in message
    assert "'n'" in message
    assert "'count'" in message
    assert 'the text "many"' in message


def test_a_parameter_that_is_gone_and_an_event_of_nobody_are_refused():
    with pytest.raises(EventError, match="which the flow does not have"):
        parameters_for(placed({}, {"parameter": "old", "field": "n"}), {})
    with pytest.raises(EventError, match="belongs to no dependency"):
        parameters_for(document({"name": "other", "payload": {}}), {})


def test_eventbridge_event():
    big = 2**70 + 1
    payload = {"n": [float(big)], "x": "y"}  # as a bus with floating-point numbers brings it
    event = {
        "id": "bus-id",
        "source": "metaflow",
        "detail-type": "order-placed",
        "time": "2026-02-03T04:05:06Z",
        "detail": payload,
        "resources": [words.event_resource("our-id"), exact_json.numbers_resource({"n": [big], "x": "y"})],
    }
    (found,) = select(document(event, transport="eventbridge"))
    assert (found.name, found.id, found.kind) == ("order-placed", "our-id", "event")
    assert found.payload == {"n": [big], "x": "y"}
    assert found.timestamp == datetime(2026, 2, 3, 4, 5, 6, tzinfo=timezone.utc)
    assert found.dependency["name"] == "order-placed"
    event["resources"] = ["arn:aws:s3:::b", "metaflow-triggers:numbers/!!!"]
    assert select(document(event, transport="eventbridge"))[0].id == "bus-id"


def finish(transport, event, **more):
    dependency = {"kind": "finish", "name": "proj-prod-A", "flow": "A", "project": "proj", "branch": "prod"}
    return document(event, transport=transport, **{**dependency, "match": ["success", "failure"], **more})


def test_outcomes_have_one_shape_on_every_backend():
    aws = {
        "source": "aws.states",
        "detail-type": "Step Functions Execution Status Change",
        "time": "2026-02-03T04:05:06Z",
        "detail": {
            "status": "FAILED",
            "name": "x1",
            "stateMachineArn": "arn:aws:states:us-east-1:1:stateMachine:proj-prod-A",
            "error": "States.TaskFailed",
            "cause": "boom",
        },
    }
    (found,) = select(finish("eventbridge", aws))
    assert (found.kind, found.name, found.id) == ("run", "metaflow.proj.prod.A.failure", "A/sfn-x1/failure")
    assert found.payload == {
        "flow": "A",
        "run_id": "sfn-x1",
        "outcome": "failure",
        "project": "proj",
        "branch": "prod",
        "step": None,
        "error": "States.TaskFailed: boom",
    }
    ours = {
        "name": "metaflow.outcome.proj-prod-A.success",
        "id": "argo-1/success",
        "payload": {"flow": "A", "run_id": "argo-1", "outcome": "success", "project": "proj", "branch": "prod"},
    }
    upstreams = {
        "name": "metaflow.proj.prod.A.end",
        "payload": {"run_id": "argo-1", "flow_name": "A", "id": "A/argo-1"},
    }
    (one,), (other,) = select(finish("argo", ours)), select(finish("argo", upstreams))
    assert (one.payload, one.id, one.name) == (other.payload, other.id, other.name)
    assert one.id == "A/argo-1/success"
    (nobody,) = select(finish("argo", ours, match=["failure"]))
    assert nobody.dependency is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (1700000000, datetime(2023, 11, 14, 22, 13, 20, tzinfo=timezone.utc)),
        ("2023-11-14T22:13:20.123456789+0200", None),
        ("2023-11-14T22:13:20.5Z", None),
        ("soon", 0),
        (10**30, 0),
    ],
)
def test_timestamps_are_aware_or_absent(text, expected):
    (found,) = select(document({"name": "order-placed", "timestamp": text, "payload": {}}))
    if expected == 0:
        assert found.timestamp is None
    else:
        assert found.timestamp.tzinfo is not None
        assert expected is None or found.timestamp == expected


def test_what_our_publisher_added_goes_out_again_and_layers_of_json_are_read():
    body = {"name": "order-placed", "id": "i", "payload": {"name": "order-placed", "id": "i", "a": 1}, "keys": ["a"]}
    (found,) = select(document(json.dumps(body), transport="argo"))
    assert (found.payload, found.id) == ({"a": 1}, "i")
    (found,) = select(document({"name": "order-placed", "payload": json.dumps({"a": 2})}))
    assert found.payload == {"a": 2}
    for broken in ("{", 5, None, []):
        with pytest.raises(EventError):
            select(document(broken))
    with pytest.raises(EventError, match="unknown transport"):
        select(document({}, transport="pigeon"))


@given(JSON)
def test_large_integers_survive_a_bus_of_floating_point_numbers(payload):
    resource = exact_json.numbers_resource({"p": payload})
    bus = json.loads(json.dumps({"p": payload}), parse_int=lambda text: int(float(text)) if len(text) < 300 else 0)
    event = {"source": "metaflow", "detail-type": "e", "detail": bus, "resources": [resource] if resource else []}
    (found,) = select({"version": 1, "events": [{"transport": "eventbridge", "event": event}]})
    assert found.payload == {"p": payload}
    assert resource is None or base64.urlsafe_b64decode(resource.rsplit("/", 1)[1])


DECIMALS = {
    "2.5": False,
    "1.10": False,
    "1E5": False,
    "1.0": False,
    "-0.0": False,
    "0e99999999999999999999": False,
    "1e400": True,
    "-1e400": True,
    "1e-999": True,
    "1e-99999999999999999999": True,
    "0.1000000000000000055511151231257827": True,
}
"""How a number is written -> whether a double has another value. Each but the first may be written otherwise."""


@pytest.mark.parametrize("text", DECIMALS)
def test_a_decimal_survives_a_bus_of_floating_point_numbers(text):
    def by_the_bus(number):
        double = float(number)
        return 0 if math.isinf(double) else int(double) if double.is_integer() else double

    payload = exact_json.loads(f'{{"n":[true,{{"x":{text}}}]}}')
    resource = exact_json.numbers_resource(payload)
    bus = json.loads(exact_json.dumps(payload), parse_float=by_the_bus)
    event = {"source": "metaflow", "detail-type": "e", "detail": bus, "resources": [resource] if resource else []}
    (found,) = select({"version": 1, "events": [{"transport": "eventbridge", "event": event}]})
    assert exact_json.dumps(found.payload) == exact_json.dumps(payload)
    assert (resource is None) == (text == "2.5")
    assert (exact_json.numbers_resource(payload, spelling=False) is not None) == DECIMALS[text]


def test_what_is_no_number_replaces_none():
    for digits in ('"null"', '"true"', "5", '"x"', '"[1]"', '"NaN"'):
        resource = "metaflow-triggers:numbers/" + base64.urlsafe_b64encode(f'[[["n"],{digits}]]'.encode()).decode()
        event = {"source": "metaflow", "detail-type": "e", "detail": {"n": 1}, "resources": [resource]}
        (found,) = select({"version": 1, "events": [{"transport": "eventbridge", "event": event}]})
        assert found.payload == {"n": 1} and type(found.payload["n"]) is int


S3_ORIGIN = {"source": "aws.s3", "detail-type": "Object Created"}


@pytest.mark.parametrize(
    ("event", "name"),
    [
        ({"source": "aws.s3", "detail-type": "Object Created"}, "upload"),
        ({"source": "aws.s3", "detail-type": "Object Deleted"}, None),
        ({"source": "other", "detail-type": "Object Created"}, None),
        ({"source": "metaflow", "detail-type": "upload"}, None),  # its name on the bus is another
        ({"source": "billing", "detail-type": "anything"}, "bill"),
        ({"source": "metaflow", "detail-type": "order-placed"}, "order-placed"),
    ],
)
def test_an_event_of_another_system_is_known_by_its_origin(event, name):
    def one(name, **more):
        return {"kind": "event", "name": name, "auto_map": False, "mappings": [], **more}

    dependencies = [one("upload", origin=S3_ORIGIN), one("bill", origin={"source": "billing"}), one("order-placed")]
    sent = {"id": "1", "time": "2026-01-02T03:04:05Z", "detail": {"key": "x"}, **event}
    (found,) = select(
        {"version": 1, "dependencies": dependencies, "events": [{"transport": "eventbridge", "event": sent}]}
    )
    assert (found.dependency or {}).get("name") == name
    assert found.name == (name or event["detail-type"])
    assert found.payload == {"key": "x"}


def test_a_raw_status_change_that_the_flow_asks_for_by_origin_is_an_event():
    kind = "Step Functions Execution Status Change"
    dependency = {"kind": "event", "name": "any-end", "origin": {"source": "aws.states", "detail-type": kind}}
    sent = {"source": "aws.states", "detail-type": kind, "detail": {"status": "FAILED"}}
    (found,) = select({"dependencies": [dependency], "events": [{"transport": "eventbridge", "event": sent}]})
    assert (found.name, found.kind, found.payload) == ("any-end", "event", {"status": "FAILED"})
