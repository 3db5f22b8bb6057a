"""Steps: what a simulation says of its items.

In:   nothing; these are values.
Out:  `Step`, with what it started (`Start`), what a rule prevented (`NotStarted`); `Waiting`, a half-arrived set.

Not here: how it comes to them (`reference`), words for people (`report`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .items import Item
from .values import Converted


@dataclass(frozen=True)
class Occurrence:
    """An accepted event: what `current.trigger` shows of it. `kind` is "event", "run" or "poll"."""

    name: str
    payload: dict[str, Any]
    id: str
    at: datetime
    kind: str


@dataclass(frozen=True)
class Start:
    """One run. `reason` is "event", "finish", "schedule" or "poll"; `run` names it within the simulation.

    `parameters` are the values that the events give; every other parameter keeps its default. `fails` says why the run
    ends before user code, or is None. `events` is empty for a schedule, else in the order of the dependencies.
    """

    flow: str
    run: str
    reason: str
    at: datetime
    events: tuple[Occurrence, ...]
    parameters: dict[str, Converted]
    fails: str | None = None


@dataclass(frozen=True)
class NotStarted:
    """A start that a rule prevents, visibly. `parameter` is the required one without a value, or ""."""

    flow: str
    parameter: str
    why: str


@dataclass(frozen=True)
class Unread:
    """A number of an event that AWS's matcher does not compare (FT791), under a field that a flow filters by."""

    flow: str
    field: str
    number: str


@dataclass(frozen=True)
class Step:
    """What one item did. `refused` says why the item was not accepted at all, `repeated` that its id was known."""

    item: Item
    at: datetime
    starts: tuple[Start, ...] = ()
    not_started: tuple[NotStarted, ...] = ()
    forgotten: tuple[str, ...] = ()
    refused: str | None = None
    repeated: bool = False
    unread: tuple[Unread, ...] = ()


@dataclass(frozen=True)
class Waiting:
    """A set that has not all of its dependencies: how many events of each it holds, in words."""

    flow: str
    has: tuple[tuple[str, int], ...]
    lacks: tuple[str, ...]
