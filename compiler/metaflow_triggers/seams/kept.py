"""Kept: a code package and its parts as files of a folder, for a process that ends before they are uploaded.

In:   the package of a flow, a folder; or what `keep` gave.
Out:  a JSON value that tells all of it but the bytes; the package again, whose bytes are read when they are uploaded.

Not here: uploading (`upload`). A file is called by the hash of what it is the content of, so that what many flows have
alike is there once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .code_package import CodePackage
from .parts import Part


def keep(package: CodePackage, folder: Path) -> dict[str, Any]:
    """Write what would be uploaded; what tells of it."""
    blob = None
    if package.blob is not None:
        blob = _written(folder, package.sha, lambda: package.blob or b"")
    parts = [
        {
            "address": part.address,
            "path": part.path,
            "about": part.about,
            "client": part.client,
            "file": _written(folder, hashlib.sha256(part.address.encode()).hexdigest(), part.read),
        }
        for part in package.parts
    ]
    return {"sha": package.sha, "path": package.path, "file": blob, "parts": parts}


def _written(folder: Path, name: str, read: Callable[[], bytes]) -> str:
    path = folder / name
    if not path.exists():
        content = read()
        beside = folder / f"{name}.{hash_of(content)[:16]}"
        beside.write_bytes(content)
        beside.replace(path)  # another process may write the same
    return str(path)


def hash_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass(frozen=True)
class Kept:
    """A package as `upload` takes it. `parts` have nothing to remember on this machine: the next `create` asks again
    whether the datastore has the packages of an environment."""

    sha: str
    path: str
    file: str | None
    parts: KeptParts

    @property
    def blob(self) -> bytes | None:
        return None if self.file is None else Path(self.file).read_bytes()


class KeptParts:
    """The parts of a package, each once."""

    def __init__(self, parts: Iterable[Part]) -> None:
        self._parts = tuple(parts)
        self.when_uploaded: tuple[Callable[[], None], ...] = ()

    def __iter__(self) -> Iterator[Part]:
        return iter(self._parts)


def kept(told: dict[str, Any]) -> Kept:
    """The package of which `keep` told."""
    parts = (
        Part(one["address"], one["path"], one["about"], Path(one["file"]).read_bytes, one["client"])
        for one in told["parts"]
    )
    return Kept(told["sha"], told["path"], told["file"], KeptParts(parts))
