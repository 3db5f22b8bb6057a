"""Reviewed: a folder that `compile` wrote, read to be deployed as it is.

In:   the folder, the backends that are meant.
Out:  `Reviewed`: of each flow the files, their content and text, the model and the settings that they were compiled
      with, what they refer to in the datastore; DiagnosticError (FT770).

Not here: deploying, asking the datastore; flow files, of which none is opened. Nothing is written, and nothing is
believed that cannot be held against something: a file has the digest of the index, its text says its content and no
more, and all files of a flow and of what flows share are there.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import regular
from ..diagnostics import Diagnostic, DiagnosticError
from ..graph.differences import restored
from ..manifests.packed import packed
from ..manifests.text import json_text, yaml_text
from ..model.flows import Flow
from ..model.settings import Settings
from . import journal
from .compile import File
from .folder import INDEX, read_index

_PACKAGE = re.compile(r"([A-Za-z_]\w*/data/([0-9a-f]{2})/\2[0-9a-f]{38})(?![0-9a-f])")
"""Below the datastore's root: what Metaflow stores under its hash, a flow's code package and its parts."""
_AGAIN = "compile the whole project into it again: metaflow-triggers compile PATHS --output DIR"


@dataclass(frozen=True)
class ReviewedFlow:
    """`files` are its own, `packages` places below the datastore's root that they name. `flow` has no place, and is not
    read from any file of the user's."""

    backend: str
    name: str
    flow: Flow
    model: Any
    files: tuple[File, ...]
    packages: tuple[str, ...]


@dataclass(frozen=True)
class Reviewed:
    """Of one backend: its flows, the files that they share, what all of it was compiled with."""

    backend: str
    settings: Settings
    flows: tuple[ReviewedFlow, ...]
    shared: tuple[File, ...]


def read_reviewed(folder: Path, backends: Collection[str]) -> list[Reviewed]:
    """By backend. Raises DiagnosticError (FT770) with all that is wrong with the folder."""
    if not folder.is_dir():
        raise DiagnosticError([refused(folder, "it is not a folder", "name one that `compile --output` wrote")])
    if not (folder / INDEX).is_file():
        why = f"it has no {INDEX}, so `compile` has not written it"
        raise DiagnosticError([refused(folder, why, "name one that `compile --output` wrote")])
    if journal.is_there(folder):
        raise DiagnosticError([refused(folder, "a change of it was begun and not finished")])
    try:
        index = read_index(folder)
    except DiagnosticError as error:
        why = f"its {INDEX} is damaged, or of another version of metaflow-triggers"
        raise DiagnosticError([refused(folder, why)]) from error
    wrong = [*_wrong_files(folder, index), *_wrong_owners(folder, index)]
    if wrong:
        raise DiagnosticError(wrong)
    found = [item for name in backends if (item := _of_backend(folder, index, name)) is not None]
    if not found:
        why = f"it has no flow of {' or '.join(sorted(backends))}"
        raise DiagnosticError([refused(folder, why, "name another folder, or another --backend")])
    return found


def refused(folder: Path, why: str, help_: str = _AGAIN) -> Diagnostic:
    return Diagnostic("FT770", f"`{folder}` cannot be deployed as it is: {why}", helps=(help_,))


def _wrong_files(folder: Path, index: dict[str, Any]) -> Iterator[Diagnostic]:
    """Files that are not what `compile` wrote, and others between them."""
    for path, entry in sorted(index["files"].items()):
        try:
            data = _bytes(folder, path)
        except (OSError, regular.Unreadable):
            yield refused(folder, f"`{path}` is not there, or cannot be read")
            continue
        if hashlib.sha256(data).hexdigest() != entry.get("sha256"):
            yield refused(folder, f"`{path}` is not as `compile` wrote it", f"take the edit back, or {_AGAIN}")
    tops = {path.partition("/")[0] for path in index["files"]}
    for top in sorted(tops):
        for found in sorted((folder / top).rglob("*")):
            path = found.relative_to(folder).as_posix()
            if path not in index["files"] and (found.is_symlink() or not found.is_dir()):
                yield refused(folder, f"`{path}` is not of it", "remove the file, or put it elsewhere")


def _bytes(folder: Path, path: str) -> bytes:
    for parent in (folder / path, *(folder / path).parents):
        if parent == folder:
            break
        if parent.is_symlink():
            raise OSError(path)
    return regular.read(folder / path, 1 << 26)


