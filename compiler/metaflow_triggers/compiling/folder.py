"""Write: files into an output folder that is fit for a repository.

In:   the folder, the files with their owners, the inputs of the compilation.
Out:  a folder that holds exactly these files for these owners, and an index of them.

Not here: compiling; how a change survives a stop (`journal`), one change at a time (`folder_lock`). Everything is
checked before the first byte is written; the index says which files are ours, so that files of flows compiled earlier
stay and files that nothing emits any more (`owned`) go. A folder with other content and no index is not touched.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from ..cache.files import Files
from ..diagnostics import Diagnostic, DiagnosticError
from . import folder_lock, journal
from .compile import File
from .index_text import index_text
from .owned import Looked, Rest, rest
from .polled import Polled, gone_polls

Result = TypeVar("Result")

INDEX = "metaflow-triggers.json"
_VERSION = 2
"""2: `flows` holds the model of each owner, for `diff`."""


def read_index(folder: Path) -> dict[str, Any]:
    """The folder's index, or an empty one. Raises DiagnosticError(FT003) if it is not an index of ours."""
    path = folder / INDEX
    if not path.exists():
        return {"version": _VERSION, "files": {}, "inputs": {}, "flows": {}}
    try:
        index = json.loads(path.read_text("utf-8"))
        usable = index["version"] == _VERSION and all(
            isinstance(index[key], dict) and all(isinstance(item, dict) for item in index[key].values())
            for key in ("files", "inputs", "flows")
        )
        usable = usable and all(
            _is_below(file) and isinstance(index["files"][file]["owner"], str) for file in index["files"]
        )
    except (OSError, ValueError, KeyError, TypeError):
        usable = False
    if not usable:
        raise DiagnosticError([_refused(folder, f"its {INDEX} was not written by this version of metaflow-triggers")])
    return dict(index)


def _is_below(path: str) -> bool:
    pure = PurePosixPath(path)
    return not pure.is_absolute() and ".." not in pure.parts and "\0" not in path


def settled(folder: Path, read: Callable[[dict[str, Any]], Result]) -> Result:
    """What `read` makes of the index and the files beside it, none of them half-changed.

    A change that somebody began and did not finish is finished or taken back first; one that goes on is waited for.
    Raises DiagnosticError (FT003, FT013).
    """
    deadline = time.monotonic() + folder_lock.SECONDS
    while True:
        if journal.is_there(folder):
            with _changing(folder):
                pass
        before = _index_bytes(folder)
        result = read(read_index(folder))
        if (not journal.is_there(folder) and _index_bytes(folder) == before) or time.monotonic() >= deadline:
            return result


@dataclass(frozen=True)
class Wanted:
    """What a folder shall hold of a compilation.

    `inputs` gives for each owner what the compilation depended on; owners in it lose files that are not in `files`.
    None is for an owner that has nothing any more.
    `folder_files` makes the files that speak of all owners that the folder then has. `flows` gives for each owner
    the model of its flow (`differences.recorded`), `sources` the file that it is from, as `owned.source` has it.
    With `looked` owners go that nothing emits any more (`owned.rest`); without it all others stay. With `polled` no
    poll trigger goes whose file was not read and still declares it (FT515). `disk` may know what files
    hold.
    """

    files: Sequence[File]
    inputs: Mapping[str, dict[str, Any] | None]
    folder_files: Callable[[list[str]], list[File]] = lambda owners: []
    flows: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    sources: Mapping[str, str | None] = field(default_factory=dict)
    looked: Looked | None = None
    polled: Polled | None = None
    disk: Files | None = None


class Texts(Mapping[str, str]):
    """The texts of files by their paths, each unpacked when it is asked for."""

    def __init__(self, files: Mapping[str, File]) -> None:
        self._files = files

    def __getitem__(self, path: str) -> str:
        return self._files[path].text

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


@dataclass(frozen=True)
class Change:
    """What a folder needs to hold what is wanted: files that differ, files that go, the index; and the rest in it."""

    texts: Mapping[str, str]
    stale: Mapping[str, str]
    index: str
    was: Mapping[str, Any]
    rest: Rest
    empty: bool

    @property
    def paths(self) -> list[str]:
        """What changes or goes away, sorted."""
        return sorted({*self.texts, *self.stale})


