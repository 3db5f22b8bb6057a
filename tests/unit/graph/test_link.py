"""Linking: who starts whom, whatever the order of the files."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metaflow_triggers.graph.link import link
from metaflow_triggers.model.serialize import from_json, to_json

from .build import any_of, event, finished, flow


def edges(graph):
    return [(graph.flows[edge.upstream].name, graph.flows[edge.downstream].name, edge.match) for edge in graph.edges]


def test_a_flow_is_found_by_its_name():
    graph = link([flow("Score", any_of(finished("Train", match=("failure", "success")))), flow("Train")])
    assert [item.name for item in graph.flows] == ["Score", "Train"]
    assert edges(graph) == [("Train", "Score", ("failure", "success"))]
    assert graph.edges[0].span == graph.flows[0].triggers[0].dependencies[0].span
    assert graph.unresolved == ()


@pytest.mark.parametrize("here", ["prod", "production"])
@pytest.mark.parametrize("there", ["prod", "production"])
def test_prod_and_production_are_one_branch(here, there):
    flows = [
        flow("Score", any_of(finished("Train", project="ml", branch=here)), project="ml", branch=here),
        flow("Train", project="ml", branch=there),
    ]
    assert edges(link(flows)) == [("Train", "Score", ("success",))]


@pytest.mark.parametrize(
    "upstream",
    [
        flow("Train"),
        flow("Train", project="ml", branch="user.ada"),
        flow("Train", project="other", branch="prod"),
        flow("train", project="ml", branch="prod"),
    ],
)
def test_another_project_branch_or_case_is_another_flow(upstream):
    graph = link([flow("Score", any_of(finished("Train", project="ml", branch="prod"))), upstream])
    assert graph.edges == ()
    assert [dependency.flow for _, dependency in graph.unresolved] == ["Train"]


def test_flows_from_elsewhere_are_not_unresolved():
    waiting = flow("Score", any_of(finished("Train"), finished("Load", project="ml", branch="prod"), finished("Gone")))
    graph = link([waiting], frozenset(["Train", "ml.prod.Load"]))
    assert [dependency.flow for _, dependency in graph.unresolved] == ["Gone"]


def test_events_are_found_where_a_literal_names_them():
    waiting = flow("B", any_of(event("made"), event("unknown"), event("s3", origin='{"step-functions": {}}')))
    graph = link([waiting, flow("A", emits=["made"])])
    assert [(number, dependency.name) for number, dependency in graph.unemitted] == [(1, "unknown")]


def test_flows_of_one_identity_are_all_kept_and_the_first_is_waited_for():
    flows = [flow("Train", file="b.py"), flow("Train", file="a.py"), flow("Score", any_of(finished("Train")))]
    graph = link(flows)
    assert [item.file for item in graph.flows] == ["Score.py", "a.py", "b.py"]
    assert [edge.upstream for edge in graph.edges] == [1]


def test_thousands_of_flows_in_a_row():
    flows = [flow(f"F{n:05}", *([any_of(finished(f"F{n - 1:05}"))] if n else [])) for n in range(5000)]
    assert len(link(flows).edges) == 4999


FLOWS = st.lists(
    st.tuples(
        st.sampled_from("ABCDEF"),
        st.sampled_from([None, "p"]),
        st.sampled_from(["prod", "production", "test.x"]),
        st.lists(st.sampled_from("ABCDEF"), max_size=3),
        st.lists(st.sampled_from("xyz"), max_size=2),
        st.lists(st.sampled_from("xyz"), max_size=2),
    ),
    max_size=7,
)


def build(rows):
    out = []
    for n, (name, project, branch, waits, emits, events) in enumerate(rows):
        branch = branch if project else None
        triggers = []
        if waits:
            triggers.append(any_of(*(finished(item, project=project, branch=branch) for item in waits)))
        if events:
            triggers.append(any_of(*(event(item) for item in events)))
        out.append(flow(name, *triggers, emits=emits, project=project, branch=branch, file=f"f{n}.py"))
    return out


@given(FLOWS, st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_a_graph_does_not_depend_on_order_and_survives_json(rows, chance: random.Random):
    flows = build(rows)
    graph = link(flows)
    shuffled = flows[:]
    chance.shuffle(shuffled)
    assert link(shuffled) == graph
    assert from_json(json.loads(json.dumps(to_json(graph)))) == graph
    waits = sum(
        len(item.triggers[0].dependencies) for item in flows if item.triggers and item.triggers[0].kind == "finish"
    )
    assert len(graph.edges) + len(graph.unresolved) == waits
