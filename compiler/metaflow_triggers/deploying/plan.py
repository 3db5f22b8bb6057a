"""Plan: what one command would do about many flows, or has done.

In:   nothing; these are values. A row says what happens to one flow on one backend.
Out:  `Row`, `WholePlan`.

Not here: making rows (`run`), their words (`words`). Whoever has more to change, such as what no flow claims any more,
adds rows.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from ..backends.many import CHANGED, CREATED, DELETED, UNCHANGED, Planned, Thing, Wanted
from ..diagnostics import Diagnostic

REFUSED = "refused"
VERBS = (CREATED, CHANGED, DELETED, UNCHANGED, REFUSED)


@dataclass(frozen=True)
class Row:
    """One flow on one backend. `name` is the deployed one, `flow` what people call it; `verb` one of `VERBS`.

    `planned` has the rest; `refusal` says why it is refused. `wanted` is what the backend is given to carry it out.
    """

    backend: str
    name: str
    flow: str
    verb: str
    planned: Planned
    refusal: tuple[Diagnostic, ...] = ()
    wanted: Wanted | None = field(default=None, compare=False)

    @property
    def changes(self) -> bool:
        """Whether there is anything to be done."""
        return self.verb in (CREATED, CHANGED, DELETED)


@dataclass(frozen=True)
class WholePlan:
    """Rows in the order in which they are carried out."""

    rows: tuple[Row, ...]

    @property
    def refused(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.verb == REFUSED)

    @property
    def same(self) -> bool:
        """Whether everything is as it shall be."""
        return all(row.verb == UNCHANGED and not row.planned.shared for row in self.rows)

    @property
    def changes(self) -> bool:
        """Whether there is anything to be done, also where it is about no single flow."""
        return any(row.changes or row.planned.shared for row in self.rows if row.verb != REFUSED)

    def shared(self, backend: str) -> tuple[Thing, ...]:
        """Objects of all flows of a backend that would not stay as they are, each once."""
        things = [thing for row in self.rows if row.backend == backend for thing in row.planned.shared]
        return tuple({thing.noun: thing for thing in reversed(things)}.values())[::-1]

    def count(self) -> Counter[str]:
        """Flows by verb."""
        return Counter(row.verb for row in self.rows)
