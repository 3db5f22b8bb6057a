"""Simulate: what a list of events would start, without starting anything.

In:   a trigger graph, items of an events file (`events_file`).
Out:  `Step`s (`reference`), printed or as JSON (`report`); the command (`command`).

Not here: processes, databases, clouds, the clock of the machine. The reference is a second, deliberately simple
statement of the semantics: the engine is held against it, so the two share no code but the language itself (filters,
cron, conversion of values).
"""

from __future__ import annotations

from .items import Item
from .reference import NotStarted, Reference, Start, Step, Waiting

__all__ = ["Item", "NotStarted", "Reference", "Start", "Step", "Waiting"]
