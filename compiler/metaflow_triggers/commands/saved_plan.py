"""Saved plan: what `create --plan FILE` writes, and what `create --apply FILE` holds a new plan against.

In:   a plan; a file.
Out:  the file; DiagnosticError: FT781 for a file that is none of ours, FT782 where flows or clouds have changed.

Not here: making a plan. Nothing of the file is carried out: `--apply` plans anew, and goes on only where all of it is
the same. So a file that somebody has edited can do no more than be refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .. import __version__, regular
from ..compiling.whole_file import write_whole
from ..deploying.plan import Row, WholePlan
from ..diagnostics import Diagnostic, DiagnosticError
from ..manifests.schemas import findings

SCHEMA = "deploying/plan"
_SHOWN = 10


def write(path: Path, plan: WholePlan) -> None:
    """Raises DiagnosticError (FT003)."""
    content = {
        "format": "metaflow-triggers plan",
        "version": 1,
        "compiler": __version__,
        "rows": [_told(row) for row in plan.rows],
    }
    write_whole(path, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())


def _told(row: Row) -> dict[str, Any]:
    things = (*row.planned.shared, *row.planned.things)
    return {
        "backend": row.backend,
        "name": row.name,
        "does": row.verb,
        "starts": list(row.planned.starts),
        "objects": [f"{thing.verb} {thing.noun}" for thing in things],
        "files": _digest([[file.path, file.text] for file in row.wanted.files] if row.wanted else []),
        # Of what a backend cannot tell the words count.
        "found": _digest(row.planned.seen if row.planned.seen is not None else [list(one.lines) for one in things]),
    }


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def load(path: Path) -> list[dict[str, Any]]:
    """The rows of a plan. Raises DiagnosticError (FT781)."""
    try:
        content = json.loads(regular.text(str(path)))
    except regular.Unreadable as error:
        raise _foreign(path, f"it {error}") from None
    except ValueError:
        raise _foreign(path, "it is not JSON") from None
    wrong = findings(content, SCHEMA)
    if wrong:
        raise _foreign(path, f"{wrong[0][0]}: {wrong[0][1][:300]}")
    rows: list[dict[str, Any]] = content["rows"]
    return rows


def _foreign(path: Path, why: str) -> DiagnosticError:
    helps = ("write one with `metaflow-triggers create PATHS --plan FILE`",)
    return DiagnosticError([Diagnostic("FT781", f"`{path}` is not a plan of ours: {why}", helps=helps)])


def prove(planned: list[dict[str, Any]], now: WholePlan) -> None:
    """Raise DiagnosticError (FT782) unless the plan is what it was."""
    notes = list(_changed(planned, now))
    if notes:
        more = len(notes) - _SHOWN
        raise DiagnosticError(
            [
                Diagnostic(
                    "FT782",
                    "the plan does not hold any more",
                    notes=(*notes[:_SHOWN], *([f"and {more} more"] if more > 0 else [])),
                    helps=("make a new plan, and have that reviewed",),
                )
            ]
        )


def _changed(planned: list[dict[str, Any]], now: WholePlan) -> Iterator[str]:
    was = {(row["backend"], row["name"]): row for row in planned}
    found = {(row.backend, row.name): _told(row) for row in now.rows}
    for key in sorted(was.keys() | found.keys()):
        name = " ".join(key)
        if key not in found:
            yield f"{name}: it is in the plan, and not among the flows"
        elif key not in was:
            yield f"{name}: it is among the flows, and not in the plan"
        elif was[key]["files"] != found[key]["files"]:
            yield f"{name}: the flow, its code or a setting has changed"
        elif was[key]["found"] != found[key]["found"]:
            yield f"{name}: what is deployed has changed"
        elif was[key] != found[key]:
            yield f"{name}: it would be {found[key]['does']}, or otherwise than the plan says"
