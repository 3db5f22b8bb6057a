"""Owned: which flows of an output folder a compilation has done away with, and which it leaves there.

In:   the folder's index, what the compilation emits, and what it has looked at (`Looked`).
Out:  `Rest`: owners that are gone, and owners that stay without being emitted, each with the reason.

Not here: files. An owner goes only where it is certain that nothing emits it any more: the file that it came from was
looked at by this compilation, whole, or is not there while its place was; and the compilation was for the owner's
backend and branch.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..reading.read import few
from ..reports.shown import shown


@dataclass(frozen=True)
class Looked:
    """What a compilation looked at.

    `paths`: real paths that it was given. `files`: real paths of the files that it has read whole, also those without a
    flow. `branches`: those of flows with @project. `unread`: names of flows that could not be read. `excluded`: real
    paths that the project file leaves out.
    """

    paths: tuple[str, ...]
    files: frozenset[str]
    backends: frozenset[str]
    branches: frozenset[str]
    unread: frozenset[str] = frozenset()
    excluded: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Other:
    """An owner that is not emitted: the flow's name, the backend, and why it goes or stays."""

    owner: str
    flow: str
    why: str

    @property
    def backend(self) -> str:
        return self.owner.partition("/")[0]


@dataclass(frozen=True)
class GonePoll:
    """A poll trigger that is not emitted, though its flow is."""

    owner: str
    flow: str
    poll: str
    why: str

    @property
    def backend(self) -> str:
        return self.owner.partition("/")[0]


@dataclass(frozen=True)
class Rest:
    """What is in the folder and not emitted. `without_flows` are owners of shared files that nobody needs any more,
    `polls` poll triggers that are gone from flows that stay."""

    gone: tuple[Other, ...] = ()
    kept: tuple[Other, ...] = ()
    without_flows: tuple[str, ...] = ()
    polls: tuple[GonePoll, ...] = ()


def source(folder: Path, file: str, *bases: Path) -> str | None:
    """The path of a flow's file as an index has it, from the folder; None where it would tell of one machine alone.

    It means the same on every machine where folder and file are in one repository, or both below one of `bases`.
    """
    there, here = Path(os.path.realpath(folder)), Path(os.path.realpath(file))
    both = [*(Path(os.path.realpath(base)) for base in bases), *_repository(there)]
    if any(root in here.parents and root in there.parents for root in both if root.parent != root):
        return Path(os.path.relpath(here, there)).as_posix()
    return None


def _repository(folder: Path) -> list[Path]:
    return [parent for parent in folder.parents if (parent / ".git").exists()][:1]


def rest(folder: Path, index: Mapping[str, Any], emitted: Mapping[str, Any], looked: Looked) -> Rest:
    """What becomes of the owners of the index that are not in `emitted`; None there: it has nothing any more."""
    gone: list[Other] = []
    kept: list[Other] = []
    for owner in sorted(set(index["flows"]) - set(emitted)):
        name = str(index["flows"][owner].get("name"))
        is_gone, why = _verdict(folder, index, owner, name, looked)
        (gone if is_gone else kept).append(Other(owner, name, why))
    left = {item.backend for item in kept}
    left |= {owner.partition("/")[0] for owner, told in emitted.items() if told is not None and owner[-1] != "/"}
    shared = {entry["owner"] for entry in index["files"].values() if entry["owner"].endswith("/")}
    unneeded = sorted(f"{name}/" for name in looked.backends - left if f"{name}/" in shared - set(emitted))
    return Rest(tuple(gone), tuple(kept), tuple(unneeded))


def _verdict(folder: Path, index: Mapping[str, Any], owner: str, name: str, looked: Looked) -> tuple[bool, str]:
    backend = owner.partition("/")[0]
    if backend not in looked.backends:
        return False, f"on {backend}, which this was not for"
    branch = index["flows"][owner].get("branch")
    if branch is not None and branch not in looked.branches:
        return False, f"of the branch {branch}"
    written = index.get("sources", {}).get(owner)
    if not isinstance(written, str):
        return False, "of which the folder does not say the file"
    place = os.path.normpath(os.path.join(os.path.realpath(folder), written))
    shown = os.path.relpath(place)
    if not any(place == path or Path(path) in Path(place).parents for path in looked.paths):
        return False, "of files that were not given"
    if place in looked.files and name not in looked.unread:
        return True, f"{shown} no longer has it"
    if any(place == path or Path(path) in Path(place).parents for path in looked.excluded):
        return True, f"{shown} is excluded by the project file"
    if name in looked.unread or _is_there(place):
        return False, "of files that were not read"
    return True, f"{shown} is not there any more"


def _is_there(path: str) -> bool:
    """Also where nobody may look."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return os.path.islink(path)
    except OSError:
        return True
    return True


def told(found: Rest, stale: Mapping[str, str]) -> str:
    """In words what went and what stays; "" where that is nothing. `stale` are removed files with their owners."""
    lines = []
    for (flow, why), items in _grouped(found.gone, lambda item: (item.flow, item.why)):
        count = sum(owner in {item.owner for item in items} for owner in stale.values())
        lines.append(f"removed {flow}: {why} ({count} {'file' if count == 1 else 'files'})")
    lines += dict.fromkeys(f"removed the poll {item.poll} of {item.flow}: {item.why}" for item in found.polls)
    for owner in found.without_flows:
        lines.append(f"removed what flows share on {owner[:-1]}: none is left there")
    for (why,), items in _grouped(found.kept, lambda item: (item.why,)):
        names = sorted({item.flow for item in items})
        lines.append(f"kept {len(names)} {'flow' if len(names) == 1 else 'flows'} {why}: {few(names)}")
    return "".join(f"{shown(line)}\n" for line in lines)


def as_value(changed: Sequence[str], stale: Mapping[str, str], found: Rest) -> dict[str, Any]:
    """The same for programs: the files that were written and removed, the flows that went and stay."""
    return {
        "written": [path for path in changed if path not in stale],
        "removed": sorted(stale),
        "gone": [{"flow": item.flow, "backend": item.backend, "why": item.why} for item in found.gone],
        "kept": [{"flow": item.flow, "backend": item.backend, "why": item.why} for item in found.kept],
        "polls_gone": [
            {"poll": item.poll, "flow": item.flow, "backend": item.backend, "why": item.why} for item in found.polls
        ],
    }


def _grouped(items: Sequence[Other], key: Callable[[Other], tuple[str, ...]]) -> list[tuple[Any, list[Other]]]:
    out: dict[tuple[str, ...], list[Other]] = {}
    for item in items:
        out.setdefault(key(item), []).append(item)
    return sorted(out.items())