def write(folder: Path, wanted: Wanted) -> Change:
    """Make the folder hold what is wanted; returns what changed.

    Raises DiagnosticError: FT003, FT018 (a file that was edited would go), FT013 (somebody else changes it), FT515; its
    `result` says when something was changed.
    """
    _refuse_foreign(folder)
    made = _make(folder)
    try:
        with _changing(folder):
            change = planned(folder, wanted)
            if not change.empty:
                _carry_out(folder, change)
            return change
    except DiagnosticError:
        for path in made:
            try:
                path.rmdir()
            except OSError:
                break
        raise


def planned(folder: Path, wanted: Wanted) -> Change:
    """What `write` would change; nothing is. Raises DiagnosticError where it would refuse."""
    index = read_index(folder)
    others = Rest() if wanted.looked is None else rest(folder, index, wanted.inputs, wanted.looked)
    gone = {item.owner for item in others.gone} | set(others.without_flows)
    inputs = {**wanted.inputs, **dict.fromkeys(sorted(gone))}
    files = {file.path: file for file in wanted.files}
    kept = {entry["owner"] for entry in index["files"].values() if entry["owner"] not in inputs}
    for file in wanted.folder_files(sorted(kept | {file.owner for file in files.values()})):
        files[file.path] = file
    stale = {
        path: entry["owner"]
        for path, entry in sorted(index["files"].items())
        if path not in files and entry["owner"] in inputs
    }
    _check(folder, index, files, list(stale))
    entries = {path: entry for path, entry in index["files"].items() if path not in stale}
    changed = []
    disk = wanted.disk or Files()
    disk.look_again(os.path.abspath(folder / path) for path in files)
    for path, file in files.items():
        entries[path] = {"owner": file.owner, "sha256": file.sha256}
        if disk.hash(os.path.abspath(folder / path)) != file.sha256:
            changed.append(path)
    told = {owner: item for owner, item in {**index["inputs"], **inputs}.items() if item is not None}
    told_sources = {owner: path for owner, path in wanted.sources.items() if path is not None}
    models, sources = (
        {owner: item for owner, item in {**was, **now}.items() if owner not in inputs or inputs[owner] is not None}
        for was, now in ((index["flows"], wanted.flows), (index.get("sources", {}), told_sources))
    )
    known = {owner: sources[owner] for owner in sorted(sources)}
    document = {
        "version": _VERSION,
        "files": {path: entries[path] for path in sorted(entries)},
        "inputs": {owner: told[owner] for owner in sorted(told)},
        "flows": {owner: models[owner] for owner in sorted(models)},
        **({"sources": known} if known else {}),
    }
    texts = Texts({path: files[path] for path in sorted(changed)})
    if wanted.polled is not None:
        emitted = {path: owner for path, owner in stale.items() if inputs[owner] is not None}
        emitted |= {path: files[path].owner for path in texts if path in index["files"] and files[path].owner in inputs}
        others = dataclasses.replace(others, polls=tuple(gone_polls(folder, emitted, texts, wanted.polled)))
    new_index = index_text(document) + "\n"
    empty = not texts and not stale and _has(folder / INDEX, new_index.encode())
    return Change(texts, stale, new_index, index, others, empty)


def _carry_out(folder: Path, change: Change) -> None:
    there = [path for path in change.stale if os.path.lexists(folder / path)]
    try:
        journal.stage(folder, change.texts, there, (INDEX, change.index))
    except OSError as error:
        raise DiagnosticError([_refused(folder, _why(error))]) from error
    _finish(folder)


