"""Files: which files are read, and which of them may define flows or poll triggers.

In:   paths of files and folders.
Out:  the files to run, in sorted order; how many hold nothing; diagnostics of paths that cannot be read.

Not here: running a file. One that is named by hand is run; one of a folder when it can define something (`candidates`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .. import regular, seams
from ..diagnostics import Diagnostic
from ..project_file.ignored import Ignored
from .candidates import Candidates, May

_NEVER_SOURCES = {"__pycache__", "node_modules", "site-packages"}
_BUILT = {"build", "dist"}
"""Beside one of `_BUILDERS` these folders hold copies of what stands elsewhere."""
_BUILDERS = ("setup.py", "setup.cfg", "pyproject.toml", "package.json")


@dataclass
class Files:
    """`by_hand` and `found` (below a folder) are to be run; `skipped` ones of folders hold nothing to find.

    `looked` are the real paths of all that were opened.
    """

    by_hand: list[str] = field(default_factory=list)
    found: dict[str, May] = field(default_factory=dict)
    skipped: int = 0
    looked: frozenset[str] = frozenset()
    unsearched: list[str] = field(default_factory=list)
    excluded: list[tuple[str, str]] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)

    def all(self) -> list[str]:
        """Every file to run, in order."""
        return sorted({*self.by_hand, *self.found})


_HERE = "name one; `.` is this folder"


def flow_files(paths: Iterable[str], ignored: Ignored | None = None) -> Files:
    """The files of paths, but for what of folders is `ignored`.

    Files that are no regular file, or too large, are told; they are not opened otherwise.
    """
    files = Files()
    contents: dict[str, bytes] = {}
    below: dict[str, list[str]] = {}
    for given in paths:
        path = Path(given)
        if not given:  # pathlib's `.`: of a variable that is not set, all flows of this folder would be meant
            files.diagnostics.append(Diagnostic("FT005", "an empty path names no file or folder", helps=(_HERE,)))
        elif path.is_dir():
            below[given] = list(_below(path, files.unsearched, ignored, files.excluded))
        else:
            content = _content(path.as_posix(), given, "error", files.diagnostics)
            if content is not None:
                files.by_hand.append(path.as_posix())
                contents[path.as_posix()] = content
    for file in sorted({file for folder in below.values() for file in folder} - contents.keys()):
        content = _content(file, file, "warning", files.diagnostics)
        if content is not None:
            contents[file] = content
    files.looked = frozenset(map(os.path.realpath, contents))
    verdicts = Candidates(contents, seams.is_flow_class).judge(contents)
    files.found = {
        file: verdict for file, verdict in verdicts.items() if verdict is not May.NO and file not in files.by_hand
    }
    for given, inside in below.items():
        held = [file for file in inside if file in contents]
        empty = [file for file in held if file not in files.found and file not in files.by_hand]
        files.skipped += len(empty)
        if len(empty) == len(held):
            files.diagnostics.append(Diagnostic("FT005", f"`{given}` has no flow below it"))
    return files


def _content(file: str, given: str, severity: str, diagnostics: list[Diagnostic]) -> bytes | None:
    try:
        return regular.read(file)
    except regular.Unreadable as error:
        if not os.path.lexists(file):
            diagnostics.append(Diagnostic("FT005", f"`{given}` does not exist"))
        else:
            diagnostics.append(
                Diagnostic(
                    "FT125",
                    f"`{given}` {error}, so it is not read",
                    helps=() if severity == "error" else ("no flow of it is known here",),
                    severity=severity,
                )
            )
        return None


def below(folder: str) -> Iterator[str]:
    """The Python files below a folder."""
    return _below(Path(folder), [])


def _below(
    folder: Path, unsearched: list[str], ignored: Ignored | None = None, excluded: list[tuple[str, str]] | None = None
) -> Iterator[str]:
    """The Python files below a folder. Of several links to one file the file itself, else the first."""

    def is_excluded(path: Path, is_folder: bool) -> bool:
        by = ignored.by(str(path), is_folder=is_folder) if ignored else ""
        if by and excluded is not None:
            excluded.append((path.as_posix(), by))
        return bool(by)

    seen: set[str] = set()
    links: list[str] = []
    for root, folders, files in os.walk(folder):
        kept = []
        for name in sorted(folders):
            target = Path(root) / name
            if name.startswith(".") or name in _NEVER_SOURCES or (target / "pyvenv.cfg").exists():
                continue
            if name in _BUILT and any((Path(root) / builder).exists() for builder in _BUILDERS):
                unsearched.append(target.as_posix())
                continue
            if is_excluded(target, True):
                continue
            kept.append(name)
        folders[:] = kept
        for name in sorted(files):
            if name.endswith(".py") and not name.startswith("."):
                file = Path(root) / name
                if is_excluded(file, False):
                    continue
                if file.is_symlink():
                    links.append(file.as_posix())
                else:
                    seen.add(os.path.realpath(file))
                    yield file.as_posix()
    for link in links:
        real = os.path.realpath(link)
        if real not in seen:
            seen.add(real)
            yield link
