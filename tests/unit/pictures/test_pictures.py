"""Pictures: nodes and edges of a graph, diagnostics at their nodes, and every name as data in each text."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace

import pytest
from metaflow_triggers.diagnostics import Diagnostic
from metaflow_triggers.graph.link import link
from metaflow_triggers.manifests.schemas import findings
from metaflow_triggers.model.flows import Filter, Options, PollTrigger, Span
from metaflow_triggers.pictures import dot, mermaid
from metaflow_triggers.pictures.build import build
from metaflow_triggers.pictures.json import SCHEMA, as_text, document
from metaflow_triggers.pictures.values import EDGES, NODES, Edge, Node, Picture
from metaflow_triggers.project_file.shape import Event
from metaflow_triggers.reports.shown import shown

from tests.unit.graph.build import all_of, any_of, event, finished, flow


def whole() -> Picture:
    """A graph that has one of everything."""
    orders = any_of(
        event("order-placed", ("id", "orderId"), ("env", ['"prod"']), filter='{"price": [1]}'),
        event("clock"),
        stated=True,
    )
    joined = all_of(finished("Ingest", match=("failure", "success")), finished("Elsewhere"))
    flows = [
        flow("Ingest", emits=("order-placed", "order-placed"), schedule=True),
        flow("Process", orders),
        flow("Report", joined, project="shop", branch="prod"),
    ]
    polls = [
        PollTrigger("new-files", "Ingest", 90_000, True, Span("polls.py", 3, 1, 3, 20)),
        PollTrigger("nobody", "Ghost", 1000, False, Span("polls.py", 9, 1, 9, 20)),
    ]
    catalogue = [
        Event("order-placed", Span("m.toml", 4, 1, 4, 9), "shop team", "an order", '{"argo-workflows": {}}', "{}"),
        Event("unused", Span("m.toml", 8, 1, 8, 9)),
    ]
    return build(link(flows, polls=polls), [("a",), ("a", "b"), ("b",)], catalogue)


def test_a_graph_has_a_node_for_each_thing_and_an_edge_for_each_start() -> None:
    picture = whole()
    assert [(node.id, node.known) for node in picture.nodes] == [
        ("flow/Ingest", True),
        ("flow/Process", True),
        ("flow/shop.prod.Report", True),
        ("elsewhere/Elsewhere", False),
        ("elsewhere/Ghost", False),
        ("event/clock", False),
        ("event/order-placed", True),
        ("event/unused", True),
        ("poll/new-files", True),
        ("poll/nobody", True),
        ("schedule/flow/Ingest", True),
        ("set/flow/shop.prod.Report", True),
    ]
    assert [(edge.source, edge.target, edge.kind, edge.words) for edge in picture.edges] == [
        ("schedule/flow/Ingest", "flow/Ingest", "schedule", ""),
        ("event/order-placed", "flow/Process", "event", 'if {"price": [1]}'),
        ("event/clock", "flow/Process", "event", ""),
        ("set/flow/shop.prod.Report", "flow/shop.prod.Report", "set", ""),
        ("flow/Ingest", "set/flow/shop.prod.Report", "finish", "succeeds or fails"),
        ("elsewhere/Elsewhere", "set/flow/shop.prod.Report", "finish", "succeeds"),
        ("flow/Ingest", "event/order-placed", "emits", "emits"),
        ("poll/new-files", "flow/Ingest", "poll", ""),
        ("poll/nobody", "elsewhere/Ghost", "poll", ""),
    ]
    assert {node.kind for node in picture.nodes} == set(NODES)
    assert {edge.kind for edge in picture.edges} == set(EDGES)
    by_id = {node.id: node for node in picture.nodes}
    assert by_id["flow/Process"].backends == ("a", "b")
    assert by_id["poll/new-files"].words == "every 90s, also while it runs"
    assert picture.edges[1].mappings == (("id", "orderId", None), ("env", None, '"prod"'))
    assert by_id["event/order-placed"].catalogue == {
        "owner": "shop team",
        "description": "an order",
        "origin": {"argo-workflows": {}},
        "schema": {},
    }


def test_json_fits_its_schema_and_leaves_out_what_is_not_said() -> None:
    value = document(whole())
    assert findings(value, SCHEMA) == findings(value, SCHEMA, reference=True) == []
    assert json.loads(as_text(whole())) == value
    assert value["nodes"][7] == {
        "id": "event/unused",
        "kind": "event",
        "name": "unused",
        "known": True,
        "place": {"file": "m.toml", "line": 8, "column": 1, "end_line": 8, "end_column": 9},
        "catalogue": {},
    }
    assert findings({**value, "more": 1}, SCHEMA) and findings({**value, "version": 2}, SCHEMA)


def test_the_picture_does_not_depend_on_the_order_of_the_flows() -> None:
    flows = [flow("B", any_of(event("e"))), flow("A", any_of(finished("B"))), flow("C", emits=("e",))]
    assert build(link(flows)) == build(link(flows[::-1]))


def test_flows_of_one_identity_and_a_flow_in_a_circle() -> None:
    twice = [flow("A", any_of(finished("A")), file="1.py"), flow("A", file="2.py"), flow("B", any_of(finished("A")))]
    picture = build(link(twice))
    assert [node.id for node in picture.nodes] == ["flow/A", "flow/A#2", "flow/B"]
    assert [(edge.source, edge.target) for edge in picture.edges] == [("flow/A", "flow/A"), ("flow/A", "flow/B")]


def test_a_sets_options_stand_at_its_own_edge() -> None:
    made = flow("A", all_of(event("a"), event("b")), any_of(event("c")))
    triggers = tuple(replace(item, options=Options('{"max_active": 1}')) for item in made.triggers)
    picture = build(link([replace(made, triggers=triggers)]))
    said = {(edge.source, edge.options) for edge in picture.edges}
    assert said == {
        ("set/flow/A", '{"max_active": 1}'),
        ("event/a", None),
        ("event/b", None),
        ("event/c", '{"max_active": 1}'),
    }


def test_diagnostics_stand_at_their_nodes() -> None:
    both = [
        replace(flow("First", any_of(event("e")), file="f.py"), span=Span("f.py", 11, 7, 11, 12)),
        replace(flow("Second", file="f.py"), span=Span("f.py", 40, 7, 40, 12)),
        flow("Alone", file="g.py"),
    ]
    poll = PollTrigger("p", "First", 1000, False, Span("f.py", 60, 1, 61, 9))
    catalogue = [Event("e", Span("m.toml", 4, 1, 4, 9))]
    places = {
        Span("f.py", 10, 10, 10, 11): "flow/First",  # its trigger
        Span("f.py", 30, 1, 30, 2): "flow/First",  # below it
        Span("f.py", 39, 1, 39, 2): "flow/First",
        Span("f.py", 40, 1, 40, 2): "flow/Second",
        Span("f.py", 41, 1, 41, 2): "flow/Second",
        Span("f.py", 61, 1, 61, 2): "poll/p",
        Span("f.py", 2, 1, 2, 2): None,  # before any
        Span("g.py", 1, 1, 1, 2): "flow/Alone",  # the only one
        Span("m.toml", 4, 2, 4, 3): "event/e",
        Span("m.toml", 5, 2, 5, 3): None,
        Span("other.py", 1, 1, 1, 2): None,
    }
    found = [Diagnostic("FT107", f"number {number}", span) for number, span in enumerate(places)]
    picture = build(link(both, polls=[poll]), catalogue=catalogue, diagnostics=[*found, Diagnostic("FT202", "all")])
    at = {picture.diagnostics[number]["message"]: node.id for node in picture.nodes for number in node.diagnostics}
    assert at == {f"number {number}": key for number, key in enumerate(places.values()) if key}
    assert len(picture.diagnostics) == len(places) + 1
    assert findings(document(picture), SCHEMA) == []


HOSTILE = [
    'quo"te',
    "back\\slash\\",
    "</script><img src=x onerror=alert(1)>",
    "&lt;b&gt; &#35; #35; #quot;",
    "`**bold**` _it_ [a](b) snake_case",
    "two\nlines\ttab\x1b[31m",
    "\u202eevil \u2066x",
    "end",
    "%%{init: {}}%% --> n1; click n0 call()",
    "\\N \\G \\l",
    "名前 é 😀",
    "",
    " ",
]


def pictured(names: list[str]) -> Picture:
    """Each name as a node and as the words of an edge."""
    nodes = tuple(Node(f"event/{number}", "event", name) for number, name in enumerate(names))
    return Picture(nodes, tuple(Edge(node.id, nodes[0].id, "event", words=node.name) for node in nodes))


def test_mermaid_has_hostile_names_as_numbers_of_characters() -> None:
    lines = mermaid.as_text(pictured(HOSTILE)).splitlines()
    nodes = [re.fullmatch(r'  n\d+\(\["([^"]+)"\]\):::event', line) for line in lines[1 : 1 + len(HOSTILE)]]
    edges = [re.fullmatch(r'  n\d+ -->(?:\|"([^"]*)"\|)? n0', line) for line in lines[1 + len(HOSTILE) : -1]]
    for found in (nodes, edges):
        assert all(found), lines
        texts = [item[1] or " " for item in found if item]
        assert not any(re.search(r"[\\<>&`*\[\]{}|\"%]|#(?!\d+;)", text) for text in texts)
        assert [html.unescape(text.replace("#", "&#")) for text in texts] == [shown(name) or " " for name in HOSTILE]


def test_dot_has_hostile_names_in_quotes() -> None:
    text = dot.as_text(pictured(HOSTILE))
    labels = re.findall(r'^  n\d+ \[label="((?:[^"\\]|\\["\\])*)", shape=oval\];$', text, re.M)
    assert [html.unescape(re.sub(r"\\(.)", r"\1", label)) for label in labels] == [shown(name) for name in HOSTILE]
    edges = re.findall(r'^  n\d+ -> n0(?: \[label="((?:[^"\\]|\\["\\])*)"\])?;$', text, re.M)
    assert [html.unescape(re.sub(r"\\(.)", r"\1", label)) for label in edges] == [shown(name) for name in HOSTILE]


@pytest.mark.parametrize("write", [mermaid.as_text, dot.as_text])
def test_a_long_filter_is_cut_where_it_is_drawn_alone(write) -> None:
    long = Filter(json.dumps({"field": ["x" * 500]}))
    made = flow("A", any_of(lambda file, line: replace(event("e")(file, line), filter=long)))
    picture = build(link([made]))
    assert picture.edges[0].filter == long.text
    assert "x" * 80 in write(picture) and "x" * 120 not in write(picture)


def test_errors_are_marked_and_notes_are_not() -> None:
    made = [flow("Wrong"), flow("Noted")]
    found = [Diagnostic("FT107", "wrong", made[0].span), Diagnostic("FT113", "a note", made[1].span)]
    picture = build(link(made), diagnostics=found)
    assert mermaid.as_text(picture).count(":::wrong") == 1
    assert '["Wrong"]:::wrong' in mermaid.as_text(picture)
    assert dot.as_text(picture).count("#c00000") == 1
