"""Run: a plan made of what the clouds have, and carried out, flow by flow.

In:   flows with their files by backend, in order; the choices of the command.
Out:  `WholePlan`: what would be done, and what was. What a cloud refuses of one flow stops no other.

Not here: words, exit codes, files of plans. DiagnosticError is raised only where a cloud as a whole cannot be asked,
and before anything is changed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..backends.many import Confirming, Many, Planned, Wanted
from ..diagnostics import DiagnosticError
from .plan import REFUSED, Row, WholePlan

Choices = Mapping[str, Any]


@dataclass(frozen=True)
class Part:
    """The flows of one backend with what people call them, in order."""

    backend: str
    many: Many
    flows: tuple[tuple[str, Wanted], ...]


def plan(parts: Sequence[Part], choices: Choices, *, deleting: bool = False) -> WholePlan:
    """What `create` would do, or `delete`, by what the clouds had when they were looked at.

    Raises DiagnosticError (FT701) where a cloud cannot be reached.
    """
    rows = []
    for part in parts:
        for flow, one in part.flows:
            row = Row(part.backend, one.name, flow, REFUSED, Planned(REFUSED), wanted=one)
            rows.append(_asked(part.many.plan_delete if deleting else part.many.plan, row, choices))
            if _is_lost(rows[-1]):
                raise DiagnosticError(list(rows[-1].refusal))
    return WholePlan(tuple(rows))


def carry_out(
    whole: WholePlan,
    parts: Sequence[Part],
    choices: Choices,
    told: Callable[[Row, int, int], None],
    *,
    deleting: bool = False,
) -> WholePlan:
    """Do what the plan says about each flow that would change. `told` gets each row when it is done, and its number of
    how many; once more where it turns out not to be done. What is unchanged or refused stays so."""
    by_name = {part.backend: part.many for part in parts}
    due = {number: turn for turn, number in enumerate(_due(whole), 1)}
    done: list[Row] = []
    lost: dict[str, Row] = {}
    for number, row in enumerate(whole.rows):
        if number not in due:
            done.append(row)
            continue
        if row.backend in lost:  # nobody waits for fifty flows to find the same
            done.append(dataclasses.replace(row, verb=REFUSED, refusal=lost[row.backend].refusal))
        else:
            many = by_name[row.backend]
            done.append(_asked(many.delete if deleting else many.create, row, choices))
            if _is_lost(done[-1]):
                lost[row.backend] = done[-1]
        told(done[-1], due[number], len(due))
    if not deleting:
        for part in parts:
            turns = [at for at in due if done[at].backend == part.backend and done[at].verb != REFUSED]
            if part.backend in lost or not turns:
                continue
            for at, row in zip(turns, _confirmed(part.many, [done[at] for at in turns], choices), strict=True):
                if row.verb == REFUSED or row.planned != done[at].planned:
                    done[at] = row
                    told(row, due[at], len(due))
    return WholePlan(tuple(done))


def _confirmed(many: Many, rows: Sequence[Row], choices: Choices) -> Sequence[Row]:
    """The rows as the cloud shows them when all is carried out, and what was left is done, too."""
    if not isinstance(many, Confirming):
        return rows
    try:
        many.look_again([row.wanted for row in rows if row.wanted is not None])
    except DiagnosticError as error:
        return [dataclasses.replace(row, verb=REFUSED, refusal=tuple(error.diagnostics)) for row in rows]
    return [_asked(many.confirm, row, choices) for row in rows]


def _due(whole: WholePlan) -> list[int]:
    """Numbers of the rows that are carried out. Where only what all flows share would change, one flow brings it."""
    due = [number for number, row in enumerate(whole.rows) if row.changes]
    changed = {whole.rows[number].backend for number in due}
    for backend in dict.fromkeys(row.backend for row in whole.rows):
        if whole.shared(backend) and backend not in changed:
            due += [
                number
                for number, row in enumerate(whole.rows)
                if row.backend == backend and row.planned.shared and row.verb != REFUSED
            ][:1]
    return sorted(due)


def _is_lost(row: Row) -> bool:
    """Whether the cloud could not be reached."""
    return any(item.code == "FT701" for item in row.refusal)


def _asked(ask: Callable[[Wanted, Choices], Planned], row: Row, choices: Choices) -> Row:
    assert row.wanted is not None
    try:
        planned = ask(row.wanted, choices)
    except DiagnosticError as error:
        return dataclasses.replace(row, verb=REFUSED, refusal=(*error.diagnostics, *error.aftermath))
    return dataclasses.replace(row, verb=planned.verb, planned=planned)
