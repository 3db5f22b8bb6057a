"""Prune: what `create --prune` would delete, as rows of its plan.

In:   the parsed arguments, the compiled project, the backends at work.
Out:  a `WholePlan` of deletions, what stays and why; DiagnosticError (FT709) where pruning is not possible.

Not here: which deployment may go (`backends.inventory`), deleting (`deploying.run`). A flow that was renamed is one
that is new and one that goes: so deletions come last, and not at all where anything was refused before them.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from ..backends import inventory, registry
from ..backends.inventory import Deployed, Row, Unread
from ..backends.many import Planned, Wanted
from ..deploying import plan, run
from ..deploying.run import Choices, Part
from ..diagnostics import Diagnostic, DiagnosticError


@dataclass(frozen=True)
class Pruning:
    """`rows` are the deployments that the project does not have. `parts` hold those that go."""

    rows: tuple[Row, ...]
    parts: tuple[Part, ...]
    whole: plan.WholePlan

    @property
    def changes(self) -> int:
        """How many deployments go."""
        return sum(row.changes for row in self.whole.rows)


def require(options: argparse.Namespace, project_id: str | None) -> None:
    """Raise DiagnosticError (FT709) unless the command knows its project and is about all of it."""
    if project_id is None:
        help_ = (
            'write `id = "..."` into the project file, or set METAFLOW_TRIGGERS_PROJECT_ID; then `create` marks with it'
        )
        raise DiagnosticError([_refused("the project has no id, so nothing tells what it has deployed", (help_,))])
    if not getattr(options, "whole", False):
        why = "these are not all paths of the project, so what they lack may be elsewhere in it"
        raise DiagnosticError([_refused(why, ("leave PATHS out; a project file says which they are",))])


def _refused(why: str, helps: tuple[str, ...]) -> Diagnostic:
    return Diagnostic("FT709", f"nothing can be pruned: {why}", helps=helps)


def pruning(options: argparse.Namespace, project: Any, parts: Sequence[Part], choices: Choices) -> Pruning:
    """What would go, asked of every backend at work. Raises DiagnosticError as `run.plan` does."""
    rows = unclaimed(options, project, counted=True)
    by_backend = {part.backend: part for part in parts}
    going: list[Part] = []
    for backend in project.names:
        found = [row.deployed for row in rows if row.goes and row.deployed.backend == backend]
        if found:
            part = by_backend.get(backend) or _empty(backend, project.settings)
            flows = tuple((item.flow or item.name, _wanted(item, project)) for item in found)
            going.append(Part(backend, _Careful(part.many, found, project.settings), flows))
    whole = run.plan(going, choices, deleting=True)
    notes = {(row.deployed.backend, row.deployed.name): tuple(_notes(row.deployed)) for row in rows}
    told = tuple(
        dataclasses.replace(
            row, planned=dataclasses.replace(row.planned, notes=(*notes[row.backend, row.name], *row.planned.notes))
        )
        for row in whole.rows
    )
    return Pruning(rows, tuple(going), plan.WholePlan(told))


def unclaimed(options: argparse.Namespace, project: Any, *, counted: bool) -> tuple[Row, ...]:
    """A row for each deployment of the project that no flow of these files has. Raises DiagnosticError."""
    settings = project.settings
    wanted = {tuple(file.owner.split("/", 1)) for file in project.files}
    scope = inventory.scope(
        settings.project_id,
        branch=options.branch,
        production=settings.production,
        user=settings.user,
        whole=bool(getattr(options, "whole", False)),
    )
    unread = _unread(project.read)

    def goes(item: Deployed) -> bool:
        return counted and any(row.goes for row in inventory.plan_prune([item], wanted, unread, scope))

    found: list[Deployed] = []
    for backend in project.names:
        ask = getattr(registry.deployer(backend), "inventory", None)
        found += ask(settings.project_id, settings, goes) if ask else []
    return inventory.plan_prune(found, wanted, unread, scope)


def _unread(read: Any) -> Unread:
    """Files whose text cannot even be looked at may hold any flow."""
    from .. import regular

    def dark(file: str) -> bool:
        try:
            regular.text(file)
        except regular.Unreadable:
            return True
        return False

    return Unread(frozenset(read.unread_flows()), tuple(file for file in read.unread if dark(file)))


def _empty(backend: str, settings: Any) -> Part:
    from ..backends.many import many_of

    many = many_of(registry.deployer(backend), settings)
    many.look([])
    return Part(backend, many, ())


def _wanted(item: Deployed, project: Any) -> Wanted:
    from .. import seams

    flow: Any = SimpleNamespace(name=item.flow or item.name, project=None, branch=None)
    told = project.told.setdefault(item.name, [])
    state = seams.click_state(registry.spec(item.backend).upstream, flow, item.name, told.append)
    return Wanted(item.name, item.flow or item.name, (), None, state, lambda: None)


def _notes(item: Deployed) -> Iterator[str]:
    if item.running:
        yield "1 run is under way and goes on" if item.running == 1 else f"{item.running} runs are under way and go on"
    if item.waiting:
        yield f"{item.waiting} event{' waits' if item.waiting == 1 else 's wait'}"


class _Careful:
    """Deletes what is still whose it was when the plan was made. Everything else is the backend's."""

    def __init__(self, many: Any, found: Sequence[Deployed], settings: Any) -> None:
        self._many, self._settings = many, settings
        self._found = {item.name: item for item in found}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._many, name)

    def look(self, wanted: Sequence[Wanted]) -> None:
        """The flows of the project have been looked at, and are carried out before."""

    def delete(self, one: Wanted, choices: Choices) -> Planned:
        was = self._found[one.name]
        marks, there = registry.deployer(was.backend).marks_now(one.name, self._settings)  # type: ignore[attr-defined]
        if there != was.whole or (there and marks != was.marks):
            what = f"`{one.name}` was deployed by somebody else while this command was at work"
            raise DiagnosticError([_refused(what, ("repeat the command to see what is there now",))])
        done: Planned = self._many.delete(one, choices)
        return done


def kept(found: Pruning) -> str:
    """What is not the project's own any more and stays, in words."""
    stay = [row for row in found.rows if not row.goes]
    lines = [f"not pruned: {row.deployed.backend} {row.deployed.name}: {row.reason}" for row in stay[:10]]
    if len(stay) > 10:
        lines.append(f"not pruned: {len(stay) - 10} more; `metaflow-triggers list --deployed` names them")
    return "".join(f"{line}\n" for line in lines)
