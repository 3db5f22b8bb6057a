"""One event, several dependencies of a document: which of them a run takes (semantics, section 2)."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from metaflow_extensions.triggers.contract import exact_json
from metaflow_extensions.triggers.contract.event_reader import EventError, select
from metaflow_extensions.triggers.contract.parameter_values import parameters_for
from metaflow_extensions.triggers.plugins import argo_source

DECLARED = {"p": "str", "q": "str"}


def event(parameter: str, field: str, pattern: Any = None, required: bool = False, **more: Any) -> dict[str, Any]:
    told = {"filter_json": json.dumps(pattern)} if pattern is not None else {}
    told |= {"required": [field]} if required else {}
    mappings = [{"parameter": parameter, "field": field}]
    return {"kind": "event", "name": "push", **told, "auto_map": False, "mappings": mappings, **more}


def arrived(transport: str, payload: dict[str, Any], name: str = "push") -> dict[str, Any]:
    if transport == "eventbridge":
        return {
            "transport": transport,
            "event": {"detail-type": name, "source": "metaflow", "detail": payload, "id": "1"},
        }
    return {"transport": transport, "event": {"name": name, "id": "1", "payload": payload}}


def given(dependencies: list[dict[str, Any]], *events: dict[str, Any]) -> dict[str, str]:
    return parameters_for({"version": 1, "dependencies": dependencies, "events": list(events)}, DECLARED)


@pytest.mark.parametrize("transport", ["eventbridge", "argo"])
def test_the_first_in_written_order_whose_filter_matches_counts(transport: str) -> None:
    both = [event("p", "sha", {"n": [{"numeric": [">", 5]}]}), event("q", "sha", {"repo": ["a"]})]
    found = {}
    for name, payload in {"both": {"n": 6, "repo": "a"}, "second": {"n": 5, "repo": "a"}, "first": {"n": 6}}.items():
        found[name] = given(both, arrived(transport, {**payload, "sha": "1"}))
    assert found == {"both": {"p": "1"}, "second": {"q": "1"}, "first": {"p": "1"}}
    assert given(both[::-1], arrived(transport, {"n": 6, "repo": "a", "sha": "1"})) == {"q": "1"}
    # A list matches when one of its elements does, and one without a filter takes what is left.
    assert given([*both, event("p", "other")], arrived(transport, {"repo": ["b"], "other": "2"})) == {"p": "2"}


@pytest.mark.parametrize("transport", ["eventbridge", "argo"])
def test_one_that_lacks_what_the_flow_requires_is_passed_over(transport: str) -> None:
    both = [event("p", "x", {"a": [1]}, required=True), event("p", "y.z", required=True)]
    assert given(both, arrived(transport, {"a": 1, "x": "1", "y": {"z": "2"}})) == {"p": "1"}
    assert given(both, arrived(transport, {"a": 1, "y": {"z": "2"}})) == {"p": "2"}
    assert given(both, arrived(transport, {"a": 2, "x": "1", "y": {"z": "2"}})) == {"p": "2"}
    with pytest.raises(EventError, match="event 'push' has no field 'x', which a required parameter takes"):
        given(both, arrived(transport, {"a": 1, "x": None}))


@pytest.mark.parametrize("transport", ["eventbridge", "argo"])
def test_an_event_that_matches_none_is_nobodys(transport: str) -> None:
    both = [event("p", "sha", {"a": [1]}), event("q", "sha", {"a": [2]})]
    with pytest.raises(EventError, match="belongs to no dependency"):
        given(both, arrived(transport, {"a": 3}))


def test_a_document_without_filters_is_read_as_before() -> None:
    one = event("p", "sha")
    del one["mappings"]
    alone = {"version": 1, "dependencies": [one], "events": [arrived("argo", {"a": 1})]}
    (found,) = select(alone)
    assert found.dependency is one


@pytest.mark.parametrize("transport", ["eventbridge", "argo"])
def test_in_a_set_events_belong_to_dependencies_by_their_place(transport: str) -> None:
    both = [event("p", "sha"), event("q", "sha")]
    one, two = arrived(transport, {"sha": "1"}), arrived(transport, {"sha": "2"})
    assert given(both, one, two) == {"p": "1", "q": "2"}
    assert given(both, two, two) == {"p": "2", "q": "2"}


def test_two_names_with_one_origin_on_eventbridge() -> None:
    origin = {"source": "s", "detail-type": "T"}
    both = [
        event("p", "k", {"n": [1]}, name="small", origin=origin),
        event("q", "k", name="any", origin={"source": "s"}),
    ]
    for payload, name, texts in (({"n": 1, "k": "1"}, "small", {"p": "1"}), ({"n": 2, "k": "2"}, "any", {"q": "2"})):
        item = {"transport": "eventbridge", "event": {"source": "s", "detail-type": "T", "detail": payload}}
        (found,) = select({"version": 1, "dependencies": both, "events": [item]})
        assert (found.name, given(both, item)) == (name, texts)


def test_two_names_with_one_origin_on_argo_come_under_the_first() -> None:
    both = [event("p", "k", {"n": [1]}, name="small"), event("q", "k", name="any", same_as="small")]
    for payload, name in (({"n": 1}, "small"), ({"n": 2}, "any")):
        (found,) = select({"version": 1, "dependencies": both, "events": [arrived("argo", payload, "small")]})
        assert found.name == name


def test_two_outcomes_of_one_flow() -> None:
    def finish(parameter: str, *match: str) -> dict[str, Any]:
        mappings = [{"parameter": parameter, "field": "outcome"}]
        head = {"kind": "finish", "name": "up", "flow": "Up", "match": list(match)}
        return {**head, "auto_map": False, "mappings": mappings}

    both = [finish("p", "failure"), finish("q", "success", "timeout")]
    machine = "arn:aws:states:eu-west-1:1:stateMachine:up"
    for outcome, status, texts in (("failure", "FAILED", {"p": "failure"}), ("timeout", "TIMED_OUT", {"q": "timeout"})):
        body = {"name": f"metaflow.outcome.up.{outcome}", "payload": {"flow": "Up", "run_id": "1", "outcome": outcome}}
        assert given(both, {"transport": "argo", "event": body}) == texts
        detail = {"stateMachineArn": machine, "status": status, "name": "r"}
        told = {"source": "aws.states", "detail-type": "Step Functions Execution Status Change", "detail": detail}
        assert given(both, {"transport": "eventbridge", "event": told}) == texts


def test_a_set_that_begins_behind_other_dependencies() -> None:
    def encoded(value: Any) -> str:
        return base64.b64encode(exact_json.dumps(value).encode()).decode()

    static = {
        "version": 1,
        "set_at": 1,
        "dependencies": [event("p", "z", name="alone"), event("p", "k"), event("q", "k")],
    }
    parameters = [
        {"name": f"metaflow-triggers-{what}-{place}", "value": encoded(value)}
        for place, number in enumerate(("1", "2"))
        for what, value in (("event", {"name": "push", "id": number}), ("payload", {"k": number}))
    ]
    workflow = {
        "metadata": {
            "name": "w",
            "labels": {"metaflow-triggers/started-by": "event"},
            "annotations": {"metaflow-triggers/dependencies": json.dumps(static)},
        },
        "spec": {"arguments": {"parameters": parameters}},
    }
    document = argo_source.document_of(workflow)
    assert document is not None
    assert parameters_for(document, DECLARED) == {"p": "1", "q": "2"}
