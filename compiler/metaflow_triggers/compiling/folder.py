"""Write: files into an output folder that is fit for a repository.

In:   the folder, the files with their owners, the inputs of the compilation.
Out:  a folder that holds exactly these files for these owners, and an index of them.

Not here: compiling. Everything is checked before the first byte is written; each file is replaced
atomically; the index, written last, says which files are ours, so that files of flows compiled earlier stay
and files that an owner no longer has are removed. A folder with other content and no index is not touched.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from ..diagnostics import Diagnostic, DiagnosticError
from .compile import File

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


def write(
    folder: Path,
    files: Iterable[File],
    inputs: dict[str, dict[str, Any]],
    folder_files: Callable[[list[str]], list[File]] = lambda owners: [],
    flows: Mapping[str, dict[str, Any]] | None = None,
) -> list[str]:
    """Write `files`; returns the paths (relative, sorted) that changed or went away.

    `inputs` gives for each owner what the compilation depended on; owners in it lose files that are not in `files`.
    `folder_files` makes the files that speak of all owners that the folder then has. `flows` gives for each owner
    the model of its flow (`differences.recorded`).
    Raises DiagnosticError(FT003) before anything is written.
    """
    wanted = {file.path: file for file in files}
    index = read_index(folder) if folder.is_dir() else {"files": {}}
    kept = {entry["owner"] for path, entry in index["files"].items() if entry["owner"] not in inputs}
    for file in folder_files(sorted(kept | {file.owner for file in wanted.values()})):
        wanted[file.path] = file
    index = _check(folder, wanted)
    stale = [path for path, entry in index["files"].items() if entry["owner"] in inputs and path not in wanted]
    changed = []
    try:
        for path in sorted(wanted):
            if _replace(folder / path, wanted[path].text):
                changed.append(path)
        for path in sorted(stale):
            with contextlib.suppress(FileNotFoundError):
                (folder / path).unlink()
            _remove_empty(folder, (folder / path).parent)
            changed.append(path)
        entries = {path: entry for path, entry in index["files"].items() if path not in stale}
        for path, file in wanted.items():
            entries[path] = {"owner": file.owner, "sha256": hashlib.sha256(file.text.encode()).hexdigest()}
        told = {**index["inputs"], **inputs}
        models = {**index["flows"], **(flows or {})}
        document = {
            "version": _VERSION,
            "files": {path: entries[path] for path in sorted(entries)},
            "inputs": {owner: told[owner] for owner in sorted(told)},
            "flows": {owner: models[owner] for owner in sorted(models)},
        }
        _replace(folder / INDEX, json.dumps(document, indent=2, sort_keys=True) + "\n")
    except OSError as error:
        raise DiagnosticError([_refused(folder, f"{error.strerror or error} ({error.filename})")]) from error
    return sorted(changed)


def _check(folder: Path, wanted: dict[str, File]) -> dict[str, Any]:
    if folder.exists() and not folder.is_dir():
        raise DiagnosticError([_refused(folder, "it is not a folder")])
    existing = folder
    while not existing.exists():
        existing = existing.parent
    if not os.access(existing, os.W_OK | os.X_OK):
        raise DiagnosticError([_refused(folder, f"`{existing.name or existing}` is not writable")])
    if not folder.exists():
        return read_index(folder)
    index = read_index(folder)
    if not (folder / INDEX).exists() and any(folder.iterdir()):
        raise DiagnosticError([_refused(folder, f"it holds files but no {INDEX}, so it may be somebody else's")])
    for path in wanted:
        target = folder / path
        if target.is_symlink() or any(parent.is_symlink() for parent in _parents_below(folder, target)):
            raise DiagnosticError([_refused(folder, f"`{path}` is or lies below a symbolic link")])
        if target.exists() and path not in index["files"]:
            raise DiagnosticError([_refused(folder, f"`{path}` is there and was not written by metaflow-triggers")])
        for parent in _parents_below(folder, target):
            if parent.exists() and not os.access(parent, os.W_OK | os.X_OK):
                raise DiagnosticError([_refused(folder, f"`{parent.relative_to(folder)}` is not writable")])
    return index


def _parents_below(folder: Path, target: Path) -> list[Path]:
    return [parent for parent in target.parents if folder in parent.parents]


def _replace(path: Path, text: str) -> bool:
    data = text.encode("utf-8")
    with contextlib.suppress(OSError):
        if path.read_bytes() == data:
            return False
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    return True


def _remove_empty(folder: Path, parent: Path) -> None:
    while parent != folder and folder in parent.parents:
        try:
            parent.rmdir()
        except OSError:
            return
        parent = parent.parent


def _refused(folder: Path, why: str) -> Diagnostic:
    return Diagnostic(
        "FT003",
        f"output folder `{folder}` cannot be used: {why}",
        helps=("name a new or an empty folder with --output",),
    )
