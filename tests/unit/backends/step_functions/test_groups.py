"""Which dependencies one event may come from: as the pairs say, and without looking at each pair."""

from __future__ import annotations

import json
import random
from typing import Any

from metaflow_triggers.backends.step_functions.compile import machines
from metaflow_triggers.model.flows import (
    Dependency,
    EventDependency,
    FinishDependency,
    Options,
    Origin,
    Trigger,
)

from tests.flows import span
from tests.settings import OPEN as SETTINGS

AT = span("f.py")
ENDS = "Step Functions Execution Status Change"
ORIGINS: list[dict[str, str] | None] = [
    None,
    {"source": "shop"},
    {"source": "shop", "detail-type": "a"},
    {"source": "metaflow", "detail-type": "b"},
    {"source": "aws.states", "detail-type": ENDS},
    {"source": "aws.states", "detail-type": "Other"},
    {"source": "aws.states"},
]


def event(name: str, origin: dict[str, str] | None) -> EventDependency:
    own = None if origin is None else Origin(json.dumps({"step-functions": origin}))
    return EventDependency(name, (), None, own, AT)


def trigger(items: list[Dependency]) -> Trigger:
    return Trigger("event", "any", True, tuple(items), False, Options(), AT)


def by_pairs(one: Trigger) -> list[list[Dependency]]:
    """The meaning, pair by pair until nothing changes."""
    senders = [machines.sender(item, SETTINGS) for item in one.dependencies]
    group = list(range(len(senders)))
    for _ in senders:
        for left, mine in enumerate(senders):
            for right, other in enumerate(senders):
                if machines.may_be_one(mine, other):
                    group[left] = group[right] = min(group[left], group[right])
    return [
        [item for place, item in enumerate(one.dependencies) if group[place] == number] for number in sorted(set(group))
    ]


def test_groups_are_what_the_pairs_say() -> None:
    chance = random.Random(14)
    sizes: dict[str, int] = {}
    for _ in range(600):
        items: list[Dependency] = []
        for _ in range(chance.randrange(1, 7)):
            if chance.random() < 0.4:
                ends = tuple(
                    sorted(chance.sample(["success", "failure", "timeout", "aborted"], chance.randrange(1, 3)))
                )
                items.append(FinishDependency(chance.choice("AB"), None, None, ends, (), None, AT))
            else:
                items.append(event(chance.choice("abc"), chance.choice(ORIGINS)))
        made = trigger(items)
        found = machines.groups(made, SETTINGS)
        assert [list(map(id, group)) for group in found] == [list(map(id, group)) for group in by_pairs(made)], items
        sizes[str(sorted(map(len, found)))] = sizes.get(str(sorted(map(len, found))), 0) + 1
    assert len(sizes) > 10


def test_many_names_are_not_compared_with_each_other(monkeypatch: Any) -> None:
    asked = []
    monkeypatch.setattr(machines, "may_be_one", lambda *pair: asked.append(pair))
    made = trigger([event(f"sensor-{number}", None) for number in range(1000)])
    assert len(machines.groups(made, SETTINGS)) == 1000
    assert not asked
    grouped = machines.Groups(made, SETTINGS)
    assert all(grouped.of(item) == [item] for item in made.dependencies)
