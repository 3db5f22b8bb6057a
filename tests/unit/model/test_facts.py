"""Facts of the model, a table each: the words of the semantics, sections 3, 4 and 6."""

from __future__ import annotations

from dataclasses import replace

import pytest
from metaflow_extensions.triggers.contract.trigger_document import OUTCOME_FIELDS
from metaflow_triggers.model import facts

from ..graph.build import all_of, any_of, event, finished, flow, needed, parameter

BOTH = (event("a", ("p", "x.y")), event("b"))


def only(made):
    return made.triggers[0]


@pytest.mark.parametrize(
    ("trigger", "expected"),
    [
        (any_of(event("a")), False),
        (any_of(*BOTH), False),
        (all_of(event("a")), False),  # one dependency is a start of its own under either word
        (all_of(*BOTH), True),
    ],
)
def test_a_set_needs_several_events(trigger, expected):
    assert facts.is_set(only(flow("F", trigger))) is expected


def test_what_needs_a_value():
    made = flow("F", parameters=(needed("a"), parameter("b"), needed("c"), needed("d")))
    a, b, c, d = made.parameters
    made = replace(made, parameters=(a, b, replace(c, has_default=True), replace(d, is_config=True)))
    assert [item.name for item in facts.needed(made)] == ["a"]


@pytest.mark.parametrize(
    ("trigger", "number", "expected"),
    [
        (any_of(*BOTH), 0, [("p", "x.y")]),
        (any_of(*BOTH), 1, []),
        (any_of(*BOTH, auto_map=True), 0, [("p", "x.y"), ("q", "q")]),
        (any_of(*BOTH, auto_map=True), 1, [("p", "p"), ("q", "q")]),
        (all_of(*BOTH, auto_map=True), 1, [("q", "q")]),  # what is written for another event of the set stands
        (all_of(event("a", ("p", ["1"])), event("b"), auto_map=True), 0, [("q", "q")]),
        (all_of(event("a"), auto_map=True), 0, [("p", "p"), ("q", "q")]),
    ],
)
def test_fields_that_an_event_has_to_have(trigger, number, expected):
    made = flow("F", trigger, parameters=(needed("p"), parameter("other"), needed("q")))
    dependency = only(made).dependencies[number]
    assert facts.required_fields(made, only(made), dependency) == expected


def test_who_alone_gives_a_value():
    made = flow("F", all_of(*BOTH, auto_map=True), parameters=(needed("p"), needed("q")))
    assert facts.given_by_auto_map_alone(made, only(made)) == ["q"]
    assert facts.given_by_auto_map_alone(made, replace(only(made), auto_map=False)) == []


@pytest.mark.parametrize(
    ("project", "has"),
    [(None, {"flow", "run_id", "outcome"}), ("p", {"flow", "run_id", "outcome", "project", "branch"})],
)
def test_what_every_outcome_has(project, has):
    (dependency,) = only(flow("F", any_of(finished("Up", project=project, branch=project)))).dependencies
    assert {name for name in (*OUTCOME_FIELDS, "other") if facts.has_field(dependency, name)} == has
