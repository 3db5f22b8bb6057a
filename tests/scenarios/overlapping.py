"""Overlapping: rows in which one event stands several times in a trigger, with filters that match the same events.

In:   how many flows, how many events for each.
Out:  `Row`s without what they start: the simulation says that, and `told_apart` where a runner saw something else.

Not here: *all* under the clouds' own order of deliveries (the scenario table has rows for it).
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

from metaflow_triggers.language.apart import apart

from .rows import Observed, ObservedStart, Row

FILTERS: list[Any] = [
    None,
    {"repo": ["a"]},
    {"repo": ["b", {"prefix": "a"}]},
    {"repo": [{"anything-but": "a"}]},
    {"n": [{"numeric": [">", 5]}]},
    {"n": [{"numeric": ["<=", 5]}], "repo": [{"exists": True}]},
    {"tags": [{"suffix": "x"}]},
    {"tags": [{"exists": False}]},
    {"order": {"kind": ["new", None]}},
    {"order": {"size": [{"numeric": [">=", 2, "<", 9]}]}, "repo": ["a", "c"]},
]


def rows(flows: int, events: int) -> list[Row]:
    """`flows` rows of one flow each; the same numbers give the same rows."""
    generator = random.Random(f"{flows} flows, {events} events")
    return [_row(generator, number, events) for number in range(flows)]


def _row(generator: random.Random, number: int, events: int) -> Row:
    name = f"overlap-{number}"
    several = []
    for place in range(generator.randint(2, 4)):
        mapping = {"which": {"value": place}, "p": generator.choice(["x", "y.z", "y.w"])}
        pattern = generator.choice(FILTERS)
        several.append({"name": name, **({"filter": pattern} if pattern else {}), "parameters": mapping})
    # With a required parameter the filters are such that a state machine can tell what an event matches.
    required = number % 2 == 1
    if required:
        for item, pattern in zip(several, ({"repo": ["a", "ab"]}, {"repo": ["b"]}, {"n": [6, 7]}, None), strict=False):
            item.pop("filter", None)
            item |= {"filter": pattern} if pattern else {}
    parameters = ["which = Parameter('which', type=int)"]
    parameters.append(f"p = Parameter('p', {'required=True' if required else 'default=None'})")
    return Row(
        rule=f"2 overlapping filters {number}",
        flows={
            f"Overlap{number}": {"trigger": f"@trigger(events={several!r}, require='any')", "parameters": parameters}
        },
        events=tuple({"name": name, "payload": _payload(generator, required)} for _ in range(events)),
    )


def _payload(generator: random.Random, plain: bool) -> dict[str, Any]:
    repo: list[Any] = ["a", "b", "ab", "c", 5, None, *([] if plain else [["a", "b"], ["c"], []])]
    found: dict[str, Any] = {
        "repo": generator.choice(repo),
        "n": generator.choice([5, 6, 7, 5.5, "6"]),
        "tags": generator.choice(["x", "ax", ["y", "zx"], [], {"t": "x"}]),
        "order": generator.choice(
            [{"kind": "new"}, {"kind": None, "size": 2}, {"size": 9}, [{"kind": "new"}, {"size": 3}], {}]
        ),
        "x": generator.choice(["1", None]),
        "y": generator.choice([{"z": "2"}, {"w": "3"}, {"z": "2", "w": "3"}, {}]),
    }
    return {key: value for key, value in found.items() if generator.random() < 0.8}


def overlap(row: Row) -> int:
    """How many pairs of the row's filters one event may match."""
    ((_, spec),) = row.flows.items()
    events = eval(spec["trigger"].removeprefix("@trigger(events=").partition(", require=")[0])
    patterns = [item.get("filter") for item in events]
    return sum(not apart(one, other) for place, one in enumerate(patterns) for other in patterns[:place])


def told_apart(expected: Observed, seen: Observed) -> list[str]:
    """In what two runners part: starts with their events and parameters, and how often a flow was not started."""
    one, other = _plain(expected.starts), _plain(seen.starts)
    found = [f"lacks {item}" for item in one if item not in other] + [
        f"has {item}" for item in other if item not in one
    ]
    if len(one) != len(other):
        found.append(f"{len(other)} starts, expected {len(one)}")
    refused = [sorted(item.not_started or []) for item in (expected, seen)]
    if refused[0] != refused[1]:
        found.append(f"{len(refused[1])} not started, expected {len(refused[0])}")
    return found


def _plain(starts: Sequence[ObservedStart]) -> list[str]:
    return sorted(
        json.dumps(
            [start.flow, [[item.name, item.id, item.payload] for item in start.events], start.parameters, start.fails]
        )
        for start in starts
    )
