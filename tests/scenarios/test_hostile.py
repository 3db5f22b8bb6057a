"""The hostile corpus, simulated: every value times every type of parameter is what section 6 says."""

from __future__ import annotations

import pytest
from metaflow_triggers.graph.link import link
from metaflow_triggers.model.flows import (
    EventDependency,
    Flow,
    Mapping,
    Options,
    Parameter,
    PayloadField,
    Span,
    Trigger,
)
from metaflow_triggers.simulate.items import Item
from metaflow_triggers.simulate.reference import Reference
from metaflow_triggers.simulate.values import exact

from . import hostile
from .rows import same

SPAN = Span("flow.py", 1, 1, 1, 2)
OF_MODEL = {"separator": "str"}


def listener(kind: str) -> Reference:
    """A simulation of one flow with one parameter `v` of the type."""
    parameter = Parameter("v", OF_MODEL.get(kind, kind), False, True, False, SPAN)
    waits = EventDependency("hostile", (Mapping("v", PayloadField("v"), SPAN),), None, None, SPAN)
    trigger = Trigger("event", "any", True, (waits,), False, Options(), SPAN)
    return Reference(link([Flow("Listener", "flow.py", None, None, (parameter,), (trigger,), None, (), (), SPAN)]))


@pytest.mark.parametrize("kind", hostile.TYPES)
def test_each_value_is_converted_as_section_6_says(kind):
    reference = listener(kind)
    told = []
    for name, text in hostile.VALUES.items():
        (start,) = reference.accept(Item("event", "hostile", {"v": exact(text)})).starts
        expected = hostile.expected(text, kind)
        if expected is hostile.WRONG:
            good = start.fails is not None and "'hostile'" in start.fails and "'v'" in start.fails
        elif expected is hostile.DEFAULT:
            good = start.fails is None and start.parameters == {}
        else:
            found = start.parameters.get("v")
            found = found.split(",") if kind == "separator" and found else found
            good = start.fails is None and same(plain(found), expected)
        if not good:
            told.append((name, start.parameters, start.fails))
    assert told == []


def plain(value):
    """With floats that are no more than floats."""
    return float(value) if isinstance(value, float) else value


def test_no_event_carries_what_section_6_refuses():
    for name, text in hostile.REFUSED.items():
        step = listener("str").accept(Item("event", "hostile", {"v": exact(text)}))
        assert step.refused is not None and not step.starts, name


def test_the_corpus_has_sixty_values_and_more():
    assert len(hostile.VALUES) >= 60
    assert len(set(hostile.VALUES.values())) == len(hostile.VALUES)


@pytest.mark.parametrize("kind", ["int", "float", "bool"])
def test_the_corpus_has_values_that_fit_and_values_that_do_not(kind):
    fits = [text for text in hostile.VALUES.values() if hostile.expected(text, kind) is not hostile.WRONG]
    assert 3 <= len(fits) <= len(hostile.VALUES) - 20
