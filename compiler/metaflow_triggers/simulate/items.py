"""Items: what happens in a simulation, one after the other.

In:   nothing; these are values.
Out:  `Item`: an event, an outcome, a poll that fired, or only time that passes.

Not here: reading them from a file (`events_file`), what they start (`reference`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

KINDS = ("event", "finish", "poll", "tick")

BEGINNING = datetime(2000, 1, 1, tzinfo=timezone.utc)
"""When a simulation begins whose first item does not say when it happens: no machine's clock is asked."""


@dataclass(frozen=True)
class Item:
    """One thing that happens.

    `kind` is one of KINDS. `name` is the event's, the poll's, or the name of the flow that ended; `payload` the
    event's payload or the poll's context. `at` is aware, or None: at the time of the item before.
    `identity` is the event's id (None: one is made up) or the id of the run that ended. `outcome`, `project`, `branch`,
    `step` and `error` belong to an outcome. `line` is where it stands in its file.
    """

    kind: str
    name: str = ""
    payload: dict[str, Any] = field(default_factory=dict)
    identity: str | None = None
    at: datetime | None = None
    outcome: str = ""
    project: str | None = None
    branch: str | None = None
    step: str | None = None
    error: str | None = None
    line: int = field(default=1, compare=False)


def utc(text: str) -> datetime:
    """An aware time of ISO 8601 text; without an offset it is UTC. Raises ValueError."""
    when = datetime.fromisoformat(text.replace("Z", "+00:00") if text.endswith("Z") else text)
    return when if when.tzinfo else when.replace(tzinfo=timezone.utc)