def _wrong_owners(folder: Path, index: dict[str, Any]) -> Iterator[Diagnostic]:
    owners = {entry["owner"] for entry in index["files"].values()}
    told = {owner for owner in (*index["inputs"], *index["flows"]) if not owner.endswith("/")}
    for owner in sorted(told | {owner for owner in owners if not owner.endswith("/")}):
        inputs = index["inputs"].get(owner, {})
        if owner not in owners:
            if inputs:
                yield refused(folder, f"it has no file of `{owner}`")
        elif owner not in index["flows"] or not isinstance(inputs.get("settings"), dict):
            yield refused(folder, f"its {INDEX} does not say what `{owner}` was compiled with")
        elif inputs.get("show") != "all":
            why = f"`{owner}` was compiled without the step workflow (--show {inputs.get('show')})"
            yield refused(folder, why)
    names = {owner.partition("/")[0] for owner in owners}
    for name in sorted(names):
        settings = {repr(_settings_told(index, owner)) for owner in index["inputs"] if owner.startswith(f"{name}/")}
        settings.discard(repr(None))
        if len(settings) > 1:
            yield refused(folder, f"its flows of {name} were compiled with different settings, users or --production")


def _settings_told(index: dict[str, Any], owner: str) -> Any:
    inputs = index["inputs"][owner]
    if owner.endswith("/"):
        return None
    return [inputs.get(key) for key in ("settings", "production", "user", "metaflow")]


def _of_backend(folder: Path, index: dict[str, Any], name: str) -> Reviewed | None:
    files: dict[str, list[File]] = {}
    for path, entry in index["files"].items():
        if entry["owner"].partition("/")[0] == name:
            files.setdefault(entry["owner"], []).append(_file(folder, path, entry["owner"]))
    flows = [_flow(folder, index, owner, found) for owner, found in sorted(files.items()) if not owner.endswith("/")]
    if not flows:
        return None
    settings = _settings(folder, index["inputs"][f"{name}/{flows[0].name}"])
    return Reviewed(name, settings, tuple(flows), tuple(files.get(f"{name}/", ())))


def _file(folder: Path, path: str, owner: str) -> File:
    """The file with what its text says. A text that we would have written otherwise is none of ours."""
    text = _bytes(folder, path).decode("utf-8", "replace")
    content = _parsed(path, text)
    said = None if content is None else (json_text if path.endswith(".json") else yaml_text)(content)
    if said != text:
        why = f"`{path}` is not text that this version of metaflow-triggers writes"
        raise DiagnosticError([refused(folder, why)])
    return File(path, packed(text), owner, content, True)


def _parsed(path: str, text: str) -> Any:
    import json

    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return json.loads(text) if path.endswith(".json") else yaml.load(text, loader)  # noqa: S506 - one of the safe ones
    except (ValueError, yaml.YAMLError):
        return None


def _flow(folder: Path, index: dict[str, Any], owner: str, files: list[File]) -> ReviewedFlow:
    backend, _, name = owner.partition("/")
    try:
        flow = restored(index["flows"][owner])
    except ValueError as error:
        why = f"its {INDEX} does not say what the flow of `{owner}` is"
        raise DiagnosticError([refused(folder, why)]) from error
    packages = dict.fromkeys(place for file in files for place, _ in _PACKAGE.findall(file.text))
    return ReviewedFlow(backend, name, flow, index["flows"][owner], tuple(files), tuple(packages))


def _settings(folder: Path, inputs: dict[str, Any]) -> Settings:
    """What the files were compiled with, whatever is configured now."""
    known = {item.name for item in dataclasses.fields(Settings)}
    said = {key: value for key, value in inputs["settings"].items() if key in known}
    required = {
        item.name: None
        for item in dataclasses.fields(Settings)
        if item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING
    }
    user = inputs.get("user")
    try:
        return Settings(
            **{
                **required,
                **said,
                "user": user or "nobody",
                "user_is_configured": user is not None,
                "production": bool(inputs.get("production")),
                "metaflow_version": str(inputs.get("metaflow")),
            }
        )
    except TypeError as error:
        raise DiagnosticError([refused(folder, f"its {INDEX} does not say what it was compiled with")]) from error
