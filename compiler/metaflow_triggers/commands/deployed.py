"""Deployed: `list --deployed`, how what is deployed and the repository differ, and how the flows stand on this machine.

In:   the parsed arguments.
Out:  a table or JSON on standard output, diagnostics on standard error; exit code 0, 1 for a mistake in the flows or
      a cloud that could not be asked while another could, 2 for a setting that is missing.

Not here: what an object needs (`backends`), which deployment may be pruned (`backends.inventory`).
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..backends.inventory import Row
from ..backends.many import CHANGED, CREATED, UNCHANGED
from ..deploying.plan import REFUSED

if TYPE_CHECKING:
    from ..diagnostics import Diagnostic
    from .whole_project import Project

STATES = {
    UNCHANGED: "in step",
    CHANGED: "differs",
    CREATED: "not deployed",
    REFUSED: "refused",
}
NOT_HERE = "not in the repository"


def deployed(options: argparse.Namespace) -> int:
    """A row for each flow and target of the repository, and for each deployment of the project that it has not."""
    from .deploy import guarded

    return guarded(lambda kept: _deployed(options, kept))


def _deployed(options: argparse.Namespace, kept: str) -> int:
    from ..diagnostics import DiagnosticError
    from ..reports.terminal import show
    from .deploy import said_by_clouds
    from .whole_project import compiled, refused

    project = compiled(options, kept)
    if refused(project, options, leave_out=said_by_clouds(project.names)):
        return 1
    rows, unasked, lost = _on_clouds(options, project)
    here = [] if options.backends_typed else _on_this_machine(options, project.graph)
    if unasked and lost == len(project.names) and not here:
        raise DiagnosticError(unasked)
    rows += here
    show(unasked, None, "what could be asked is listed" if unasked else None)
    settings_alone = lost == len(project.names) and all(item.code == "FT002" for item in unasked)
    code = (2 if settings_alone else 1) if unasked else 0
    rows.sort(key=lambda row: (row["backend"], row["name"]))
    if options.format == "json":
        import json

        told = {"project": project.settings.project_id, "deployments": rows}
        sys.stdout.write(json.dumps(told, indent=2, ensure_ascii=False) + "\n")
        return code
    _table(rows)
    if project.settings.project_id is None:
        sys.stdout.write("\nWithout an id of the project, what no flow has is not seen.\n")
    return code


def _on_clouds(options: argparse.Namespace, project: Project) -> tuple[list[dict[str, Any]], list[Diagnostic], int]:
    """Rows, cloud by cloud; what says why clouds could not be asked, each thing once; how many could not."""
    from ..deploying import run
    from ..diagnostics import DiagnosticError
    from . import prune
    from .deploy import Remarks
    from .whole_project import parts_of

    said = Remarks(options)
    rows: list[dict[str, Any]] = []
    unasked: dict[Any, Diagnostic] = {}
    lost = 0
    for name in project.names:
        one = dataclasses.replace(project, names=(name,))
        try:
            whole = run.plan(parts_of(one, said.remark), {"accept_changes": True})
            found = [_of_plan(row) for row in whole.rows]
            if project.settings.project_id is not None:
                found += map(_of_row, prune.unclaimed(options, one, counted=True))
        except DiagnosticError as error:
            found = list(_unasked(project, name, error.diagnostics[0]))
            for item in error.diagnostics:  # two clouds say of one setting in their own words that it is missing
                unasked.setdefault((item.code, item.helps or item.message), item)
            lost += 1
        rows += found
    return rows, list(unasked.values()), lost


def _unasked(project: Project, backend: str, why: Diagnostic) -> Iterator[dict[str, Any]]:
    """A row for each flow that is for a cloud of which nothing is known."""
    from ..backends import registry
    from ..graph.explain import qualified_name

    for flow in project.graph.flows:
        name = registry.own_name(backend, flow, project.settings)
        if f"{backend}/{name}" in project.by_owner:
            yield {"backend": backend, "name": name, "flow": qualified_name(flow), **_unread(why)}


def _on_this_machine(options: argparse.Namespace, graph: Any) -> list[dict[str, Any]]:
    """A row for each flow where there is a database of the local engine; also where it cannot be read."""
    import contextlib
    import sqlite3

    from ..diagnostics import DiagnosticError
    from ..engine import faults, store
    from ..engine.trail.state import state
    from ..model import facts

    path = store.database_path(options.database)
    if not store.exists(path):
        return []
    flows = [(flow.name, facts.qualified_name(facts.identity(flow))) for flow in graph.flows]
    try:
        with contextlib.closing(store.connect(path, create=False)) as connection:
            states = [state(connection, key) for _, key in flows]
    except DiagnosticError as error:
        states = [_unread(error.diagnostics[0])] * len(flows)
    except sqlite3.Error as error:
        states = [_unread(faults.diagnostic(error, path))] * len(flows)
    return [
        {"backend": "local", "name": key, "flow": name, **found}
        for (name, key), found in zip(flows, states, strict=True)
    ]


def _unread(why: Diagnostic) -> dict[str, Any]:
    return {"state": "unknown", "because": f"{why.code}: {why.message}"}


def _of_plan(row: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "backend": row.backend,
        "name": row.name,
        "flow": row.flow,
        "state": STATES.get(row.verb, row.verb),
    }
    if row.refusal:
        found["because"] = f"{row.refusal[0].code}: {row.refusal[0].message}"
    elif row.verb == CHANGED:
        things = row.planned.things
        found["because"] = "; ".join(row.planned.starts) or f"{things[0].verb} {things[0].noun}" if things else ""
    return found


def _of_row(row: Row) -> dict[str, Any]:
    item = row.deployed
    found: dict[str, Any] = {
        "backend": item.backend,
        "name": item.name,
        "flow": item.flow,
        "state": NOT_HERE if item.whole else "left over",
        "because": "`create --prune` deletes it" if row.goes else row.reason,
        "branch": item.marks.branch,
        "production": item.marks.production,
        "user": item.marks.user,
        "objects": list(item.objects),
    }
    counts = {"running": item.running, "waiting": item.waiting}
    return found | {key: value for key, value in counts.items() if value is not None}


def _table(rows: list[dict[str, Any]]) -> None:
    from ..reports.shown import shown

    lines = [("TARGET", "DEPLOYED AS", "FLOW", "STATE", ""), *map(_line, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(5)]
    for line in lines:
        text = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        sys.stdout.write(f"{shown(text)}\n")


def _line(row: dict[str, Any]) -> tuple[str, str, str, str, str]:
    more = "; ".join([row["because"], *_counts(row)]) if row.get("because") else ""
    return row["backend"], row["name"], row["flow"] or "", row["state"], more


def _counts(row: dict[str, Any]) -> Iterator[str]:
    if row.get("running"):
        yield f"{row['running']} running"
    if row.get("waiting"):
        yield f"{row['waiting']} waiting"
