"""What Argo Events 1.9.11 answered to our Sensors: which events start a flow, under which name, with which bytes."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from .recorded_cases import EXACT, FILTERS, FLOWS, RECORDED, STREAMS, TABLE, digest, filter_digest, table

ANSWERS: dict[str, Any] = json.loads(RECORDED.read_text("utf-8"))["answers"]
STARTED: dict[str, Any] = json.loads(RECORDED.read_text("utf-8"))["streams"]
PATTERNS: list[Any] = json.loads(FILTERS.read_text("utf-8"))["patterns"]


def starts(name: str, title: str) -> list[Any]:
    """[workflow name, event, payload] for each dependency that starts the flow."""
    told = ANSWERS[name]["events"].get(title, {})
    errors = [item for item in told.values() if isinstance(item, str) and item.startswith("error")]
    assert not errors, "the Sensor would log an error and go on"
    return [item for item in told.values() if isinstance(item, list)]


def refused(name: str, title: str) -> int:
    """Dependencies of the trigger that logs a refusal."""
    return list(ANSWERS[name]["events"].get(title, {}).values()).count("logged: required-field-missing")


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


def test_what_the_publisher_added_is_not_the_users() -> None:
    assert starts("own keys", "name added by the publisher") == []
    assert refused("own keys", "name added by the publisher") == 1
    assert len(starts("own keys", "name given by the user")) == 1


# filters: semantics, section 5


def test_the_recording_of_filters_is_of_what_we_emit_now() -> None:
    assert json.loads(FILTERS.read_text("utf-8"))["digest"] == filter_digest(table()), "record again"


def test_argo_events_and_event_ruler_agree_on_every_filter() -> None:
    asked = [(row["filter"], one) for row in PATTERNS for one in row["payloads"]]
    assert [(pattern, one) for pattern, one in asked if one["argo_events"] is not one["event_ruler"]] == []
    assert {row["verdict"] for row in PATTERNS} == {"valid"}
    assert len(PATTERNS) >= 60
    assert sum(one["event_ruler"] for _, one in asked) >= 60
    assert sum(not one["event_ruler"] for _, one in asked) >= 60


@pytest.mark.skipif(not TABLE.exists(), reason="the table of filters is not there")
def test_every_pattern_of_the_table_was_asked() -> None:
    assert [row["filter"] for row in PATTERNS] == [row["filter"] for row in table()]


def test_a_hostile_filter_is_only_text() -> None:
    matching = ["filter's text", "filter's prefix", "filter's suffix"]
    assert [len(starts("hostile filter", title)) for title in matching] == [1, 1, 1]
    for title in ("filter's prefix as a pattern", "hostile field", "nested"):
        assert starts("hostile filter", title) == []


def test_a_filter_of_outcomes_sees_the_same_of_both_events_of_a_success() -> None:
    assert starts("filtered outcome", "success") == starts("filtered outcome", "end")
    assert len(starts("filtered outcome", "success")) == 1
    assert starts("filtered outcome", "failure") == []


# origins: semantics, section 3


def test_an_origin_gives_all_data_of_the_event() -> None:
    ((name, event, payload),) = starts("origin", "small file")
    assert name.startswith("demoflow-")
    assert json.loads(event) == {"id": "transport-1", "name": "uploaded", "timestamp": "2026-01-02T03:04:05Z"}
    assert json.loads(payload) == {"notification": {"key": "a/b", "size": 99}}
    assert starts("origin", "large file") == []
    assert (starts("origin", "file without key"), refused("origin", "file without key")) == ([], 1)
    assert starts("origin", "nested") == []


# sets: semantics, section 7


@pytest.mark.parametrize("name", STREAMS)
def test_every_started_set_is_a_workflow(name: str) -> None:
    made = [item for item in STARTED[name] if isinstance(item, list)]
    assert made, name
    assert all(re.fullmatch(r"demoflow-[0-9a-f]{40}", item[0]) for item in made)
    assert len({item[0] for item in made}) == len(made)


def payloads(name: str) -> list[list[Any]]:
    """For each start the payloads of its events."""
    return [[json.loads(text) for text in item[2::2]] for item in STARTED[name] if isinstance(item, list)]


def test_a_set_starts_once_whatever_came_first() -> None:
    assert payloads("a set") == [[{"v": 1}, {"v": 1}]]
    assert STARTED["a set"] == STARTED["a set, the other way"]
    assert payloads("three") == [[{"v": 1}, {"v": 1}, {"deep": [[1, None], {}]}]]


def test_the_newest_of_each_counts_with_and_without_id() -> None:
    assert payloads("the newest of each") == [[{"v": 2}, {"v": 1}]]
    assert payloads("the newest of each, without id") == [[{"v": 3}, {"v": 1}]]
    ((success, failure),) = (payloads("flows")[0][:1] + payloads("flows, the newest outcome")[0][:1],)
    assert (success["outcome"], failure["outcome"]) == ("success", "failure")


def test_a_start_consumes_its_set() -> None:
    assert payloads("a set is consumed") == [[{"v": 1}, {"v": 1}], [{"v": 2}, {}]]
    assert len(payloads("nothing is left over")) == 1
    assert len(payloads("flows, one success told twice")) == 1


def test_the_name_of_a_set_comes_from_all_its_start_keys() -> None:
    names = {STARTED[name][0][0] for name in ("a set", "the newest of each", "the newest of each, without id")}
    assert len(names) == 3


def test_an_event_without_a_required_field_is_not_part_of_a_set() -> None:
    told = STARTED["a required field is missing"]
    assert told[0] == "logged: required-field-missing"
    assert payloads("a required field is missing") == [[{"v": 1}, {"v": 1}]]


def test_a_reset_forgets_half_a_set() -> None:
    assert payloads("a reset forgets") == [[{"v": 2}, {"v": 1}]]


def test_filters_and_origins_hold_in_a_set() -> None:
    assert payloads("a filter and an origin") == [[{"v": 2}, {"notification": {"key": "a/b", "size": 99}}]]


def test_triggers_of_one_flow_are_independent_and_every_outcome_starts() -> None:
    told = payloads("all and any")
    outcomes = [item[0].get("outcome") for item in told if len(item) == 1]
    assert outcomes == ["failure", "timeout", "aborted", "success"]
    assert [{"v": 1}, {"v": 1}] in told
