"""What Argo Events 1.9.11 answered to our Sensors: which events start a flow, under which name, with which bytes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .recorded_cases import EXACT, FLOWS, RECORDED, digest

ANSWERS: dict[str, Any] = json.loads(RECORDED.read_text("utf-8"))["answers"]


def starts(name: str, title: str) -> list[Any]:
    """[workflow name, event, payload] for each dependency that starts the flow."""
    told = ANSWERS[name]["events"].get(title, {})
    assert not [item for item in told.values() if isinstance(item, str)], "the Sensor would log an error and go on"
    return [item for item in told.values() if item[0] != "named-by-the-start-key"]


def refused(name: str, title: str) -> int:
    """Dependencies of the trigger that logs a refusal."""
    told = ANSWERS[name]["events"].get(title, {})
    return len([item for item in told.values() if item[0] == "named-by-the-start-key"])


def test_the_recording_is_of_what_we_emit_now() -> None:
    assert json.loads(RECORDED.read_text("utf-8"))["digest"] == digest(), "record again: see recorded_cases.py"


@pytest.mark.parametrize("name", FLOWS)
def test_the_validator_accepts(name: str) -> None:
    assert ANSWERS[name]["verdict"] == "valid"


def test_our_event_starts_once_with_exact_numbers() -> None:
    ((name, event, payload),) = starts("everything", "ours")
    assert payload == EXACT
    assert json.loads(event) == {"name": "user.signup", "id": "abc", "timestamp": 1, "keys": ["order", "x"]}
    assert starts("everything", "ours again") == [[name, event, payload]]


def test_the_payload_travels_once() -> None:
    ((_, event, payload),) = starts("everything", "large")
    assert len(payload) > 1000
    assert len(event) < 100


def test_without_an_id_the_transports_is_the_key() -> None:
    ((first, _, payload),) = starts("everything", "without id")
    assert json.loads(payload) == {"order.id": 5, "z": "{{workflow.name}}"}
    ((number, _, _),) = starts("everything", "id is a number")
    ((empty, _, _),) = starts("everything", "id is empty")
    assert first == number == empty  # the recording gives every event one transport id
    assert first != starts("everything", "ours")[0][0]


@pytest.mark.parametrize(
    "title",
    ["name differs at the dot", "name and a newline", "name inside the payload", "body is a list", "end by hand"],
)
def test_other_events_do_not_start(title: str) -> None:
    told = ANSWERS["everything"]["events"].get(title, {})
    assert not [item for item in told.values() if not isinstance(item, str)]


@pytest.mark.parametrize("title", ["required is null", "required is missing"])
def test_a_required_field_that_is_not_there_is_logged(title: str) -> None:
    assert starts("everything", title) == []
    assert refused("everything", title) == 1


def test_odd_payloads() -> None:
    assert starts("everything", "payload is missing")[0][2] == "{}"
    assert starts("everything", "payload is a list")[0][2] == "[1]"
    assert "{{" not in json.dumps(starts("everything", "payload_base64 is a tag"))


def test_both_events_of_one_success_make_one_workflow() -> None:
    assert starts("everything", "success") == starts("everything", "end")
    ((name, event, payload),) = starts("everything", "success")
    assert json.loads(event) == {"id": "argo-x-1/success", "name": "metaflow.outcome.parent.success"}
    assert json.loads(payload) == {"flow": "Parent", "run_id": "argo-x-1", "outcome": "success"}
    assert starts("everything", "project success") == starts("everything", "project end")
    ((_, _, payload),) = starts("everything", "project end")
    assert json.loads(payload)["branch"] == "user.tester"
    ((failed, _, payload),) = starts("everything", "failure")
    assert failed != name
    assert json.loads(payload)["error"] == "{{x}}"


def test_hostile_texts_are_only_texts() -> None:
    assert len(starts("hostile field", "hostile field")) == 1
    assert len(starts("hostile field", "hostile field, its nested reading")) == 1
    assert starts("hostile field", "nested") == []
    assert refused("hostile field", "nested") == 1
    assert len(starts("hostile name", "hostile name")) == 1
    assert starts("hostile name", "hostile name as a pattern") == []


def test_dotted_paths() -> None:
    for title in ("nested", "nested with dots", "nested with other dots"):
        assert len(starts("nested", title)) == 1
    for title in ("nested is null", "nested in a text", "hostile field"):
        assert starts("nested", title) == []
        assert refused("nested", title) == 1
