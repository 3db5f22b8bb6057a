"""What the plans of all backends say of two values that differ."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from metaflow_triggers.backends.plans import differences


def members(was: dict[Any, Any], now: dict[Any, Any], where: str) -> Iterator[str]:
    for key in sorted(was):
        yield from differences(was[key], now[key], f"{where}.{key}" if where else key, members)


LONG = "a" * 200


@pytest.mark.parametrize(
    "was, now, expected",
    [
        ("x", "y", "it is x; it would be y"),
        (
            LONG + "old" + LONG,
            LONG + "new" + LONG,
            f"it is ...{'a' * 20}old{'a' * 31}...; it would be ...{'a' * 20}new{'a' * 31}...",
        ),
        ("short", "short" + LONG, f"it is short; it would be short{'a' * 52}..."),
        (
            {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "1"}]},
            {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]},
            "env[B].value is 1; it would be 2",
        ),
        (
            {"env": [{"name": "A", "value": LONG}]},
            {"env": [{"name": "A", "value": LONG}, {"name": "B"}]},
            f'env is ...{"a" * 18}"}}]; it would be ...{"a" * 18}"}}, {{"name": "B"}}]',
        ),
        ([{"name": "A"}], [{"name": "B"}], "[0].name is A; it would be B"),
        ([1, 2], [1, 3], "[1] is 2; it would be 3"),
    ],
)
def test_a_difference_is_seen_in_its_line(was: Any, now: Any, expected: str) -> None:
    assert list(differences(was, now, "", members)) == [expected]
