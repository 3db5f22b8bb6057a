"""Runners: whoever can say what becomes of a row.

In:   rows, what is read of their flows, an empty folder.
Out:  rule -> `rows.Observed`. A field that a runner cannot see is None, and `rows.differences` passes it over.

Not here: how each does it. A runner of a cloud is one more function of this shape; it is given the rows that its
backend carries (`carried`), and `test_table` holds the refusals of the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from . import real, simulated, stepped
from .reading import ReadRow
from .rows import Observed, Row


class Runner(Protocol):
    """Observe rows."""

    def __call__(self, rows: Sequence[Row], read: dict[str, ReadRow], folder: Path) -> dict[str, Observed]: ...


def simulate(rows: Sequence[Row], read: dict[str, ReadRow], folder: Path) -> dict[str, Observed]:
    """In memory, by the reference."""
    return {row.rule: simulated.observe(row, read[row.rule].graph) for row in rows}


def engine_without_runs(rows: Sequence[Row], read: dict[str, ReadRow], folder: Path) -> dict[str, Observed]:
    """The local engine up to the start: log, sets, filters, schedules, claims of polls."""
    return {row.rule: stepped.observe(row, read[row.rule].graph, folder) for row in rows}


def engine(rows: Sequence[Row], read: dict[str, ReadRow], folder: Path) -> dict[str, Observed]:
    """The local engine with real flows. Rows of one branch that need no clock share an engine."""
    found: dict[str, Observed] = {}
    for production in (False, True):
        group = [row for row in rows if row.production is production and not row.clock]
        if group:
            found |= real.observe(group, read, _folder(folder, f"production-{production}"))
    for number, row in enumerate(row for row in rows if row.clock):
        found[row.rule] = real.observe_with_clock(row, read, _folder(folder, f"clock-{number}"))
    return found


def _folder(folder: Path, name: str) -> Path:
    path = folder / name
    path.mkdir()
    return path


def carried(rows: Sequence[Row], backend: str) -> list[Row]:
    """The rows that a backend has to run as they say."""
    return [row for row in rows if not row.mistakes and backend not in row.refusals]
