"""Files: what files and folders hold now, asked of the disk as little as possible.

In:   paths; what an earlier command found of them.
Out:  the hash of a file's content, the hash of a folder's list of names, which names stand for a module.

Not here: which of them matter. A file whose inode, size and times are what they were when it was hashed is not read
again, unless it was changed so shortly before it was hashed that a second change might have left the same times (git
calls such a file racy). Each path is looked at once for a command.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterable
from typing import Any

Stamp = list[int]
"""Device, inode, size, times of the last change of content and of anything, in nanoseconds."""

ABSENT = ""
"""The hash of what is not there."""

_FINE = 100_000_000
_COARSE = 2_000_000_000
"""Nanoseconds within which two changes may have the same time; the latter where a system keeps whole seconds."""


def stamp(path: str) -> Stamp | None:
    """The stamp of a regular file; None for anything else."""
    try:
        return stamp_of(os.stat(path))
    except (OSError, ValueError):
        return None


def stamp_of(found: os.stat_result) -> Stamp | None:
    """The same of what `os.stat` gave."""
    if not stat.S_ISREG(found.st_mode):
        return None
    return [found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def is_settled(found: Stamp, at: int) -> bool:
    """Whether a change after the time `at` (nanoseconds) would have given the file another stamp."""
    last = max(found[3], found[4])
    return at - last > (_COARSE if last % 1_000_000_000 == 0 else _FINE)


class Files:
    """What is known of the disk during one command. `known`: what `remembered` gave at the end of an earlier one."""

    def __init__(self, known: dict[str, Any] | None = None) -> None:
        self._known = known or {}
        self._hashes: dict[str, str] = {}
        self._stamps: dict[str, Stamp] = {}
        self._names: dict[str, list[str] | None] = {}
        self._stems: dict[str, dict[str, list[str]]] = {}
        self._lists: dict[str, str] = {}
        self.hashed = 0
        """How many files were read."""

    def hash(self, path: str) -> str:
        """SHA-256 of the content; ABSENT for what is not there, or is no file."""
        if path not in self._hashes:
            self._hashes[path] = self._hash(path)
        return self._hashes[path]

    def _hash(self, path: str) -> str:
        found = stamp(path)
        if found is None:
            return ABSENT
        known = self._known.get(path)
        if isinstance(known, list) and len(known) == 2 and known[0] == found:
            self._stamps[path] = found
            return str(known[1])
        now = time.time_ns()
        try:
            with open(path, "rb") as stream:
                before = stamp_of(os.fstat(stream.fileno()))
                digest = hashlib.sha256(stream.read()).hexdigest()
                after = stamp_of(os.fstat(stream.fileno()))
        except OSError:
            return ABSENT
        self.hashed += 1
        if before is not None and before == after and is_settled(before, now):
            self._stamps[path] = before
        return digest

    def remembered(self) -> dict[str, Any]:
        """What the next command need not read: [stamp, hash] by path."""
        return {path: [found, self._hashes[path]] for path, found in self._stamps.items()}

    def has_news(self) -> bool:
        """Whether `remembered` differs from what was known."""
        return any(self._known.get(path) != [found, self._hashes[path]] for path, found in self._stamps.items())

    def look_again(self, paths: Iterable[str]) -> None:
        """Ask the disk once more for these, which something has changed or may have."""
        for path in paths:
            self._hashes.pop(path, None)
            self._stamps.pop(path, None)

    def names(self, folder: str) -> list[str] | None:
        """The sorted names in a folder, but for Python's caches; None where there is none."""
        if folder not in self._names:
            self._names[folder] = listed(folder)
        return self._names[folder]

    def list_hash(self, folder: str) -> str:
        """The hash of `names`; ABSENT where there is no folder."""
        if folder not in self._lists:
            names = self.names(folder)
            self._lists[folder] = ABSENT if names is None else hash_of_names(names)
        return self._lists[folder]

    def modules(self, folder: str, stem: str) -> list[str]:
        """The names in a folder that a module of that name may have."""
        if folder not in self._stems:
            stems = self._stems[folder] = {}
            for name in self.names(folder) or ():
                stems.setdefault(stem_of(name), []).append(name)
        return self._stems[folder].get(stem, [])

    def hash_as(self, path: str, found: Stamp) -> str | None:
        """The hash of the content that the file has under this stamp; None if it has another one by now."""
        if stamp(path) != found:
            return None
        if self._stamps.get(path) != found:
            self._hashes[path] = self._hash(path)
        return self._hashes[path] if self._stamps.get(path) == found else None


def stem_of(name: str) -> str:
    """The module that a name in a folder, as `listed` has it, may be of."""
    return name.rstrip("/").partition(".")[0]


def listed(folder: str) -> list[str] | None:
    """The sorted names in a folder, each folder's with a slash, but for Python's caches; None where there is none."""
    try:
        with os.scandir(folder) as entries:
            found = []
            for entry in entries:
                if entry.name == "__pycache__":
                    continue
                try:
                    is_folder = entry.is_dir()
                except OSError:
                    is_folder = False
                found.append(f"{entry.name}/" if is_folder else entry.name)
    except (OSError, ValueError):
        return None
    return sorted(found)


def hash_of_names(names: Iterable[str]) -> str:
    """One hash for a list of names."""
    return hashlib.sha256("\0".join(names).encode("utf-8", "surrogateescape")).hexdigest()
