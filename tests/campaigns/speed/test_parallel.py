"""Shares of work in forked processes give what a loop gives."""

from __future__ import annotations

import os

import pytest
from metaflow_triggers.compiling.parallel import SMALLEST_SHARE, fork_map


@pytest.mark.parametrize("workers", [1, 2, 3, 8])
def test_results_keep_their_order(workers: int) -> None:
    items = list(range(8 * SMALLEST_SHARE + 5))
    assert fork_map(lambda item: (item, str(item)), items, workers) == [(item, str(item)) for item in items]


def test_few_items_stay_here() -> None:
    assert set(fork_map(lambda _: os.getpid(), range(2 * SMALLEST_SHARE - 1), 8)) == {os.getpid()}


def test_many_items_do_not() -> None:
    assert len(set(fork_map(lambda _: os.getpid(), range(4 * SMALLEST_SHARE), 4))) == 4


def test_an_error_is_raised_here() -> None:
    def fails(item: int) -> int:
        if item == 4 * SMALLEST_SHARE - 1:
            raise KeyError(item)
        return item

    with pytest.raises(KeyError):
        fork_map(fails, range(4 * SMALLEST_SHARE), 4)


def test_a_result_that_cannot_travel_is_made_here() -> None:
    made = fork_map(lambda item: lambda: item, range(4 * SMALLEST_SHARE), 4)
    assert [function() for function in made] == list(range(4 * SMALLEST_SHARE))
