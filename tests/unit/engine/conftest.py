"""Benches that are closed after the test."""

from __future__ import annotations

import pytest

from .bench import Bench


@pytest.fixture
def bench(tmp_path):
    made = []

    def make(*flows):
        made.append(Bench(tmp_path, *flows))
        return made[-1]

    yield make
    for item in made:
        item.close()
