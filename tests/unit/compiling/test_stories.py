"""Diff, told as stories: what somebody changes in a flow, and what the reviewer reads."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest
from metaflow_triggers.graph.differences import KINDS, changes, recorded, restored
from metaflow_triggers.model.flows import Constant, EventDependency, Flow, Schedule, Trigger

from tests.flows import written

from ..graph.build import all_of, any_of, event, finished, flow, needed, parameter, span


def text(before: Flow | None, after: Flow | None) -> list[str]:
    found = changes([before] if before else [], [after] if after else [])
    assert all(item.kind in KINDS for item in found)
    return [item.text for item in found]


def transform(*matches: str) -> Flow:
    return flow("DataTransform", any_of(finished("DataIngestion", match=matches)))


def orders(*dependencies: Any, join: Callable[..., Any] = any_of, **more: Any) -> Flow:
    return flow("ProcessOrder", join(*dependencies), **more)


def with_first(base: Flow, **fields: Any) -> Flow:
    """The flow with fields of its first dependency set."""
    trigger = base.triggers[0]
    first = dataclasses.replace(trigger.dependencies[0], **written(fields))
    return dataclasses.replace(
        base, triggers=(dataclasses.replace(trigger, dependencies=(first, *trigger.dependencies[1:])),)
    )


def with_trigger(base: Flow, **fields: Any) -> Flow:
    return dataclasses.replace(base, triggers=(dataclasses.replace(base.triggers[0], **written(fields)),))


def scheduled(base: Flow, cron: str | None, zone: str | None = None) -> Flow:
    return dataclasses.replace(base, schedule=Schedule(cron, zone, span("x")) if cron else None)


PLACED = orders(event("order-placed"))
BOTH = orders(event("order-placed"), event("refund"))
ALL = orders(event("orders"), event("prices"), join=all_of)
HAND = flow("ProcessOrder")

STORIES: dict[str, tuple[Flow | None, Flow | None, list[str]]] = {
    "an outcome more": (
        transform("success"),
        transform("failure", "success"),
        ["DataTransform now also starts when DataIngestion fails"],
    ),
    "outcomes less": (
        transform("aborted", "failure", "success", "timeout"),
        transform("success"),
        ["DataTransform no longer starts when DataIngestion fails or times out or is aborted"],
    ),
    "an event less": (BOTH, PLACED, ["ProcessOrder no longer starts on refund"]),
    "an event more": (PLACED, BOTH, ["ProcessOrder now also starts on refund"]),
    "one event once more": (
        orders(event("push", filter='{"a": [1]}')),
        orders(event("push", filter='{"a": [1]}'), event("push", ("p", "x"), filter='{"b": [1]}')),
        ['ProcessOrder now also starts on push if it matches {"b": [1]} with p <- x'],
    ),
    "one of several of a name goes": (
        orders(event("push", filter='{"a": [1]}'), event("push", ("p", "x"))),
        orders(event("push", ("p", "x"))),
        ["ProcessOrder no longer starts on push"],
    ),
    "several of a name change places": (
        orders(event("push", filter='{"a": [1]}'), event("push", filter='{"b": [1]}')),
        orders(event("push", filter='{"b": [1]}'), event("push", filter='{"a": [1]}')),
        ['ProcessOrder looks at push if it matches {"b": [1]} before others of the name, which came first'],
    ),
    "another event": (
        PLACED,
        orders(event("order-paid")),
        ["ProcessOrder no longer starts on order-placed", "ProcessOrder now also starts on order-paid"],
    ),
    "the trigger goes": (PLACED, HAND, ["ProcessOrder no longer starts on order-placed"]),
    "the first trigger comes": (
        HAND,
        orders(event("order-placed", ("amount", "total"))),
        ["ProcessOrder now starts on order-placed with amount <- total"],
    ),
    "a second decorator": (
        PLACED,
        flow("ProcessOrder", any_of(event("order-placed")), any_of(finished("Import"))),
        ["ProcessOrder now also starts when Import succeeds"],
    ),
    "another field": (
        orders(event("order-placed", ("amount", "totalAmount"))),
        orders(event("order-placed", ("amount", "total"))),
        ["ProcessOrder takes amount from total instead of totalAmount"],
    ),
    "another field of one of several": (
        orders(event("order-placed", ("amount", "totalAmount")), event("refund")),
        orders(event("order-placed", ("amount", "total")), event("refund")),
        ["ProcessOrder takes amount from total instead of totalAmount of order-placed"],
    ),
    "a constant for a field": (
        orders(event("order-placed", ("env", "environment"))),
        orders(event("order-placed", ("env", ('"production"',)))),
        ['ProcessOrder takes env from the constant "production" instead of environment'],
    ),
    "a mapping more": (
        PLACED,
        orders(event("order-placed", ("id", "order.id"))),
        ["ProcessOrder now takes id from order.id of order-placed"],
    ),
    "a mapping less": (
        orders(event("order-placed", ("id", "order.id"))),
        PLACED,
        ["ProcessOrder no longer takes id from order.id of order-placed"],
    ),
    "any becomes all": (
        orders(event("orders"), event("prices")),
        ALL,
        ["ProcessOrder now waits until all of orders and prices have come"],
    ),
    "all becomes any": (
        ALL,
        orders(event("orders"), event("prices")),
        ["ProcessOrder now starts on any of orders or prices"],
    ),
    "all becomes one": (
        ALL,
        orders(event("orders")),
        ["ProcessOrder now starts on orders alone", "ProcessOrder no longer waits for prices"],
    ),
    "one more of all": (
        ALL,
        orders(event("orders"), event("prices"), event("rates"), join=all_of),
        ["ProcessOrder now waits for rates as well"],
    ),
    "a filter comes": (
        PLACED,
        with_first(PLACED, filter='{"country": ["DE"]}'),
        ['ProcessOrder now starts on order-placed only if it matches {"country": ["DE"]}'],
    ),
    "a filter changes": (
        with_first(PLACED, filter='{"country": ["DE"]}'),
        with_first(PLACED, filter='{"country": ["FR"]}'),
        ['ProcessOrder filters order-placed by {"country": ["FR"]} instead of {"country": ["DE"]}'],
    ),
    "a filter goes": (
        with_first(PLACED, filter='{"country": ["DE"]}'),
        PLACED,
        ['ProcessOrder no longer filters order-placed: before, only if it matched {"country": ["DE"]}'],
    ),
    "an origin": (
        PLACED,
        with_first(PLACED, origin='{"step-functions": {}}'),
        ['ProcessOrder takes order-placed from {"step-functions": {}} instead of its own bus'],
    ),
    "a schedule comes": (
        PLACED,
        scheduled(PLACED, "0 9 * * ? *"),
        ["ProcessOrder now also starts on the schedule 0 9 * * ? *"],
    ),
    "a schedule of a flow without reasons": (
        HAND,
        scheduled(HAND, "0 9 * * ? *"),
        ["ProcessOrder now starts on the schedule 0 9 * * ? *"],
    ),
    "a schedule moves": (
        scheduled(PLACED, "0 9 * * ? *"),
        scheduled(PLACED, "0 9 * * ? *", "Europe/Berlin"),
        ["ProcessOrder starts on the schedule 0 9 * * ? * (Europe/Berlin) instead of 0 9 * * ? *"],
    ),
    "a schedule goes": (
        scheduled(PLACED, "0 9 * * ? *"),
        PLACED,
        ["ProcessOrder no longer starts on the schedule 0 9 * * ? *"],
    ),
    "an option": (
        with_trigger(ALL, options='{"join": "latest"}'),
        with_trigger(ALL, options='{"join": "queue"}'),
        ['ProcessOrder has the option join "queue" instead of "latest"'],
    ),
    "an option comes": (
        ALL,
        with_trigger(ALL, options='{"join": "queue"}'),
        ['ProcessOrder has the option join "queue" instead of unset'],
    ),
    "auto_map": (
        PLACED,
        with_trigger(PLACED, auto_map=True, options='{"auto_map": true}'),
        ["ProcessOrder now takes every parameter from the field of its name"],
    ),
    "a parameter": (
        HAND,
        flow("ProcessOrder", parameters=[needed("amount")]),
        ["ProcessOrder has a new parameter amount (required)"],
    ),
    "a parameter that is needed no more": (
        flow("ProcessOrder", parameters=[needed("amount")]),
        flow("ProcessOrder", parameters=[parameter("amount", has_default=True)]),
        ["ProcessOrder no longer requires the parameter amount"],
    ),
    "a new flow": (
        None,
        BOTH,
        ["ProcessOrder is new: it starts when event order-placed arrives; or when event refund arrives"],
    ),
    "a new flow of people": (None, HAND, ["ProcessOrder is new: it is started by hand"]),
    "a flow less": (BOTH, None, ["ProcessOrder is no longer deployed"]),
    "lines move": (
        PLACED,
        dataclasses.replace(PLACED, file="elsewhere.py", span=span("elsewhere.py", 99), emits=()),
        [],
    ),
    "the order of the events": (BOTH, orders(event("refund"), event("order-placed")), []),
    "nothing": (ALL, ALL, []),
}


@pytest.mark.parametrize("story", STORIES, ids=str)
def test_story(story: str) -> None:
    before, after, expected = STORIES[story]
    assert text(before, after) == expected


@pytest.mark.parametrize("story", STORIES, ids=str)
def test_what_an_index_keeps_tells_the_same(story: str) -> None:
    before, after, expected = STORIES[story]
    kept = [None if one is None else restored(json.loads(json.dumps(recorded(one)))) for one in (before, after)]
    assert text(kept[0], kept[1]) == expected


def test_the_record_has_no_places() -> None:
    written = json.dumps(recorded(scheduled(ALL, "0 9 * * ? *")))
    assert "span" not in written and "file" not in written and ".py" not in written


@pytest.mark.parametrize("value", [None, 5, {}, {"kind_of": "Flow"}, {"kind_of": "os.system"}, [], {"kind_of": "Span"}])
def test_a_record_of_something_else_is_refused(value: Any) -> None:
    with pytest.raises(ValueError):
        restored(value)


def test_every_field_of_the_model_that_starts_something_is_told() -> None:
    """A change of any field but a place is a difference: nothing is left out of the words."""
    base = scheduled(
        with_trigger(
            orders(event("a", ("p", "f")), event("b"), parameters=[parameter("p")]), options='{"join": "latest"}'
        ),
        "0 9 * * ? *",
        "UTC",
    )
    base = with_first(base, filter='{"x": [1]}', origin='{"argo-workflows": {}}')
    first = base.triggers[0].dependencies[0]
    assert isinstance(first, EventDependency)
    others = [
        with_first(base, name="c"),
        with_first(base, filter=None),
        with_first(base, origin=None),
        with_first(base, mappings=()),
        with_first(base, mappings=(dataclasses.replace(first.mappings[0], source=Constant("1")),)),
        with_first(base, mappings=(dataclasses.replace(first.mappings[0], parameter="q"),)),
        with_trigger(base, join="all"),
        with_trigger(base, auto_map=True),
        with_trigger(base, options="{}"),
        with_trigger(base, dependencies=(first,)),
        dataclasses.replace(base, triggers=()),
        scheduled(base, "0 8 * * ? *", "UTC"),
        scheduled(base, "0 9 * * ? *", None),
        scheduled(base, None),
        dataclasses.replace(base, parameters=()),
        dataclasses.replace(base, parameters=(dataclasses.replace(base.parameters[0], type="int"),)),
        dataclasses.replace(base, parameters=(dataclasses.replace(base.parameters[0], required=True),)),
    ]
    for other in others:
        assert text(base, other), other
        assert text(other, base), other
    # A field that a dependency gets later has no words of its own, and is told all the same.
    later = dataclasses.make_dataclass("Later", [("label", str, "")], bases=(EventDependency,), frozen=True)
    before, after = (
        with_trigger(base, dependencies=(later(**vars(first), label=label), *base.triggers[0].dependencies[1:]))
        for label in ("x", "y")
    )
    assert text(before, after) == ['ProcessOrder has the label "y" instead of "x" of a']
    assert {field.name for field in dataclasses.fields(Trigger)} == {
        *("kind", "join", "join_is_stated", "dependencies", "auto_map", "options", "span")
    }, "a new field of a trigger has to be told too"