class _changing:
    """The folder's lock, taken; what somebody else left half-done is finished before anything is read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = folder_lock.locked(folder)

    def __enter__(self) -> None:
        try:
            self._lock.__enter__()
        except OSError as error:
            raise DiagnosticError([_refused(self._folder, _why(error))]) from error
        try:
            if journal.is_there(self._folder):
                _finish(self._folder)
        except BaseException:
            self._lock.__exit__(None, None, None)
            raise

    def __exit__(self, *raised: Any) -> None:
        self._lock.__exit__(*raised)


def _finish(folder: Path) -> None:
    try:
        journal.finish(folder)
    except OSError as error:
        raise DiagnosticError(
            [
                Diagnostic(
                    "FT014",
                    f"output folder `{folder}` was changed in part: {_why(error)}",
                    notes=(f"what is left to do stands in `{folder / journal.NAME}`",),
                    helps=("mend that and run the command again: it first finishes this change",),
                )
            ],
            result=f"`{folder}` was changed in part",
        ) from error


def _why(error: OSError) -> str:
    return f"{error.strerror or error} ({error.filename})" if error.filename else str(error.strerror or error)


def _index_bytes(folder: Path) -> bytes | None:
    try:
        return (folder / INDEX).read_bytes()
    except OSError:
        return None


def _has(path: Path, data: bytes) -> bool:
    try:
        return path.read_bytes() == data
    except OSError:
        return False


def _make(folder: Path) -> list[Path]:
    """The folders that were made so that `folder` is there, the innermost first."""
    missing = []
    path = folder
    while not path.exists():
        missing.append(path)
        path = path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DiagnosticError([_refused(folder, _why(error))]) from error
    return missing


def _refuse_foreign(folder: Path) -> None:
    """Before anything of ours is put into it."""
    if os.path.lexists(folder) and not folder.is_dir():
        raise DiagnosticError([_refused(folder, "it is not a folder")])
    existing = folder
    while not existing.exists():
        existing = existing.parent
    if not existing.is_dir():
        raise DiagnosticError([_refused(folder, f"`{existing}` is not a folder")])
    if not os.access(existing, os.W_OK | os.X_OK):
        raise DiagnosticError([_refused(folder, f"`{existing.name or existing}` is not writable")])
    ours = {INDEX, journal.NAME, folder_lock.NAME}
    if folder.is_dir():
        there = {path.name for path in folder.iterdir()}
        if there - ours and not there & {INDEX, journal.NAME}:
            raise DiagnosticError([_refused(folder, f"it holds files but no {INDEX}, so it may be somebody else's")])


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _check(folder: Path, index: dict[str, Any], wanted: dict[str, File], stale: list[str]) -> None:
    """Refuse what must not be replaced or removed. Nothing leaves the folder by a symbolic link."""
    known = set(index["files"])
    holders: dict[str, list[Path]] = {}  # many files lie in one folder
    linked, refusing = set(), {}
    for path in [*wanted, *stale]:
        target = folder / path
        holder = path.rpartition("/")[0]
        if holder not in holders:
            holders[holder] = parents = _parents_below(folder, target)
            if any(parent.is_symlink() for parent in parents):
                linked.add(holder)
            refusing[holder] = next((parent for parent in parents if _refuses(parent)), None)
        if holder in linked or (path in wanted and target.is_symlink()):
            raise DiagnosticError([_refused(folder, f"`{path}` is or lies below a symbolic link")])
        if path in wanted and target.exists() and path not in known:
            raise DiagnosticError([_refused(folder, f"`{path}` is there and was not written by metaflow-triggers")])
        if target.is_dir():
            raise DiagnosticError([_refused(folder, f"`{path}` is a folder")])
        if (parent := refusing[holder]) is not None:
            raise DiagnosticError([_refused(folder, f"`{parent.relative_to(folder)}` is not writable")])
    edited = [path for path in stale if _is_edited(folder / path, index["files"][path].get("sha256"))]
    if edited:
        raise DiagnosticError([_edited(folder, path) for path in edited])
    if journal.folds(folder):
        spelled: dict[str, str] = {}
        for path in sorted({*wanted, *known} - set(stale)):
            other = spelled.setdefault(path.casefold(), path)
            if other != path:
                why = f"its file system takes `{other}` and `{path}` for one file"
                raise DiagnosticError([_refused(folder, why)])


def _is_edited(path: Path, digest: Any) -> bool:
    """Whether it is a file with other bytes than ours. A link is none: what it leads to stays."""
    if path.is_symlink() or not path.is_file():
        return False
    try:
        return bool(_digest(path.read_bytes()) != digest)
    except OSError:
        return True


def _edited(folder: Path, path: str) -> Diagnostic:
    return Diagnostic(
        "FT018",
        f"`{folder / path}` would be removed, and was changed since `compile` wrote it",
        helps=("put the change where it belongs and remove the file, or restore it as it was written",),
    )


def _refuses(parent: Path) -> bool:
    return parent.exists() and not (parent.is_dir() and os.access(parent, os.W_OK | os.X_OK))


def _parents_below(folder: Path, target: Path) -> list[Path]:
    return [parent for parent in target.parents if folder in parent.parents]


def _refused(folder: Path, why: str) -> Diagnostic:
    return Diagnostic(
        "FT003",
        f"output folder `{folder}` cannot be used: {why}",
        helps=("name a new or an empty folder with --output",),
    )
