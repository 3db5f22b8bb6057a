"""Find: the project file that holds for a place.

In:   a file or folder, which need not exist.
Out:  the nearest file upwards, up to the root of the git repository or of the file system; None where there is none.

Not here: what is in it. Each folder on the way costs three looks, and a `pyproject.toml` is read only as far as whether
the table's name is in it; symbolic links are not followed, so that `python FLOW` and a command over folders agree.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from .. import regular
from ..diagnostics import Diagnostic, DiagnosticError

OWN = "metaflow-triggers.toml"
SHARED = "pyproject.toml"
TABLE = "metaflow-triggers"
LIMIT = 1 << 20
"""Bytes of a project file."""

_NAMED = re.compile(rb"metaflow-triggers")


def find(start: str | os.PathLike[str]) -> Path | None:
    """The project file for what is at `start`. Raises DiagnosticError (FT030) where a folder has two."""
    return Finder().of(start)


class Finder:
    """Looks into each folder once."""

    def __init__(self) -> None:
        self._found: dict[str, Path | None] = {}

    def of(self, start: str | os.PathLike[str]) -> Path | None:
        """As `find`."""
        folder = os.path.abspath(start)
        return self._of_folder(folder if os.path.isdir(folder) else os.path.dirname(folder))

    def _of_folder(self, folder: str) -> Path | None:
        passed = []
        found: Path | None = None
        while True:
            if folder in self._found:
                found = self._found[folder]
                break
            passed.append(folder)
            found = _in_folder(folder)
            above = os.path.dirname(folder)
            if found is not None or above == folder or os.path.lexists(os.path.join(folder, ".git")):
                break
            folder = above
        self._found.update(dict.fromkeys(passed, found))
        return found


def _in_folder(folder: str) -> Path | None:
    """The project file of this very folder."""
    own, shared = os.path.join(folder, OWN), os.path.join(folder, SHARED)
    has_own = os.path.lexists(own)
    if os.path.lexists(shared) and _has_table(shared):
        if has_own:
            raise DiagnosticError(
                [
                    Diagnostic(
                        "FT030",
                        f"`{shown(own)}` and `{shown(shared)}` both say what the project is",
                        helps=(f"keep one: `{OWN}`, or `[tool.{TABLE}]` in `{SHARED}`",),
                    )
                ]
            )
        return Path(shared)
    return Path(own) if has_own else None


def shown(path: str | os.PathLike[str]) -> str:
    """How messages name a file: from where the command is typed, where that is shorter."""
    absolute = os.path.abspath(path)
    try:
        relative = os.path.relpath(absolute)
    except ValueError:  # another drive
        return absolute.replace(os.sep, "/")
    return (relative if len(relative) <= len(absolute) else absolute).replace(os.sep, "/")


def _has_table(path: str) -> bool:
    try:
        content = regular.read(path, LIMIT)
    except regular.Unreadable:
        return False  # other tools' file, which may be anything
    if not _NAMED.search(content):
        return False
    from .toml import TomlError, parse

    try:
        tool = parse(content).get("tool")
    except TomlError:
        # It may be meant, and whether it is cannot be known: only a header says so.
        return re.search(rb"(?m)^\s*\[+\s*tool\s*\.\s*[\"']?metaflow-triggers[\"']?\s*[\].]", content) is not None
    return isinstance(tool, dict) and TABLE in tool
