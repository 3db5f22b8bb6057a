"""Stale: whether an output folder is what a compilation would write, and if not why, flow by flow.

In:   the folder, what it shall hold (`folder.Wanted`), the flow behind each owner, the command that writes it anew.
Out:  diagnostics (FT019), none where the folder is as it shall be.

Not here: writing; nothing is locked, finished or taken back either.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..diagnostics import Diagnostic, DiagnosticError
from ..graph.differences import between, restored, restored_polls
from ..model.flows import Flow, PollTrigger
from ..reading.read import few
from . import journal
from .compare import differing, recorded_polls_of, said, text_of, without_package
from .folder import INDEX, Change, Wanted, planned

_ONLY = {"package": "only the code package differs", "inputs": "only what was recorded of the compilation differs"}


@dataclass(frozen=True)
class _Reason:
    """Why one owner is stale. `kind` is one of `_ONLY`, or "" for all that is told of each flow."""

    kind: str
    text: str


def stale(folder: Path, wanted: Wanted, flows: Mapping[str, Flow], again: str) -> list[Diagnostic]:
    """What differs; `again` is the command that helps. Raises DiagnosticError where writing would be refused."""
    return [replace(item, helps=(again,)) for item in _differences(folder, wanted, flows)]


def _differences(folder: Path, wanted: Wanted, flows: Mapping[str, Flow]) -> list[Diagnostic]:
    if journal.is_there(folder):
        return [_diagnostic(folder, "a change of it was begun and not finished")]
    if not (folder / INDEX).exists():
        return [_diagnostic(folder, f"it has no {INDEX}")]
    try:
        change = planned(folder, wanted)
    except DiagnosticError as error:
        if all(item.code == "FT018" for item in error.diagnostics):
            return [_diagnostic(folder, "a flow is gone, and a file of it was edited", notes=_messages(error))]
        raise
    return list(_told(folder, change, wanted, flows))


def _messages(error: DiagnosticError) -> tuple[str, ...]:
    return tuple(item.message for item in error.diagnostics)


def _told(folder: Path, change: Change, wanted: Wanted, flows: Mapping[str, Flow]) -> Iterator[Diagnostic]:
    reasons: dict[_Reason, list[str]] = {}
    lacking = {owner for owner in wanted.inputs if (owner in flows) != (owner in change.was["flows"])}
    moved = {owner.partition("/")[0] for owner in lacking if owner in flows or owner in change.was["flows"]}
    moved |= {item.backend for item in change.rest.gone}
    for owner in sorted(wanted.inputs):
        for reason in _reasons(folder, owner, change, wanted, flows.get(owner), moved=owner.partition("/")[0] in moved):
            reasons.setdefault(reason, []).append(owner)
    for item in change.rest.gone:
        reasons.setdefault(_Reason("", f"`{item.flow}` is still there: {item.why}"), []).append(item.owner)
    together: dict[str, list[tuple[str, list[str]]]] = {}
    for reason, owners in reasons.items():
        if reason.kind:
            together.setdefault(reason.kind, []).append((reason.text, owners))
            continue
        flow = next((flows[owner] for owner in owners if owner in flows), None)
        on = f"on {', '.join(sorted({owner.partition('/')[0] for owner in owners}))}"
        yield _diagnostic(folder, reason.text, flow, (on,))
    for kind, found in together.items():
        names = sorted({_name(owner, flows) for _, owners in found for owner in owners})
        notes = tuple(sorted({text for text, _ in found if text}))
        yield _diagnostic(folder, f"{_ONLY[kind]}: {few(names)}", notes=notes)
    if not change.empty and not reasons:
        yield _diagnostic(folder, f"only {INDEX} differs")


def _name(owner: str, flows: Mapping[str, Flow]) -> str:
    return flows[owner].name if owner in flows else f"what flows share on {owner[:-1]}"


def _reasons(
    folder: Path, owner: str, change: Change, wanted: Wanted, flow: Flow | None, *, moved: bool
) -> Iterator[_Reason]:
    """`moved`: flows of the backend come or go, so that the list of all is another one."""
    was, files = change.was, {file.path: file.owner for file in wanted.files}
    name = f"`{flow.name}`" if flow is not None else f"what flows share on {owner[:-1]}"
    paths = sorted(
        path for path in change.texts if files.get(path, "" if moved else f"{path.partition('/')[0]}/") == owner
    )
    if wanted.inputs[owner] is None:
        if owner in was["flows"]:
            yield _Reason("", f"{name} is there and asks for another backend")
        return
    if flow is not None and owner not in was["flows"]:
        yield _Reason("", f"{name} is not in it")
        return
    polls = restored_polls(wanted.flows.get(owner)) or ()
    changed = list(_changes(folder, was, owner, flow, polls))
    for text in changed:
        yield _Reason("", text)
    if changed:
        return
    gone = sorted(path for path, of in change.stale.items() if of == owner)
    told = differing(was["inputs"].get(owner), wanted.inputs[owner])
    if not paths and not gone:
        if told:
            yield _Reason("inputs", "; ".join(said(*item) for item in told))
        return
    missing = [path for path in paths if not (folder / path).exists()]
    rest = [path for path in paths if path not in missing]
    if not missing and not gone and not told and all(_same_but_package(folder, path, change) for path in rest):
        yield _Reason("package", "")
        return
    for item in told:
        yield _Reason("", f"{name} is compiled with another input: {said(*item)}")
    if not told or missing:
        listed = [*(f"{path} is missing" for path in missing), *rest, *(f"{path} is too much" for path in gone)]
        yield _Reason("", f"{name} compiles to other files: {few(listed)}")


def _changes(
    folder: Path, index: Mapping[str, Any], owner: str, flow: Flow | None, polls: Sequence[PollTrigger]
) -> Iterator[str]:
    was = index["flows"].get(owner)
    if was is None or flow is None:
        return
    try:
        polled = recorded_polls_of(folder, index, owner)
        yield from (change.text for change in between(restored(was), flow, polled, polls))
    except ValueError:
        yield f"`{flow.name}` was recorded by another version"


def _same_but_package(folder: Path, path: str, change: Change) -> bool:
    return without_package(text_of(folder, path)) == without_package(change.texts[path])


def _diagnostic(folder: Path, why: str, flow: Flow | None = None, notes: tuple[str, ...] = ()) -> Diagnostic:
    return Diagnostic(
        "FT019",
        f"`{folder}` is stale: {why}",
        flow.span if flow is not None else None,
        notes=notes,
    )
