"""Difference: what was added, removed and changed between the flows of a folder and those of today."""

from __future__ import annotations

from dataclasses import replace

from metaflow_triggers.graph.differences import between, changes, recorded, restored
from metaflow_triggers.graph.link import link
from metaflow_triggers.manifests.schemas import findings
from metaflow_triggers.model.flows import Flow, PollTrigger, Schedule, Span
from metaflow_triggers.pictures.build import build
from metaflow_triggers.pictures.difference import difference
from metaflow_triggers.pictures.json import SCHEMA, document
from metaflow_triggers.pictures.values import Picture

from tests.unit.graph.build import all_of, any_of, event, finished, flow


def compared(before: list[Flow], after: list[Flow], backends: int = 1, polls: tuple[PollTrigger, ...] = ()) -> Picture:
    """The picture, with pairs and words as `diff` has them."""
    old = {item.name: restored(recorded(item)) for item in before}
    new = {item.name: item for item in after}
    pairs = [(old.get(name), new.get(name)) for name in sorted({*old, *new})] * backends
    told: dict[str, list[str]] = {}
    for was, now in pairs[: len(pairs) // backends]:
        found = between(was, now) if was and now else changes([was] if was else [], [now] if now else [])
        for change in found:
            told.setdefault(change.flow, []).append(change.text)
    picture = difference(build(link(after, polls=polls)), pairs, told)
    assert findings(document(picture), SCHEMA) == []
    return picture


def marked(picture: Picture) -> tuple[dict[str, str], dict[tuple[str, str], str]]:
    nodes = {node.id: node.change for node in picture.nodes if node.change}
    return nodes, {(edge.source, edge.target): edge.change for edge in picture.edges if edge.change}


CHAIN = [
    flow("Ingest", any_of(event("uploaded", ("path", "path"))), emits=("ready",), schedule=True),
    flow("Clean", any_of(finished("Ingest"))),
    flow("Join", all_of(finished("Clean"), event("clock"))),
]


def test_nothing_is_marked_where_nothing_changed() -> None:
    poll = PollTrigger("p", "Ingest", 1000, False, Span("p.py", 1, 1, 1, 2))
    assert marked(compared(CHAIN, CHAIN, polls=(poll,))) == ({}, {})
    assert marked(compared(CHAIN, CHAIN[::-1], backends=2)) == ({}, {})


def test_a_flow_is_added_and_another_removed() -> None:
    new = flow("Score", any_of(event("fresh")))
    assert marked(compared(CHAIN[:2], [CHAIN[0], new])) == (
        {"flow/Score": "added", "event/fresh": "added", "flow/Clean": "removed"},
        {("event/fresh", "flow/Score"): "added", ("flow/Ingest", "flow/Clean"): "removed"},
    )
    picture = compared(CHAIN[:2], [CHAIN[0], new])
    texts = {node.id: node.changes for node in picture.nodes if node.changes}
    assert texts == {
        "flow/Score": ("Score is new: it starts when event fresh arrives",),
        "flow/Clean": ("Clean is no longer deployed",),
    }
    assert all(node.place is None for node in picture.nodes if node.change == "removed")


def test_what_starts_a_flow_changes() -> None:
    filtered = flow("Ingest", any_of(event("uploaded", ("path", "file"))), emits=("ready",), schedule=True)
    assert marked(compared(CHAIN, [filtered, *CHAIN[1:]])) == (
        {"flow/Ingest": "changed"},
        {("event/uploaded", "flow/Ingest"): "changed"},
    )
    fails = flow("Clean", any_of(finished("Ingest", match=("failure",))))
    nodes, edges = marked(compared(CHAIN, [CHAIN[0], fails, CHAIN[2]]))
    assert (nodes, edges) == ({"flow/Clean": "changed"}, {("flow/Ingest", "flow/Clean"): "changed"})
    later = replace(CHAIN[0], schedule=Schedule("0 9 * * ? *", None, CHAIN[0].span))
    nodes, edges = marked(compared(CHAIN, [later, *CHAIN[1:]]))
    assert (nodes, edges) == ({"flow/Ingest": "changed", "schedule/flow/Ingest": "changed"}, {})
    no_set = flow("Join", any_of(finished("Clean")))
    nodes, edges = marked(compared(CHAIN, [*CHAIN[:2], no_set]))
    assert nodes == {"flow/Join": "changed", "set/flow/Join": "removed", "event/clock": "removed"}
    assert edges == {
        ("flow/Clean", "flow/Join"): "added",
        ("set/flow/Join", "flow/Join"): "removed",
        ("flow/Clean", "set/flow/Join"): "removed",
        ("event/clock", "set/flow/Join"): "removed",
    }


def test_a_flow_that_others_still_wait_for_is_removed_where_it_stood() -> None:
    picture = compared(CHAIN, CHAIN[1:])
    assert {node.id for node in picture.nodes if node.change} == {
        "elsewhere/Ingest",
        "event/uploaded",
        "schedule/flow/Ingest",
    }
    assert marked(picture)[0]["elsewhere/Ingest"] == "removed"
    assert ("elsewhere/Ingest", "flow/Clean") not in marked(picture)[1]
    back = compared(CHAIN[1:], CHAIN)
    assert marked(back)[0]["flow/Ingest"] == "added"
    assert ("flow/Ingest", "flow/Clean") not in marked(back)[1]


def test_another_branch_changes_no_picture() -> None:
    there = [replace(item, project="shop", branch="user.ann") for item in CHAIN[:1]]
    here = [replace(item, project="shop", branch="prod") for item in CHAIN[:1]]
    waits = [flow("Clean", any_of(finished("Ingest", project="shop", branch=name))) for name in ("user.ann", "prod")]
    homes = [("shop", "user.ann"), ("shop", "prod")]
    both = [replace(item, project=home[0], branch=home[1]) for item, home in zip(waits, homes, strict=True)]
    nodes, edges = marked(compared([*there, both[0]], [*here, both[1]]))
    assert edges == {}
    assert set(nodes.values()) <= {"changed"}


def test_a_flow_of_no_backend_is_not_compared() -> None:
    apart = flow("Apart", all_of(event("a"), event("b")))
    picture = difference(build(link([*CHAIN, apart])), [(item, item) for item in CHAIN], {})
    assert marked(picture) == ({}, {})


def test_polls_are_added_removed_and_changed() -> None:
    def poll(name: str, seconds: int = 1) -> PollTrigger:
        return PollTrigger(name, "Ingest", seconds * 1000, False, Span("p.py", 1, 1, 1, 2))

    was = [(CHAIN[0], poll("stays")), (CHAIN[0], poll("other")), (CHAIN[0], poll("gone"))]
    elsewhere = PollTrigger("far", "Elsewhere", 1000, False, Span("p.py", 3, 1, 3, 2))
    polls = (poll("stays"), poll("other", 2), poll("new"), elsewhere)
    pairs = [(item, item) for item in CHAIN]
    now = build(link(CHAIN, polls=polls))
    assert marked(difference(now, pairs, {}, was, {"Ingest"})) == (
        {"poll/other": "changed", "poll/new": "added", "poll/gone": "removed"},
        {("poll/new", "flow/Ingest"): "added", ("poll/gone", "flow/Ingest"): "removed"},
    )
    # Where nothing polls, none is said to be new.
    assert marked(difference(now, pairs, {})) == ({}, {})
