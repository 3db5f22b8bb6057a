"""Inventory: what is deployed of a project, and which of it no flow claims any more.

In:   what a backend found under the project's id; the deployed names that the repository's flows have; what of the
      repository could not be read; for what and for whom the command deploys.
Out:  `Deployed`, one for each deployment; `Row`: whether it would be pruned, and why not.

Not here: asking a cloud (`deploy/inventory.py` of each backend), reading flows, deleting. Nothing here has effects.

What is pruned is gone, so everything that is not certain stays: another project, branch, user, `--production`; a
command over a part of the project; a flow that may be in a file that could not be read; marks that contradict each
other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from ..diagnostics import Diagnostic, DiagnosticError
from ..model.marks import PROJECT, Marks, branch_name, is_production, value


@dataclass(frozen=True)
class Deployed:
    """A deployment. `flow` is the name of its class, or None where nothing tells it; `objects` are kinds and names.

    `whole`: what says whose it is, a state machine or a WorkflowTemplate, is there; else these are leftovers.
    `mixed`: they do not agree whose they are. `running` and `waiting` count runs and events; None: nobody has asked, or
    nothing can tell.
    """

    backend: str
    name: str
    flow: str | None
    marks: Marks
    objects: tuple[str, ...] = ()
    whole: bool = True
    mixed: bool = False
    running: int | None = None
    waiting: int | None = None


@dataclass(frozen=True)
class Scope:
    """For what a command deploys. `branches` are marks.

    `whole`: its paths are all that the project has.
    """

    project: str
    branches: frozenset[str | None]
    production: bool
    user: str
    whole: bool


@dataclass(frozen=True)
class Unread:
    """What of the repository could not be read: flows by name; `more`: files of which not even that is known."""

    flows: frozenset[str] = frozenset()
    more: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """What becomes of a deployment that the repository does not have: it goes, or stays for a reason."""

    deployed: Deployed
    goes: bool
    reason: str


def scope(project: str, *, branch: str | None, production: bool, user: str, whole: bool) -> Scope:
    """`branch` is that of `--branch`, or None: then flows without @project are of no branch."""
    own = value(branch_name(branch, production, user))
    branches: set[str | None] = {own} if branch is not None else {own, None}
    return Scope(project, frozenset(branches), production, value(user), whole)


def plan_prune(
    inventory: Iterable[Deployed], wanted: Collection[tuple[str, str]], unread: Unread, scope: Scope
) -> tuple[Row, ...]:
    """A row for each deployment of this project that no flow has. `wanted`: (backend, deployed name) of the flows."""
    rows = []
    for item in inventory:
        if item.marks.project != scope.project or (item.backend, item.name) in wanted:
            continue
        why = _stays(item, unread, scope)
        rows.append(Row(item, why is None, why or "no flow of the project has this name"))
    return tuple(sorted(rows, key=lambda row: (row.deployed.backend, row.deployed.name)))


def _stays(item: Deployed, unread: Unread, scope: Scope) -> str | None:
    """Why a deployment that nothing claims is not pruned, or None."""
    marks = item.marks
    if marks.user != scope.user:
        return f"deployed by {marks.user or 'nobody'}"
    if marks.branch not in scope.branches:
        return f"of the branch {marks.branch}" if marks.branch else "deployed without --branch"
    if marks.production != scope.production:
        return f"deployed {'with' if marks.production else 'without'} --production"
    if item.mixed or (marks.branch is not None and is_production(marks.branch) != marks.production):
        return "its marks contradict each other"
    if not scope.whole:
        return "these are not all paths of the project"
    if unread.more:
        return f"it may be of {unread.more[0]}, which could not be read"
    if item.flow is None and unread.flows:
        return "it may be of a file that could not be read"
    if item.flow in unread.flows:
        return f"the flow {item.flow} could not be read"
    return None


def refuse_other_project(what: str, found: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    """Raise DiagnosticError (FT703) where another project has deployed it. `found`, `wanted`: labels or tags."""
    theirs, ours = found.get(PROJECT), wanted.get(PROJECT)
    if theirs is None or ours is None or theirs == ours:
        return
    helps = (
        "deploy the flow under another name, for instance with @project, or delete it there",
        f"if `{ours}` is the new id of `{theirs}`: `create` once without an id, then with the new one",
    )
    raise DiagnosticError([Diagnostic("FT703", f"{what} was deployed by the project `{theirs}`", helps=helps)])
