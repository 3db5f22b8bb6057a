"""Names that are computed from an id are those under which Argo Events itself made Workflows (`recorded.json`)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from metaflow_triggers.backends.argo.trail import start_names
from metaflow_triggers.model.flows import EventDependency, Flow

from .argo_flows import event, finish, flow, trigger
from .recorded_cases import EVENTS, FLOWS, FOREIGN, RECORDED, STREAMS

RECORD: dict[str, Any] = json.loads(RECORDED.read_text("utf-8"))
TRANSPORT = "transport-1"
"""The recording gives every event this id of the transport."""


def started(name: str, title: str) -> set[str]:
    told = RECORD["answers"][name]["events"].get(title, {})
    return {item[0] for item in told.values() if isinstance(item, list)}


def asked(subject: Flow, title: str) -> list[start_names.StartName]:
    """By what a publisher knows of the event: its name and its id."""
    if title in FOREIGN:
        return start_names.of_event(subject, "uploaded", TRANSPORT)
    body = EVENTS[title]
    run = (body.get("payload") or {}).get("run_id") if isinstance(body.get("payload"), dict) else None
    if run is not None:
        return start_names.of_run(subject, run)
    identity = body.get("id")
    known = identity if isinstance(identity, str) and identity else TRANSPORT
    return start_names.of_event(subject, body["name"], known)


CASES = [
    (name, title)
    for name, answers in RECORD["answers"].items()
    for title, told in answers["events"].items()
    if any(isinstance(item, list) for item in told.values())
]


@pytest.mark.parametrize(("name", "title"), CASES)
def test_a_start_by_one_event(name: str, title: str) -> None:
    made = started(name, title)
    assert len(made) == 1 and made <= {item.name for item in asked(FLOWS[name], title)}


def test_the_cases_are_many() -> None:
    assert len(CASES) > 30


def key(subject: Flow, dependency: Any, told: str) -> str:
    envelope = json.loads(told)
    if isinstance(dependency, EventDependency):
        identity = TRANSPORT if dependency.origin else envelope.get("id") or TRANSPORT
        return start_names.event_key("demoflow", dependency.name, identity)
    parent, _, outcome = envelope["name"].removeprefix("metaflow.outcome.").rpartition(".")
    run = envelope["id"].partition("/")[0] if "id" in envelope else "argo-y"
    return start_names.outcome_key("demoflow", parent, run, outcome)


@pytest.mark.parametrize("stream", [name for name, (flow_of, _) in STREAMS.items() if flow_of != "all and any"])
def test_a_start_by_a_set(stream: str) -> None:
    subject = FLOWS[STREAMS[stream][0]]
    starts = [item for item in RECORD["streams"][stream] if isinstance(item, list)]
    assert starts
    for name, *texts in starts:
        dependencies = subject.triggers[0].dependencies
        assert name == start_names.of_set(
            subject, [key(subject, item, told) for item, told in zip(dependencies, texts[::2], strict=True)]
        )


def test_a_sets_name_follows_from_one_id_where_all_events_have_it() -> None:
    both = flow(trigger(event("a"), event("b"), join="all"))
    ((only),) = start_names.of_event(both, "a", "17")
    same = [start_names.event_key("demoflow", name, "17") for name in "ab"]
    assert only.name == start_names.of_set(both, same) and only.dependencies == (0,)
    mixed = flow(trigger(finish("Parent"), finish("Other"), join="all"))
    assert [item.name for item in start_names.of_run(mixed, "argo-x")] == [None, None]
    assert start_names.of_event(both, "c", "17") == []


def test_one_workflow_for_two_triggers_and_two_for_two_names() -> None:
    twice = flow(trigger(event("a")), trigger(event("a"), event("b")))
    assert len(start_names.of_event(twice, "a", "17")) == 1
    names = {start_names.of_event(twice, name, "17")[0].name for name in "ab"}
    assert len(names) == 2
