"""Of the graph a flow's files depend on what `surroundings` says, and on nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from metaflow_triggers.backends import registry
from metaflow_triggers.backends.shape import polls_of
from metaflow_triggers.compiling.compile import Emitted, Job, _emit
from metaflow_triggers.compiling.kept_files import surroundings
from metaflow_triggers.graph.link import link
from metaflow_triggers.model.facts import identity, wanted
from metaflow_triggers.model.flows import FinishDependency, Flow, TriggerGraph

from tests.settings import OPEN
from tests.unit.graph.build import any_of, event, flow
from tests.unit.pictures.projects import linked

BACKENDS = ("argo-workflows", "step-functions")
SIZE = 96


def emitted(name: str, item: Flow, graph: TriggerGraph) -> Emitted:
    return _emit(Job(name, registry.own_name(name, item, OPEN), item, None), graph, OPEN, True)


def awaited(item: Flow) -> set[tuple[str, str, str]]:
    found = (dependency for trigger in item.triggers for dependency in trigger.dependencies)
    return {wanted(dependency) for dependency in found if isinstance(dependency, FinishDependency)}


def bare(item: Flow) -> Flow:
    """A flow of which nothing is left but who it is."""
    left = flow(item.name, file="elsewhere.py")
    return replace(left, project=item.project, branch=item.branch)


def reduced(item: Flow, graph: TriggerGraph, *, alone: bool) -> TriggerGraph:
    """A graph in which `surroundings` of the flow are the same, and all else is gone or another's."""
    parents = awaited(item)
    others = [bare(other) for other in graph.flows if other is not item and identity(other) in parents]
    if not alone:
        others.append(flow("Another", any_of(event("of-another"))))
    return link([item, *others], polls=polls_of(item, graph))


def whole() -> TriggerGraph:
    return linked(SIZE)[0]


def without_triggers() -> TriggerGraph:
    graph = whole()
    polls = [poll for _, poll in graph.polls]
    return link([item for item in graph.flows if not item.triggers], polls=polls)


@pytest.mark.parametrize("made", [whole, without_triggers])
@pytest.mark.parametrize("name", BACKENDS)
def test_a_flow_is_emitted_alike_where_its_surroundings_are(name, made):
    graph = made()
    told = 0
    for item in graph.flows:
        around = surroundings(item, graph)
        alone = around[-1] is True
        less = reduced(item, graph, alone=alone)
        here = next(one for one in less.flows if identity(one) == identity(item))
        assert surroundings(here, less)[0] == around[0]
        assert surroundings(here, less)[1:2] == around[1:2] or not polls_of(item, graph)
        full, again = emitted(name, item, graph), emitted(name, here, less)
        assert full == again, item.name
        told += len(full.files) + len(full.diagnostics)
    assert told


def test_what_is_waited_for_and_what_polls_counts():
    """Each part of `surroundings` changes with the graph, and not with the rest of it."""
    graph = whole()
    waiting = next(item for item in graph.flows if awaited(item))
    polled = next(graph.flows[at] for at, _ in graph.polls if at is not None)
    apart = link([waiting])
    assert surroundings(waiting, apart) != surroundings(waiting, graph)
    fewer = link(list(graph.flows), polls=[])
    assert surroundings(polled, fewer) != surroundings(polled, graph)
