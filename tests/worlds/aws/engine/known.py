"""Known: where a row comes out otherwise on AWS than the table says, and why. The only place for that.

In:   a row.
Out:  the row as AWS keeps it.

Not here: rows that AWS refuses (`refusals` in the table). A difference that has gone is a failure as well: a row must
not hold as it stands in the table while it is listed here (`unneeded`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.scenarios.rows import Observed, Row, differences


@dataclass(frozen=True)
class Difference:
    """`reason`: why. `changed`: the row with it, or the same row where it plays no part."""

    reason: str
    changed: Callable[[Row], Row]


def _run_ids(row: Row) -> Row:
    if not row.injected:  # other rows leave the run id open
        return row
    return _outcomes(row, lambda item: {"run_id": f"sfn-{item['run_id']}"})


def _steps(row: Row) -> Row:
    return _outcomes(row, lambda item: {"step": None} if "step" in item else {})


def _outcomes(row: Row, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Row:
    events = tuple({**item, **change(item)} if "outcome" in item else item for item in row.events)
    return dataclasses.replace(row, events=events) if events != row.events else row


def _starts(rule: str, number: int, **change: Any) -> Callable[[Row], Row]:
    def changed(row: Row) -> Row:
        if row.rule != rule:
            return row
        starts = tuple({**item, **change} if at == number else item for at, item in enumerate(row.starts, 1))
        return dataclasses.replace(row, starts=starts)

    return changed


_MAPPED = {"who": "S4Elsewhere4", "how": "failure", "why": "KeyError: 'x'"}

KNOWN = (
    Difference("Metaflow's id of a run on Step Functions is `sfn-` and the name of the execution", _run_ids),
    Difference("Step Functions does not publish the step in which an execution failed (section 4)", _steps),
    Difference(
        "so a parameter that is mapped from the step has its default",
        _starts(
            "4 match failure is the run that failed, with step and error",
            2,
            parameters={"outcome": "failure"},
            arrives={"step_name": "?", "outcome": "failure"},
        ),
    ),
    Difference(
        "so does one without a default, which is None; and a run id that is mapped begins with `sfn-`",
        _starts(
            "4 the payload of an outcome can be mapped",
            1,
            parameters={**_MAPPED, "run": "sfn-77"},
            arrives={**_MAPPED, "run_": "sfn-77", "where": None, "project_of": "none"},
        ),
    ),
)


def on_aws(row: Row, without: Difference | None = None) -> Row:
    """The row with all that is known to differ, or with all but one."""
    for one in KNOWN:
        if one is not without:
            row = one.changed(row)
    return row


def told(rows: Sequence[Row], observed: dict[str, Observed]) -> dict[str, list[str]]:
    """Rule -> in what a row did not come out as AWS keeps it."""
    return {row.rule: found for row in rows if (found := differences(on_aws(row), observed[row.rule]))}


def unneeded(rows: Sequence[Row], observed: dict[str, Observed]) -> list[tuple[str, str]]:
    """Rule and reason of each difference without which the row holds as well."""
    return [
        (row.rule, one.reason)
        for row in rows
        for one in KNOWN
        if one.changed(row) != row and not differences(on_aws(row, without=one), observed[row.rule])
    ]
