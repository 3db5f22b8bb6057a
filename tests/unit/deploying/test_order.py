"""Who is deployed first: those who wait before those for whom they wait."""

from __future__ import annotations

import dataclasses

from metaflow_triggers.deploying.order import order
from metaflow_triggers.graph.link import link
from metaflow_triggers.model.flows import EmittedEvent

from tests.flows import At, span

HERE = At(span("flow.py"))


def names(*flows: object, first: frozenset[str] = frozenset()) -> list[str]:
    graph = link(list(flows), frozenset(), ())  # type: ignore[arg-type]
    goes_before = [number for number, flow in enumerate(graph.flows) if flow.name in first]
    return [graph.flows[number].name for number in order(graph, goes_before)]


def waits(name: str, *others: str) -> object:
    return HERE.flow(name, HERE.trigger(*map(HERE.finish, others)))


A, B, C = HERE.flow("A"), waits("B", "A"), waits("C", "B")


def test_who_waits_comes_first() -> None:
    assert names(A, B, C) == ["C", "B", "A"]
    assert names(waits("A", "B"), HERE.flow("B")) == ["A", "B"]


def test_one_that_goes_before_comes_before_those_that_wait_for_it() -> None:
    assert names(A, B, C, first=frozenset({"A"})) == ["A", "C", "B"]
    assert names(A, B, C, first=frozenset({"A", "B"})) == ["A", "B", "C"]


def test_who_waits_for_an_event_comes_before_who_emits_it() -> None:
    emits = dataclasses.replace(A, emits=(EmittedEvent("paid", HERE.span), EmittedEvent("own", HERE.span)))
    waiting = HERE.flow("B", HERE.trigger(HERE.event("paid")))
    assert names(emits, waiting) == ["B", "A"]


def test_a_circle_has_some_order_and_each_flow_once() -> None:
    circle = [waits("A", "C"), waits("B", "A"), waits("C", "B"), waits("D", "A"), waits("E", "E")]
    assert names(*circle) == names(*circle)
    assert sorted(names(*circle)) == ["A", "B", "C", "D", "E"]
    assert names(*circle).index("D") < names(*circle).index("A")


def test_a_long_chain_needs_no_recursion() -> None:
    chain = [HERE.flow("F0"), *(waits(f"F{number}", f"F{number - 1}") for number in range(1, 3000))]
    found = names(*chain)
    assert found[0] == "F2999" and found[-1] == "F0" and len(found) == 3000
