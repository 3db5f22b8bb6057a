"""The scenario table: every row simulated, and what the backends refuse of it."""

from __future__ import annotations

import collections
import re
from pathlib import Path

import pytest
from metaflow_triggers.backends.registry import names

from tests.semantics import refused_by

from . import reading, runners
from .rows import differences, of_flows, rows

ROWS = rows()

SECTION_12 = refused_by()

RUNNABLE = [row for row in ROWS if not row.mistakes]


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    return reading.read(ROWS, tmp_path_factory.mktemp("flows"))


@pytest.mark.parametrize("row", ROWS, ids=[row.rule for row in ROWS])
def test_flows_have_the_mistakes_that_a_row_says(row, read):
    assert read[row.rule].mistakes == sorted(set(row.mistakes))


@pytest.mark.parametrize("row", RUNNABLE, ids=[row.rule for row in RUNNABLE])
def test_row_is_simulated_as_it_says(row, read):
    assert differences(row, runners.simulate([row], read, Path())[row.rule]) == []


@pytest.mark.parametrize("row", RUNNABLE, ids=[row.rule for row in RUNNABLE])
def test_engine_reads_a_row_as_it_says(row, read, memory_folder):
    assert differences(row, runners.engine_without_runs([row], read, memory_folder)[row.rule]) == []


@pytest.mark.parametrize("row", ROWS, ids=[row.rule for row in ROWS])
def test_backends_refuse_of_a_row_what_it_says(row, read):
    assert read[row.rule].refusals == row.refusals


@pytest.mark.parametrize("backend", names())
def test_a_backend_carries_most_rows(backend):
    assert len(runners.carried(ROWS, backend)) >= 0.8 * len(RUNNABLE)


def test_every_section_has_rows():
    sections = collections.Counter(re.split("[ -]", row.rule)[0] for row in ROWS)
    assert set(sections) >= {str(number) for number in range(2, 13)} | {"documents", "polls"}


def test_rows_have_names_of_their_own():
    assert len({row.rule for row in ROWS}) == len(ROWS)
    of_flows(ROWS)
    owner: dict[str, str] = {}
    for row in ROWS:
        for event in row.events:
            for name in (event.get("name"), event.get("flow"), event.get("poll")):
                if name:
                    assert owner.setdefault(name, row.rule) == row.rule


def test_backends_refuse_only_what_the_semantics_lists(read):
    unlisted = {
        (row.rule, backend, code)
        for row in ROWS
        for backend, codes in read[row.rule].refusals.items()
        for code in codes
        if code not in SECTION_12[backend]
    }
    assert unlisted == set()
