"""Observe: what an engine tells those who watch it.

In:   changes, as they happen in this engine.
Out:  calls of an `Observer`; `snapshot`, the state of a database for a table.

Not here: printing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import waits
from .waits import LocalFlow


@dataclass(frozen=True)
class Change:
    """One thing that happened: `what` is started, refused, lost, or the state in which a run ended."""

    what: str
    flow_key: str
    start_id: int
    reason: str
    run_id: str | None = None
    step: str | None = None
    error: str | None = None
    seconds: float | None = None
    log: str | None = None


class Observer:
    """Watches an engine; does nothing by itself. Called in the engine's thread: it must be quick and not raise."""

    def on_begin(self, flows: Mapping[str, LocalFlow]) -> None:
        """The engine is about to work on these flows: what is accepted from now on reaches them."""

    def on_edition(self, flows: Mapping[str, LocalFlow], words: Sequence[str]) -> None:
        """Flows were read again: these are served from now on, and that is what has changed."""

    def on_signal(self, text: str) -> None:
        """A signal was taken, and this is what it means. Called between any two instructions: it may take no lock."""

    def on_line(self, change: Change) -> None:
        """A run started or ended, or an event was refused."""

    def on_problem(self, text: str) -> None:
        """Something is wrong with the database, or right again."""

    def on_change(self, connection: sqlite3.Connection, flows: Mapping[str, LocalFlow]) -> None:
        """Something changed; `snapshot(connection, flows)` tells how things are."""


@dataclass(frozen=True)
class HalfSet:
    """A half-arrived set: names of what has come and of what has not. `place`: of the trigger among the flow's."""

    flow_key: str
    arrived: tuple[str, ...]
    missing: tuple[str, ...]
    place: int = 0


@dataclass(frozen=True)
class Snapshot:
    """The state of a database. Rows of starts are dicts of its columns, without the document; `ended`: latest first."""

    waiting: tuple[HalfSet, ...]
    active: tuple[dict[str, Any], ...]
    ended: tuple[dict[str, Any], ...]


_COLUMNS = ("id", "flow_key", "state", "reason", "run_id", "step", "error", "scheduled_at", "started_at", "ended_at")


def snapshot(connection: sqlite3.Connection, flows: Mapping[str, LocalFlow], ended: int = 20) -> Snapshot:
    """How things are. Reads only. Raises sqlite3.Error."""
    columns = ", ".join(_COLUMNS)

    def rows(condition: str, *values: Any) -> tuple[dict[str, Any], ...]:
        found = connection.execute(f"SELECT {columns} FROM starts {condition}", values)  # noqa: S608 - our own words
        return tuple(dict(zip(_COLUMNS, row, strict=True)) for row in found)

    return Snapshot(
        _half_sets(connection, flows),
        rows("WHERE state IN ('claimed', 'started') ORDER BY id LIMIT 1000"),
        rows("WHERE ended_at IS NOT NULL ORDER BY id DESC LIMIT ?", ended),
    )


def _half_sets(connection: sqlite3.Connection, flows: Mapping[str, LocalFlow]) -> tuple[HalfSet, ...]:
    triggers = {}
    for group in waits.index(flows.values()).values():
        for wait in group:
            triggers[wait.flow.key, wait.trigger.key] = wait.trigger
    sets: dict[tuple[str, str], set[int]] = {}
    for key, trigger, number in connection.execute("SELECT DISTINCT flow_key, trigger_key, dependency FROM waiting"):
        sets.setdefault((key, trigger), set()).add(number)
    found = []
    for place, numbers in sorted(sets.items()):
        if place in triggers:
            names = [item["name"] for item in triggers[place].dependencies]
            arrived = tuple(name for number, name in enumerate(names) if number in numbers)
            missing = tuple(n for k, n in enumerate(names) if k not in numbers)
            found.append(HalfSet(place[0], arrived, missing, triggers[place].place))
    return tuple(found)
