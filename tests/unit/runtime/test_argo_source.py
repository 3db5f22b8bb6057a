"""Argo source: the trigger document out of a Workflow object, for one event and for a set."""

from __future__ import annotations

import base64
import json

import pytest
from metaflow_extensions.triggers.contract.event_reader import EventError, select
from metaflow_extensions.triggers.contract.parameter_values import parameters_for
from metaflow_extensions.triggers.plugins import argo_source
from metaflow_extensions.triggers.plugins.trigger_object import Trigger

from .conftest import Server

DEPENDENCIES = {
    "version": 1,
    "dependencies": [
        {"kind": "event", "name": "a", "auto_map": False, "mappings": [{"parameter": "p", "field": "v"}]},
        {"kind": "event", "name": "b", "auto_map": False, "mappings": [{"parameter": "q", "field": "name"}]},
        {
            "kind": "finish",
            "name": "parent",
            "flow": "Parent",
            "project": None,
            "branch": None,
            "match": ["aborted", "timeout"],
            "auto_map": False,
            "mappings": [{"parameter": "r", "field": "outcome"}],
        },
    ],
}


def encoded(value):
    text = value if isinstance(value, str) else json.dumps(value)
    return base64.b64encode(text.encode()).decode()


def workflow(**arguments):
    names = {key.replace("_", "-"): value for key, value in arguments.items()}
    return {
        "metadata": {
            "name": "w",
            "labels": {"metaflow-triggers/started-by": "event"},
            "annotations": {"metaflow-triggers/dependencies": json.dumps(DEPENDENCIES)},
        },
        "spec": {
            "arguments": {
                "parameters": [{"name": f"metaflow-triggers-{name}", "value": value} for name, value in names.items()]
            }
        },
    }


def a_set():
    return workflow(
        event="",
        payload="",
        event_0=encoded({"name": "a", "id": "a1", "timestamp": 5}),
        payload_0=encoded('{"v": 12345678901234567890123}'),
        event_1=encoded({"name": "b", "id": "b1", "timestamp": 7, "keys": ["v"]}),
        payload_1=encoded({"v": 1, "name": "added by the publisher"}),
        event_2=encoded({"name": "metaflow.outcome.parent.timeout", "id": "argo-x/timeout", "timestamp": 6}),
        payload_2=encoded({"flow": "Parent", "run_id": "argo-x", "outcome": "timeout"}),
    )


def test_every_event_of_a_set_arrives():
    document = argo_source.document_of(a_set())
    events = select(document)
    assert [(event.name, event.id) for event in events[:2]] == [("a", "a1"), ("b", "b1")]
    assert events[0].payload == {"v": 12345678901234567890123}
    assert events[1].payload == {"v": 1}
    assert events[2].kind == "run"
    assert parameters_for(document, {"p": "int", "q": "str", "r": "str"}) == {
        "p": "12345678901234567890123",
        "r": "timeout",
    }
    assert Trigger.of_events(events).event_name == "b"


def test_one_event_as_before():
    made = workflow(event=encoded({"name": "a", "id": "i"}), payload=encoded({"v": 3}))
    (event,) = select(argo_source.document_of(made))
    assert (event.id, event.payload) == ("i", {"v": 3})


def test_an_event_that_came_later_is_not_read_in_place_of_the_one_that_started_the_run():
    made = workflow(event=encoded({"name": "a", "id": "i"}), payload=encoded({"v": "later"}))
    first = workflow(event=encoded({"name": "a", "id": "i"}), payload=encoded({"v": "first"}))
    made["status"] = {"storedWorkflowTemplateSpec": {**first["spec"], "templates": []}}
    (event,) = select(argo_source.document_of(made))
    assert event.payload == {"v": "first"}
    made["status"] = {"phase": "Pending"}
    (event,) = select(argo_source.document_of(made))
    assert event.payload == {"v": "later"}
    whole = a_set()
    whole["status"] = {"storedWorkflowTemplateSpec": whole.pop("spec")}
    whole["spec"] = {}
    assert [event.id for event in select(argo_source.document_of(whole))[:2]] == ["a1", "b1"]


def test_the_events_of_an_origin_have_the_transports_id_and_time():
    envelope = {"name": "a", "id": "f00d", "timestamp": "2026-01-02T03:04:05Z"}
    (event,) = select(argo_source.document_of(workflow(event=encoded(envelope), payload=encoded({"body": {"k": 1}}))))
    assert event.id == "f00d"
    assert event.timestamp.isoformat() == "2026-01-02T03:04:05+00:00"
    assert event.payload == {"body": {"k": 1}}


@pytest.mark.parametrize(
    "change",
    [
        {"event_0": "%%", "payload_0": encoded({})},
        {"event_0": encoded([1])},
        {"event_0": encoded({"name": "a"}), "payload_0": "%%"},
        {},
    ],
)
def test_a_workflow_without_its_events_is_refused(change):
    with pytest.raises(EventError, match="'w'"):
        argo_source.document_of(workflow(**change))


def test_the_service_accounts_token_follows_no_redirect(server, tmp_path, monkeypatch):
    (tmp_path / "token").write_text("account-token")
    monkeypatch.setenv("ARGO_WORKFLOW_NAMESPACE", "default")
    monkeypatch.setenv("ARGO_WORKFLOW_NAME", "w")
    other = Server()
    try:
        server.answers, server.location = [(302, b"")], other.url
        with pytest.raises(EventError, match="HTTP 302"):
            argo_source.read_document(server.url, str(tmp_path))
        assert server.requests[0][2]["Authorization"] == "Bearer account-token"
        assert len(server.requests) == 1 and other.requests == []
    finally:
        other.close()
